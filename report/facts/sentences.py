"""Sentences about a final event that a terminal, a report and slides share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.published.waiting import WaitFor
from portfolio.tax.regime import HOLDING_DAYS
from portfolio.tax.taxpayer import Entity
from report.facts.labels import FIGURES, in_a_sentence, listed_goals, pod_label
from report.facts.payments import said_of_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import GoalAccount
    from portfolio.published.trading import Trading
    from portfolio.terms.owned import Owned


_NEXT_YEAR = "the sale is then of the next financial year"


def why_no_order(trading: Trading) -> Iterator[str]:
    """Say if there is no order; state the gain and the cost of a move that does not pay."""
    if not trading.orders:
        yield "No order pays for itself: what is owned stays as it is."
    if (why := trading.does_not_pay) is not None:
        yield (
            f"Were trading free, another portfolio would score better, by {why.gain:.4f} of the measure that the"
            f" request sets; but getting there costs {why.cost_aud:,.2f} AUD, which takes {why.cost:.4f} from that."
        )


def what_rounding_costs(trading: Trading) -> str:
    """State the effect of whole units on the objective."""
    cost = round(trading.rounding_cost, 6)
    compared = f"{abs(cost):.6f} {'below' if cost > 0 else 'above'}" if cost else "equal to"
    return f"In whole units the objective is {trading.objective:.6f}, {compared} that of the portfolio."


def what_to_know(event: MasterPortfolioOptimized, trading: Trading, owned: Owned) -> Iterator[str]:
    """List further facts that a person should know before placing the orders."""
    units, weights = set(trading.units), set(event.weights)
    for words, other in (("also", units - weights), ("not", weights - units)):
        if other:
            yield f"In whole units {words} held, unlike in the portfolio: {', '.join(sorted(other))}."
    yield from said_of_shares(event)
    for one in trading.tolerated:
        of = pod_label(event, one.pod) if one.pod else "the capital"
        if event.terms.rules.stays(one.ticker):
            yield (
                f"{one.ticker} is {one.position:.2%} of {of}, above the limit of {one.limit:.2%}:"
                " it is never sold, so it stays, and is not bought."
            )
            continue
        yield (
            f"{one.ticker} is {one.position:.2%} of {of}, by drift above its limit of {one.limit:.2%}, within what the"
            " request tolerates: so not sold for that, and not bought."
        )
    if trading.gains.losses_carried_aud:
        yield f"Capital losses carried on to later years: {trading.gains.losses_carried_aud:,.2f} AUD."
    if value := trading.gains.losses_value_aud:
        yield (
            f"The sales {'add to' if value > 0 else 'use up'} losses of later years that are taken to be worth"
            f" {abs(value):,.2f} AUD: no part of the costs, but counted by the optimisation."
        )
    yield from said_of_kept(owned)
    if (idle := trading.idle) is not None:
        why = "; ".join(reason.words for reason in idle.reasons) or "the search for the reason ended first"
        yield f"{idle.amount_aud:,.2f} AUD stay money: {why}."
    for pair in trading.losses_replaced:
        yield (
            f"{pair.sold} is sold at a loss and {pair.bought}, which moves like it (correlation"
            f" {pair.correlation:.2f}), is bought: a person is to look at the purpose (TR 2008/1)."
        )
    yield from _waits(trading)
    yield from _later(event, trading)
    yield from _holding_period(event)
    if trading.gave_way:
        gave_way = listed_goals(event, trading.gave_way)
        yield f"No whole units keep these targets where the portfolio holds them: {gave_way}."


def _waits(trading: Trading) -> Iterator[str]:
    """Say which sales would cost less tax within weeks, each by itself and at today's price."""
    for wait in trading.waits or ():
        event = "the units are then held for 12 months" if wait.waits_for is WaitFor.TWELVE_MONTHS else _NEXT_YEAR
        yield (
            f"Waiting saves tax: {wait.units:,.0f} {wait.ticker} of {wait.acquired:%d %B %Y} cost"
            f" {wait.saves_aud:,.2f} AUD less tax from {wait.day:%d %B %Y} on, if the price stays; {event}."
        )


