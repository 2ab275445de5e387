"""The result of each target, the correlations between the pods, and the shortfalls: sections of a report. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from portfolio.terms.rules import Correlations
from report.facts.getting_there import cost_of
from report.facts.in_cash import said_of_pods_in_cash
from report.facts.labels import asked, goal_label, of_pods, pod_label, show
from report.facts.market import said_of_universes
from report.facts.sentences import read_aloud
from report.facts.snapshot import why_not_considered
from report.story.assumptions import not_proven
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import CorrelationRow, GoalAccount
    from portfolio.published.trading import GoalInUnits


def delivered(event: MasterPortfolioOptimized) -> list[tuple[GoalAccount, GoalAccount | GoalInUnits]]:
    """Pair each goal with the result for the customer: in whole units if there are orders."""
    whole = {goal.name: goal for goal in event.trading.goals} if event.trading else {}
    # The cost of getting there is told in one way: as the total of its parts in cents.
    whole |= {
        goal.name: replace(whole[goal.name], delivered=cost_of(event).total_aud)
        for goal in event.goals
        if goal.figure == "trading_cost_aud" and goal.name in whole
    }
    return [(goal, whole.get(goal.name, goal)) for goal in event.goals]


def goals(event: MasterPortfolioOptimized) -> Section:
    """List for every target the figure asked, the best possible figures and the result."""
    pairs = delivered(event)
    rows = tuple(
        (
            of_pods(event, goal.pods),
            goal_label(goal),
            asked(goal),
            _shown(goal, goal.best_alone),
            _shown(goal, goal.best_together),
            _shown(goal, now.delivered),
            "yes" if now.met else "no",
        )
        for goal, now in pairs
    )
    whole = " in whole units" if event.trading else ""
    table = Table(
        "targets",
        "Targets, the most important first: each as well as the rules and the targets before it allow",
        ("Of", "Target", "Asked", "Best alone", "Best together", "You get", "Met"),
        frozenset({2, 3, 4, 5}),
        rows,
        note=f"You get: the figure of the suggestion{whole}. Best alone: the best that the pod could reach with no"
        " other target; best together, where it was worked out: with all rules and the targets before it. Targets of"
        " the whole portfolio are to be no worse than the separate pods.",
    )
    met = sum(now.met for _, now in pairs)
    lead = f"{met} of {len(pairs)} targets {'is' if met == 1 else 'are'} met."
    if met == len(pairs):
        lead = "The target is met." if met == 1 else f"All {met} targets are met."
    return Section("targets", "What each target gets", (lead,), ("goals",), (table,))


def _shown(goal: GoalAccount, value: float | None) -> str:
    return "" if value is None else show(goal.figure, value)


def together(event: MasterPortfolioOptimized) -> Section:
    """Describe the correlations between the pods."""
    pairs = tuple(
        f"{' and '.join(pair.tickers)} are both held, though they do nearly the same (correlation"
        f" {pair.correlation:.2f})."
        for pair in event.economic_duplicates
    )
    title = "How the pods move together"
    if not event.correlations:
        return Section("together", title, points=pairs)
    limited = event.terms.correlations is Correlations.LIMIT
    lead = (
        "A correlation of 1 means that two pods rise and fall together, -1 that one rises as the other falls.",
        "The limits were asked to be kept as far as possible."
        if limited
        else "The limits are told, not enforced: that is how the request has it.",
    )
    rows = tuple((*_names(event, row), f"{row.correlation:.2f}", *_limit(row)) for row in event.correlations)
    table = Table(
        "correlations",
        "Correlations between the pods",
        ("Pods", "Correlation", "Limit", "Room", ""),
        frozenset({1, 2, 3}),
        rows,
    )
    return Section("together", title, lead, ("correlations",), (table,), pairs)


def _names(event: MasterPortfolioOptimized, row: CorrelationRow) -> tuple[str]:
    return (" and ".join(pod_label(event, pod) for pod in row.pods),)


def _limit(row: CorrelationRow) -> tuple[str, str, str]:
    if row.limit is None or row.room is None:
        return "none", "", ""
    return f"at most {row.limit:.2f}", f"{row.room:+z.2f}", "within" if row.room >= 0 else "above"


def unreachable(event: MasterPortfolioOptimized) -> Section:
    """List missed goals, exceeded limits, omitted ETFs and missing proofs, with reasons."""
    unheld = (f"{each}." for each in said_of_universes(event))
    said = (
        *said_of_pods_in_cash(event),
        *_missed(event),
        *_above(event),
        *left_out(event, pod_label),
        *unheld,
        *not_proven(event),
    )
    if said:
        return Section("unreachable", "What was not reachable, and why", points=said)
    lead = "Every target is met, every limit is kept, and every ETF of the pods could be considered."
    return Section("unreachable", "What was not reachable, and why", (lead,))


def _missed(event: MasterPortfolioOptimized) -> Iterator[str]:
    for goal, now in delivered(event):
        if now.met:
            continue
        of = of_pods(event, goal.pods)
        if goal.met:
            yield (
                f"{of}: {goal_label(goal)} of {asked(goal)} was asked and can be had, but not in whole units: there it"
                f" is {_shown(goal, now.delivered) or 'not defined'}."
            )
            continue
        said = read_aloud(goal, of=of, now=now.delivered if event.trading else None)
        yield " ".join(filter(None, (said, _reason(goal))))


def _reason(goal: GoalAccount) -> str:
    """Give the reason why a goal gave way, as far as the event proves a reason."""
    cap = goal.better == "lower"

    def short(best: float | None) -> bool:
        return best is not None and (best > goal.asked if cap else best < goal.asked)

    if goal.figure == "correlation":
        return "It came after all other targets; that no portfolio would keep it is not proven."
    if short(goal.best_alone):
        return "So no mix of the ETFs that this pod may hold reaches it, on this report's assumptions."
    if short(goal.best_together):
        return "So it gives way to the rules and to the targets that were served before it."
    return ""


def _above(event: MasterPortfolioOptimized) -> Iterator[str]:
    if event.terms.correlations is Correlations.LIMIT:
        return  # with LIMIT, the limits are goals and appear among the goals
    said = [
        f"{_names(event, row)[0]} {row.correlation:.2f}, {_excess(row.room)} above {row.limit:.2f}"
        for row in event.correlations
        if row.limit is not None and row.room is not None and row.room < 0
    ]
    if said:
        yield (
            "Limits on correlations that are not kept (such limits are told, not enforced: that is how the request has"
            f" it): {'; '.join(said)}."
        )


def _excess(room: float) -> str:
    return f"{-room:.2f}" if f"{-room:.2f}" != "0.00" else "less than 0.01"


def left_out(event: MasterPortfolioOptimized, label: Callable[[MasterPortfolioOptimized, str], str]) -> Iterator[str]:
    """Say per pod, named by *label*, which of its ETFs were not considered, and why: a sentence per cause."""
    never = set(event.terms.rules.never_buy)
    for pod, account in event.pods.items():
        causes: dict[str, list[str]] = {}
        for ticker in account.left_out:
            cause = "never to be bought" if ticker in never else why_not_considered(event.market, ticker)
            causes.setdefault(cause, []).append(ticker)
        for cause, tickers in causes.items():
            yield f"Not considered for {label(event, pod)}, since {cause}: {', '.join(tickers)}."
