"""Check what a final event says of its market, and what follows: ages, the Sharpe ratio's error, small positions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from math import sqrt
from typing import TYPE_CHECKING

from portfolio.check.exchange_days import between
from portfolio.check.facts import same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

# Trading days that need not be told, and days that a request must allow.
_NEAR, _MOST_DAYS = 5, 30
_FIRST_PURCHASE_AUD = 500.0


def market_told(event: Event, market: Market) -> Iterator[str]:
    """Check the statements of the market against its own files."""
    told = event["market"]
    stated = asdict(market.basis).items()
    basis = {name: value.isoformat() if isinstance(value, date) else value for name, value in stated}
    for name, due in (("basis", basis), ("priced_on", market.priced_on.isoformat()), ("inflation", market.inflation)):
        if told[name] != due:
            yield f"the event says of its market that its {name} is {told[name]}, not {due}"
    yield from _age(event, market)
    yield from _sharpe_error(event, market)
    yield from _model(event, market)


def _age(event: Event, market: Market) -> Iterator[str]:
    """Check how far the day of the trades is from the day of the prices, and that the request allows it."""
    owned, told = event["terms"]["owned"], event["prices_age_days"]
    if owned is None:
        if told is not None:
            yield "an age of the prices is told without a day of the trades"
        return
    days = date.fromisoformat(owned["as_of"]).toordinal() - market.priced_on.toordinal()
    first, last = sorted((market.priced_on, date.fromisoformat(owned["as_of"])))
    due = days if abs(days) > _MOST_DAYS or between(first, last) > _NEAR else None
    if told != due:
        yield f"the age of the prices is told as {told} days, not {due}"
    if abs(days) > _MOST_DAYS and owned["stale_prices"] != "allow":
        yield f"the prices are {days} days from the day of the trades, and the request does not allow that"


def _of_the_whole(event: Event, metric: str) -> float | None:
    """Read a figure of the portfolio; its own row of the comparison is checked elsewhere."""
    found: list[float | None] = [row["master"] for row in event["comparison"] if row["metric"] == metric]
    return found[0] if found else None


def _sharpe_error(event: Event, market: Market) -> Iterator[str]:
    """Check the standard error of the Sharpe ratio: that of a mean of independent returns, and of their spread."""
    due, basis, ratio = None, market.basis, _of_the_whole(event, "sharpe_ratio")
    if basis.kind == "history" and ratio is not None:
        of_one = ratio / sqrt(basis.returns_per_year)
        due = sqrt((1 + of_one * of_one / 2) / basis.returns) * sqrt(basis.returns_per_year)
    if not same(event["sharpe_standard_error"], due):
        yield f"the standard error of the Sharpe ratio is {due}, not {event['sharpe_standard_error']}"


def _model(event: Event, market: Market) -> Iterator[str]:
    """Check that a portfolio without an account is called a model, and which of its positions nobody can buy."""
    told = event["model_portfolio"]
    if (told is None) != (event["terms"]["owned"] is not None):
        yield "a portfolio without an account must be told to be a model, and no other"
    if told is None:
        return
    if not same(
        told["cost_aud"], cost := _of_the_whole(event, "trading_cost_aud"), size=event["terms"]["total_capital_aud"]
    ):
        yield f"buying the model portfolio costs {cost}, not {told['cost_aud']}"
    prices = {etf.ticker: etf.price_aud or 0.0 for etf in market.etfs}
    due = {}
    for holding in event["holdings"]:
        least = max(_FIRST_PURCHASE_AUD, prices[holding["ticker"]])
        if holding["amount_aud"] < least:
            due[holding["ticker"]] = (holding["amount_aud"], least)
    if {one["ticker"]: (one["amount_aud"], one["needs_aud"]) for one in told["too_small"]} != due:
        yield f"the positions below what can be bought are {', '.join(due) or 'none'}, with other figures"
