"""How many cases of one promise are tried: those that find its breaks, or with ``--deep`` (``make test-deep``) all.

CI runs both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_T = TypeVar("_T")

_deep = False


def dive(*, deep: bool) -> None:
    """Say which, before tests are collected."""
    global _deep  # noqa: PLW0603 - decorators of tests ask
    _deep = deep


def some_of(cases: Iterable[_T], *, every: int, first: int = 0) -> Sequence[_T]:
    """Take every so many of the cases, beginning with the *first*; or all."""
    known = list(cases)
    return known if _deep else known[first::every]


def examples(number: int, *, quick: int) -> int:
    """Give the number of examples for hypothesis."""
    return number if _deep else quick
