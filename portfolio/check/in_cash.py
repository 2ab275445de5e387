"""Check the pods in cash: that no mix of their ETFs returns more than cash, and that their money stays as it is.

The greatest return of a pod is the optimum of a convex program. By weak duality each multiplier of the limit on
effective holdings gives a bound on it, computed here without a solver; the least bound is the optimum.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Vector
    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

# A return above that of cash by no more than this is none.
_NONE = 1e-6
# The accuracy of the solver that found the greatest return.
_SOLVED = 1e-6
# If the limits allow only equal weights, within this fraction, the mean is the only return.
_ALL = 1e-6
# Multipliers between these, in units of the spread of the returns, and the number of steps to the best one.
_LEAST, _MOST, _STEPS = 1e-6, 1e6, 60


def in_cash(portfolio: Portfolio) -> Iterator[str]:
    """Yield every fault in an event's account of pods in cash."""
    told: Mapping[str, float] = portfolio.terms.get("in_cash") or {}
    if strange := sorted(set(told) - set(portfolio.in_cash)):
        yield f"money stays for {', '.join(strange)}, which is no pod in cash"
    for pod, one in portfolio.in_cash.items():
        yield from _no_better(portfolio, pod, one)
    yield from _money(portfolio, told)


def _no_better(portfolio: Portfolio, pod: str, one: Event) -> Iterator[str]:
    """Check that a pod has a reason to take no part."""
    mandate, market = one["mandate"], portfolio.market
    if pod in portfolio.pods or mandate["pod"] != pod:
        yield f"{pod} is said to be in cash, and takes part, or has the mandate of {mandate['pod']}"
    if mandate["objective"] != "max_sharpe" and "sharpe_ratio" not in mandate["goals"]:
        yield f"{pod} is in cash, though neither its objective nor a goal needs a return above that of cash"
    if portfolio.terms["on_unreachable"] == "fail":
        yield f"{pod} is in cash, though no goal was to give way"
    cannot = {etf.ticker for etf in market.etfs if etf.until is not None or (portfolio.owned and not etf.price_aud)}
    cannot |= set(portfolio.rules["never_buy"]) | (set(mandate["universe"]) - set(portfolio.index))
    if (due := {ticker for ticker in mandate["universe"] if ticker in cannot}) != set(one["left_out"]):
        yield f"{pod} left out {', '.join(one['left_out']) or 'nothing'}, not {', '.join(sorted(due)) or 'nothing'}"
        return
    returns = market.expected_returns[[portfolio.index[t] for t in mandate["universe"] if t not in due]]
    greatest = greatest_return(returns, mandate["max_position"], mandate["min_effective_holdings"])
    if not same(one["cash_return"], market.risk_free):
        yield f"cash returns {market.risk_free}, not the {one['cash_return']} that {pod} is compared with"
    if abs(greatest - one["greatest_return"]) > _SOLVED:
        yield f"a mix of {pod} returns at most {greatest}, not {one['greatest_return']}"
    if greatest > market.risk_free + _NONE + _SOLVED:
        yield f"{pod} is in cash, though a mix of its ETFs may return {greatest}, more than cash"


def greatest_return(returns: Vector, largest: float, effective_holdings: float) -> float:
    """Bound the return of a mix whose positions and effective holdings keep their limits; minus infinity of no ETF.

    Args:
        returns: Expected returns of the ETFs, shape (n,).
        largest: The largest position, as a fraction.
        effective_holdings: The least effective holdings, ``1 / sum u^2``.
    """
    n = len(returns)
    if not n:
        return -inf
    if max(effective_holdings, 1 / largest) > n * (1 - _ALL):
        return float(returns.mean())
    best = _bound(returns, largest, effective_holdings, 0.0)
    spread = float(np.ptp(returns))
    low, high = np.log(_LEAST), np.log(_MOST)
    for _ in range(_STEPS if spread > 0 else 0):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        bounds = [_bound(returns, largest, effective_holdings, spread * float(np.exp(x))) for x in (left, right)]
        low, high = (low, right) if bounds[0] <= bounds[1] else (left, high)
        best = min(best, *bounds)
    return best


def _bound(returns: Vector, largest: float, effective_holdings: float, price: float) -> float:
    """Compute ``max r'u + price (1 / N - sum u^2)`` over ``sum u = 1`` and ``0 <= u <= largest``."""
    if price == 0:
        left, total = 1.0, 0.0
        for value in sorted(returns.tolist(), reverse=True):
            total += value * min(left, largest)
            left -= min(left, largest)
        return total

    def u(level: float) -> Vector:
        return np.clip((returns - level) / (2 * price), 0.0, largest)

    low, high = float(returns.min()) - 2 * price * largest, float(returns.max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if u(middle).sum() > 1 else (low, middle)
    # The value of the dual function at any level is a bound, whatever the level's accuracy.
    held = u(high)
    return float((returns - high - price * held) @ held) + high + price / effective_holdings


def _money(portfolio: Portfolio, told: Mapping[str, float]) -> Iterator[str]:
    """Check the money that stays: the pods' shares less their kept holdings, without any sale."""
    pods, owned, capital = portfolio.in_cash, portfolio.owned, float(portfolio.terms["total_capital_aud"])
    kept_aud = _kept(portfolio)
    total = sum(float(one["capital_share"]) for one in pods.values())
    wanted = owned.wanted_floor * capital if owned else 0.0
    due = total * (capital - wanted + sum(kept_aud.values())) - sum(kept_aud.values())
    most = max(owned.money - wanted, 0.0) if owned else inf
    stays = min(max(due, 0.0), most)
    for pod, one in pods.items():
        aud = stays * one["capital_share"] / total if total else 0.0
        if not same(one["cash_aud"], aud, size=capital) or not same(told.get(pod, 0.0) * capital, aud, size=capital):
            yield f"of {pod}, which is in cash, {aud} AUD stay, not {one['cash_aud']}"
        if not same(one["kept_aud"], kept_aud[pod], size=capital):
            yield f"{kept_aud[pod]} AUD are kept for {pod}, which is in cash, not {one['kept_aud']}"
    if (total > 0) and not 0 < total < 1:
        yield f"the pods in cash have {total} of the capital"


def _kept(portfolio: Portfolio) -> dict[str, float]:
    """Value the kept holdings that of all pods only those in cash may hold, by the first that may."""
    values = dict.fromkeys(portfolio.in_cash, 0.0)
    others = {ticker for pod in portfolio.pods.values() for ticker in pod["mandate"]["universe"]}
    for held in portfolio.owned.told["kept"] if portfolio.owned else ():
        may = [pod for pod, one in portfolio.in_cash.items() if held["ticker"] in one["mandate"]["universe"]]
        if may and held["ticker"] not in others:
            values[may[0]] += float(held["value_aud"] or 0.0)
    return values
