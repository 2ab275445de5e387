"""The return of cash: the cash ETF's, distributions included, and none over a week without a price."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from backtest.cash import cash_returns
from backtest.history import History
from portfolio.market import snapshot
from portfolio.market.history.distributions import Payment
from portfolio.market.history.prices import Prices

if TYPE_CHECKING:
    from portfolio import Matrix

DAYS = (date(2020, 1, 3), date(2020, 1, 10), date(2020, 1, 17), date(2020, 1, 24))


def history(values: Matrix) -> History:
    return History(Prices("p.csv", DAYS, ("BILL", "VAS"), values), {"BILL": [Payment(date(2020, 1, 15), 0.5, 0.0)]})


def test_cash_returns_price_and_distributions_and_nothing_over_a_week_without_a_price() -> None:
    market = snapshot.load("asx-outlook-2025-12")
    made = history(np.array([[100.0, 80.0], [100.1, 90.0], [99.8, 70.0], [np.nan, 75.0]]))

    found = cash_returns(made, market, DAYS)

    # BILL is the only cash of this market: 100.1 of 100; (99.8 + 0.5) of 100.1; no price, so that of the week before.
    assert found == pytest.approx([0.001, 0.2 / 100.1, 0.0], abs=1e-12)
