"""More risk tolerance is not less risk: the volatility of the whole, for the reference customer and for random ones."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from support.builders import OUTLOOK, REFERENCE_SHARES, TRAILING, final_event, request
from support.depth import some_of

from bus.language.messages import MasterPortfolioOptimized

# The search ends at a relative gap of 1e-4: two portfolios of one customer are as alike as that.
GAP = 1e-3
# Coordination may take from one pod what it gives to another. Between the ends and the middle of the scale, the
# volatility of random customers' whole falls by at most this part, and rarely.
SLIP = 0.05


@cache
def volatilities(market_id: str, shares: tuple[float, ...], tolerances: tuple[float, ...]) -> list[tuple[float, float]]:
    """Return the volatility of the separate pods, and of the whole, at each tolerance."""
    found = []
    for tolerance in tolerances:
        named = dict(zip(REFERENCE_SHARES, shares, strict=True))
        event = final_event(request(named, market_id=market_id, risk_tolerance=tolerance), nodes=100_000)
        assert isinstance(event, MasterPortfolioOptimized), event
        (row,) = (row for row in event.comparison if row.metric == "volatility")
        assert row.naive is not None and row.master is not None  # noqa: PT018 - a volatility always is
        found.append((row.naive, row.master))
    return found


@pytest.mark.parametrize("market_id", [TRAILING, OUTLOOK])
def test_the_reference_customer_s_volatility_does_not_fall_as_the_tolerance_rises(market_id: str) -> None:
    found = volatilities(market_id, tuple(REFERENCE_SHARES.values()), (0.0, 0.5, 1.0))
    for which in (0, 1):
        low, middle, high = (pair[which] for pair in found)
        assert low < middle < high


def test_in_the_outlook_it_does_not_fall_anywhere_between() -> None:
    found = volatilities(OUTLOOK, tuple(REFERENCE_SHARES.values()), (0.0, 0.25, 0.5, 0.75, 1.0))
    for which in (0, 1):
        assert np.diff([pair[which] for pair in found]).min() > -GAP


@pytest.mark.parametrize("seed", some_of(range(8), every=3))
def test_a_random_customer_s_volatility_hardly_falls_as_the_tolerance_rises(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = tuple(float(x) for x in rng.dirichlet([6.0, 6.0, 6.0, 6.0]))
    found = volatilities((TRAILING, OUTLOOK)[seed % 2], shares, (0.0, 0.5, 1.0))
    for (_, before), (_, after) in pairwise(found):
        assert after > before * (1 - SLIP)
    assert found[0][0] < found[1][0] * (1 + GAP)
    assert found[0][1] < found[2][1]
