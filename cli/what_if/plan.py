"""Plan the steps of several years: each step is a request, and the holdings after its orders are those of the next."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from bus.language.messages import MasterPortfolioFailed, encode, parse_request
from bus.language.messages.requests import Account, Customer
from bus.language.subjects import MOST_OF_ID
from cli.what_if.locally import solve
from portfolio.market import snapshot as markets
from portfolio.orders.carried import carry
from portfolio.tax.adjustments import Adjustment, adjust
from portfolio.tax.brackets import saved_by_loss
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import REFORM_STARTS, income_year
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized, OptimizationRequest
    from portfolio.published.order import Order
    from portfolio.published.step import OpenRule
    from portfolio.published.trading import Trading
    from portfolio.terms.mandate import Mandate

Body = dict[str, Any]

# Saturday and Sunday.
_WEEKEND = 5
# Payments of the first year alone, and what is of one financial year.
_ONCE = (
    "contribution_aud",
    "withdraw_aud",
    "withdraw_by",
    "pension",
    "realised",
    # The cost bases that are carried have these.
    "cost_base_adjustments",
)
# Prices that stay as they are have no inflation: the index of every quarter that is not given.
_INDEX = 100.0


@dataclass(frozen=True, slots=True)
class Year:
    """One step.

    Attributes:
        request: The request, which can be published in its year.
        event: The final event.
        year: The calendar year in which the financial year of the step ends.
    """

    request: OptimizationRequest
    event: FinalEvent
    year: int

    @property
    def tax_aud(self) -> float:
        """Tax on the gains of the step, AUD; 0 without a portfolio."""
        return 0.0 if self._optimised is None or not self._optimised.trading else self._optimised.trading.gains.tax_aud

    @property
    def open_rules(self) -> tuple[OpenRule, ...]:
        """The rules that are targets of the step."""
        trading = self._optimised.trading if self._optimised else None
        return trading.step.rules if trading and trading.step else ()

    def distance(self, rule: str) -> tuple[float, float]:
        """Return the distance from a rule before and after the step; 0 where the rule is kept."""
        found = next((each for each in self.open_rules if each.rule == rule), None)
        return (found.today, found.suggested) if found else (0.0, 0.0)

    @property
    def _optimised(self) -> MasterPortfolioOptimized | None:
        return None if isinstance(self.event, MasterPortfolioFailed) else self.event


def plan_years(request: OptimizationRequest, years: int, mandates: Mapping[str, Mandate]) -> Iterator[Year]:
    """Solve the steps one after the other, each within the request's deadline; a refused step is the last one."""
    for number in range(1, years + 1):
        ends = monotonic() + request.deadline_s
        event = solve(request, mandates, stop=lambda ends=ends: monotonic() > ends)  # type: ignore[misc]
        assert request.account is not None  # noqa: S101 - the command refuses a request without an account
        yield Year(request, event, income_year(request.account.as_of))
        if isinstance(event, MasterPortfolioFailed) or number == years:
            return
        request = next_request(request, event)


def next_request(request: OptimizationRequest, event: MasterPortfolioOptimized) -> OptimizationRequest:
    """Make the request of the next year: the account after the orders, a year later, at the same prices.

    Args:
        request: The request of this year.
        event: Its final event, with orders.
    """
    body: Body = json.loads(encode(request))
    account, trading, terms = body["account"], event.trading, event.terms
    assert trading is not None and terms.owned is not None  # noqa: S101, PT018 - there is an account
    bought = terms.owned.as_of
    day = a_year_later(bought)
    aside_aud = terms.owned.payments.aside_aud(trading.gains.tax_aud)
    account |= {
        "as_of": day.isoformat(),
        # Tax that was set aside is paid by then.
        "cash_aud": max(trading.cash_left_aud - aside_aud, 0.0),
        "holdings": _holdings(account, trading.orders, bought),
    }
    for name in _ONCE:
        account.pop(name, None)
    for goal in body["goals"]:
        goal["years"] = max(goal["years"] - 1, 0)
    # The prices are those of today, however far the day is.
    body |= {"stale_prices": "allow", "request_id": _name(body["request_id"], day)}
    if terms.entity is Entity.INDIVIDUAL and day >= REFORM_STARTS:
        _state_facts(account, event.market.id, day)
    _state_losses(body["customer"], trading)
    _lower_loss_value(body)
    return parse_request(json.dumps(body).encode(), body["request_id"])


