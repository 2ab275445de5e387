"""The forms of fields that stand in several bodies."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from bus.language.forms import GOAL, PAIR, TEXT, TICKER, WORDS
from bus.language.subjects import ID_PATTERN, POD_PATTERN
from portfolio.plain_text import is_plain, shown


def _plain(text: str) -> str:
    """Refuse what a schema's pattern cannot say alike in all languages: hidden characters beyond the basic plane.

    Raises:
        ValueError: If there is one.
    """
    if not is_plain(text):
        message = f"{shown(text)}: give {WORDS[TEXT]}"
        raise ValueError(message)
    return text


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Pod = Annotated[str, StringConstraints(pattern=POD_PATTERN)]
Ticker = Annotated[str, StringConstraints(pattern=TICKER)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TEXT), AfterValidator(_plain)]
Share = Annotated[float, Field(ge=0, le=1)]
GoalName = Annotated[str, StringConstraints(pattern=GOAL)]
PodPair = Annotated[str, StringConstraints(pattern=PAIR)]
