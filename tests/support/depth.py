"""Which cases of one promise are tried: some by ``make test``, the others by ``make test-deep``. CI runs both.

What is marked ``deep``, and what a second solver judges (``oracle``), is tried by ``make test-deep`` alone; what is
marked ``more_examples`` by both, there with more examples; everything else by ``make test`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The marks of every test that was collected, by its id, before any was left out.
COLLECTED = pytest.StashKey[dict[str, frozenset[str]]]()

_Test = TypeVar("_Test", bound="Callable[..., Any]")

_deep = False


def dive(*, deep: bool) -> None:
    """Say which, before tests are collected."""
    global _deep  # noqa: PLW0603 - decorators of tests ask
    _deep = deep


def some_of(cases: Iterable[object], *, every: int, first: int = 0) -> list[object]:
    """Leave the cases of a parametrized test to ``--deep``, but every so many from the *first*.

    A tuple has a value for each name.
    """
    known = list(cases)
    tried = range(first, len(known), every)
    return [case if i in tried else _deeper(case) for i, case in enumerate(known)]


def _deeper(case: object) -> object:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.deep)


def examples(number: int, *, quick: int) -> Callable[[_Test], _Test]:
    """Have hypothesis try *quick* examples, with ``--deep`` that *number*; always the same ones."""

    def tried(test: _Test) -> _Test:
        chosen = settings(derandomize=True, deadline=None, max_examples=much(number, quick=quick))
        return pytest.mark.more_examples(chosen(test))

    return tried


def much(number: int, *, quick: int) -> int:
    """Say how much a test marked ``more_examples`` tries."""
    return number if _deep else quick
