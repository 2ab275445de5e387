"""Integer programs: HiGHS's answers, with and without heuristics, against an enumeration of all points."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from portfolio.errors import SolverError
from portfolio.integer_program import IntegerProgram

_MOST = 3


def random_program(seed: int) -> IntegerProgram:
    rng = np.random.default_rng(seed)
    n, rows = 4, 3
    A = rng.integers(-4, 5, (rows, n)).astype(float)
    return IntegerProgram(
        cost=rng.integers(-9, 10, n).astype(float),
        whole=np.ones(n, dtype=bool),
        lower=np.zeros(n),
        upper=np.full(n, float(_MOST)),
        A=A,
        least=np.array([-np.inf, -np.inf, float(rng.integers(-3, 4))]),
        most=np.array([float(rng.integers(-6, 3)), float(rng.integers(-2, 6)), np.inf]),
        offset=100.0,
    )


def best_of_all_points(program: IntegerProgram) -> float | None:
    points = np.array(list(product(range(_MOST + 1), repeat=len(program.cost))), dtype=float)
    rows = points @ program.A.T
    kept = points[((rows >= program.least) & (rows <= program.most)).all(axis=1)]
    return float((kept @ program.cost).min()) + program.offset if len(kept) else None


@pytest.mark.parametrize("doubtful", [False, True])
def test_the_best_point_or_the_contradiction_is_that_of_an_enumeration(*, doubtful: bool) -> None:
    verdicts = set()
    for seed in range(40):
        program, expected = random_program(seed), best_of_all_points(random_program(seed))

        found = program.search(doubtful=doubtful)

        assert found.infeasible == (expected is None)
        if expected is not None and found.x is not None:
            assert float(program.cost @ found.x) + program.offset == pytest.approx(expected)
            assert found.bound == pytest.approx(expected)
        verdicts.add(found.infeasible)
    assert verdicts == {True, False}


def test_a_minimum_that_time_leaves_without_a_proof_is_refused() -> None:
    # Knapsacks in ten dimensions: a point is found at once, and a proof takes minutes.
    rng = np.random.default_rng(0)
    n, rows = 200, 10
    A = rng.integers(10, 1_000, (rows, n)).astype(float)
    program = IntegerProgram(
        cost=-(A.mean(axis=0) + rng.integers(0, 50, n)),
        whole=np.ones(n, dtype=bool),
        lower=np.zeros(n),
        upper=np.ones(n),
        A=A,
        least=np.full(rows, -np.inf),
        most=A.sum(axis=1) / 2,
    )
    assert program.search(left_s=lambda: 0.5).x is not None

    with pytest.raises(SolverError, match="gave up"):
        program.solve(most_s=0.5)


def test_a_program_without_whole_numbers_has_its_optimum_as_bound() -> None:
    whole = random_program(1)
    program = IntegerProgram(
        cost=-np.ones(4), whole=~whole.whole, lower=whole.lower, upper=whole.upper, A=np.ones((1, 4)),
        least=np.array([-np.inf]), most=np.array([2.5]), offset=7.0,
    )  # fmt: skip

    found = program.search()

    assert found.x is not None
    assert found.x.sum() == pytest.approx(2.5)
    assert found.bound == pytest.approx(4.5)


def test_no_search_loads_scipy_which_needs_fifty_mebibytes() -> None:
    code = (
        "import sys, numpy as np\n"
        "from portfolio.integer_program import IntegerProgram\n"
        "one = np.ones(1)\n"
        "found = IntegerProgram(one, one > 0, 0 * one, 2 * one, one[None], one, 2 * one).search()\n"
        "print(found.bound, 'scipy' in sys.modules)"
    )

    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own

    assert done.stdout.split() == ["1.0", "False"]
