"""The forms of fields that stand in several bodies."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticKnownError

from bus.language.forms import GOAL, PAIR, TEXT, TICKER, WORDS
from bus.language.subjects import ID_PATTERN, POD_PATTERN
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.plain_text import is_plain, shown


def _plain(text: str) -> str:
    """Refuse hidden characters beyond the basic plane: regular expressions differ there between languages.

    Raises:
        ValueError: If *text* has such a character.
    """
    if not is_plain(text):
        message = f"{shown(text)}: give {WORDS[TEXT]}"
        raise ValueError(message)
    return text


def _whole(value: object) -> object:
    """Take 180.0 for 180: they are one number in JSON, and a schema's integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _day(value: object) -> object:
    """Read a day as a schema's format has it: pydantic would take the seconds since 1970, too.

    Raises:
        PydanticKnownError: If *value* is a text and no day, or one outside of the years that messages may name.
    """
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value if _DAY.fullmatch(value) else "")
        if FIRST_DAY <= day <= LAST_DAY:
            return day
        error = "out of range"
    except ValueError as wrong:
        error = str(wrong)
    kind: Literal["date_from_datetime_parsing"] = "date_from_datetime_parsing"
    raise PydanticKnownError(kind, {"error": error})


# As ``date`` in a schema's formats (RFC 3339, full-date).
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

# Behind the bounds of a field: before them, it would hide them from the schema.
WHOLE = BeforeValidator(_whole)
Day = Annotated[date, BeforeValidator(_day)]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Pod = Annotated[str, StringConstraints(pattern=POD_PATTERN)]
Ticker = Annotated[str, StringConstraints(pattern=TICKER)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TEXT), AfterValidator(_plain)]
Share = Annotated[float, Field(ge=0, le=1)]
GoalName = Annotated[str, StringConstraints(pattern=GOAL)]
PodPair = Annotated[str, StringConstraints(pattern=PAIR)]
