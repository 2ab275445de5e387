"""Say which accounts need a look, and why, without a server or a solver. Pure.

An account is compared with the last suggestion for the customer, at today's prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.in_cash import greatest_return
from portfolio.counted import counted
from portfolio.market.figures import figures
from portfolio.market.measure import Measure
from portfolio.tax.pension import minimum, year_start
from portfolio.tax.regime import DISCOUNTS, first_long_term_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from book.suggestion import AccountToday, Suggestion, Today
    from portfolio import Vector
    from portfolio.market.snapshot import Market

DRIFT = 0.03
CASH = 0.01
RULE = 0.03
MONEY = "cash"
# What rounding to whole units may leave of a rule; far below any drift.
_WITHIN = 1e-6
# The accuracy with which an agent finds that a pod's ETFs return no more than cash.
_SOLVED = 2e-6
_MEASURES = {measure.value: measure for measure in Measure}


class Cause(StrEnum):
    """The kind of reason why an account needs a look."""

    FAULT = "fault"
    FIRST = "first"
    DRIFT = "drift"
    CLASS_DRIFT = "class_drift"
    CASH = "cash"
    MARKET = "market"
    IN_CASH = "in_cash"
    RULE = "rule"
    TARGET = "target"
    PARCEL = "parcel"
    PENSION = "pension"


@dataclass(frozen=True, slots=True)
class Why:
    """One reason why an account needs a look.

    Attributes:
        cause: The kind of reason.
        words: The reason in words, with its figures.
    """

    cause: Cause
    words: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which size on a reason counts.

    Attributes:
        drift: Half the sum of the deviations of the weights from the suggestion, by ETF and by asset class.
        cash: Difference of the cash from the cash that the suggestion left, as a share of the account.
        rule: Distance beyond the limit of a rule or a target, as a share of the limit: suggestions often stand at the
            limit itself, and whole units and the prices of fills move them beyond it.
    """

    drift: float = DRIFT
    cash: float = CASH
    rule: float = RULE


@dataclass(frozen=True)
class Prices:
    """Prices and figures of one market, by ticker.

    Attributes:
        market: The market.
        aud: Last prices.
        classes: Asset classes.
    """

    market: Market
    aud: Mapping[str, float]
    classes: Mapping[str, str]
    position: Mapping[str, int]

    @classmethod
    def of(cls, market: Market) -> Prices:
        """Index a market."""
        aud = {etf.ticker: etf.price_aud for etf in market.etfs if etf.price_aud is not None}
        classes = {etf.ticker: etf.asset_class for etf in market.etfs}
        return cls(market, aud, classes, {ticker: i for i, ticker in enumerate(market.tickers)})


@dataclass(frozen=True)
class _Held:
    """The account of today at today's prices, without the holdings that the suggestion kept outside the pods."""

    account: AccountToday
    prices: Prices
    kept: frozenset[str]

    @cached_property
    def aud(self) -> dict[str, float]:
        """Value the holdings: those without a price in the market at the value that the request gives."""
        priced = self.prices.aud
        return {
            one.ticker: one.units * priced[one.ticker] if one.ticker in priced else one.value_aud or 0.0
            for one in self.account.holdings
            if one.ticker not in self.kept
        }

    @cached_property
    def total_aud(self) -> float:
        return sum(self.aud.values()) + self.account.cash_aud

    @cached_property
    def weights(self) -> dict[str, float]:
        return {ticker: amount / self.total_aud for ticker, amount in self.aud.items()} if self.total_aud > 0 else {}

    def by_class(self) -> dict[str, float]:
        """Add the weights by asset class; money counts as cash, and an ETF that the market does not know as unknown."""
        shares = {MONEY: 1 - sum(self.weights.values())}
        for ticker, weight in self.weights.items():
            name = self.prices.classes.get(ticker, "unknown")
            shares[name] = shares.get(name, 0.0) + weight
        return shares


def reasons(
    today: Today,
    last: Suggestion | None,
    prices: Prices,
    *,
    new_market: bool,
    thresholds: Thresholds,
    known: bool = True,
) -> list[Why]:
    """List the reasons why an account needs a look.

    Args:
        today: The request of the book.
        last: The last suggestion; None where there is none.
        prices: Today's market.
        new_market: Whether more than prices changed since the market of the last suggestion.
        thresholds: From which size on a reason counts.
        known: Whether suggestions are known at all: without, no account is due for having none.

    Raises:
        DataError: If the pension cannot be one.
    """
    found = [] if last is not None or not known else [Why(Cause.FIRST, "there is no suggestion for this customer yet")]
    account = today.account
    if account is not None:
        found += _payments(account)
    if last is not None and new_market:
        found.append(Why(Cause.MARKET, f"{today.market} differs from {last.market.id} in more than prices"))
    if last is not None and last.in_cash and prices.market.sha256 != last.market.sha256:
        found += _back_from_cash(prices.market, last)
    if account is None:
        return found
    owned = None if last is None else last.terms.owned
    held = _Held(account, prices, frozenset() if owned is None else frozenset(one.ticker for one in owned.kept))
    if last is not None and last.suggested is not None:
        found += _drift(held, last, thresholds)
        found += _cash(held, last, thresholds)
        found += _rules(today, held, last, thresholds)
        found += _pods(today, held, last, thresholds)
    if owned is not None:
        found += _parcels(today, held, owned.as_of)
    if account.pension is not None:
        found += _pension(account)
    return found