def a_year_later(day: date) -> date:
    """Return the same day of the next year, or the trading day after it."""
    try:
        later = day.replace(year=day.year + 1)
    except ValueError:
        later = date(day.year + 1, 3, 1)
    return later + timedelta(days=max(7 - later.weekday(), 0) if later.weekday() >= _WEEKEND else 0)


def _name(request_id: str, day: date) -> str:
    stem, _, last = request_id.rpartition("-")
    stem = stem if stem and last == f"{income_year(day) - 1}" else request_id
    year = f"-{income_year(day)}"
    return stem[: MOST_OF_ID - len(year)] + year


def _state_losses(customer: Body, trading: Trading) -> None:
    """State the losses that the step leaves: each owner's own, where there are several."""
    if trading.owners:
        for stated, owner in zip(customer["owners"], trading.owners, strict=True):
            stated |= {"carried_losses_aud": owner.gains.losses_carried_aud, "realised": None}
    else:
        customer["carried_losses_aud"] = trading.gains.losses_carried_aud


def _lower_loss_value(body: Body) -> None:
    """Lower the value of a dollar of losses to the most that the year of the step allows: rates fall by year."""
    customer = body["customer"]
    if customer["loss_value"] is not None:
        read = Customer.model_validate_json(json.dumps(customer))
        account = Account.model_validate_json(json.dumps(body["account"]))
        customer["loss_value"] = min(customer["loss_value"], saved_by_loss(read.taxpayer(account)))


def _holdings(account: Body, orders: tuple[Order, ...], day: date) -> list[Body]:
    """Carry the parcels of all holdings, as the account of a request states them, with adjusted cost bases."""
    holdings: list[Body] = account["holdings"]
    stated = [
        Parcel(held["ticker"], each["units"], date.fromisoformat(each["acquired"]), each["cost_base_aud"])
        for held in holdings
        for each in held["parcels"]
    ]
    made = [Adjustment(one["ticker"], one["year"], one["change_aud"]) for one in account["cost_base_adjustments"]]
    parcels, _ = adjust(stated, made)
    owned: dict[str, Body] = {held["ticker"]: held | {"units": 0, "parcels": []} for held in holdings}
    for parcel in carry(parcels, orders, day):
        held = owned.setdefault(parcel.ticker, {"ticker": parcel.ticker, "units": 0, "parcels": []})
        held["units"] += parcel.units
        held["parcels"].append(
            {
                "acquired": parcel.acquired.isoformat(),
                "units": parcel.units,
                "cost_base_aud": parcel.cost_base_aud,
            }
        )
    return [held for held in owned.values() if held["units"]]


def _state_facts(account: Body, market_id: str, day: date) -> None:
    """State the facts that the law from 1 July 2027 needs and the request does not give: today's prices stay."""
    prices = {etf.ticker: etf.price_aud for etf in markets.load(market_id).etfs if etf.price_aud is not None}
    facts = account.setdefault("reform", {})
    values, cpi = facts.setdefault("values_aud", {}), facts.setdefault("cpi", {})
    given = {date.fromisoformat(quarter): float(index) for quarter, index in cpi.items()}
    days = {date.fromisoformat(parcel["acquired"]) for held in account["holdings"] for parcel in held["parcels"]}
    for quarter in {_quarter(max(acquired, REFORM_STARTS)) for acquired in days} | {_quarter(day)}:
        cpi.setdefault(quarter.isoformat(), _index(given, quarter))
    for held in account["holdings"]:
        if held["ticker"] in prices and any(
            date.fromisoformat(parcel["acquired"]) < REFORM_STARTS for parcel in held["parcels"]
        ):
            values.setdefault(held["ticker"], prices[held["ticker"]])


def _index(given: Mapping[date, float], quarter: date) -> float:
    """Estimate the index of a quarter: the nearest one that is given, or on the steady growth between two of them."""
    before, after = ([q for q in given if (q < quarter) is earlier] for earlier in (True, False))
    if not before or not after:
        return given[max(before) if before else min(after)] if given else _INDEX
    first, last = max(before), min(after)
    part = (quarter - first).days / (last - first).days
    return given[first] * math.exp(part * math.log(given[last] / given[first]))


def _quarter(day: date) -> date:
    return date(day.year, (1, 4, 7, 10)[(day.month - 1) // 3], 1)
