"""Proofs handed on: what an earlier proof closes is not searched again, and no claim depends on the earlier proof."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.toys import random_toy

from portfolio.conic import proof
from portfolio.conic.bound import FREE, OFF, ON
from portfolio.conic.cover import cover
from portfolio.conic.cuts import Cuts
from portfolio.conic.earlier import Earlier, Known
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder, Program
from portfolio.conic.search import minimise
from portfolio.conic.solution import Leaf, Solution, Status

GAP = 1e-6
# Two searches to a gap of 1e-6 differ by twice that; objectives are of order 1 to 10.
SAME = 3e-5

PROFILE = settings(derandomize=True, deadline=None, max_examples=100)
seeds = st.integers(0, 2**32 - 1)


def pairs(cost: float = 1.0, *, least: float = 1.2, topic: str = "least") -> Program:
    """Hold at least *least* of four ETFs, each zero or from 0.5 to 0.6: three of them where *least* is above 1.2."""
    build = Builder()
    x = [build.variable(upper=0.6, cost=cost + j / 10) for j in range(4)]
    for j in x:
        build.switch(j, floor=0.5)
    with build.about(topic):
        build.at_least(dict.fromkeys(x, 1.0), least)
    return build.build()


def searched(program: Program) -> tuple[Solution, Known]:
    """Minimise a program; return the solution and the multipliers that the search came by."""
    known = Known()
    return minimise(program, Limits(gap=GAP, known=known)), known


def cuts_of(program: Program, known: Known) -> Cuts:
    cuts = Cuts(program)
    cuts.extend(known.carried_to(program))
    return cuts


def test_rows_have_keys_of_their_topic_their_kind_and_their_number() -> None:
    build = Builder()
    x = [build.variable(upper=1.0) for _ in range(2)]
    build.at_most({x[0]: 1.0}, 1.0)
    with build.about("risk"):
        build.norm_at_most(np.eye(2), x, {x[0]: 1.0})
        build.at_most({x[1]: 1.0}, 1.0)
    build.equal({x[0]: 1.0}, 0.5)
    build.at_most({x[1]: 1.0}, 1.0)
    # Equalities first, then inequalities, then the three rows of the cone.
    assert build.build().keys == (
        (0, "", 0),
        (1, "", 0),
        (1, "risk", 0),
        (1, "", 1),
        *(("risk", 0, row) for row in range(3)),
    )


@PROFILE
@given(seeds)
def test_a_copied_builder_makes_the_same_program_and_leaves_the_first_as_it_was(seed: int) -> None:
    toy, *_ = random_toy(np.random.default_rng(seed))
    n, s = len(toy.q), toy.switches

    def half(build: Builder) -> list[int]:
        x = [build.variable(upper=float(u)) for u in toy.upper]
        for j in range(s):
            build.switch(x[j], floor=float(toy.floor[j]))
        build.equal(dict.fromkeys(x, 1.0), 1.0)
        build.at_most({x[0]: 2.0}, 1.0, switches={0: 0.5})
        build.norm_at_most(np.eye(n), x, {x[0]: 1.0}, 2.0)
        return x

    def rest(build: Builder, x: list[int]) -> Program:
        more = build.variable(upper=3.0, cost=1.0)
        build.equal({more: 1.0, x[0]: -1.0}, 0.0)
        build.at_most({more: 1.0}, 2.0)
        build.norm_at_most(np.ones((1, n)), x, {more: 1.0}, 1.0)
        return build.build()

    whole, first = Builder(), Builder()
    wanted = rest(whole, half(whole))
    x = half(first)
    before = first.build()
    got = rest(first.copy(), x)
    for name in ("q", "lower", "upper", "A", "H", "b", "floor", "k"):
        assert np.array_equal(getattr(wanted, name), getattr(got, name)), name
        assert np.array_equal(getattr(before, name), getattr(first.build(), name)), name
    assert (wanted.keys, wanted.cones, wanted.equalities) == (got.keys, got.cones, got.equalities)


def test_the_same_program_again_takes_no_node() -> None:
    # Two ETFs of 0.6 cost (1 + 1.1) * 0.6 = 1.26, the cheapest 1.2 there is.
    first, known = searched(pairs())
    again = minimise(pairs(), Limits(gap=GAP, start=first.states, known=known))
    assert (first.nodes > 0, again.nodes) == (True, 0)
    assert again.value == pytest.approx(1.26, abs=SAME)
    assert again.status is Status.OPTIMAL
    assert proof.faults(pairs(), again) == []


def apart(least: float, *, topic: str = "least", extra: bool = False) -> Program:
    """Hold at least *least* of four ETFs, with at most 0.6 in each pair of them: no row alone allows less than 2.4."""
    build = Builder()
    x = [build.variable(upper=0.6, cost=1.0) for _ in range(4)]
    for j in x:
        build.switch(j, floor=0.1)
    if extra:
        # A row that holds always, with a key of its own.
        with build.about("extra"):
            build.at_most(dict.fromkeys(x, 1.0), 4.0)
    with build.about("pairs"):
        build.at_most(dict.fromkeys(x[:2], 1.0), 0.6)
        build.at_most(dict.fromkeys(x[2:], 1.0), 0.6)
    with build.about(topic):
        build.at_least(dict.fromkeys(x, 1.0), least)
    return build.build()


def test_a_contradiction_of_the_same_rows_takes_no_node_though_another_row_came_between() -> None:
    # Two pairs of at most 0.6 hold 1.2 at most.
    first, known = searched(apart(1.3))
    moved = apart(1.25, extra=True)
    again = minimise(moved, Limits(gap=GAP, known=known))
    assert first.status is again.status is Status.INFEASIBLE
    assert (first.nodes, again.nodes) == (1, 0)
    assert proof.faults(moved, again) == []


def test_multipliers_of_a_row_that_is_gone_close_nothing() -> None:
    (_, known), root = searched(apart(1.3)), np.full(4, FREE, dtype=np.int8)
    assert cuts_of(apart(1.3), known).closes(root, math.inf)
    assert not cuts_of(apart(1.3, topic="another"), known).closes(root, math.inf)
    # Nor do multipliers of which all rows are gone.
    alone = Builder()
    alone.switch(alone.variable(upper=1.0))
    assert not cuts_of(alone.build(), known).closes(np.full(1, FREE, dtype=np.int8), math.inf)
    freed = apart(1.15)
    found = minimise(freed, Limits(gap=GAP, known=known))
    assert found.value == pytest.approx(1.15, abs=SAME)
    assert proof.faults(freed, found) == []


def test_a_cut_sets_the_switches_whose_other_state_costs_too_much() -> None:
    # At a price of 1.3 per unit, 1.2 units cost 1.56, and an ETF of 0.6 saves 0.6 times 0.3, 0.2, 0.1 and 0: 1.2 is the
    # bound. Without the first ETF the bound is 1.38, without the second 1.32, without the third 1.26.
    program, price = pairs(least=1.2), np.array([1.3])
    for bound, wanted in (
        (1.39, [FREE] * 4),
        (1.3, [ON, ON, FREE, FREE]),
        (1.25, [ON, ON, ON, FREE]),
    ):
        cuts, states = Cuts(program), np.full(4, FREE, dtype=np.int8)
        cuts.add(price, costs=True)
        closed = list(cuts.propagate(states, bound))
        assert states.tolist() == wanted
        assert [part.bound for part in closed] == pytest.approx([1.38, 1.32, 1.26][: len(closed)])
        assert all(part.multipliers.tolist() == [1.3] for part in closed)
    # Below 1.2 the cut closes the whole space, and a second one without costs proves nothing.
    cuts.add(price, costs=False)
    assert cuts.closes(np.full(4, FREE, dtype=np.int8), 1.19)
    assert not cuts.closes(np.full(4, FREE, dtype=np.int8), 1.21)


@settings(PROFILE, max_examples=30)
@given(seeds, st.floats(0.0, 0.5))
def test_no_part_that_cuts_of_a_similar_program_close_has_a_point_below_the_bound(seed: int, above: float) -> None:
    rng = np.random.default_rng(seed)
    toy, *_ = random_toy(rng)
    _, known = searched(toy.program())
    changed = replace(toy, q=toy.q + rng.normal(0, 0.1, len(toy.q))).program()
    best = minimise(changed, Limits(gap=GAP))
    bound = best.value + above if math.isfinite(best.value) else 1e6
    root = np.full(len(changed.switched), FREE, dtype=np.int8)
    closed = list(cuts_of(changed, known).propagate(root, bound))
    for part in closed:
        assert part.bound >= bound
        assert minimise(changed, Limits(gap=GAP), root=part.states).value >= bound - SAME
    # With the part that is left, these parts cover all settings.
    parts = [part.states for part in closed if part.states is not root]
    assert cover([*parts, root])


def test_a_search_for_the_best_figure_proves_what_no_portfolio_reaches() -> None:
    # The aim is 1 + 1.2 - sum of x, at its best 1 - 1.2 with all four; a row that asks for 2.5 is that aim below
    # 1 - (2.5 - 1.2), and so the same multipliers, with one for the row, contradict it.
    build = Builder(offset=2.2, aim=(1, "sum", 0))
    x = [build.variable(upper=0.6, cost=-1.0) for _ in range(4)]
    for j in x:
        build.switch(j, floor=0.5)
    aimed = build.build()
    first, known = searched(aimed)
    assert first.value == pytest.approx(2.2 - 2.4, abs=SAME)
    asked = pairs(least=2.5, topic="sum")
    assert cuts_of(asked, known).closes(np.full(4, FREE, dtype=np.int8), math.inf)
    again = minimise(asked, Limits(known=known))
    assert (again.status, again.nodes) == (Status.INFEASIBLE, 0)
    assert proof.faults(asked, again) == []


@PROFILE
@given(seeds)
def test_a_search_with_an_earlier_proof_ends_where_a_search_without_one_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    toy, *_ = random_toy(rng)
    before = toy.program()
    first, known = searched(before)
    # Other costs, other limits: tighter or looser, and at times a contradiction.
    changed = replace(toy, q=toy.q + rng.normal(0, 0.3, len(toy.q)), h=toy.h + rng.normal(0, 0.2, len(toy.h))).program()
    alone = minimise(changed, Limits(gap=GAP))
    again = minimise(changed, Limits(gap=GAP, start=first.states, known=known))
    assert proof.faults(changed, again) == []
    assert again.status is alone.status
    # Stopped before its first node, a search has a bound all the same.
    stopped = minimise(changed, Limits(node_limit=0, known=known))
    assert stopped.bound > -math.inf
    assert proof.faults(changed, stopped) == []
    if alone.status is Status.OPTIMAL:
        assert again.value == pytest.approx(alone.value, abs=SAME)


def test_switches_are_settled_where_a_proof_leaves_one_state() -> None:
    # The first is in every point, at 0.6. With the second the cost is 0.6 + 1.1 * 0.5 = 1.15, with the third besides
    # 1.15 + (1.2 - 1.1) * 0.5 = 1.2 at least, and with the fourth 1.25. Without the second, the third costs
    # 0.6 + 1.2 * 0.5 = 1.2, and with the fourth 1.25. Below 1.19 all are settled, below 1.21 the first and the fourth.
    build = Builder()
    x = [build.variable(upper=0.6, cost=1.0 + j / 10) for j in range(4)]
    for j in x:
        build.switch(j, floor=0.5)
    build.at_least({x[0]: 1.0}, 0.6)
    build.at_least(dict.fromkeys(x[1:], 1.0), 0.5)
    program = build.build()
    first = np.array([1.0, 0.0])
    leaves = [
        Leaf(np.array([OFF, FREE, FREE, FREE], dtype=np.int8), first, infeasible=True),
        Leaf(np.array([ON, ON, FREE, FREE], dtype=np.int8), np.array([1.0, 1.1])),
        Leaf(np.array([ON, OFF, FREE, FREE], dtype=np.int8), np.array([1.0, 1.2])),
    ]

    assert Earlier(program, leaves).settled(program, 1.19).tolist() == [ON, ON, OFF, OFF]
    assert Earlier(program, leaves).settled(program, 1.21).tolist() == [ON, FREE, FREE, OFF]


@PROFILE
@given(seeds, st.floats(0.0, 0.5))
def test_no_point_below_the_bound_has_a_settled_switch_in_its_other_state(seed: int, above: float) -> None:
    rng = np.random.default_rng(seed)
    toy, *_ = random_toy(rng)
    first = minimise(toy.program(), Limits(gap=GAP))
    changed = replace(toy, q=toy.q + rng.normal(0, 0.1, len(toy.q))).program()
    best = minimise(changed, Limits(gap=GAP)).value
    bound = best + above if math.isfinite(best) else 1e6
    for i, state in enumerate(Earlier(toy.program(), first.leaves).settled(changed, bound).tolist()):
        if state != FREE:
            other = np.full(len(changed.switched), FREE, dtype=np.int8)
            other[i] = ON + OFF - state
            assert minimise(changed, Limits(gap=GAP), root=other).value >= bound - SAME


def test_a_known_point_ends_a_search_for_any_point_without_a_node() -> None:
    first = minimise(pairs(), Limits(gap=GAP))
    found = minimise(pairs(2.0), Limits(gap=1e12, start=first.states))
    assert (found.status, found.nodes) == (Status.OPTIMAL, 0)
    assert proof.faults(pairs(2.0), found) == []


def test_a_search_ends_at_the_first_point_below_the_value_that_is_enough() -> None:
    # The last two cost (1.2 + 1.3) * 0.6 = 1.5: below 1.6, so that nothing better is looked for.
    start = np.array([OFF, OFF, ON, ON], dtype=np.int8)
    found = minimise(pairs(), Limits(gap=GAP, start=start, until=1.6))
    assert (found.status, found.nodes) == (Status.STOPPED, 0)
    assert found.value == pytest.approx(1.5, abs=SAME)
    assert minimise(pairs(), Limits(gap=GAP, start=start, until=1.2)).value == pytest.approx(1.26, abs=SAME)
