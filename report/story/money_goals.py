"""The customer's money goals, the money held for each, and the possible outcomes: a section of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts.labels import pod_label
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.money_goals import MoneyGoal

COLUMNS = ("Money goal", "Of", "Wanted, AUD", "Years", "Held, AUD", "Needs", "Expected", "On average, AUD", "Chance")
NUMBERS = frozenset(range(2, len(COLUMNS)))
# Outside these limits, a chance is written as "under 1%" or "over 99%".
_LEAST, _MOST = 0.005, 0.995
# The largest number of goals that a sentence names one by one.
_FEW = 6
NOTE = (
    "Held is the goal's part of what its pod holds, in proportion to what each goal of the pod would take today if it"
    " earned no more than cash. Needs is the return a year that makes what is wanted of it, expected the pod's. On"
    " average is what then becomes of it: before tax, distributions reinvested, nothing paid in or taken out. Chance is"
    " that of reaching what is wanted, the returns of different years taken to be independent and lognormal; more than"
    " half of what can become of it is below the average, which a few large outcomes raise."
)


def section(event: MasterPortfolioOptimized) -> Section:
    """State for every money goal the money held and the chance of reaching the amount wanted."""

    def of(pod: str) -> str:
        return pod_label(event, pod) if pod in event.pods else pod

    table = Table("money-goals", "What the money is for", COLUMNS, NUMBERS, rows(event, of), note=NOTE)
    lead = "What is held for each goal, and the chance that it becomes what is wanted, on this report's assumptions."
    points = tuple(map(sentence, event.money_goals))
    return Section("money-goals", "What your money is for", (lead,), (), (table,), points)


def rows(event: MasterPortfolioOptimized, of: Callable[[str], str]) -> tuple[tuple[str, ...], ...]:
    """Make one row per goal; *of* maps a pod to the name shown."""
    return tuple(
        (
            goal.name,
            of(goal.pod),
            f"{goal.target_amount_aud:,.0f}",
            f"{goal.years:g}",
            f"{goal.capital_aud:,.0f}",
            "" if goal.required_return is None else f"{goal.required_return:.2%}",
            "" if goal.expected_return is None else f"{goal.expected_return:.2%}",
            f"{goal.expected_amount_aud:,.0f}",
            chance(goal),
        )
        for goal in event.money_goals
    )


def chance(goal: MoneyGoal) -> str:
    """Format the chance that a goal is reached; only outcomes known today read as 0% or 100%."""
    is_known = goal.years == 0 or goal.capital_aud == 0
    if not is_known and goal.probability > _MOST:
        return "over 99%"
    if not is_known and goal.probability < _LEAST:
        return "under 1%"
    return f"{goal.probability:.0%}"


def sentence(goal: MoneyGoal) -> str:
    """Describe one goal: the amount wanted, the money held, the return needed and the chance."""
    wanted = f"{goal.name}: {goal.target_amount_aud:,.2f} AUD {_when(goal)}"
    if goal.capital_aud == 0:
        return f"{wanted}. Nothing is held for it: give its pod ({goal.pod}) a share of the capital."
    held = f"{goal.capital_aud:,.2f} AUD is held for it"
    if goal.years == 0:
        missing = goal.target_amount_aud - goal.capital_aud
        return f"{wanted}. {held}, {f'{missing:,.2f} AUD too little' if goal.probability < 1 else 'which is enough'}."
    needs = (
        "and more than 1,000% a year would be needed"
        if goal.required_return is None
        else f"which would have to earn {goal.required_return:.2%} a year"
    )
    return (
        f"{wanted}. {held}, {needs}; {goal.expected_return:.2%} is expected, and the chance to reach it is"
        f" {chance(goal)}."
    )


def _when(goal: MoneyGoal) -> str:
    return "now" if goal.years == 0 else "in a year" if goal.years == 1 else f"in {goal.years:g} years"


def summary(event: MasterPortfolioOptimized) -> str:
    """State in one sentence how likely the goals are."""
    goals = event.money_goals
    if len(goals) <= _FEW:
        told = ", ".join(f"{goal.name} {chance(goal)}" for goal in goals)
        return f"On the same assumptions, the chance to reach what the money is for is: {told}."
    likely = sum(goal.probability >= 1 / 2 for goal in goals)
    return f"On the same assumptions, {likely} of the {len(goals)} things that the money is for are likelier than not."
