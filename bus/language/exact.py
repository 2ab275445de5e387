"""Read JSON that every reader would read the same, and refuse all other JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from bus.language import syntax
from bus.language.plain_text import printable

# The most characters of a sender's text in a message.
_LONGEST = 80


def read_exactly(data: bytes) -> dict[str, Any]:
    """Read a JSON object that has the same meaning for every reader.

    Raises:
        ValueError: If the data is no JSON object, repeats a name, holds an inexact value, or is nested too deeply.
    """
    try:
        body = json.loads(data, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        message = f"it is not JSON: {syntax.fault(data) or error}"
        raise ValueError(message) from None
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None
    if not isinstance(body, dict):
        message = "it is no JSON object"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the value of the file
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated name: some readers take the first value, other readers take the last."""
    times = Counter(name for name, _ in pairs)
    if twice := [name for name, count in times.items() if count > 1]:
        names = printable(", ".join(twice), longest=_LONGEST)
        message = f"{names} stands twice in one object, and readers differ in which they believe"
        raise ValueError(message)
    return dict(pairs)


def _refuse_constant(text: str) -> NoReturn:
    message = f"{text} is no number that JSON has"
    raise ValueError(message)


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        message = f"{printable(text, longest=_LONGEST)} is too large a number"
        raise ValueError(message)
    return value
