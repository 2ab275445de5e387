"""CI runs ``make test`` and ``make test-deep``: each test is part of one of them."""

from __future__ import annotations

import re
import shlex

import pytest
from _pytest.mark.expression import Expression
from support.depth import COLLECTED
from support.requests_made import ROOT


def chosen(target: str, marks: frozenset[str]) -> bool:
    """Whether the command of a target in the Makefile runs a test with these marks."""
    recipe = re.search(rf"^{target}:.*\n\t(.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    words = shlex.split(recipe[1])
    expression = Expression.compile(words[words.index("-m", words.index("pytest")) + 1])
    deep_ones = "--deep" in words or "deep" not in marks
    return deep_ones and expression.evaluate(lambda name, **_: name in marks)


def test_each_test_is_part_of_make_test_or_of_make_test_deep(request: pytest.FixtureRequest) -> None:
    for name, marks in request.config.stash[COLLECTED].items():
        runs = [target for target in ("test", "test-deep") if chosen(target, marks)]
        twice = "more_examples" in marks and not marks & {"deep", "oracle"}
        assert len(runs) == 1 + twice, (name, runs)


@pytest.mark.parametrize(
    ("marks", "test", "deep"),
    [
        ("", True, False),
        ("slow", True, False),
        ("more_examples slow", True, True),
        ("deep", False, True),
        ("deep slow", False, True),
        ("oracle", False, True),
        ("oracle more_examples", False, True),
        ("deep oracle", False, True),
    ],
)
def test_what_a_mark_says_of_a_test(marks: str, *, test: bool, deep: bool) -> None:
    marked = frozenset(marks.split())
    assert (chosen("test", marked), chosen("test-deep", marked)) == (test, deep)
