"""Tell which stops of advice are in force, and describe a stop to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import AdviceStopped
from bus.language.plain_text import printable
from bus.language.since import write_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

# The most characters of a reason, and of a number or an author.
_LONGEST, _LONGEST_NAME = 300, 100


def stops_in_force(stored: Iterable[str]) -> frozenset[str]:
    """Name the subjects of the stops that are not lifted, of all subjects of the stream of stops."""
    taken = frozenset(stored)
    prefix = subjects.stop("")
    return frozenset(
        subject
        for subject in taken
        if subject.startswith(prefix) and subjects.resume(subject.removeprefix(prefix)) not in taken
    )


def describe_stop(subject: str, data: bytes, stored_at: datetime | None) -> str:
    """Describe a stop in a part of a sentence: since when, by which author, and why."""
    since = f"since {write_time(stored_at)} " if stored_at else ""
    try:
        body = AdviceStopped.model_validate_json(data)
    except ValueError:
        # The subject alone stops: a body of a later version, or of no version, lifts nothing.
        return f"{since}by {printable(subject, longest=_LONGEST_NAME)}, whose reason cannot be read"
    number, by = (printable(text, longest=_LONGEST_NAME) for text in (body.number, body.by))
    return f"{since}(stop {number}, by {by}): {printable(body.why, longest=_LONGEST)}"