def _payments(account: AccountToday) -> Iterator[Why]:
    if account.contribution_aud > 0:
        yield Why(Cause.CASH, f"{account.contribution_aud:,.2f} AUD come in")
    if account.withdraw_aud > 0:
        yield Why(Cause.CASH, f"{account.withdraw_aud:,.2f} AUD are to be paid out")


def _back_from_cash(market: Market, last: Suggestion) -> Iterator[Why]:
    """List the pods that took no part, and that have a mix of ETFs by now that is expected to return more than cash."""
    for pod, one in last.in_cash.items():
        may = tuple(
            float(market.expected_returns[i])
            for i in market.positions(t for t in one.mandate.universe if t in market.tickers and t not in one.left_out)
        )
        greatest = _greatest(may, one.mandate.max_position, one.mandate.min_effective_holdings)
        if greatest > market.risk_free + _SOLVED:
            yield Why(
                Cause.IN_CASH,
                f"{pod} took no part, and a mix of its ETFs is expected to return {greatest:.2%} by now, cash"
                f" {market.risk_free:.2%}",
            )


@cache
def _greatest(returns: tuple[float, ...], largest: float, effective_holdings: float) -> float:
    """Compute the greatest return of a mix: accounts of a book share a market and few mandates."""
    return greatest_return(np.array(returns), largest, effective_holdings)


def _drift(held: _Held, last: Suggestion, thresholds: Thresholds) -> Iterator[Why]:
    assert last.suggested is not None  # noqa: S101 - the caller looked
    then = last.suggested
    with_money = {**held.weights, MONEY: 1 - sum(held.weights.values())}
    before = {**then.weights, MONEY: 1 - sum(then.weights.values())}
    by_etf, by_class = _distance(with_money, before), _distance(held.by_class(), then.asset_classes)
    if by_etf > thresholds.drift:
        yield Why(Cause.DRIFT, f"the holdings are {by_etf:.1%} of the account away from the last suggestion")
    if by_class > thresholds.drift:
        yield Why(Cause.CLASS_DRIFT, f"the asset classes are {by_class:.1%} of the account away from it")


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Compute half the sum of the deviations of two sets of shares: the part that would have to change hands."""
    return sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in {**one, **other}) / 2


def _cash(held: _Held, last: Suggestion, thresholds: Thresholds) -> Iterator[Why]:
    assert last.suggested is not None  # noqa: S101 - the caller looked
    more = held.account.cash_aud - last.suggested.cash_aud
    if abs(more) > thresholds.cash * held.total_aud:
        yield Why(Cause.CASH, f"cash is {abs(more):,.2f} AUD {'above' if more > 0 else 'below'} the last suggestion's")


def _rules(today: Today, held: _Held, last: Suggestion, thresholds: Thresholds) -> Iterator[Why]:
    """List the rules of the whole that hold no more, although the last suggestion kept them."""
    assert last.suggested is not None  # noqa: S101 - the caller looked
    rules, now, then = today.rules, held.weights, last.suggested.weights
    if len(now) > rules.max_etfs >= len(then):
        yield Why(Cause.RULE, f"max_etfs: {len(now)} of at most {counted(rules.max_etfs, 'ETF')} held")
    limit = rules.max_weight * (1 + rules.position_tolerance)
    for ticker, weight in now.items():
        if weight > limit * (1 + thresholds.rule) + _WITHIN and then.get(ticker, 0.0) <= limit + _WITHIN:
            yield Why(Cause.RULE, f"max_weight: {ticker} is {weight:.2%}, at most {limit:.2%} are allowed")
        least = rules.min_weight - _WITHIN
        if weight < least - thresholds.rule * rules.min_weight and then.get(ticker, 0.0) >= least:
            yield Why(Cause.RULE, f"min_weight: {ticker} is {weight:.2%}, at least {rules.min_weight:.2%} are asked")


def _pods(today: Today, held: _Held, last: Suggestion, thresholds: Thresholds) -> Iterator[Why]:
    """List the rules and targets of pods that hold no more: each ETF is divided over pods as the suggestion did."""
    if last.trading is None:
        return
    then = last.trading.pods
    now = _divided(held.aud, then)
    all_now, all_then = (sum(sum(pod.values()) for pod in pods.values()) for pods in (now, then))
    for pod, amounts in now.items():
        in_pod, before = sum(amounts.values()), sum(then[pod].values())
        if pod not in last.pods or not in_pod or not before:
            continue
        terms = last.pods[pod]
        # Cash that is to be kept, or is of pods in cash, is in no share.
        asked = terms.capital_share / sum(each.capital_share for each in last.pods.values())
        off, was_off = (abs(part / whole - asked) for part, whole in ((in_pod, all_now), (before, all_then)))
        allowed = today.rules.capital_tolerance * asked + _WITHIN
        if off > allowed + thresholds.rule * asked and was_off <= allowed:
            share = f"{pod} is {in_pod / all_now:.2%} of what is invested, {asked:.2%} were asked"
            yield Why(Cause.RULE, f"capital_tolerance: {share}")
        limit = terms.mandate.max_position * (1 + today.rules.position_tolerance) + _WITHIN
        for ticker, amount in amounts.items():
            if amount / in_pod > limit * (1 + thresholds.rule) and then[pod].get(ticker, 0.0) / before <= limit:
                share = (
                    f"{ticker} is {amount / in_pod:.2%} of {pod}, at most {terms.mandate.max_position:.2%} are allowed"
                )
                yield Why(Cause.RULE, f"max_position: {share}")
        yield from _targets(pod, amounts, held.prices, last, thresholds)


def _divided(aud: Mapping[str, float], pods: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Divide the holdings over pods, each as the suggestion divided the ETF; other ETFs belong to none."""
    all_of: dict[str, float] = {}
    for amounts in pods.values():
        for ticker, amount in amounts.items():
            all_of[ticker] = all_of.get(ticker, 0.0) + amount
    return {
        pod: {ticker: aud[ticker] * amount / all_of[ticker] for ticker, amount in amounts.items() if ticker in aud}
        for pod, amounts in pods.items()
    }


