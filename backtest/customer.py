"""The customer of a backtest: what a request can ask of the past, and the strategies that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from portfolio.errors import DataError
from portfolio.names import doubted
from portfolio.tax.regime import REFORM_STARTS
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from backtest.strategies import Strategy
    from bus.language.messages import OptimizationRequest

# Shares of the whole world outside Australia at a low fee: the broadest ETF of the bundled markets.
SINGLE_ETF = "VGS"
_LEAST_CAPITAL_AUD = 1_000.0

# Members that a backtest cannot follow, each with the mend.
_NOT_OF_CUSTOMER = {
    "owners": "has two owners, and a backtest taxes one: give marginal_tax_rate, the mean by shares",
    "taxable_income_aud": "needs the brackets of past years: give marginal_tax_rate instead",
    "other_income_uses_credits": "needs income that a backtest does not know: leave it out",
}
_ONE_DAY = "is of one day, and a backtest has many: leave it out"
_NOT_OF_ACCOUNT = {
    "holdings": "has holdings, and a backtest starts from cash: leave holdings out",
    **dict.fromkeys(("contribution_aud", "withdraw_aud", "pension", "keep_tax_aside", "realised"), _ONE_DAY),
    "cost_base_adjustments": "is of one year, and a backtest has many: leave it out",
    "min_cash_share": "is of one day, and a backtest has many: give cash_floor_aud instead",
}


def capital_aud(request: OptimizationRequest) -> float:
    """Return the money at the start."""
    account = request.account
    return request.customer.total_capital_aud or (account.cash_aud if account else 0.0)


def refuse(request: OptimizationRequest, last: date) -> None:
    """Refuse a request that asks for what no backtest can do.

    Args:
        request: The customer's request.
        last: The last day of the history.

    Raises:
        DataError: If there is such a member; the message names each, and the mend.
    """
    if faults := list(_faults(request, last)):
        raise DataError("; ".join(faults))


def _faults(request: OptimizationRequest, last: date) -> Iterator[str]:
    customer = request.customer
    if request.pod_weights is None:
        yield "pod_weights is missing: a backtest has no money goals to derive the shares from; give pod_weights"
    if request.goals:
        yield "goals has money goals, whose dates a backtest does not know: leave goals out"
    if capital_aud(request) < _LEAST_CAPITAL_AUD:
        yield f"the capital is {capital_aud(request):,.2f} AUD: give at least {_LEAST_CAPITAL_AUD:,.0f}"
    if customer.entity is Entity.INDIVIDUAL and last >= REFORM_STARTS:
        yield f"the prices go on until {last}, and tax on sales from {REFORM_STARTS} needs facts: end them before"
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
        FirstPurchaseHeld(coordinated),
    )
