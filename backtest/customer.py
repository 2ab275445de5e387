"""The customer of a backtest: what a request can ask of the past, and the strategies that follow from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backtest.account import Pocket
from backtest.strategies import (
    EQUAL,
    SINGLE,
    Coordinated,
    Engine,
    FirstPurchaseHeld,
    FixedWeights,
    Limits,
    SeparatePods,
    WithoutPods,
    universe_of,
)
from bus.language.messages.requests import Account
from portfolio.errors import DataError
from portfolio.names import doubted
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import REFORM_STARTS
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from backtest.history import History
    from backtest.strategies import Strategy
    from bus.language.messages import OptimizationRequest
    from portfolio.tax.taxpayer import Taxpayer

# Shares of the whole world outside Australia at a low fee: the broadest ETF of the bundled markets.
SINGLE_ETF = "VGS"
_LEAST_CAPITAL_AUD = 1_000.0

# Members that a backtest cannot follow, each with the mend.
_NOT_OF_CUSTOMER = {"other_income_uses_credits": "needs income that a backtest does not know: leave it out"}
_ONE_DAY = "is of one day, and a backtest has many: leave it out"
_ONE_PAYMENT = "is of one day, and a backtest has many: give the payments by date (--payments)"
_NOT_OF_ACCOUNT = {
    **dict.fromkeys(("contribution_aud", "withdraw_aud", "pension"), _ONE_PAYMENT),
    **dict.fromkeys(("keep_tax_aside", "realised"), _ONE_DAY),
    "cost_base_adjustments": "is of one year, and a backtest has many: leave it out",
    "min_cash_share": "is of one day, and a backtest has many: give cash_floor_aud instead",
}


def start_of(request: OptimizationRequest) -> Pocket:
    """Return cash and parcels of the first date of orders, before the orders."""
    account = request.account
    parcels = tuple(
        Parcel(holding.ticker, parcel.units, parcel.acquired, parcel.cost_base_aud)
        for holding in (account.holdings if account else ())
        for parcel in holding.parcels
    )
    return Pocket(request.customer.total_capital_aud or (account.cash_aud if account else 0.0), parcels)


def first_acquired(parcels: Iterable[Parcel]) -> dict[str, date]:
    """Return the first day on which units of each ETF were acquired, by ticker."""
    found: dict[str, date] = {}
    for parcel in parcels:
        found[parcel.ticker] = min(parcel.acquired, found.get(parcel.ticker, parcel.acquired))
    return found


def taxpayer_on(request: OptimizationRequest, day: date) -> Taxpayer:
    """Return the taxpayer in the financial year of *day*; losses for later years have no value beyond their use.

    Raises:
        DataError: If the brackets of that year are not known.
    """
    return replace(request.customer.taxpayer(Account(as_of=day, cash_aud=0.0)), loss_value=0.0)


def refuse(request: OptimizationRequest, history: History, first: date) -> None:
    """Refuse a request that asks for what no backtest can do.

    Args:
        request: The customer's request.
        history: The history.
        first: The first date of orders.

    Raises:
        DataError: If there is such a member; the message names each, and the mend.
    """
    faults = list(_faults(request, history.prices.dates[-1]))
    if not faults:
        faults = list(_faults_of_start(start_of(request), history, first))
    if faults:
        raise DataError("; ".join(faults))


def _faults_of_start(start: Pocket, history: History, first: date) -> Iterator[str]:
    """Find what is wrong with the account of the first date of orders."""
    prices = history.until(first).prices.last()
    if strange := [ticker for ticker in start.units() if ticker not in prices]:
        yield (
            f"account.holdings has {', '.join(strange)}, and {history.prices.file} no price of them until {first}, the"
            " first date of orders: add the prices, or leave these holdings out"
        )
    elif (value_aud := start.value_aud(prices)) < _LEAST_CAPITAL_AUD:
        yield f"the capital is {value_aud:,.2f} AUD on {first}: give at least {_LEAST_CAPITAL_AUD:,.0f}"
    if later := [f"{each.ticker} on {each.acquired}" for each in start.parcels if each.acquired > first]:
        yield (
            f"account.holdings has parcels that were acquired after {first}, the first date of orders:"
            f" {', '.join(later)}; leave them out, or begin the prices later"
        )


def _faults(request: OptimizationRequest, last: date) -> Iterator[str]:
    customer = request.customer
    if request.pod_weights is None:
        yield "pod_weights is missing: a backtest has no money goals to derive the shares from; give pod_weights"
    if request.goals:
        yield "goals has money goals, whose dates a backtest does not know: leave goals out"
    if customer.entity is Entity.INDIVIDUAL and last >= REFORM_STARTS:
        yield f"the prices go on until {last}, and tax on sales from {REFORM_STARTS} needs facts: end them before"
    if any(owner.realised for owner in customer.owners or ()):
        yield f"customer.owners.realised {_ONE_DAY}"
    given = {f"customer.{name}": why for name, why in _NOT_OF_CUSTOMER.items() if getattr(customer, name)}
    given |= {f"account.{name}": why for name, why in _NOT_OF_ACCOUNT.items() if getattr(request.account, name, None)}
    for name, why in given.items():
        yield f"{name} {why}"


def strategies(engine: Engine, single: str, tickers: Sequence[str]) -> tuple[Strategy, ...]:
    """Return the coordinated portfolio and its rivals.

    Args:
        engine: The engine for the customer.
        single: The ETF of the strategy that holds one ETF.
        tickers: The ETFs of the history.

    Raises:
        DataError: If the history has no prices of *single*.
    """
    if single not in tickers:
        message = f"--single: the prices have no {doubted([single], tickers)}; name one of {', '.join(tickers)}"
        raise DataError(message)
    request = engine.request
    rules, account, shares = request.rules, request.account, request.shares()
    assert shares is not None  # noqa: S101 - ``refuse`` was asked before
    floor_aud = account.cash_floor_aud if account else 0.0
    limits = Limits(rules.capital_tolerance, floor_aud, rules.min_order_aud)
    coordinated = Coordinated(engine)
    return (
        coordinated,
        SeparatePods(engine, shares),
        WithoutPods(engine),
        FixedWeights(EQUAL, universe_of(engine), limits),
        FixedWeights(SINGLE, (single,), limits),
        FirstPurchaseHeld(coordinated, start_of(request).parcels),
    )
