"""Times as people write and read them: all in UTC, as the servers, the logs and the messages have them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# At most six digits: nine digits of days would lie before the first possible date.
_AGO = re.compile(r"(\d{1,6})([smhd])")


def read_since(text: str, *, now: datetime) -> datetime:
    """Read a time, or a duration before *now*; a time without a zone is in UTC.

    Raises:
        ValueError: If the text is neither; the message says which forms are valid.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        then = datetime.fromisoformat(text.removesuffix(" UTC"))
        return then if then.tzinfo else then.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        message = "give a time in UTC such as 2025-11-07T09:00, or how long ago: 90s, 10m, 2h, 1d"
        raise ValueError(message) from None


def write_time(at: datetime, *, milliseconds: bool = False) -> str:
    """Write a time with its date and its zone: 2025-11-07 09:00:00 UTC."""
    spec = "milliseconds" if milliseconds else "seconds"
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ', timespec=spec)} UTC"
