"""Settlement of trades on ASX: two trading days after the trade (ASX Settlement Operating Rules: T+2).

Trading days are Monday to Friday. The holidays of ASX are not known here: each holiday in between takes a day more.
"""

from __future__ import annotations

from datetime import date

import numpy as np

# Trading days from the trade to the money.
_TRADING_DAYS = 2


def settles_on(traded: date) -> date:
    """Return the day on which the money of a sale is there; a sale on a weekend is made on the Monday."""
    return _date(np.busday_offset(traded, _TRADING_DAYS, roll="forward"))


def last_sale_day(paid_on: date) -> date:
    """Return the last trading day whose sales settle by *paid_on*."""
    return _date(np.busday_offset(paid_on, -_TRADING_DAYS, roll="backward"))


def _date(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))
