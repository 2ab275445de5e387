"""The whole path from what is owned to the orders, on made markets: what holds whatever the numbers are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.depth import some_of
from support.trade_cases import CENT, attempt, case, optimise

from portfolio.case.case import Case as Asked
from portfolio.published.order import Side

if TYPE_CHECKING:
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.published.trading import Trading
    from portfolio.terms.rules import Terms

SEEDS = range(14)
# ASX: minimum initial investment in a listed security.
FIRST_PURCHASE_AUD = 500.0


@cache
def traded(seed: int, *, capital: float = 90_000.0) -> tuple[Terms, CoordinatedPortfolio, Trading]:
    """Trade a case as it is; others are compared with it."""
    return optimise(case(seed, capital=capital))


# What every plan keeps.


# Of the small one, the least position is worth less than the least first purchase.
@pytest.mark.parametrize("capital", [90_000.0, 9_000.0])
@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_orders_are_of_whole_units_and_large_enough(seed: int, capital: float) -> None:
    asked = case(seed, capital=capital)
    terms, _, trading = traded(seed, capital=capital)
    owned = asked.units()

    for order in trading.orders:
        assert order.units == int(order.units) > 0
        # Selling all that there is may be less: then it is not sold at all.
        assert order.value_aud >= terms.rules.min_order_aud
        if order.side is Side.BUY and not owned[order.ticker]:
            assert order.value_aud >= FIRST_PURCHASE_AUD
    assert len({order.ticker for order in trading.orders}) == len(trading.orders)


@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_units_afterwards_are_those_before_and_the_orders_and_parcels_add_up(seed: int) -> None:
    asked = case(seed)
    _, _, trading = traded(seed)
    after = asked.units()

    for order in trading.orders:
        after[order.ticker] += order.units if order.side is Side.BUY else -order.units
        if order.side is Side.SELL:
            assert sum(part.units for part in order.parcels) == order.units
        else:
            assert order.parcels == ()

    assert {ticker: units for ticker, units in after.items() if units} == trading.units


@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_cash_left_is_cash_less_what_is_bought_and_costs_and_not_negative(seed: int) -> None:
    asked = case(seed)
    _, _, trading = traded(seed)

    cash = asked.owned.cash_aud
    for order in trading.orders:
        etf = asked.market.etfs[asked.market.tickers.index(order.ticker)]
        assert etf.price_aud is not None
        value = order.units * etf.price_aud
        cash += value if order.side is Side.SELL else -value
        cash -= asked.terms.brokerage_aud + value * (asked.owned.brokerage_share + etf.half_spread)

    assert trading.cash_left_aud == pytest.approx(cash, abs=CENT)
    assert cash >= 0


@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_the_parcels_sold_are_those_that_cause_the_least_tax_for_their_units(seed: int) -> None:
    asked = case(seed)
    terms, _, trading = traded(seed)
    whole = Asked(asked.market, asked.sleeves, terms)
    stock = whole.stock
    assert stock is not None

    after = np.array([trading.units.get(ticker, 0.0) for ticker in asked.market.tickers])
    weights = after * np.nan_to_num(stock.prices) / stock.capital_aud
    cheapest = whole.move_to(weights[None, :])
    assert cheapest is not None

    # The fixed brokerage of a sale lowers the gain by its amount, and the tax by no more than the rate on that.
    sales = sum(order.side is Side.SELL for order in trading.orders)
    spared = cheapest.gains.tax_aud - trading.gains.tax_aud
    assert -CENT <= spared <= terms.marginal_tax_rate * terms.brokerage_aud * sales + CENT


@pytest.mark.deep
def test_the_cases_trade_both_ways_and_are_taxed() -> None:
    trades = [traded(seed)[2] for seed in SEEDS]

    assert sum(any(o.side is Side.SELL for o in t.orders) for t in trades) > len(SEEDS) / 2
    assert sum(any(o.side is Side.BUY for o in t.orders) for t in trades) > len(SEEDS) / 2
    assert sum(t.gains.tax_aud > 1 for t in trades) >= 3
    assert sum(sum(t.gains.losses_used_aud.values()) > 1 for t in trades) >= 3


# What a customer forbids.


@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_a_budget_of_nothing_causes_no_tax(seed: int) -> None:
    asked = case(seed).ruled(max_tax_aud=0.0)
    found = attempt(asked)
    if isinstance(found, set):
        assert "max_tax_aud" in found
        return
    _, _, trading = found
    assert trading.gains.tax_aud <= CENT
    assert trading.master.gains.tax_aud <= CENT


@pytest.mark.parametrize("seed", some_of(SEEDS, every=5))
def test_no_turnover_means_no_orders_or_a_conflict_that_names_it(seed: int) -> None:
    asked = case(seed).ruled(max_turnover=0.0)
    found = attempt(asked)
    if isinstance(found, set):
        assert "max_turnover" in found
        return
    _, _, trading = found
    assert trading.orders == ()


# The first one has multipliers so large that the order of a sum shows.
@pytest.mark.parametrize("seed", [61, *some_of(SEEDS, every=7)])
def test_what_is_never_sold_stays_and_what_is_never_bought_does_not_grow(seed: int) -> None:
    plain = case(seed)
    orders = traded(seed)[2].orders
    sold = tuple(o.ticker for o in orders if o.side is Side.SELL)[:1]
    bought = tuple(o.ticker for o in orders if o.side is Side.BUY and plain.units()[o.ticker])[:1]
    asked = plain.ruled(never_sell=sold, never_buy=bought)
    found = attempt(asked)
    if isinstance(found, set):
        assert "never_sell" in found
        return

    terms, _, trading = found
    assert terms.owned is not None
    before, after = asked.units(), dict(trading.units) | {kept.ticker: kept.units for kept in terms.owned.kept}
    assert all(after[ticker] >= before[ticker] for ticker in sold)
    assert all(after.get(ticker, 0.0) <= before[ticker] for ticker in bought)
