"""The result of a backtest: the figures of each strategy, and the coordinated portfolio against each rival.

Each difference has an interval by a block bootstrap, where weeks or decisions can be drawn again. Pure: the seed is an
argument, and the same walk gives the same result.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from backtest.bootstrap import LEVEL, MEAN, RESAMPLES, Figure, Interval, circular, interval
from backtest.statistics import WEEKS, deepest_loss, figures, weekly_returns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backtest.path import Decision, Path, Walk
    from portfolio import Matrix, Vector

SEED = 20260101
# Volatility comes in clusters of months, which the automatic rule does not see in the squares of returns: half a year,
# or a quarter of a short path. Measured on simulated series; tests/unit/backtest/test_bootstrap.py.
_CLUSTER_WEEKS = 26
# A fall lasts for months: the blocks that are drawn again must hold falls.
_FALL_WEEKS = 26

Measure = Literal[
    "wealth_aud",
    "growth",
    "volatility",
    "sharpe_ratio",
    "deepest_loss",
    "turnover",
    "brokerage_aud",
    "spread_aud",
    "tax_aud",
    "orders",
    "etfs",
]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Strategy(_Record):
    """The figures of one strategy, as ``backtest.statistics.Figures`` defines them."""

    strategy: str
    wealth_aud: Finite
    growth: Finite
    volatility: Finite
    sharpe_ratio: Finite
    deepest_loss: Finite
    turnover: Finite
    brokerage_aud: Finite
    spread_aud: Finite
    tax_aud: Finite
    orders: int
    etfs: Finite
    refused: int
    in_cash: int = 0


class Difference(_Record):
    """One figure of the coordinated portfolio less that of a rival.

    Attributes:
        difference: Coordinated less rival.
        low: Lower end of the interval; None where there is none.
        high: Upper end; None where there is none.
        block: Length of the blocks: weeks or, for figures of orders, decisions; None where there is no interval.
    """

    rival: str
    measure: Measure
    difference: Finite
    low: Finite | None = None
    high: Finite | None = None
    block: int | None = None

    @property
    def beyond(self) -> bool:
        """Whether the difference is larger than its interval: the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Result(_Record):
    """The result of a backtest.

    Attributes:
        inputs: The hash of the walk's inputs.
        begins: First date of orders.
        ends: Last date.
        weeks: Number of weekly returns.
        decisions: Number of dates of orders.
        level: Probability with which an interval should hold the true difference.
        resamples: Resamples per interval.
        seed: Seed of the resamples.
        cash_rate: Mean return of cash per year, over which the Sharpe ratios are computed.
        strategies: The coordinated portfolio first, then the rivals.
        differences: Coordinated less rival, by rival and measure.
    """

    inputs: str
    begins: str
    ends: str
    weeks: int
    decisions: int
    level: float
    resamples: int
    seed: int
    cash_rate: Finite
    strategies: tuple[Strategy, ...]
    differences: tuple[Difference, ...]


def compare(walk: Walk, cash: Sequence[float] | None = None, *, seed: int = SEED) -> Result:
    """Compare the first path of *walk* with each other path.

    Args:
        walk: The walk.
        cash: Return of cash in each week after the first date; by default zero.
        seed: Seed of the resamples.

    Raises:
        DataError: If a path is too short, or has wealth that is not positive.
    """
    first, *rivals = walk.paths
    rates = np.zeros(len(first.dates) - 1) if cash is None else np.asarray(cash, dtype=float)
    told = {path.strategy: Strategy(strategy=path.strategy, **_members(path, rates)) for path in walk.paths}
    differences = [
        Difference(
            rival=rival.strategy,
            measure=measure,
            difference=getattr(told[first.strategy], measure) - getattr(told[rival.strategy], measure),
            **ends,
        )
        for rival in rivals
        for measure, ends in _intervals(first, rival, rates, seed)
    ]
    return Result(
        inputs=walk.inputs,
        begins=first.dates[0].isoformat(),
        ends=first.dates[-1].isoformat(),
        weeks=len(rates),
        decisions=len(first.decisions),
        level=LEVEL,
        resamples=RESAMPLES,
        seed=seed,
        cash_rate=float(rates.mean()) * WEEKS,
        strategies=tuple(told.values()),
        differences=tuple(differences),
    )


def _members(path: Path, cash: Vector) -> dict[str, float]:
    made = figures(path, cash)
    return {name: getattr(made, name) for name in made.__slots__}


