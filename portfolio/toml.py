"""Parse TOML from users."""

from __future__ import annotations

import tomllib
from typing import Any

from portfolio.errors import DataError


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document.

    Raises:
        DataError: If *text* is no TOML; the message is the reason alone.
    """
    try:
        return tomllib.loads(text)
    # For a whole number of thousands of digits, Python raises a plain ValueError and no TOML error.
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(what) from error
