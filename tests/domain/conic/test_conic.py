"""Cone programs: known answers, bounds that hold, proofs that convince, searches that miss nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.toys import Toy, portfolio_toy, random_toy

from portfolio.conic import proof
from portfolio.conic.bound import FREE, OFF, ON, lagrangian_bound, valid
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder
from portfolio.conic.relaxation import ROUGH, Outcome, Relaxation, RelaxationResult
from portfolio.conic.search import minimise
from portfolio.conic.solution import Leaf, Solution, Status, relative_gap

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

# Two solvers at 1e-8 agree to this on objectives of order one.
SOLVERS_AGREE = 1e-6
GAP = 1e-4
# What the bound deducts for rounding is relative to its terms, which here are of order 1 to 100.
ROUNDING = 1e-9

PROFILE = settings(derandomize=True, deadline=None, max_examples=150)
seeds = st.integers(0, 2**32 - 1)


def split(program: Program, y: Vector) -> tuple[Vector, Vector, list[Vector]]:
    """Take a vector of multipliers apart: of inequalities, of equalities, of cones."""
    e, m = program.equalities, program.inequalities
    return y[e : e + m], y[:e], [y[rows] for rows in program.cone_rows]


def unit_box(*costs: float) -> Builder:
    build = Builder()
    for cost in costs:
        build.variable(upper=1.0, cost=cost)
    return build


def test_a_knapsack_of_three_takes_the_best_two() -> None:
    build = unit_box(-3.0, -2.0, -1.0)
    z = {build.switch(j): 1.0 for j in range(3)}
    build.at_most({}, 2.0, switches=z)
    solution = minimise(build.build())
    assert solution.status is Status.OPTIMAL
    assert solution.states is not None
    assert solution.states.tolist() == [ON, ON, OFF]
    assert solution.value == pytest.approx(-5.0, abs=SOLVERS_AGREE)


def test_a_floor_makes_a_little_of_something_impossible() -> None:
    # x0 + x1 = 1 with x0 <= 0.9: the rest must be 0.3 of x1 or nothing.
    build = Builder()
    x = [build.variable(upper=0.9, cost=0.0), build.variable(upper=1.0, cost=1.0)]
    for j in x:
        build.switch(j, floor=0.3)
    build.equal(dict.fromkeys(x, 1.0), 1.0)
    solution = minimise(build.build())
    assert solution.value == pytest.approx(0.3, abs=SOLVERS_AGREE)


def test_the_cost_of_a_switch_is_paid_in_full() -> None:
    build = unit_box(-1.0)
    build.switch(0, cost=0.4)
    assert minimise(build.build()).value == pytest.approx(-0.6, abs=SOLVERS_AGREE)


def test_a_switch_that_costs_more_than_it_brings_stays_off() -> None:
    build = unit_box(-1.0, -1.0)
    build.switch(0, cost=1.5)
    solution = minimise(build.build())
    assert solution.x is not None
    assert solution.x[0] == 0.0
    assert solution.value == pytest.approx(-1.0, abs=SOLVERS_AGREE)


def test_the_nearest_point_of_a_plane_is_found_by_its_cone() -> None:
    # min |x| with 3 x0 + 4 x1 = 5: the distance of the plane is 1.
    build = Builder()
    x = [build.variable(lower=-5, upper=5) for _ in range(2)]
    t = build.variable(upper=10, cost=1.0)
    build.equal({x[0]: 3.0, x[1]: 4.0}, 5.0)
    build.norm_at_most(np.eye(2), x, {t: 1.0})
    solution = minimise(build.build())
    assert solution.x is not None
    assert solution.value == pytest.approx(1.0, abs=SOLVERS_AGREE)
    assert solution.x[:2] == pytest.approx([0.6, 0.8], abs=1e-5)


def test_contradicting_rows_are_proven_to_contradict() -> None:
    build = unit_box(1.0, 1.0)
    build.switch(0)
    build.equal({0: 1.0, 1: 1.0}, 1.0)
    build.at_most({0: 1.0, 1: 1.0}, 0.5)
    solution = minimise(build.build())
    assert (solution.status, solution.x, solution.value) == (Status.INFEASIBLE, None, math.inf)
    assert proof.faults(build.build(), solution) == []


def test_a_program_without_rows_or_switches_is_solved_at_its_bounds() -> None:
    solution = minimise(unit_box(-1.0, 2.0).build())
    assert solution.status is Status.OPTIMAL
    assert solution.value == pytest.approx(-1.0, abs=SOLVERS_AGREE)


def test_an_optimum_of_zero_is_certified_too() -> None:
    build = unit_box(1.0, 1.0)
    build.switch(0)
    assert minimise(build.build()).status is Status.OPTIMAL


@pytest.mark.parametrize(
    ("value", "bound", "gap"),
    [
        (2.0, 1.0, 0.5),
        (-2.0, -3.0, 0.5),
        (0.01, 0.009, 0.1),
        # Near zero gaps are relative to a hundredth.
        (0.001, 0.0, 0.1),
        (0.0, -0.001, 0.1),
        (-0.001, -0.002, 0.1),
        # A bound above the value, by rounding, is no gap.
        (1.0, 1.0 + 1e-12, 0.0),
        (1.0, -math.inf, math.inf),
        (math.inf, 0.0, math.inf),
        (math.inf, math.inf, math.inf),
    ],
)
def test_a_gap_is_a_share_of_the_value_or_of_a_hundredth(value: float, bound: float, gap: float) -> None:
    assert relative_gap(value, bound) == pytest.approx(gap)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda b: b.switch(b.variable(lower=0.1, upper=1.0)),
        lambda b: b.switch(b.variable(upper=0.0)),
        lambda b: b.switch(b.variable(upper=1.0), cost=-1.0),
        lambda b: b.variable(upper=math.inf),
        lambda b: b.at_most({}, 1.0, switches={b.switch(b.variable(upper=1.0)): -1.0}),
    ],
)
def test_a_program_that_the_bounds_would_be_wrong_for_is_refused(wrong: object) -> None:
    build = Builder()
    wrong(build)  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"switch|bounds"):
        build.build()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "place",
    [
        lambda b, a: b.variable(upper=a),
        lambda b, a: b.variable(lower=a, upper=1.0),
        lambda b, a: b.variable(upper=1.0, cost=a),
        lambda b, a: b.switch(b.variable(upper=1.0), floor=a),
        lambda b, a: b.switch(b.variable(upper=1.0), cost=abs(a)),
        lambda b, a: b.at_most({b.variable(upper=1.0): a}, 1.0),
        lambda b, a: b.at_most({b.variable(upper=1.0): 1.0}, a),
        lambda b, a: b.at_most({}, 1.0, switches={b.switch(b.variable(upper=1.0)): abs(a)}),
        lambda b, a: b.equal({b.variable(upper=1.0): 1.0}, a),
        lambda b, a: b.norm_at_most(np.array([[a]]), [b.variable(upper=1.0)], {}, 1.0),
        lambda b, a: b.norm_at_most(np.eye(1), [b.variable(upper=1.0)], {}, a),
        lambda b, a: setattr(b, "offset", a),
    ],
)
def test_a_number_that_is_none_is_refused_wherever_it_stands(place: object, number: float) -> None:
    build = unit_box(1.0)
    place(build, number)  # type: ignore[operator]
    with pytest.raises(ValueError, match="finite"):
        build.build()


@pytest.mark.parametrize(
    "wrong",
    [lambda b: b.variable(lower=0.5, upper=0.4), lambda b: b.switch(b.variable(upper=0.5), floor=0.6)],
)
def test_a_box_turned_inside_out_is_refused(wrong: object) -> None:
    # Its Lagrangian's minimum would be taken on the wrong ends, and be no bound.
    build = unit_box(1.0)
    wrong(build)  # type: ignore[operator]
    with pytest.raises(ValueError, match="lower bound is above its upper bound"):
        build.build()


def test_a_box_of_one_point_is_allowed() -> None:
    build = unit_box(0.0)
    build.variable(lower=0.5, upper=0.5, cost=1.0)
    build.switch(build.variable(upper=0.5, cost=-1.0), floor=0.5)
    assert minimise(build.build()).value == pytest.approx(0.0, abs=SOLVERS_AGREE)


@PROFILE
@given(seed=seeds, size=st.sampled_from([0.0, 0.1, 1.0, 10.0, 1e4]))
def test_no_multipliers_bound_more_than_a_feasible_point(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    toy, x, z = random_toy(rng)
    program = toy.program()
    y = valid(program, rng.normal(size=len(program.b)) * size)
    for states in (np.full(toy.switches, FREE, dtype=np.int8), np.where(rng.random(toy.switches) < 0.5, FREE, z)):
        bound = lagrangian_bound(program, states.astype(np.int8), y).value
        assert bound <= toy.value(x, z) + ROUNDING * max(1.0, size)


@PROFILE
@given(seed=seeds, size=st.sampled_from([0.0, 1.0, 1e4]))
def test_no_multipliers_prove_a_feasible_program_infeasible(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    toy, _, z = random_toy(rng)
    program = toy.program()
    y = valid(program, rng.normal(size=len(program.b)) * size)
    states = np.where(rng.random(toy.switches) < 0.5, FREE, z).astype(np.int8)
    assert lagrangian_bound(program, states, y, costs=False).value <= 0


@PROFILE
@given(seed=seeds)
def test_the_bound_is_the_one_computed_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    toy, _, _ = random_toy(rng)
    program = toy.program()
    y = valid(program, rng.normal(size=len(program.b)))
    states = rng.integers(-1, 2, toy.switches).astype(np.int8)
    a, b, cones = split(program, y)
    assert lagrangian_bound(program, states, y).value == pytest.approx(
        toy.bound(states.tolist(), a, b, cones), abs=ROUNDING
    )


@PROFILE
@given(seed=seeds)
def test_what_one_more_switch_would_do_is_the_bound_with_that_switch_set(seed: int) -> None:
    rng = np.random.default_rng(seed)
    toy, _, _ = random_toy(rng)
    program = toy.program()
    y = valid(program, rng.normal(size=len(program.b)))
    states = rng.integers(-1, 2, toy.switches).astype(np.int8)
    bound = lagrangian_bound(program, states, y)
    for i in np.flatnonzero(states == FREE):
        for state, told in ((OFF, bound.off[i]), (ON, bound.on[i])):
            child = states.copy()
            child[i] = state
            assert told == pytest.approx(lagrangian_bound(program, child, y).value, abs=ROUNDING)
            assert told >= bound.value - ROUNDING


@PROFILE
@given(seed=seeds)
def test_multipliers_are_made_valid_by_lifting_and_clipping_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    toy, _, _ = random_toy(rng)
    program = toy.program()
    raw = rng.normal(size=len(program.b))
    y = valid(program, raw)
    a, b, cones = split(program, y)
    raw_a, raw_b, raw_cones = split(program, raw)
    assert a.tolist() == np.maximum(raw_a, 0).tolist()
    assert b.tolist() == raw_b.tolist()
    for cone, before in zip(cones, raw_cones, strict=True):
        assert cone[1:].tolist() == before[1:].tolist()
        assert cone[0] >= np.linalg.norm(cone[1:])
    assert valid(program, y).tolist() == y.tolist()


def test_solved_multipliers_bound_the_relaxation_by_its_own_value() -> None:
    # Strong duality: else the tree would be far too large, though still right.
    toy = portfolio_toy(np.random.default_rng(3), switches=5)
    program = toy.program()
    answer = Relaxation(program).solve_sharply(np.full(5, ON, dtype=np.int8))
    assert answer.outcome in (Outcome.SOLVED, Outcome.INFEASIBLE)
    relaxed = Relaxation(program).solve_sharply(np.full(5, FREE, dtype=np.int8))
    z = relaxed.x[:5] / toy.upper[:5]
    value = toy.value(relaxed.x, z)
    assert lagrangian_bound(program, np.full(5, FREE, dtype=np.int8), relaxed.multipliers).value == pytest.approx(
        value, abs=SOLVERS_AGREE
    )


class Stubborn(Relaxation):
    """A solver that decides at one accuracy only; remembers those it was asked for."""

    def __init__(self, program: Program, decides_at: float) -> None:
        super().__init__(program)
        self.decides_at = decides_at
        self.asked: list[float] = []

    def solve(self, states: States, accuracy: float = ROUGH) -> RelaxationResult:
        self.asked.append(accuracy)
        answer = super().solve(states, accuracy)
        return answer if accuracy == self.decides_at else replace(answer, outcome=Outcome.TROUBLE)


@pytest.mark.parametrize(
    ("decides_at", "asked", "outcome"),
    [
        (1e-9, [1e-9], Outcome.SOLVED),
        (1e-8, [1e-9, 1e-8], Outcome.SOLVED),
        (1e-7, [1e-9, 1e-8, 1e-7], Outcome.SOLVED),
        (1e-6, [1e-9, 1e-8, 1e-7], Outcome.TROUBLE),
    ],
)
def test_what_is_solved_sharply_is_solved_as_sharply_as_can_be(
    decides_at: float, asked: list[float], outcome: Outcome
) -> None:
    stubborn = Stubborn(larger().program(), decides_at)
    answer = stubborn.solve_sharply(np.full(9, FREE, dtype=np.int8))
    assert (stubborn.asked, answer.outcome) == (asked, outcome)


def test_a_contradiction_is_not_tried_again_with_less_accuracy() -> None:
    build = unit_box(1.0)
    build.switch(0)
    build.at_least({0: 1.0}, 2.0)
    stubborn = Stubborn(build.build(), 1e-9)
    assert stubborn.solve_sharply(np.full(1, ON, dtype=np.int8)).outcome is Outcome.INFEASIBLE
    assert stubborn.asked == [1e-9]


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("hard", [False, True])
def test_the_search_finds_what_enumeration_finds(seed: int, hard: bool) -> None:  # noqa: FBT001 - a case
    toy = portfolio_toy(np.random.default_rng(seed), switches=4, hard=hard)
    program, best = toy.program(), toy.best()
    solution = minimise(program, Limits(gap=GAP))
    assert proof.faults(program, solution) == []
    assert math.isinf(best) == (solution.status is Status.INFEASIBLE)
    if math.isinf(best):
        return
    assert solution.status is Status.OPTIMAL
    assert solution.x is not None
    assert solution.states is not None
    z = (solution.states == ON).astype(float)
    assert toy.violation(solution.x, z) <= 1e-7
    assert toy.value(solution.x, z) == pytest.approx(solution.value, abs=1e-12)
    assert solution.bound <= best + SOLVERS_AGREE
    assert best - SOLVERS_AGREE <= solution.value <= best + GAP * abs(best) + SOLVERS_AGREE


def test_the_cases_of_the_enumeration_are_of_both_kinds() -> None:
    kinds = {
        minimise(portfolio_toy(np.random.default_rng(seed), switches=4, hard=True).program()).status
        for seed in range(16)
    }
    assert kinds == {Status.OPTIMAL, Status.INFEASIBLE}


def larger(seed: int = 5) -> Toy:
    return portfolio_toy(np.random.default_rng(seed), switches=9)


@pytest.mark.parametrize("nodes", [0, 1, 2, 4, 8])
@pytest.mark.parametrize("seed", range(4))
def test_a_search_that_is_stopped_says_so_and_its_bound_holds(seed: int, nodes: int) -> None:
    program = larger(seed).program()
    full, stopped = minimise(program, Limits(gap=1e-7)), minimise(program, Limits(gap=1e-7, node_limit=nodes))
    assert stopped.nodes <= nodes
    assert stopped.bound <= full.value + SOLVERS_AGREE
    assert stopped.value >= full.bound - SOLVERS_AGREE
    assert proof.faults(program, stopped) == []
    assert (stopped.status is Status.OPTIMAL) == (stopped.gap <= 1e-7)
    assert stopped.gap == relative_gap(stopped.value, stopped.bound)
    if nodes == 0:
        assert (stopped.status, stopped.x, stopped.gap) == (Status.STOPPED, None, math.inf)


def test_a_search_asked_to_stop_at_once_ends_after_one_node_and_says_so() -> None:
    # One node is the least that bounds anything: a stopped search still has an honest gap to tell.
    program = larger().program()
    full, stopped = minimise(program), minimise(program, Limits(stop=lambda: True))
    assert (stopped.status, stopped.nodes) == (Status.STOPPED, 1)
    assert stopped.bound <= full.value <= stopped.value + SOLVERS_AGREE
    assert stopped.gap > 1e-4
    assert proof.faults(program, stopped) == []


def test_two_searches_agree_to_the_last_bit() -> None:
    first, second = (minimise(larger().program()) for _ in range(2))
    assert first.x is not None
    assert second.x is not None
    assert first.x.tobytes() == second.x.tobytes()
    assert (first.value, first.bound, first.nodes) == (second.value, second.bound, second.nodes)
    for one, other in zip(first.leaves, second.leaves, strict=True):
        assert one.states.tobytes() == other.states.tobytes()
        assert one.multipliers is not None
        assert other.multipliers is not None
        assert one.multipliers.tobytes() == other.multipliers.tobytes()


@pytest.mark.parametrize("seed", range(12))
def test_every_search_passes_its_own_proof(seed: int) -> None:
    # Leaves closed by reduced costs and by their parents' multipliers are recomputed in another order.
    for gap in (1e-2, 1e-4, 1e-6):
        program = portfolio_toy(np.random.default_rng(1000 + seed), switches=7).program()
        assert proof.faults(program, minimise(program, Limits(gap=gap))) == []


@pytest.fixture(scope="module")
def solved() -> tuple[Program, Solution]:
    program = larger().program()
    solution = minimise(program)
    assert solution.status is Status.OPTIMAL
    assert len(solution.leaves) > 4
    return program, solution


def test_a_missing_leaf_is_noticed_whichever_it_is(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    for i in range(len(solution.leaves)):
        fewer = replace(solution, leaves=solution.leaves[:i] + solution.leaves[i + 1 :])
        assert proof.faults(program, fewer) != []


def test_no_leaves_prove_nothing(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    assert proof.faults(program, replace(solution, leaves=())) != []


def test_an_improved_bound_is_noticed(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    midway = (solution.bound + solution.value) / 2
    assert midway > solution.bound
    assert proof.faults(program, replace(solution, bound=midway)) != []


def test_a_leaf_that_was_never_looked_at_is_noticed(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    blank = Leaf(solution.leaves[0].states, None)
    assert proof.faults(program, replace(solution, leaves=(blank, *solution.leaves[1:]))) != []


def test_changed_multipliers_are_noticed_where_they_prove_less(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    for i, leaf in enumerate(solution.leaves):
        if leaf.infeasible:
            continue
        assert leaf.multipliers is not None
        worse = replace(leaf, multipliers=leaf.multipliers * 0.0)
        leaves = (*solution.leaves[:i], worse, *solution.leaves[i + 1 :])
        assert proof.faults(program, replace(solution, leaves=leaves)) != []


def test_a_leaf_is_not_infeasible_because_it_says_so(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    i = next(i for i, leaf in enumerate(solution.leaves) if not leaf.infeasible)
    forged = replace(solution.leaves[i], infeasible=True)
    assert proof.faults(program, replace(solution, leaves=(*solution.leaves[:i], forged, *solution.leaves[i + 1 :])))


@pytest.mark.parametrize("step", [1e-4, -1e-4])
def test_a_changed_point_is_noticed(solved: tuple[Program, Solution], step: float) -> None:
    program, solution = solved
    assert solution.x is not None
    for j in range(len(solution.x)):
        x = solution.x.copy()
        x[j] += step
        assert proof.faults(program, replace(solution, x=x)) != []


def test_a_changed_switch_is_noticed(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    assert solution.states is not None
    for i in range(len(solution.states)):
        states = solution.states.copy()
        states[i] = ON - states[i]
        assert proof.faults(program, replace(solution, states=states)) != []


def test_a_changed_value_is_noticed(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    assert proof.faults(program, replace(solution, value=solution.value - 1e-3)) != []


def test_multipliers_that_are_no_numbers_prove_nothing(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    leaves = tuple(replace(leaf, multipliers=np.full(len(program.b), np.nan)) for leaf in solution.leaves)
    assert proof.faults(program, replace(solution, leaves=leaves)) != []


def test_multipliers_of_a_single_leaf_that_are_no_numbers_prove_nothing(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    for i, leaf in enumerate(solution.leaves):
        worse = replace(leaf, multipliers=np.full(len(program.b), np.nan))
        leaves = (*solution.leaves[:i], worse, *solution.leaves[i + 1 :])
        assert proof.faults(program, replace(solution, leaves=leaves)) != []


def test_a_point_that_is_no_number_is_no_point(solved: tuple[Program, Solution]) -> None:
    program, solution = solved
    assert solution.x is not None
    assert proof.faults(program, replace(solution, x=np.full(len(solution.x), np.nan))) != []


def test_leaves_cover_only_what_they_cover() -> None:
    program = unit_box(-1.0, -1.0)
    for j in range(2):
        program.switch(j)
    built = program.build()
    y = np.zeros(len(built.b))

    def covered(*parts: list[int]) -> bool:
        leaves = tuple(Leaf(np.array(part, dtype=np.int8), y) for part in parts)
        claimed = Solution(Status.STOPPED, None, None, math.inf, -3.0, 0, leaves)
        return proof.faults(built, claimed) == []

    assert covered([FREE, FREE])
    assert covered([OFF, FREE], [ON, FREE])
    assert covered([OFF, OFF], [OFF, ON], [ON, FREE])
    assert not covered([OFF, FREE])
    assert not covered([OFF, OFF], [ON, ON])
    assert not covered([OFF, OFF], [OFF, ON], [ON, OFF])
    assert not covered([OFF, FREE], [FREE, ON])


def test_a_long_chain_of_fixed_switches_is_checked() -> None:
    s = 600
    build = unit_box(*[1.0] * s)
    for j in range(s):
        build.switch(j)
    program = build.build()
    y = np.zeros(len(program.b))
    leaves = []
    for i in range(s):
        states = np.full(s, FREE, dtype=np.int8)
        states[:i], states[i] = OFF, ON
        leaves.append(Leaf(states, y))
    leaves.append(Leaf(np.full(s, OFF, dtype=np.int8), y))
    claimed = Solution(Status.STOPPED, None, None, math.inf, -1.0, 0, tuple(leaves))
    assert proof.faults(program, claimed) == []
    for i in (0, s // 2, s):
        broken = replace(claimed, leaves=(*claimed.leaves[:i], *claimed.leaves[i + 1 :]))
        assert len(proof.faults(program, broken)) == 1
