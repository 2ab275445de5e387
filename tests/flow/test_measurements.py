"""What the benchmarks write: sections that are replaced one by one, and answers that must not contradict each other."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

import pytest
from compare import interval
from ladder import Cell, Run, add_options, render
from ladder_instances import Covariance
from measurements import compose, table

from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

CELL = Cell(60, 4, Covariance.FACTOR, Duplicates.FORBID, never_worse=True, tight=False)
BEST = Run("proven", 0.1, value=0.5, bound=0.50004)


@pytest.fixture
def options() -> Namespace:
    parser = ArgumentParser()
    add_options(parser)
    return parser.parse_args([])


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path, order = tmp_path / "made.md", ["First", "Second", "Third"]
    compose(path, order, {"Third": "three", "First": "one"})
    compose(path, order, {"Second": "two", "First": "uno"})
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## First", "## Second", "## Third"]
    assert "one" not in text.split("## First")[1]
    assert text.index("uno") < text.index("two") < text.index("three")


def test_a_document_composed_again_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "made.md"
    compose(path, ["A", "B"], {"A": table(["x"], [["1"]]), "B": "b"})
    before = path.read_text(encoding="utf-8")
    compose(path, ["A", "B"], {"B": "b"})
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    "scip",
    [
        Run("infeasible", 1.0, value=None, bound=None),
        Run("proven", 1.0, value=0.49, bound=0.4901),
        Run("proven", 1.0, value=0.51, bound=0.51),
    ],
)
def test_answers_that_contradict_each_other_are_told(scip: Run, options: Namespace) -> None:
    assert "1 are wrong" in render({CELL: [(BEST, scip)]}, options)


@pytest.mark.parametrize(
    "scip",
    [
        Run("open", 60.0, value=None, bound=None),
        Run("open", 60.0, value=0.45, bound=0.55),
        Run("proven", 1.0, value=0.50003, bound=0.50003),
    ],
)
def test_answers_that_agree_are_not(scip: Run, options: Namespace) -> None:
    assert "None is wrong" in render({CELL: [(BEST, scip)]}, options)


def test_a_proof_that_does_not_hold_is_told(options: Namespace) -> None:
    bad = Run("proven", 0.1, value=0.5, bound=0.5, faults=("the leaves prove nothing",))
    assert "the leaves prove nothing" in render({CELL: [(bad, None)]}, options)


def test_a_cell_that_was_not_reached_says_so(options: Namespace) -> None:
    assert render({CELL: []}, options).count("not run") == 2  # neither ours nor SCIP's


def test_stopped_runs_count_with_their_time_and_show_their_gap(options: Namespace) -> None:
    stopped = Run("open", 60.04, value=0.5, bound=0.51)
    text = render({CELL: [(BEST, None), (stopped, None), (stopped, None)]}, options)
    assert "1 / 0 / 2" in text
    assert "60.0 s" in text
    assert "2.00%" in text
    assert "40 ms after its limit" in text


@pytest.mark.parametrize(
    ("count", "inside"),
    [(3, (0, 2)), (5, (0, 4)), (6, (0, 5)), (7, (0, 6)), (9, (1, 7)), (15, (3, 11)), (20, (5, 14))],
)
def test_the_interval_of_a_median_is_that_of_the_tables(count: int, inside: tuple[int, int]) -> None:
    """The ranks of the sign test at 95 %, as tables of order statistics have them."""
    values = [float(value) for value in range(count)]

    assert interval(values[::-1]) == inside
