"""What several tests ask for is computed once a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import kept
from support.builders import final_event, request, solved

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_computed_by_the_first_that_asks_and_given_to_each_as_a_copy(tmp_path: Path) -> None:
    computed: list[str] = []

    def compute() -> list[str]:
        computed.append("once")
        return ["a"]

    first = kept.once((tmp_path, 1), compute)
    first.append("b")

    assert kept.once((tmp_path, 1), compute) == ["a"]
    assert computed == ["once"]
    assert kept.once((tmp_path, 2), compute) == ["a"]
    assert computed == ["once", "once"]


def test_what_fails_fails_for_each_that_asks(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError

    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - the one above
            kept.once(tmp_path, fail)


def test_a_kept_answer_is_the_one_that_is_computed() -> None:
    asked = request({"alpha": 1.0})
    here, read = solved(asked), [final_event(asked) for _ in range(2)]
    assert [event.model_copy(update={"elapsed_s": here.elapsed_s}) for event in read] == [here, here]
    assert read[0].elapsed_s == read[1].elapsed_s, "it was computed once"
