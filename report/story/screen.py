"""The story for a screen: the sections that the terminal and the dashboard show, today first. Pure.

A report speaks to the customer; this speaks to the people who run requests, and has every figure of the event.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed
from portfolio.market.snapshot import CASH
from report.facts import given, separate, standings
from report.facts.getting_there import cost_of, cost_of_separate_pods
from report.facts.in_cash import said_of_pods_in_cash
from report.facts.market import said_of_market, said_of_model
from report.facts.rounding import adding_up
from report.facts.series import COSTS
from report.facts.standings import AUD, COUNT, SEPARATE, SHARE, SUGGESTED, TODAY, Row
from report.facts.step import said_of_step
from report.story import money_goals, refusal, switch, targets
from report.story.document import Section, Table, without_empty
from report.story.outcome import left_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.published.standing import Standing

# A smaller share reads as 0%.
_A_PERCENT = 0.005


def heading(event: FinalEvent) -> tuple[str, ...]:
    """Name the result and its request: a suggestion beside today or, without an account, a model portfolio."""
    if isinstance(event, MasterPortfolioFailed):
        return (f"No portfolio for {event.request_id}: {event.reason.words}",)
    shares = {pod: account.capital_share for pod, account in event.pods.items()}
    shares |= {f"{pod} in cash": share for pod, share in event.terms.in_cash.items()}
    if (cash := 1 - sum(shares.values())) >= _A_PERCENT:
        shares["cash that stays"] = cash
    split = ", ".join(f"{part} {share:.0%}" for part, share in shares.items())
    return (
        f"{'Suggested' if event.trading else 'Model'} portfolio of {event.customer_id}",
        f"{event.terms.total_capital_aud:,.2f} AUD over {split}",
        f"market {event.market.id} ({event.market.sha256[:12]})",
    )


def sections(event: FinalEvent) -> tuple[Section, ...]:
    """Tell an event, section by section."""
    if isinstance(event, MasterPortfolioFailed):
        return _refused(event)
    told = (
        _today(event),
        switch.cost(event),
        switch.orders(event),
        switch.held(event) if event.trading else _model(event),
        _separate(event),
        _money_goals(event),
        targets.targets(event),
        targets.correlations(event),
        targets.proof(event),
        Section("provider", "Provided by", (given.provided_by(event),)),
    )
    return tuple(section for section in told if section)


def _refused(event: MasterPortfolioFailed) -> tuple[Section, ...]:
    """Say once why there is no portfolio: in tables if the event has the figures, otherwise in the event's words."""
    details = tuple(section for section in refusal.sections(event) if section.tables)
    in_short, next_step = refusal.what_happened(event)
    if not details:
        next_step = _beyond(event.message, next_step)
    missing = (f"No answer came from: {', '.join(event.missing_pods)}.",) if event.missing_pods else ()
    lead = tuple(text for text in (in_short if details else event.message, *missing, next_step) if text)
    return (Section("why", "Why, and what to do next", lead, points=targets.signed(event)), *details)


def _beyond(message: str, next_step: str) -> str:
    """Leave out of the next step the sentences that the message says already."""
    told = ("the message says", "ask again") if "ask again" in message.lower() else ("the message says",)
    steps = next_step.removesuffix(".").replace("; ", ". ").split(". ")
    new = [step for step in steps if not any(words in step.lower() for words in told)]
    return ". ".join(new) + "." if new else ""


def _today(event: MasterPortfolioOptimized) -> Section | None:
    if event.today is None or event.suggested is None:
        return None
    judged = (switch.judged(event.switch),) if event.switch else ()
    lead = (*said_of_pods_in_cash(event), *said_of_step(event), *judged, event.market.basis.said)
    tables = tuple(_compared(event, "today", event.today, event.suggested, TODAY))
    return Section("today", "Today and suggested", lead, ("today-classes",), tables)


def _model(event: MasterPortfolioOptimized) -> Section:
    """List the model portfolio: fractions of the capital, since there are no orders without an account."""
    named = [(held.ticker, held.name, held.asset_class, ", ".join(held.owners)) for held in event.holdings]
    parts = [(held.weight, held.amount_aud) for held in event.holdings]
    if event.cash is not None:
        named.append(("", "Cash that stays", CASH, ", ".join(event.in_cash)))
        parts.append((event.cash.weight, event.cash.amount_aud))
    weights, amounts = adding_up([100 * weight for weight, _ in parts]), adding_up([aud for _, aud in parts])
    rows = [(*words, *_shares(weight, amount)) for words, weight, amount in zip(named, weights, amounts, strict=True)]
    rows.append(("Total", "", "", "", *_shares(fsum(weights), fsum(amounts))))
    columns = ("ETF", "Name", "Asset class", "Pods", "Weight", "AUD")
    table = Table("model", "Model portfolio", columns, frozenset({4, 5}), tuple(rows), frozenset({len(rows) - 1}))
    model = [f"{sentence}." for sentence in said_of_model(event)]
    points = [sentence for each in said_of_market(event) if (sentence := f"{each}.") not in model]
    points += left_out(event, lambda _, pod: pod)
    lead = (*said_of_pods_in_cash(event), *model, event.market.basis.said)
    return Section("model", "Model portfolio", lead, (), (table,), tuple(points))


