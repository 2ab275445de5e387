"""Walks of a backtest, made by hand and from a seed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from backtest.path import Decision, Path, Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINS = date(2020, 1, 3)


def a_decision(day: date, **stated: float) -> Decision:
    """Make a decision with no orders, but for what is stated."""
    told = {"orders": 0, "traded_aud": 0.0, "brokerage_aud": 0.0, "spread_aud": 0.0, "tax_aud": 0.0, "etfs": 2} | stated
    return Decision.model_validate({"date": day, "weights": {"VAS": 0.6, "VAF": 0.4}, **told})


def a_path(
    wealth: Sequence[float],
    flows: Sequence[float] = (),
    *,
    strategy: str = "coordinated",
    decisions: Sequence[dict[str, float]] = (),
    every: int = 1,
) -> Path:
    """Make a path over successive weeks; decisions fall on each *every*-th date, from the first on."""
    dates = tuple(BEGINS + timedelta(weeks=i) for i in range(len(wealth)))
    return Path(
        strategy=strategy,
        dates=dates,
        wealth_aud=tuple(wealth),
        flows_aud=tuple(flows) or (wealth[0], *[0.0] * (len(wealth) - 1)),
        decisions=tuple(a_decision(dates[i * every], **stated) for i, stated in enumerate(decisions)),
    )


def a_walk(*paths: Path) -> Walk:
    """Make a walk of paths."""
    return Walk(
        inputs="0" * 64,
        markets=tuple(f"market-{i}" for i in range(len(paths[0].decisions))),
        train=104,
        every="quarter",
        paths=paths,
    )


def a_seeded_walk(weeks: int = 156, *, seed: int = 1, saved: float = 30.0) -> Walk:
    """Make two paths of almost the same returns, whose rival pays more for each decision."""
    generator = np.random.default_rng(seed)
    market = generator.standard_t(5, weeks) * 0.015 + 0.0015
    apart = generator.standard_normal((2, weeks)) * 0.004
    paths = []
    for name, own, cost in (("coordinated", apart[0], 60.0), ("separate pods", apart[1], 60.0 + saved)):
        wealth = 100_000 * np.cumprod(np.concatenate([[1.0], 1 + market + own]))
        paid = cost + generator.uniform(-5, 5, weeks // 13)
        decisions = [
            {"orders": 6, "traded_aud": 9_000.0, "brokerage_aud": float(x), "spread_aud": 4.0, "etfs": 8} for x in paid
        ]
        paths.append(a_path([float(w) for w in wealth], strategy=name, decisions=decisions, every=13))
    return a_walk(*paths)