def _later(event: MasterPortfolioOptimized, trading: Trading) -> Iterator[str]:
    """Set the portfolio that waits beside the one that sells now."""
    if (later := trading.later) is None:
        return
    cost = later.brokerage_aud + later.spread_aud + later.gains.tax_aud
    now = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    by = later.objective - trading.objective
    worse = f", but keeps {listed_goals(event, later.worse)} less well" if later.worse else ""
    yield (
        f"The best portfolio that sells none of these now has {counted(len(later.orders), 'order')}, costs {cost:,.2f}"
        f" AUD ({later.gains.tax_aud:,.2f} AUD of it tax) instead of {now:,.2f} AUD, and scores {abs(by):.4f}"
        f" {'more' if by > 0 else 'less'} by the measure that the request sets{worse}."
    )


def _holding_period(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Tell the holding-period rule of franking credits where it applies, with the first day of a sale that keeps them.

    Funds and companies have no exemption, whatever the amount (former ITAA 1936, s 160APHT).
    """
    income = event.income["master"] if event.suggested is None else event.suggested.income
    if not (income.holding_period_rule and income.franking_credits_aud > 0):
        return
    of_whom = "" if event.terms.entity is not Entity.INDIVIDUAL else " above 5,000 AUD a year"
    if income.owners and of_whom:
        of_whom += " per owner"
    bought = ""
    if (owned := event.terms.owned) is not None and event.trading is not None and event.trading.orders:
        first = owned.as_of + timedelta(days=HOLDING_DAYS + 1)
        bought = f"; of what is bought now, with a sale on {first:%d %B %Y} at the earliest"
    yield f"Franking credits{of_whom}: they count only for units held for {HOLDING_DAYS} days{bought}."


def said_of_forced(event: MasterPortfolioOptimized) -> list[str]:
    """List the rules and targets that force the dearest sales, with the savings without each, the dearest first."""
    if (switch := event.switch) is None:
        return []
    told = [one.words.rstrip(".") for one in switch.forced]
    return [*told, "the search for more ended before all were tried"] if switch.cut_short else told


def said_of_kept(owned: Owned) -> Iterator[str]:
    """Name the holdings that are kept as they are, with their values."""
    for one in owned.kept:
        value = "its value is not known" if one.value_aud is None else f"{one.value_aud:,.2f} AUD"
        units = counted(round(one.units), "unit")
        yield f"{one.ticker} ({units}, {value}) is kept as it is, beside the capital: {one.why}."


def read_aloud(goal: GoalAccount, *, of: str = "", now: float | None = None) -> str:
    """Say for a goal that gave way: the figure asked, the best possible figures, and the figure delivered.

    Args:
        goal: The goal.
        of: The owner's name, if other than the names of the goal's pods.
        now: The figure in whole units, if there are orders.
    """
    label, show = FIGURES[goal.figure]
    of = of or " and ".join(goal.pods) or "The whole portfolio"
    side = "at most" if goal.better == "lower" else "at least"
    said = f"{of}: {in_a_sentence(label)} of {side} {show(goal.asked)} was asked. "
    if goal.best_alone is not None:
        said += f"Alone, with no other target, {show(goal.best_alone)} would be the best there is. "
    if goal.best_together is not None:
        said += (
            f"With all rules and the targets before it, {show(goal.best_together)} is proven to be the best there is. "
        )
    elif goal.held is None and not goal.pods:
        said += "It cannot be kept with the rules and the targets before it, and was given up. "
    delivered = "is not defined" if goal.delivered is None else f"is {show(goal.delivered)}"
    whole = "" if now is None else f", and in whole units {show(now)}"
    last = goal.delivered if now is None else now
    hidden = last is not None and show(last) == show(goal.asked)
    missing = "; what is missing is less than the digits that are shown" if hidden else ""
    return f"{said}In this portfolio it {delivered}{whole}{missing}."
