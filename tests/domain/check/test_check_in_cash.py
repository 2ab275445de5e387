"""The greatest return of a pod, found by duality alone, against figures by hand and the solver of stage 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.builders import mandate, random_market
from support.depth import some_of

from portfolio.check.in_cash import greatest_return
from portfolio.pod.optimise import NoBetterThanCashError, optimise_sleeve
from portfolio.terms.mandate import Objective

# Two ETFs of 1 and 3 %; three of 0, 1 and 5 %.
TWO, THREE = (0.01, 0.03), (0.0, 0.01, 0.05)


@pytest.mark.parametrize(
    ("returns", "largest", "effective", "greatest"),
    [
        (TWO, 1.0, 1.0, 0.03),
        # 0.6 of 3 % and 0.4 of 1 %.
        (TWO, 0.6, 1.0, 0.022),
        # u^2 + (1 - u)^2 <= 1 / 1.25: u = (1 + sqrt(0.6)) / 2 = 0.887298, and 1 % + 2 % u.
        (TWO, 1.0, 1.25, 0.02774597),
        # Two effective holdings of two, or half at most in each: equal weights.
        (TWO, 1.0, 2.0, 0.02),
        (TWO, 0.5, 1.0, 0.02),
        # Half in the third. Of the others a + b = 0.5 and a^2 + b^2 <= 1 / 2.5 - 0.25: b - a = sqrt(0.05), so that
        # b = 0.361803, and 1 % b + 5 % / 2.
        (THREE, 0.5, 2.5, 0.02861803),
        ((), 1.0, 1.0, -np.inf),
    ],
)
def test_the_greatest_return_of_hand_made_pods(
    returns: tuple[float, ...], largest: float, effective: float, greatest: float
) -> None:
    assert greatest_return(np.array(returns), largest, effective) == pytest.approx(greatest, abs=1e-8)


@pytest.mark.parametrize("seed", some_of(range(40), every=8))
def test_duality_finds_what_the_solver_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    prices = replace(random_market(rng, n), risk_free=1.0)
    largest = float(rng.uniform(1 / n, 1))
    bare = mandate(
        prices.tickers,
        objective=Objective.MAX_SHARPE,
        max_position=largest,
        min_effective_holdings=float(rng.uniform(1, n)),
    )

    with pytest.raises(NoBetterThanCashError) as refused:
        optimise_sleeve(prices, bare, 1.0)

    due = greatest_return(prices.expected_returns, bare.max_position, bare.min_effective_holdings)
    assert refused.value.in_cash.greatest_return == pytest.approx(due, abs=1e-6)
