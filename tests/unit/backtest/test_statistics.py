"""The figures of a path, against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.walks import a_path

from backtest.statistics import deepest_loss, drawdowns, figures, sharpe_ratio, weekly_returns
from portfolio.errors import DataError

# What double precision leaves of a few products.
EXACT = 1e-12

# 100 AUD come in, the first orders cost 1; 50 AUD more come in at the second week.
PATH = a_path(
    (99.0, 110.0, 150.0, 120.0),
    (100.0, 0.0, 50.0, 0.0),
    decisions=(
        {"orders": 4, "traded_aud": 95.0, "brokerage_aud": 0.75, "spread_aud": 0.25, "etfs": 4},
        {"orders": 2, "traded_aud": 20.0, "brokerage_aud": 0.5, "spread_aud": 0.1, "tax_aud": 3.0, "etfs": 3},
        {"orders": 1, "traded_aud": 10.0, "brokerage_aud": 0.25, "spread_aud": 0.1, "tax_aud": -1.0, "etfs": 2},
    ),
)
# 110 of 100, the cost of the first orders included; 150 less the 50 paid in, of 110; 120 of 150.
RETURNS = (0.1, -1 / 11, -0.2)


def test_a_payment_is_no_return_and_the_first_week_bears_the_first_orders() -> None:
    assert weekly_returns(PATH) == pytest.approx(RETURNS, abs=EXACT)


def test_the_figures_are_those_of_arithmetic_by_hand() -> None:
    found = figures(PATH, np.zeros(3))

    assert found.wealth_aud == 120
    # 1.1 * 10/11 * 0.8 = 0.8 in 3 weeks of 52.
    assert found.growth == pytest.approx(0.8 ** (52 / 3) - 1, abs=EXACT)
    # Mean -0.0636364; deviations 0.1636364, -0.0272727, -0.1363636; their squares sum to 0.0461157; half of it.
    assert found.volatility == pytest.approx(math.sqrt(0.0461157 / 2 * 52), abs=1e-5)
    # From the peak 1.1 to 0.8.
    assert found.deepest_loss == pytest.approx(3 / 11, abs=EXACT)
    # (20 + 10) / 2 of a mean wealth of 119.75, in 3/52 of a year.
    assert found.turnover == pytest.approx(15 / 119.75 * 52 / 3, abs=EXACT)
    assert (found.brokerage_aud, found.tax_aud, found.orders, found.etfs) == (1.5, 2.0, 7, 3.0)
    assert found.spread_aud == pytest.approx(0.45, abs=EXACT)


def test_the_sharpe_ratio_is_that_of_returns_above_cash() -> None:
    # 3 % and 1 %: mean 2 %, standard deviation sqrt(2 * 0.0001 / 1).
    assert sharpe_ratio(np.array([0.03, 0.01])) == pytest.approx(0.02 / math.sqrt(0.0002) * math.sqrt(52), abs=EXACT)
    # Cash earned all of the first week's 10 %.
    assert figures(PATH, np.array([0.1, 0.0, 0.0])).sharpe_ratio == pytest.approx(
        sharpe_ratio(np.array([0.0, *RETURNS[1:]])), abs=EXACT
    )


def test_a_fall_from_the_beginning_counts_and_a_rise_is_no_fall() -> None:
    # 0.9, 0.99, 0.792 of the beginning, which stays the peak.
    assert drawdowns(np.array([-0.1, 0.1, -0.2])) == pytest.approx([0.1, 0.01, 0.208], abs=EXACT)
    assert deepest_loss(np.array([[-0.1, 0.1, -0.2], [0.1, 0.0, 0.2]])) == pytest.approx([0.208, 0.0], abs=EXACT)


@pytest.mark.parametrize("wealth", [(100.0, 101.0), (100.0, 0.0, 50.0)])
def test_a_path_without_returns_is_refused(wealth: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="path coordinated has"):
        weekly_returns(a_path(wealth))
