"""One check of a verification, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The result of one check."""

    HOLDS = "ok"
    OPEN = "open"
    FAILS = "FAILED"


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result.

    Attributes:
        what: The name of the check.
        verdict: The result.
        words: The findings: the first line, then the details.
    """

    what: str
    verdict: Verdict
    words: tuple[str, ...]
