"""The request of the next year is one that a system takes, whoever owns the account and whatever the orders were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.builders import final_event
from support.depth import examples
from support.requests_made import OUTLOOK, body, couple, holding

from agents.mandate_files import bundled, load
from bus.language.messages import MasterPortfolioOptimized, OptimizationRequest, parse_request
from cli.what_if.locally import refuse
from cli.what_if.plan import _index, next_request
from portfolio.market.snapshot import load as load_market
from portfolio.orders.carried import carry
from portfolio.published.order import Order, ParcelSold, Side
from portfolio.published.trading import OwnerGains
from portfolio.tax.gains import assess, assess_each
from portfolio.tax.parcels import Quotes
from portfolio.tax.sale import realise

if TYPE_CHECKING:
    from portfolio.terms.owned import Owned

MANDATES = {mandate.pod: mandate for mandate in map(load, bundled())}
PRICES = {etf.ticker: etf.price_aud for etf in load_market(OUTLOOK).etfs if etf.price_aud}
ACCOUNT = {"as_of": "2025-11-10", "cash_aud": 20_000.0, "holdings": [holding("VGS", 200)]}


def ask(request_id: str = "r", **changes: object) -> OptimizationRequest:
    made = body(request_id, market=OUTLOOK, pod_weights={"alpha": 0.5, "gamma": 0.5}, rules={"max_tax_aud": 100.0})
    return parse_request(json.dumps(made | {"stale_prices": "allow"} | changes).encode(), request_id)


@cache
def answered() -> MasterPortfolioOptimized:
    made = body("test", market=OUTLOOK, pod_weights={"alpha": 0.5, "gamma": 0.5}, account=ACCOUNT)
    event = final_event(json.dumps(made | {"customer": {"customer_id": "c"}}).encode())
    assert isinstance(event, MasterPortfolioOptimized)
    return event


def after(request: OptimizationRequest, sold: list[int], bought: dict[str, int]) -> MasterPortfolioOptimized:
    """State the event of *request* after sales of so many units of each parcel, and purchases."""
    template, terms = answered(), request.terms()
    assert terms.owned is not None
    assert template.trading is not None
    owned = terms.owned
    quotes = Quotes(owned.as_of, PRICES)
    realised = realise(owned.parcels, sold, quotes, owned.taxpayer, owned.law)
    each = assess_each(owned.taxpayer, realised)
    trading = replace(
        template.trading,
        orders=(*_sales(owned, sold), *(_order(Side.BUY, ticker, units) for ticker, units in bought.items())),
        gains=assess(owned.taxpayer, realised),
        owners=tuple(
            OwnerGains(one.owner_id, one.share, gains) for one, gains in zip(owned.taxpayer.owners, each, strict=False)
        ),
        cash_left_aud=owned.cash_aud,
    )
    return template.model_copy(update={"terms": terms, "trading": trading})


def _sales(owned: Owned, sold: list[int]) -> list[Order]:
    found: dict[str, list[ParcelSold]] = {}
    for parcel, units in zip(owned.parcels, sold, strict=True):
        if units:
            part = ParcelSold(parcel.acquired, units, parcel.unit_cost_aud * units, {})
            found.setdefault(parcel.ticker, []).append(part)
    return [_order(Side.SELL, t, sum(p.units for p in parts), tuple(parts)) for t, parts in found.items()]


def _order(side: Side, ticker: str, units: float, parcels: tuple[ParcelSold, ...] = ()) -> Order:
    value = units * PRICES[ticker]
    return Order(side, ticker, units, PRICES[ticker], value, 10.0, 0.0, ("gamma",), parcels, 0.0, "a test")


AUD = st.floats(0, 1e6).map(lambda aud: round(aud, 2))


def payers() -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    """Draw a customer, and gains of the year so far where the account states them."""
    realised = st.fixed_dictionaries({}, optional={"undiscounted_aud": AUD, "losses_aud": AUD, "discountable_aud": AUD})
    losses = st.fixed_dictionaries({}, optional={"carried_losses_aud": AUD})
    rate = st.one_of(
        st.sampled_from([0.0, 0.18, 0.32, 0.47]).map(lambda r: {"marginal_tax_rate": r}),
        st.sampled_from([0.0, 30_000.0, 44_000.0, 250_000.0]).map(lambda aud: {"taxable_income_aud": aud}),
    )
    value = st.sampled_from([{}, {"loss_value": 0.0}, {"loss_value": 0.01}])
    alone = st.tuples(rate, losses, st.booleans(), value).map(
        lambda t: (
            {"customer_id": "c", **t[0], **t[1], "minimum_tax_exempt": t[2]}
            | (t[3] if t[0] not in ({"marginal_tax_rate": 0.0}, {"taxable_income_aud": 0.0}) else {})
        )
    )
    owner = st.tuples(rate, losses, realised).map(lambda t: {**t[0], **t[1], "realised": t[2]})

    def together(owners: tuple[dict[str, Any], dict[str, Any]], share: float) -> dict[str, Any]:
        parts = [
            {"owner_id": name, "share": part, **one}
            for name, part, one in zip("ab", (share, 1 - share), owners, strict=True)
        ]
        return {"customer_id": "c", "owners": parts}

    joint = st.builds(together, st.tuples(owner, owner), st.sampled_from([0.5, 0.25, 0.3]))
    funds = st.tuples(
        st.sampled_from(
            [
                {"entity": "super_accumulation"},
                {"entity": "super_accumulation", "exempt_share": 0.4},
                {"entity": "super_pension"},
            ]
        ),
        losses,
    ).map(lambda t: {"customer_id": "c", **t[0], **t[1]})
    company = st.tuples(st.sampled_from([0.25, 0.30]), losses).map(
        lambda t: {"customer_id": "c", "entity": "company", "marginal_tax_rate": t[0], **t[1]}
    )
    undiscounted = st.fixed_dictionaries({}, optional={"undiscounted_aud": AUD, "losses_aud": AUD})
    nothing = st.just({})
    return st.one_of(
        st.tuples(alone, st.one_of(nothing, realised.map(lambda r: {"realised": r}))),
        st.tuples(joint, nothing),
        st.tuples(funds, nothing),
        st.tuples(company, st.one_of(nothing, undiscounted.map(lambda r: {"realised": r}))),
    )


@st.composite
def accounts(draw: st.DrawFn) -> tuple[OptimizationRequest, list[int], dict[str, int]]:
    """Draw a request, units sold of each parcel, and units bought."""
    day = draw(st.sampled_from(["2025-11-10", "2026-07-01", "2027-06-29", "2028-02-29", "2030-08-09"]))
    customer, year = draw(payers())
    holdings: list[dict[str, Any]] = []
    sold: list[int] = []
    for ticker in draw(st.lists(st.sampled_from(sorted(PRICES)), min_size=1, max_size=4, unique=True)):
        parcels: list[dict[str, Any]] = [
            {"acquired": acquired, "units": units, "cost_base_aud": round(units * PRICES[ticker] * part, 2)}
            for acquired, units, part in draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(["2024-11-05", "2025-06-30", "2025-07-01", day]),
                        st.integers(1, 500),
                        st.floats(0, 2),
                    ),
                    min_size=1,
                    max_size=3,
                )
            )
        ]
        sold += [draw(st.integers(0, parcel["units"])) for parcel in parcels]
        holdings.append({"ticker": ticker, "units": sum(p["units"] for p in parcels), "parcels": parcels})
    account: dict[str, Any] = {"as_of": day, "cash_aud": draw(AUD), "holdings": holdings, **year}
    if customer.get("entity", "individual") == "individual" and day >= "2027-07-01":
        values = {held["ticker"]: PRICES[held["ticker"]] for held in holdings}
        quarters = ("2027-07-01", "2027-10-01", "2028-01-01", "2028-04-01", "2030-07-01")
        account["reform"] = {"values_aud": values, "cpi": {q: 100.0 + 2 * i for i, q in enumerate(quarters)}}
    adjusted = [held["ticker"] for held in holdings if any(p["acquired"] <= "2025-06-30" for p in held["parcels"])]
    if adjusted and draw(st.booleans()):
        change = draw(st.floats(-1e5, 1e5))
        account["cost_base_adjustments"] = [{"ticker": adjusted[0], "year": 2025, "change_aud": change}]
    payments: dict[str, Any] = {}
    if draw(st.booleans()):
        payments = {"withdraw_aud": 100.0, "withdraw_by": "2035-01-04", "contribution_aud": 5.0, "keep_tax_aside": True}
    if str(customer.get("entity", "")).startswith("super") and draw(st.booleans()):
        payments["pension"] = {"age": 70, "balance_aud": 1e5}
    goals = [{"goal_id": "g", "name": "n", "pod": "gamma", "target_amount_aud": 1e5, "years": draw(st.floats(0, 30))}]
    name = draw(st.sampled_from(["r", "r-2026", "a" * 64, "-" * 64, "2026"]))
    account |= payments
    request = ask(name, customer=customer, account=account, goals=goals if draw(st.booleans()) else [])
    assume(refuse(request, MANDATES) is None)
    bought = draw(st.dictionaries(st.sampled_from(sorted(PRICES)), st.integers(1, 1_000), max_size=3))
    return request, sold, bought


@examples(400, quick=40)
@given(accounts(), st.integers(1, 3))
def test_the_request_of_each_next_year_is_one_that_a_system_takes(
    drawn: tuple[OptimizationRequest, list[int], dict[str, int]], years: int
) -> None:
    request, sold, bought = drawn
    for _ in range(years):
        event = after(request, sold, bought)
        later = next_request(request, event)

        assert refuse(later, MANDATES) is None
        assert event.terms.owned is not None
        assert event.trading is not None
        carried = later.terms().owned
        assert carried is not None
        expected = carry(event.terms.owned.parcels, event.trading.orders, event.terms.owned.as_of)
        assert sorted(map(str, carried.parcels)) == sorted(map(str, expected))
        assert [one.carried_losses_aud for _, one in carried.taxpayer.each] == pytest.approx(
            [each.losses_carried_aud for each in _gains(event)]
        )
        assert not carried.taxpayer.realised.is_any
        assert later.request_id != request.request_id
        request, sold, bought = later, [0] * len(carried.parcels), {}


def _gains(event: MasterPortfolioOptimized) -> list[Any]:
    assert event.trading is not None
    return [one.gains for one in event.trading.owners] or [event.trading.gains]


def test_each_owner_carries_the_losses_of_the_own_share() -> None:
    # 200 VGS at 154.12, bought for 40,000 AUD: a loss of 40,000 - 30,824 = 9,176 AUD, 5,505.60 and 3,670.40 of it. The
    # first owner has 1,000 AUD of losses; the second 2,000 AUD of gains this year, which losses reduce to nothing.
    customer = couple(
        {"share": 0.6, "carried_losses_aud": 1_000.0}, {"share": 0.4, "realised": {"undiscounted_aud": 2e3}}
    )
    account = ACCOUNT | {"holdings": [holding("VGS", 200, cost_base_aud=40_000.0)]}
    request = ask(customer=customer, account=account)
    later = next_request(request, after(request, [200], {}))

    assert later.customer.owners is not None
    assert [one.carried_losses_aud for one in later.customer.owners] == pytest.approx([6_505.60, 1_670.40])
    assert [one.realised for one in later.customer.owners] == [None, None]


def test_adjusted_cost_bases_are_carried_and_not_adjusted_again() -> None:
    # 8,000 AUD of 200 units lowered by 1,000; 50 are sold: 150 units of 35 AUD are left.
    account = ACCOUNT | {
        "holdings": [holding("VGS", 200, cost_base_aud=8_000.0)],
        "cost_base_adjustments": [{"ticker": "VGS", "year": 2025, "change_aud": -1_000.0}],
    }
    request = ask(customer={"customer_id": "c"}, account=account)
    for sold, left in ((50, 5_250.0), (200, 0.0)):
        later = next_request(request, after(request, [sold], {}))
        assert later.account is not None
        assert later.account.cost_base_adjustments == []
        assert sum(p.cost_base_aud for held in later.account.holdings for p in held.parcels) == pytest.approx(left)


def test_the_value_of_losses_falls_with_the_rate_of_the_year() -> None:
    # At 30,000 AUD of income a dollar of losses saves half of 18 cents in 2025-26, and half of 17 in 2026-27.
    customer = {"customer_id": "c", "taxable_income_aud": 30_000.0, "loss_value": 0.09}
    request = ask(customer=customer, account=ACCOUNT)
    assert next_request(request, after(request, [0], {})).customer.loss_value == pytest.approx(0.085)


def test_an_index_between_two_that_are_given_grows_steadily() -> None:
    known = {date(2028, 1, 1): 100.0, date(2030, 1, 1): 121.0}
    # A year of two, at 10 % each: 366 of 731 days.
    assert _index(known, date(2029, 1, 1)) == pytest.approx(100 * 1.21 ** (366 / 731))
    assert [_index(known, day) for day in (date(2027, 7, 1), date(2031, 1, 1))] == [100.0, 121.0]
    assert _index({}, date(2027, 7, 1)) == 100.0
