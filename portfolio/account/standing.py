"""Today, the separate pods and the suggestion, in the same figures of the same capital."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.account.describe import income_account
from portfolio.case.income import cash_share, income_of
from portfolio.market.figures import economic_duplicates, effective_holdings, tax_efficiency
from portfolio.market.snapshot import CASH, named
from portfolio.published.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.market.snapshot import Market
    from portfolio.published.money_goals import MoneyGoal
    from portfolio.published.trading import Trading


@dataclass(frozen=True, slots=True)
class Standings:
    """The three portfolios that a person compares; today only with an account."""

    today: Standing | None
    separate: Standing
    suggested: Standing


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Held:
    """What there is of one portfolio.

    Attributes:
        w: ETFs, as shares of the whole, shape (n,).
        cash_aud: Money.
        whole_aud: The denominator of the shares: the capital or, of today, the account before payments.
        contribution_aud: Money that comes in.
        withdrawal_aud: Money that is paid out.
        tax_due_aud: Tax on the gains of the trades.
        duplicated: Number of ETFs with several owners.
        chances: Of the money goals, by ``goal_id``.
    """

    w: Vector
    cash_aud: float
    whole_aud: float
    contribution_aud: float = 0.0
    withdrawal_aud: float = 0.0
    tax_due_aud: float = 0.0
    duplicated: int = 0
    chances: Mapping[str, float]


def standings(
    case: Case,
    X: Matrix,
    trading: Trading | None,
    *,
    goals: Sequence[MoneyGoal] = (),
    alone: Mapping[str, float] | None = None,
) -> Standings:
    """Compute the three portfolios' figures.

    Args:
        case: The customer's case.
        X: The coordinated portfolio, shape (pods, n), as shares of the capital.
        trading: The orders, if the customer has an account: then the suggestion is what they leave.
        goals: The money goals, with their chances today and as suggested.
        alone: Their chances with the separate pods.
    """
    return Standings(
        today=_standing(case, _today(case, goals)) if case.stock else None,
        separate=_standing(case, _separate(case, trading, alone or {})),
        suggested=_standing(case, _suggested(case, X, trading, goals)),
    )


def as_much(case: Case) -> float:
    """Return the capital over the account before payments: 1 where no money comes in or is paid out."""
    return 1.0 if case.stock is None else case.stock.capital_aud / case.stock.today[0]


def _today(case: Case, goals: Sequence[MoneyGoal]) -> _Held:
    stock, owned = case.stock, case.terms.owned
    assert stock is not None and owned is not None  # noqa: S101, PT018 - the caller looked
    chances = {goal.goal_id: goal.probability_today for goal in goals if goal.probability_today is not None}
    whole_aud, w = stock.today
    contribution_aud = owned.payments.contribution_aud
    return _Held(w=w, cash_aud=owned.cash_aud, whole_aud=whole_aud, contribution_aud=contribution_aud, chances=chances)


def _separate(case: Case, trading: Trading | None, chances: Mapping[str, float]) -> _Held:
    """Let the separate pods pay their trades from what they invest, in proportion, as the suggestion does."""
    X, capital = case.side_by_side, case.terms.total_capital_aud
    w, duplicated = X.sum(axis=0), _several_owners(X)
    cash_aud = cash_share(case.terms, w) * capital
    if trading is None:
        return _Held(w=w, cash_aud=cash_aud, whole_aud=capital, duplicated=duplicated, chances=chances)
    invested_aud, costs_aud = float(w.sum()) * capital, trading.naive.brokerage_aud + trading.naive.spread_aud
    return _Held(
        w=w * max(1 - costs_aud / invested_aud, 0.0),
        # Costs beyond all that is invested leave a debt.
        cash_aud=cash_aud - max(costs_aud - invested_aud, 0.0),
        whole_aud=capital,
        withdrawal_aud=_paid_out(case),
        tax_due_aud=trading.naive.gains.tax_aud,
        duplicated=duplicated,
        chances=chances,
    )


def _suggested(case: Case, X: Matrix, trading: Trading | None, goals: Sequence[MoneyGoal]) -> _Held:
    chances = {goal.goal_id: goal.probability for goal in goals}
    if trading is None:
        w = X.sum(axis=0)
        capital = case.terms.total_capital_aud
        cash_aud = cash_share(case.terms, w) * capital
        return _Held(w=w, cash_aud=cash_aud, whole_aud=capital, duplicated=_several_owners(X), chances=chances)
    stock, market = case.stock, case.market
    assert stock is not None  # noqa: S101 - there are orders
    w, held = np.zeros(len(market.etfs)), market.positions(trading.units)
    w[held] = np.array(list(trading.units.values())) * stock.prices[held] / stock.capital_aud
    owners = [ticker for amounts in trading.pods.values() for ticker in amounts]
    return _Held(
        w=w,
        cash_aud=trading.cash_left_aud,
        whole_aud=stock.capital_aud,
        withdrawal_aud=_paid_out(case),
        tax_due_aud=trading.gains.tax_aud,
        duplicated=sum(owners.count(ticker) > 1 for ticker in trading.units),
        chances=chances,
    )


def _paid_out(case: Case) -> float:
    return case.terms.owned.withdrawal_aud if case.terms.owned else 0.0


def _several_owners(X: Matrix) -> int:
    return int(((X > 0).sum(axis=0) > 1).sum())


def _standing(case: Case, held: _Held) -> Standing:
    """Compute the figures of one portfolio, all of them as shares of the whole."""
    market, w, capital = case.market, held.w, held.whole_aud
    terms = replace(case.terms, total_capital_aud=capital)
    cash = held.cash_aud / capital
    income = income_of(market, terms, w, cash)
    expected = float(market.expected_returns @ w) + terms.cash_rate * max(cash, 0.0)
    after_tax = expected - income.net_tax_aud / capital
    volatility = float(np.sqrt(w @ market.Sigma @ w))
    etfs_aud = float(w.sum()) * capital
    kept_aud = sum((kept.value_aud or 0.0 for kept in terms.owned.kept), 0.0) if terms.owned else 0.0
    return Standing(
        etfs_aud=etfs_aud,
        cash_aud=held.cash_aud,
        kept_aud=kept_aud,
        tax_due_aud=held.tax_due_aud,
        contribution_aud=held.contribution_aud,
        withdrawal_aud=held.withdrawal_aud,
        value_aud=etfs_aud + held.cash_aud + kept_aud + held.contribution_aud + held.withdrawal_aud - held.tax_due_aud,
        expected_return=expected,
        expected_return_aud=expected * capital,
        return_after_tax=after_tax,
        return_after_tax_aud=after_tax * capital,
        volatility=volatility,
        sharpe_ratio=(expected - market.risk_free) / volatility if volatility > 0 else None,
        income=income_account(terms, income),
        fees_aud=float(market.column("management_fee") @ w) * capital,
        tax_efficiency=tax_efficiency(expected, income.net_tax_aud / capital),
        etfs=int((w > 0).sum()),
        duplicated_etfs=held.duplicated,
        economic_duplicates=len(economic_duplicates(market, w)),
        effective_holdings=effective_holdings(w),
        largest_position=float(w.max()),
        asset_classes=_asset_classes(market, w, cash),
        weights=named(market, w),
        money_goals=held.chances,
    )


def _asset_classes(market: Market, w: Vector, cash: float) -> dict[str, float]:
    """Add up the shares of the capital by asset class, in the market's order; money is of the class of cash."""
    shares: dict[str, float] = {}
    for etf, share in zip(market.etfs, w.tolist(), strict=True):
        if share > 0:
            shares[etf.asset_class] = shares.get(etf.asset_class, 0.0) + share
    if cash:
        shares[CASH] = shares.get(CASH, 0.0) + cash
    return shares
