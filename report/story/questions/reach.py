"""The fourth question: the chance of each money goal, and the targets of the pods. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from portfolio.market.measure import Measure
from portfolio.terms.goals import Row
from report.facts.labels import asked, goal_label, of_pods, pod_label, show
from report.story import money_goals
from report.story.document import Section, Table, without_empty
from report.story.outcome import delivered
from report.story.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import GoalAccount
    from portfolio.published.money_goals import MoneyGoal
    from portfolio.published.trading import GoalInUnits

TITLE = "Will I reach my goals?"
# What a customer need not know, said where such a target is missed.
_TERMS = {
    Measure.SHARPE.value: "The Sharpe ratio is the return above that of cash, per unit of volatility",
    Measure.YIELD.value: "The grossed-up yield is the distributions with their franking credits",
    Row.TAX_EFFICIENCY.value: "The tax efficiency is 10 where tax on income takes nothing of the return, and 9 where"
    " it takes a tenth",
}
# Targets that are missed, named one by one on the customer's page.
_FEW = 4


def reach(event: MasterPortfolioOptimized) -> Section:
    """Say how likely each money goal is, and which targets are met."""
    tables = (_table(event),) if event.money_goals else ()
    points = (*money_goals.of_no_goal(event, partial(pod_label, event)), *_targets(event))
    return Section("reach", TITLE, tuple(_lead(event)), (), tables, points)


def _lead(event: MasterPortfolioOptimized) -> Iterator[str]:
    if not event.money_goals:
        yield "You named no amount of money to reach by a day, so there is no chance to tell of one."
        return
    reached = [goal.name for goal in event.money_goals if money_goals.is_reached(goal)]
    short = [goal.name for goal in event.money_goals if not money_goals.is_reached(goal)]
    if not short:
        yield "Each goal has the chance that you want, on these assumptions."
    elif reached:
        yield f"{listed(reached)}: with the chance that you want, on these assumptions. {listed(short)}: with less."
    else:
        yield "No goal has the chance that you want, on these assumptions."
    yield "The last column says how to bring a goal to the chance that you want: any one of these is enough."


def _table(event: MasterPortfolioOptimized) -> Table:
    rows = tuple(
        (
            goal.name,
            f"{goal.target_amount_aud:,.0f}",
            "now" if goal.years == 0 else f"{goal.years:g}",
            f"{goal.capital_aud:,.0f}",
            money_goals.chance_today(goal),
            money_goals.chance(goal),
            f"{goal.wanted_probability:.0%}",
            "" if money_goals.is_reached(goal) else " or ".join(money_goals.ways(goal, "{:,.0f}")),
        )
        for goal in event.money_goals
    )
    columns = (
        "Goal",
        "Wanted, AUD",
        "In years",
        "Set aside, AUD",
        "Chance as today",
        "Chance as suggested",
        "Chance wanted",
        "To get there, AUD",
    )
    table = Table("goals", "Your goals", columns, frozenset(range(1, 7)), rows, note=_note(event.money_goals))
    return without_empty(table)


def _note(goals: tuple[MoneyGoal, ...]) -> str:
    own = [goal.name for goal in goals if goal.in_todays_money and goal.years > 0]
    money = "Amounts are in money of their day"
    if own:
        money = "Amounts are in today's money" if len(own) == len(goals) else f"In today's money: {', '.join(own)}"
    return f"{money}, after fees and tax on income, before tax on a final sale."


def _targets(event: MasterPortfolioOptimized) -> Iterator[str]:
    pairs = delivered(event)
    missed = [(goal, now) for goal, now in pairs if not now.met]
    what = "targets, of your pods and of the whole portfolio,"
    if not missed:
        yield f"All {len(pairs)} {what} are met: the appendix lists them."
        return
    told = [_missed(event, goal, now) for goal, now in missed[:_FEW]]
    terms = [words for figure, words in _TERMS.items() if figure in {goal.figure for goal, _ in missed[:_FEW]}]
    told += [f"{len(missed) - _FEW} more"] if len(missed) > _FEW else []
    yield (
        f"{len(pairs) - len(missed)} of {len(pairs)} {what} are met. Not met: {'; '.join(told)}."
        f"{''.join(f' {words}.' for words in terms)} The appendix has the reasons."
    )


def _missed(event: MasterPortfolioOptimized, goal: GoalAccount, now: GoalAccount | GoalInUnits) -> str:
    got = "not defined" if now.delivered is None else show(goal.figure, now.delivered)
    got += ", short by less than these digits" if got == show(goal.figure, goal.asked) else ""
    return f"{of_pods(event, goal.pods)}, {goal_label(goal)} of {asked(goal)} ({got})"
