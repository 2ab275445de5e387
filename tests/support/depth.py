"""How many cases of one promise are tried: some by ``make test``, the others by ``make test-deep``. CI runs both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def examples(number: int, *, quick: int) -> int:
    """Give the number of examples for hypothesis."""
    return number if _deep else quick
