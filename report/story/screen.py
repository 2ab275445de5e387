"""The story for a screen: the sections that the terminal and the dashboard show, today first. Pure.

A report speaks to the customer; this speaks to the people who run requests, and has every figure of the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed
from report.facts import separate, standings
from report.facts.amounts import AUD, COUNT, SHARE
from report.facts.market import said_of_market
from report.facts.separate import SEPARATE, SUGGESTED
from report.facts.series import cost_rows
from report.story import money_goals, refusal, switch, targets
from report.story.document import Section, Table, without_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.published.standing import Standing

TODAY = "Today"
_NUMBERS = frozenset({1, 2, 3})


def heading(event: FinalEvent) -> tuple[str, ...]:
    """Name the result and its request: a suggestion beside today or, without an account, a model portfolio."""
    if isinstance(event, MasterPortfolioFailed):
        return (f"No portfolio for {event.request_id}: {event.reason.words}",)
    split = ", ".join(f"{pod} {account.capital_share:.0%}" for pod, account in event.pods.items())
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
    )
    return tuple(section for section in told if section)


def _refused(event: MasterPortfolioFailed) -> tuple[Section, ...]:
    """Say once why there is no portfolio, and then the next step and the changes that would be enough."""
    _, next_step = refusal.what_happened(event)
    missing = (f"No answer came from: {', '.join(event.missing_pods)}.",) if event.missing_pods else ()
    why = Section("why", "Why, and what to do next", (event.message, *missing, next_step), points=targets.signed(event))
    return (why, *(section for section in refusal.sections(event) if section.tables))


def _today(event: MasterPortfolioOptimized) -> Section | None:
    if event.today is None or event.suggested is None:
        return None
    lead = (event.switch.words,) if event.switch else ()
    tables = tuple(_compared("today", event.today, event.suggested, TODAY))
    return Section("today", "Today and suggested", lead, ("today-classes",), tables)


def _model(event: MasterPortfolioOptimized) -> Section:
    """List the model portfolio: fractions of the capital, since there are no orders without an account."""
    weights = SHARE.spread([holding.weight for holding in event.holdings])
    amounts = AUD.spread([holding.amount_aud for holding in event.holdings])
    rows = [
        (holding.ticker, holding.name, holding.asset_class, ", ".join(holding.owners), *_shares(weight, amount))
        for holding, weight, amount in zip(event.holdings, weights, amounts, strict=True)
    ]
    rows.append(("Total", "", "", "", *_shares(sum(weights), sum(amounts))))
    columns = ("ETF", "Name", "Asset class", "Pods", "Weight", "AUD")
    table = Table("model", "Holdings", columns, frozenset({4, 5}), tuple(rows), frozenset({len(rows) - 1}))
    left_out = [f"{', '.join(account.left_out)} for {pod}" for pod, account in event.pods.items() if account.left_out]
    points = [f"{sentence}." for sentence in said_of_market(event)]
    if left_out:
        points.append(f"Not considered, since not priced, closed or never to be bought: {'; '.join(left_out)}.")
    lead = "Fractions of the capital, with the costs of buying on top; requests with an account get orders."
    return Section("model", "Model portfolio", (lead,), ("asset-classes",), (table,), tuple(points))


def _shares(weight: float, amount: float) -> tuple[str, str]:
    return SHARE.show(weight), AUD.show(amount)


def _separate(event: MasterPortfolioOptimized) -> Section:
    """Compare with separate pods: what each pod would hold if each bought by itself."""
    lead = f"{SEPARATE}: each pod buys by itself the best portfolio for it alone, without regard for the others."
    tables = [_by_pod(event), _cost(event)]
    if event.separate and event.suggested:
        tables[:0] = _compared("separate", event.separate, event.suggested, SEPARATE)
    return Section(
        "separate", "Separate pods and suggested", (lead,), ("separate-classes", "separate-owners"), tuple(tables)
    )


def _compared(name: str, before: Standing, after: Standing, label: str) -> Iterator[Table]:
    """Compare two portfolios: figures, value, income and asset classes."""
    columns = ("", label, SUGGESTED, "Change", "")
    yield Table(f"{name}-figures", "Figures of a year", columns, _NUMBERS, tuple(standings.figures(before, after)))
    for of, caption, rows in (
        ("value", "Value, AUD", standings.value(before, after)),
        ("income", "Income of a year, AUD", standings.income(before, after)),
        ("classes", "Asset classes, shares of the capital", standings.classes(before, after)),
    ):
        table = Table(f"{name}-{of}", caption, columns, _NUMBERS, rows, frozenset({len(rows) - 1}))
        yield without_empty(table)


def _by_pod(event: MasterPortfolioOptimized) -> Table:
    alone, together = separate.held(event)
    rows = tuple(
        (
            pod,
            SHARE.show(account.capital_share),
            separate.said(alone[pod]),
            separate.said(together[pod]),
            *(
                "" if each is None else f"{each:.1f}"
                for each in (account.effective_holdings_alone, account.effective_holdings)
            ),
        )
        for pod, account in event.pods.items()
    )
    columns = ("Pod", "Share", SEPARATE, SUGGESTED, "Effective holdings alone", "Effective holdings")
    return without_empty(Table("separate-pods", "Pods, shares of the capital", columns, frozenset({1, 4, 5}), rows))


def _cost(event: MasterPortfolioOptimized) -> Table:
    rows = list(standings.added_up("Cost of getting there", cost_rows(event), better="lower"))
    orders = switch.number_of_orders(event)
    if orders:
        rows.insert(0, standings.row("Orders", *orders, COUNT, "lower"))
    columns = ("", SEPARATE, SUGGESTED, "Change", "")
    return Table(
        "separate-cost", "Cost of getting there, AUD", columns, _NUMBERS, tuple(rows), frozenset({len(rows) - 1})
    )


def _money_goals(event: MasterPortfolioOptimized) -> Section | None:
    if not event.money_goals:
        return None
    points = [*map(money_goals.sentence, event.money_goals)]
    points += money_goals.funded(event.funding, str) if event.funding else ()
    return Section("money-goals", "Money goals", (), (), (money_goals.table(event, str),), tuple(points))