def _targets(
    pod: str, amounts: Mapping[str, float], prices: Prices, last: Suggestion, thresholds: Thresholds
) -> Iterator[Why]:
    asked = [
        (goal, _MEASURES[goal.figure])
        for goal in last.goals
        if goal.met and goal.pods == (pod,) and goal.figure in _MEASURES
    ]
    if not asked:
        return
    delivered = figures(prices.market, _weights(amounts, prices))
    for goal, measure in asked:
        figure = delivered.of(measure)
        eased = thresholds.rule * abs(goal.asked) * (1 if measure.lower_is_better else -1)
        if not measure.met(goal.asked + eased, figure):
            yield Why(Cause.TARGET, f"{goal.name} is {measure.show(figure)}: {measure.words(goal.asked)} was met")


def _weights(amounts: Mapping[str, float], prices: Prices) -> Vector:
    w = np.zeros(len(prices.position))
    known = {ticker: amount for ticker, amount in amounts.items() if ticker in prices.position}
    total = sum(known.values())
    for ticker, amount in known.items():
        w[prices.position[ticker]] = amount / total
    return w


def _parcels(today: Today, held: _Held, since: date) -> Iterator[Why]:
    """List the parcels with a gain that have reached 12 months since the last suggestion."""
    account, entity = held.account, today.customer.entity
    if not DISCOUNTS[entity]:
        return
    for holding in account.holdings:
        price = held.prices.aud.get(holding.ticker)
        for parcel in holding.parcels:
            if parcel.acquired > account.as_of:
                yield Why(
                    Cause.FAULT,
                    f"account.holdings has {parcel.units:g} {holding.ticker} of {parcel.acquired}, after as_of,"
                    f" {account.as_of}: correct one of the two",
                )
                continue
            if price is None or parcel.units * price <= parcel.cost_base_aud:
                continue
            if since < first_long_term_day(parcel.acquired) <= account.as_of:
                yield Why(
                    Cause.PARCEL,
                    f"{parcel.units:g} {holding.ticker} of {parcel.acquired} have been held for 12 months: the gain is"
                    " discounted now",
                )


def _pension(account: AccountToday) -> Iterator[Why]:
    """Tell of a pension whose payments are behind the part of the year that is over."""
    assert account.pension is not None  # noqa: S101 - the caller looked
    due = minimum(account.pension, account.as_of)
    starts = max(account.pension.started or year_start(account.as_of), year_start(account.as_of))
    over = ((account.as_of - starts).days + 1) / due.days
    if due.to_draw_aud > 0 and due.drawn_aud < due.minimum_aud * over:
        yield Why(
            Cause.PENSION,
            f"{due.to_draw_aud:,.2f} AUD of the pension's minimum are still to draw by {due.year_ends}, and"
            f" {over:.0%} of the year is over",
        )


def differs_in_more_than_prices(now: Market, then: Market) -> bool:
    """Whether two markets differ in ETFs, returns, risks or facts, and not in prices alone."""
    if now.sha256 == then.sha256:
        return False
    facts = ("distribution_yield", "franked_share", "liquidity", "half_spread", "management_fee")
    return (
        now.tickers != then.tickers
        or not np.array_equal(now.expected_returns, then.expected_returns)
        or not np.array_equal(now.Sigma, then.Sigma)
        or any(not np.array_equal(now.column(fact), then.column(fact)) for fact in facts)
    )
