"""The customer's money goals, the money set aside for each, and the chance of each: a section of a report. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from report.facts import labels
from report.facts.given import INFLATION_SAID_BY
from report.facts.labels import pod_label
from report.story.document import Section, Table, without_empty
from report.story.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.money_goals import Funding, MoneyGoal

_COLUMNS = (
    "Money goal",
    "Of",
    "Priority",
    "Wanted",
    "Years",
    "Needed",
    "Set aside",
    "As today",
    "Chance",
    "If lower",
    "If higher",
)
# The largest number of goals that a sentence names one by one.
_FEW = 6
# A capital that is short by less is not short.
_A_DOLLAR = 1.0
_NOTE = (
    "Needed is the least capital with which the goal's pod, invested as suggested, reaches the amount with the chance"
    " wanted; the goals get it by priority. Chance is the chance of the amount with the capital set aside, invested as"
    " suggested; beside it, if returns are one percentage point a year lower or higher. All after fees, tax on income"
    " and the cost of the trades, before tax on a final sale; the returns of different years are taken to be"
    " independent and lognormal."
)
_AS_TODAY = (
    " As today is the chance before the orders: the goals get by priority what they need of the account as it is, all"
    " of it invested alike."
)


def section(event: MasterPortfolioOptimized) -> Section:
    """State for every money goal the money set aside and the chance of reaching the amount wanted."""
    of = partial(pod_label, event)
    lead = ("What is set aside for each goal, and the chance that it becomes what is wanted, on these assumptions.",)
    points = (*map(sentence, event.money_goals), *(funded(event.funding, of) if event.funding else ()))
    points = (*points, *of_no_goal(event, of))
    return Section("money-goals", "What your money is for", lead, (), (table(event, of),), points)


def table(event: MasterPortfolioOptimized, of: Callable[[str], str]) -> Table:
    """Make one row per goal; *of* maps a pod to the name shown."""
    rows = tuple(
        (
            goal.name,
            of(goal.pod),
            str(goal.priority),
            f"{goal.target_amount_aud:,.0f}",
            f"{goal.years:g}",
            f"{needed_aud(goal):,.0f}",
            f"{goal.capital_aud:,.0f}",
            chance_today(goal),
            chance(goal),
            likely(goal, goal.probability_if_lower),
            likely(goal, goal.probability_if_higher),
        )
        for goal in event.money_goals
    )
    note = _NOTE + (_AS_TODAY if event.terms.owned else "")
    numbers = frozenset(range(2, len(_COLUMNS)))
    return without_empty(Table("money-goals", "What the money is for, AUD", _COLUMNS, numbers, rows, note=note))


def needed_aud(goal: MoneyGoal) -> float:
    """Return the capital that the goal needs: as ordered, where the event tells this amount."""
    return goal.needed_aud if goal.needed_as_ordered_aud is None else goal.needed_as_ordered_aud


def chance(goal: MoneyGoal) -> str:
    """Format the chance that a goal is reached; only outcomes known today read as 0% or 100%."""
    return likely(goal, goal.probability)


def chance_today(goal: MoneyGoal) -> str:
    """Format the chance in the account of today; empty without an account."""
    if goal.probability_today is None:
        return ""
    return labels.chance(goal.probability_today, known=_is_known(goal, goal.capital_today_aud or 0.0))


def likely(goal: MoneyGoal, probability: float) -> str:
    """Format a chance of the goal as suggested, with no more digits than it has."""
    return labels.chance(probability, known=_is_known(goal, goal.capital_aud))


def _is_known(goal: MoneyGoal, capital_aud: float) -> bool:
    """Return whether the outcome is known today: no time is left, or there is nothing to grow."""
    return goal.years == 0 or (capital_aud == 0 and goal.contribution_aud_per_month == 0)


def is_reached(goal: MoneyGoal) -> bool:
    """Return whether the chance is the one wanted, to the digits that are shown."""
    return round(100 * goal.probability) >= round(100 * goal.wanted_probability)


def sentence(goal: MoneyGoal) -> str:
    """Describe one goal: what is wanted, what is set aside, the chance, and what would bring the chance wanted."""
    return f"{_wanted(goal)}. {_set_aside(goal)}{_outlook(goal)}{'' if is_reached(goal) else _remedy(goal)}"


def _wanted(goal: MoneyGoal) -> str:
    told = f"{goal.name}: {goal.target_amount_aud:,.2f} AUD {_when(goal)}"
    if goal.in_todays_money and goal.years > 0:
        told += f", in today's money ({goal.amount_then_aud:,.2f} AUD of then)"
    if goal.contribution_aud_per_month:
        told += f", with {goal.contribution_aud_per_month:,.2f} AUD added per month"
    return told


def _set_aside(goal: MoneyGoal) -> str:
    if goal.capital_aud == 0:
        is_enough = needed_aud(goal) == 0
        return "It needs no capital, since what is added is enough" if is_enough else "Nothing is left for it"
    held = f"{goal.capital_aud:,.2f} AUD is set aside for it"
    is_all = needed_aud(goal) - goal.capital_aud < _A_DOLLAR
    return f"{held}, {'all that it needs' if is_all else f'of the {needed_aud(goal):,.2f} AUD that it needs'}"


def _outlook(goal: MoneyGoal) -> str:
    if _is_known(goal, goal.capital_aud):
        return "."
    verdict = "as wanted" if is_reached(goal) else f"where {goal.wanted_probability:.0%} is wanted"
    today = "" if goal.probability_today is None else f"{chance_today(goal)} as the account is today, "
    return (
        f"; the chance to reach it is {chance(goal)}, {verdict} ({today}{likely(goal, goal.probability_if_lower)} and"
        f" {likely(goal, goal.probability_if_higher)} if returns are one point a year lower and higher)."
    )


def _remedy(goal: MoneyGoal) -> str:
    told = ", or ".join(ways(goal, "{:,.2f} AUD"))
    return f" To reach it with a chance of {goal.wanted_probability:.0%}, it takes {told}."


def ways(goal: MoneyGoal, pattern: str) -> list[str]:
    """Name each change that alone brings the goal to the chance wanted; *pattern* formats an amount."""
    told = [f"{pattern.format(goal.more_today_aud)} more today"]
    if goal.more_per_month_aud is not None:
        told.append(f"{pattern.format(goal.more_per_month_aud)} more per month")
    if goal.years_later is not None:
        told.append(f"{_long(goal.years_later)} more")
    return told


def _long(years: float) -> str:
    whole, months = divmod(round(12 * years), 12)
    parts = [(whole, "year"), (months, "month")]
    return " and ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)


def _when(goal: MoneyGoal) -> str:
    return "now" if goal.years == 0 else "in a year" if goal.years == 1 else f"in {goal.years:g} years"


def funded(funding: Funding, of: Callable[[str], str]) -> Iterator[str]:
    """State the inflation, the money that no goal needs, and the pods that take no part."""
    yield f"Inflation is taken to be {funding.inflation:.2%} a year, {INFLATION_SAID_BY[funding.inflation_from]}."
    for pod, aud in funding.surplus_aud.items():
        if aud >= _A_DOLLAR:
            yield f"{aud:,.2f} AUD is beyond what the goals of {of(pod)} need, and held there too."
    for pod in funding.unused:
        yield f"{of(pod)} takes no part, since nothing is left for it."
    if (lacked := funding.misplaced_aud) is not None and lacked > max(funding.tolerance_aud or 0.0, _A_DOLLAR):
        yield (
            f"One goal lacks {lacked:,.2f} AUD that other pods hold for less important goals, or for none: whole units,"
            f" or the end of the search for the pods' shares after round {funding.rounds}, left this."
        )


def of_no_goal(event: MasterPortfolioOptimized, of: Callable[[str], str]) -> Iterator[str]:
    """Say which holdings count for no goal, and why: a goal has money of its pod, and no pod has these."""
    kept = event.terms.owned.kept if event.terms.owned else ()
    if not event.money_goals or not kept:
        return
    names = listed([one.ticker for one in kept])
    worth = sum(one.value_aud or 0.0 for one in kept)
    verb = "counts" if len(kept) == 1 else "count"
    yield (
        f"{names} ({worth:,.2f} AUD) {verb} for no goal: the money of a goal is in the ETFs of the goal's pod, and no"
        f" pod that takes part may hold {names}{_others(event, {one.ticker for one in kept}, of)}."
    )


def _others(event: MasterPortfolioOptimized, tickers: set[str], of: Callable[[str], str]) -> str:
    """Name the pods that take no part and might hold some of the ETFs."""
    unused = event.funding.unused if event.funding else {}
    pods = [of(pod) for pod, one in unused.items() if tickers & set(one.mandate.universe)]
    return f" ({listed(pods)} might)" if pods else ""


def summary(event: MasterPortfolioOptimized) -> str:
    """State in one sentence how likely the goals are."""
    goals = event.money_goals
    if len(goals) <= _FEW:
        told = ", ".join(f"{goal.name} {chance(goal)}" for goal in goals)
        return f"On the same assumptions, the chance to reach what the money is for is: {told}."
    likely = sum(map(is_reached, goals))
    return f"On the same assumptions, {likely} of the {len(goals)} money goals have the chance that is wanted."