def _intervals(first: Path, rival: Path, cash: Vector, seed: int) -> Iterator[tuple[Measure, dict[str, float | int]]]:
    """Compute the ends of each measure's interval; none where there are too few observations."""
    a, b = weekly_returns(first), weekly_returns(rival)
    years = len(a) / WEEKS
    logs = interval((np.log1p(a) - np.log1p(b))[:, None] * WEEKS, MEAN, seed=seed)
    yield "wealth_aud", _of_wealth(logs, first, rival, years)
    yield "growth", _of_growth(logs, b, years)
    cluster = max(1, min(_CLUSTER_WEEKS, len(a) // 4))
    yield "volatility", _ends(interval(_moments(a, b), VOLATILITY, seed=seed, block=cluster))
    yield "sharpe_ratio", _ends(interval(_moments(a - cash, b - cash), SHARPE, seed=seed))
    yield "deepest_loss", _of_falls(a, b, seed)
    yield from _of_orders(first, rival, years, seed)


def _ends(found: Interval | None) -> dict[str, float | int]:
    return {} if found is None else {"low": found.low, "high": found.high, "block": found.block}


def _of_growth(logs: Interval | None, rival: Vector, years: float) -> dict[str, float | int]:
    """Say the interval of the difference in log growth as one of the return per year, beside the rival's own."""
    if logs is None:
        return {}
    own = math.exp(float(np.log1p(rival).sum()) / years)
    return {"low": own * math.expm1(logs.low), "high": own * math.expm1(logs.high), "block": logs.block}


def _of_wealth(logs: Interval | None, first: Path, rival: Path, years: float) -> dict[str, float | int]:
    """Say the same interval as a difference in wealth; none where money came or went on the way."""
    if logs is None or first.flows_aud != rival.flows_aud or any(first.flows_aud[1:]):
        return {}
    least, most = (rival.wealth_aud[-1] * math.expm1(end * years) for end in (logs.low, logs.high))
    return {"low": least, "high": most, "block": logs.block}


def _moments(a: Vector, b: Vector) -> Matrix:
    return np.stack([a, b, a * a, b * b], axis=1)


def _deviations(m: Matrix) -> tuple[Vector, Vector]:
    # A resample of few different weeks may have no variance at all; rounding must not make it negative.
    return np.sqrt(np.maximum(m[..., 2] - m[..., 0] ** 2, 1e-300)), np.sqrt(
        np.maximum(m[..., 3] - m[..., 1] ** 2, 1e-300)
    )


def _sharpe(m: Matrix) -> Vector:
    s, t = _deviations(m)
    return math.sqrt(WEEKS) * (m[..., 0] / s - m[..., 1] / t)


def _sharpe_gradient(m: Matrix) -> Matrix:
    s, t = (each**3 for each in _deviations(m))
    return math.sqrt(WEEKS) * np.stack([m[..., 2] / s, -m[..., 3] / t, -m[..., 0] / s / 2, m[..., 1] / t / 2], axis=-1)


def _volatility(m: Matrix) -> Vector:
    s, t = _deviations(m)
    return math.sqrt(WEEKS) * (s - t)


def _volatility_gradient(m: Matrix) -> Matrix:
    s, t = _deviations(m)
    return math.sqrt(WEEKS) * np.stack([-m[..., 0] / s, m[..., 1] / t, 0.5 / s, -0.5 / t], axis=-1)


# Ledoit and Wolf (2008), equations 3 to 5: of the means and the uncentred second moments of both series.
SHARPE = Figure(_sharpe, _sharpe_gradient)
VOLATILITY = Figure(_volatility, _volatility_gradient)


def _of_falls(a: Vector, b: Vector, seed: int) -> dict[str, float | int]:
    """Compute the percentiles of the difference in deepest losses over resampled histories.

    A deepest loss is no smooth figure of means, so the interval is not studentised; it is the weakest of all.
    """
    T = len(a)
    if T < 2 * _FALL_WEEKS:
        return {}
    places = circular(T, _FALL_WEEKS, resamples=RESAMPLES, seed=seed)
    drawn = deepest_loss(a[places]) - deepest_loss(b[places])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"low": float(low), "high": float(high), "block": _FALL_WEEKS}


def _of_orders(first: Path, rival: Path, years: float, seed: int) -> Iterator[tuple[Measure, dict[str, float | int]]]:
    """Draw the decisions again: the sum of a figure over as many decisions as the path has.

    The first decision, which buys everything, happens once and is drawn no more than once: it is added as it is.
    """
    wealth = float(np.mean(first.wealth_aud)), float(np.mean(rival.wealth_aud))
    count = len(first.decisions)
    sums: tuple[tuple[Measure, Callable[[Decision], float]], ...] = (
        ("brokerage_aud", lambda each: each.brokerage_aud),
        ("spread_aud", lambda each: each.spread_aud),
        ("tax_aud", lambda each: each.tax_aud),
        ("orders", lambda each: float(each.orders)),
    )
    if count != len(rival.decisions):
        yield "turnover", {}
        for name, _ in sums:
            yield name, {}
        yield "etfs", {}
        return
    pairs = list(zip(first.decisions, rival.decisions, strict=True))
    later = pairs[1:]
    rates = [(x.traded_aud / wealth[0] - y.traded_aud / wealth[1]) / 2 for x, y in later]
    yield "turnover", _ends(_of_sum(rates, len(later) / years, 0.0, seed))
    for name, of in sums:
        begun = of(pairs[0][0]) - of(pairs[0][1])
        yield name, _ends(_of_sum([of(x) - of(y) for x, y in later], float(len(later)), begun, seed))
    yield "etfs", _ends(_of_sum([float(x.etfs - y.etfs) for x, y in pairs], 1.0, 0.0, seed))


def _of_sum(values: Sequence[float], times: float, begun: float, seed: int) -> Interval | None:
    """Compute the interval of the mean of *values* times *times*, plus *begun*."""
    if not values:
        return None
    found = interval(np.array(values)[:, None], MEAN, seed=seed)
    if found is None:
        return None
    return Interval(
        begun + times * found.difference, begun + times * found.low, begun + times * found.high, found.block
    )