def _shares(percent: float, aud: float) -> tuple[str, str]:
    return f"{percent:.2f}%", f"{aud:,.2f}"


def _separate(event: MasterPortfolioOptimized) -> Section:
    """Compare with the separate pods: what each pod would hold if each bought by itself."""
    lead = f"{SEPARATE}: each pod buys by itself the best portfolio for it alone, without regard for the others."
    tables = [_cost(event), *_orders(event), _by_pod(event)]
    if event.separate and event.suggested:
        tables[:0] = _compared(event, "separate", event.separate, event.suggested, SEPARATE)
    charts = ("separate-classes", "separate-owners")
    return Section("separate", "Separate pods and suggested", (lead,), charts, tuple(tables))


def _compared(
    event: MasterPortfolioOptimized, name: str, before: Standing, after: Standing, label: str
) -> Iterator[Table]:
    """Compare two portfolios: value, a year's return and income, how the money is spread, asset classes."""
    both = before, after
    a_year = (
        *standings.return_rows(both, event.market.basis),
        *standings.income_rows(both),
        *standings.cost_rows(both),
    )
    spread = (*standings.spread_rows(both), *standings.further_rows(both, event.market.basis))
    yield _rows(f"{name}-year", "A year", label, a_year)
    if event.trading:
        yield _rows(f"{name}-value", "Value", label, standings.value_rows(both))
    yield _rows(f"{name}-spread", "How the money is spread", label, spread)
    yield _rows(f"{name}-classes", "Asset classes, shares of the capital", label, _classes(event, *both))


def _rows(name: str, caption: str, label: str, found: Iterable[Row]) -> Table:
    """Make a table of the rows of two portfolios."""
    shown = tuple(found)
    # Where the digits that a figure has are the same, there is no change to tell.
    changes = [("", "") if row.told and len(set(row.cells)) == 1 else (row.change, row.verdict) for row in shown]
    rows = tuple((row.label, *row.cells, *change) for row, change in zip(shown, changes, strict=True))
    strong = frozenset(i for i, row in enumerate(shown) if row.is_total)
    columns = ("", label, SUGGESTED, "Change", "")
    return without_empty(Table(name, caption, columns, frozenset({1, 2, 3}), rows, strong))


def _classes(event: MasterPortfolioOptimized, before: Standing, after: Standing) -> Iterator[Row]:
    shares = separate.by_class(before, after, event.terms.total_capital_aud)
    for name, both in shares.items():
        yield Row(name.capitalize(), both, SHARE)
    yield Row("Total", tuple(map(fsum, zip(*shares.values(), strict=True))), SHARE, is_total=True)


def _by_pod(event: MasterPortfolioOptimized) -> Table:
    alone, together = map(separate.rounded, separate.held(event))
    rows = tuple(
        (
            pod,
            f"{account.capital_share:.2%}",
            separate.said(alone[pod]),
            *_number(account.effective_holdings_alone),
            separate.said(together[pod]),
            *_number(account.effective_holdings),
        )
        for pod, account in event.pods.items()
    )
    columns = ("Pod", "Share", SEPARATE, "Effective holdings", SUGGESTED, "Effective holdings")
    return without_empty(Table("separate-pods", "Pods, shares of the capital", columns, frozenset({1, 3, 5}), rows))


def _number(value: float | None) -> tuple[str]:
    return ("" if value is None else f"{value:.1f}",)


def _cost(event: MasterPortfolioOptimized) -> Table:
    """Add up the costs of getting to either portfolio: the one cost that every page tells."""
    costs = cost_of_separate_pods(event), cost_of(event)
    parts = zip(*(cost.parts for cost in costs), strict=True)
    found = [Row(label, both, AUD) for label, both in zip(COSTS, parts, strict=True) if any(both)]
    total = Row("Cost of getting there", tuple(cost.total_aud for cost in costs), AUD, better=-1, is_total=True)
    return _rows("separate-cost", "Cost of getting there, once, AUD", SEPARATE, (*found, total))


def _orders(event: MasterPortfolioOptimized) -> Iterator[Table]:
    if orders := switch.number_of_orders(event):
        yield _rows(
            "separate-orders", "Orders, one per ETF and pod", SEPARATE, [Row("Orders", orders, COUNT, better=-1)]
        )


def _money_goals(event: MasterPortfolioOptimized) -> Section | None:
    if not event.money_goals:
        return None
    points = [*map(money_goals.sentence, event.money_goals)]
    points += money_goals.funded(event.funding, str) if event.funding else ()
    points += money_goals.of_no_goal(event, str)
    return Section("money-goals", "Money goals", (), (), (money_goals.table(event, str),), tuple(points))
