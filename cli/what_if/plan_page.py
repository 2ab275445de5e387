"""Show a plan: a table of the steps, with a bar for the distance and a bar for the tax of each year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bus.language.messages import MasterPortfolioFailed
from cli.pages.tables import make_table
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from cli.what_if.plan import Year

_BAR = 8
_COLUMNS = ("Year", "Sold, AUD", "Tax, AUD", "From", "To", "Distance", "Tax")
# Rules whose distance is a number of ETFs or of pairs.
_COUNTED = ("max_etfs", "min_correlation_distance")
_SAID = {
    "cash_floor": "the cash below the amount to be kept",
    "outside": "the part of the capital in ETFs that no pod may hold",
    "max_weight": "the part of the capital above the largest weight of an ETF",
    "capital_tolerance": "the part of the capital by which pods are away from their shares",
    "max_position": "the part of the capital above the pods' largest positions",
    "max_etfs": "the ETFs above the largest number",
    "min_correlation_distance": "the pairs of ETFs that are nearer to each other than asked",
    "min_weight": "the part of the capital that small positions lack",
}


def show_plan(console: Console, years: Sequence[Year]) -> None:
    """Print a row per step, and the assumptions in sentences."""
    rule = _followed(years)
    most_tax, most = max((year.tax_aud for year in years), default=0.0), years[0].distance(rule)[0]
    table = make_table(console, "Step by step", *_COLUMNS, right=(1, 2, 3, 4))
    last = 0.0
    for year in years:
        name = f"{year.year - 1}-{year.year % 100:02d}"
        if isinstance(year.event, MasterPortfolioFailed):
            table.add_row(name, "", "", "", "", Text("no portfolio", style="yellow"), "")
            continue
        # A year in which no rule is a target begins where the last one ended.
        before, after = year.distance(rule) if year.open_rules else (last, 0.0)
        last = after
        table.add_row(
            name,
            f"{_sold(year):,.0f}",
            f"{year.tax_aud:,.2f}",
            _shown(rule, before),
            _shown(rule, after),
            _bar(console, after, most),
            _bar(console, year.tax_aud, most_tax),
        )
    console.print(table)
    for sentence in _said(years, rule):
        console.print(f"* {sentence}")


def _followed(years: Sequence[Year]) -> str:
    """Choose the rule whose distance is drawn: of those that are open first, the one served first."""
    return next((rule.rule for year in years for rule in year.open_rules), "")


def _shown(rule: str, distance: float) -> str:
    return f"{distance:.0f}" if rule in _COUNTED else f"{distance:.1%}"


def _day(year: Year) -> str:
    return year.request.account.as_of.isoformat() if year.request.account else ""


def _sold(year: Year) -> float:
    if isinstance(year.event, MasterPortfolioFailed) or year.event.trading is None:
        return 0.0
    return sum(order.value_aud for order in year.event.trading.orders if order.side is Side.SELL)


def _bar(console: Console, value: float, most: float) -> Text:
    part = max(value, 0.0) / most if most > 0 else 0.0
    return Text(("█" if console.is_terminal else "#") * round(_BAR * part), style="cyan")


def _said(years: Sequence[Year], rule: str) -> list[str]:
    said = []
    if rule:
        said.append(f"From and to: {_SAID[rule]}, before and after the step.")
    others = sorted({each.rule for each in years[-1].open_rules if each.suggested > 0} - {rule})
    if isinstance(years[-1].event, MasterPortfolioFailed):
        said.append(f"There is no portfolio in {years[-1].year}: {years[-1].event.message}")
    elif not any(each.suggested > 0 for each in years[-1].open_rules):
        said.append("After the last step every rule is kept.")
    elif others:
        said.append(f"After the last step these rules are not kept either: {', '.join(others)}.")
    # Of the cents in the table, which a reader adds up.
    total = sum(round(year.tax_aud, 2) for year in years)
    said.append(f"Tax on the gains of all steps: {total:,.2f} AUD. Each is due after its year, from other money.")
    if years[1:]:
        said.append(
            f"The steps after the first are those of {', '.join(_day(year) for year in years[1:])}, and assume today's"
            " prices, no payment in or out, the same income and the same rules; no distribution is added to the cash."
            " Ask again each year: with other prices the steps are other ones."
        )
    if any(_day(year) >= "2027-07-01" for year in years):
        said.append(
            "For sales of an individual from 1 July 2027, facts that the request does not give are today's: prices on"
            " the eve of that day, and an index of prices that does not move."
        )
    return said
