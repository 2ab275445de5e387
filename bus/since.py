"""From where somebody wants to see the stream again, as people write it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Nine digits of days are further back than there are dates.
_AGO = re.compile(r"(\d{1,6})([smhd])")


def read_since(text: str, *, now: datetime) -> datetime:
    """Read a time, or how long before *now*; a time without a zone is this machine's.

    Raises:
        ValueError: If it is neither; says what to write.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        then = datetime.fromisoformat(text)
        return then if then.tzinfo else then.astimezone()
    except (ValueError, OverflowError, OSError):
        message = "give a time such as 2025-11-07T09:00, or how long ago: 90s, 10m, 2h, 1d"
        raise ValueError(message) from None
