"""Large programs through the dispatcher: the compiled blocks, the parts and the proof's check of many leaves."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.block_toys import block_toy
from support.builders import REFERENCE_SHARES, TRAILING, terms
from support.depth import examples, some_of

from agents.mandate_files import load as load_mandate
from portfolio.case.case import Case
from portfolio.conic import dispatch, proof, search
from portfolio.conic.bound import FREE, OFF, ON
from portfolio.conic.cover import cover, covered
from portfolio.conic.large.decomposition.decomposed_search import minimise
from portfolio.conic.large.decomposition.proof_by_prices import Decomposed
from portfolio.conic.large.perspective import block, prepared
from portfolio.conic.large.perspective.leaf import PerspectiveLeaf
from portfolio.conic.large.perspective.leaves import TreeProof
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder
from portfolio.conic.relaxation import Relaxation
from portfolio.conic.solution import Leaf, Solution, Status, proven, relative_gap, scale_of
from portfolio.market.snapshot import load
from portfolio.master.statement.formulation import Formulation
from portfolio.pod.optimise import optimise_sleeve
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from portfolio.conic.program import Program

pytestmark = pytest.mark.slow

GAP = 1e-4
SOLVERS_AGREE = 1e-6

seeds = st.integers(0, 2**32 - 1)


def large(seed: int, **kind: bool) -> Program:
    """Make blocks of three to fourteen switches: some of them for the compiled loops."""
    return block_toy(np.random.default_rng(seed), etfs=15, **kind)


@lru_cache
def split_in_parts() -> tuple[Program, Solution]:
    """Find a program that is solved in several parts."""
    for seed in range(5, 1000):
        program = block_toy(np.random.default_rng(seed), blocks=3, etfs=9)
        found = minimise(program)
        if len(found.leaves) > 1 and found.status is Status.OPTIMAL:
            return program, found
    raise AssertionError


@examples(12, quick=4)
@given(seed=seeds, cone=st.booleans(), penalise=st.booleans())
def test_compiled_blocks_find_and_prove_what_one_tree_finds(seed: int, cone: bool, penalise: bool) -> None:  # noqa: FBT001
    program = large(seed, cone=cone, penalise=penalise)
    plain, found = search.minimise(program, Limits(gap=GAP)), minimise(program, Limits(gap=GAP))
    assert proof.faults(program, found) == []
    assert found.status is plain.status
    if plain.status is Status.OPTIMAL:
        assert abs(found.value - plain.value) <= GAP * scale_of(plain.value) + SOLVERS_AGREE
        assert found.bound <= plain.value + SOLVERS_AGREE


@pytest.mark.parametrize("patience", some_of([0, 1, 7, 40, 100, 200, 300, 400, 600, 1000, 1300], every=4))
@pytest.mark.parametrize("penalise", [False, True])
def test_once_it_has_to_stop_nothing_dear_begins(
    monkeypatch: pytest.MonkeyPatch,
    patience: int,
    penalise: bool,  # noqa: FBT001
) -> None:
    """Neither a relaxation, nor the nodes of a block, nor its set-up, nor the leaves of its proof.

    But for one: what was found without sharing is solved once more with all rows, or it would be lost.
    """
    asked, late = 0, []

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > patience

    def watched(place: object, name: str) -> None:
        whole = getattr(place, name)

        def watch(*args: object, **kwargs: object) -> object:
            if asked > patience:
                late.append(name)
            return whole(*args, **kwargs)

        monkeypatch.setattr(place, name, watch)

    for place, name in ((Relaxation, "solve"), (block, "explore"), (prepared, "recognise"), (TreeProof, "leaves")):
        watched(place, name)
    program = large(12, cone=True, penalise=penalise)
    found = minimise(program, Limits(gap=0.0, stop=stop))
    assert asked > patience
    assert late == [] or (penalise and late == ["solve"])
    assert found.status is Status.STOPPED
    assert proof.faults(program, found) == []


def test_a_start_is_looked_at_even_if_there_is_no_time_left() -> None:
    program = large(3)
    best = minimise(program)
    again = minimise(program, Limits(start=best.states, stop=lambda: True))
    assert again.value == pytest.approx(best.value, rel=GAP)


@pytest.mark.parametrize("run", [search.minimise, minimise, dispatch.minimise])
def test_who_watches_sees_the_gap_close_down_to_the_answer(run) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    told: list[tuple[float, float]] = []
    found = run(large(3), Limits(on_progress=lambda value, bound: told.append((value, bound))))
    assert len(told) > 1
    assert all(later[0] <= earlier[0] for earlier, later in pairwise(told))
    assert max(bound for _, bound in told) <= found.value + SOLVERS_AGREE
    assert told[-1][0] == pytest.approx(found.value, abs=SOLVERS_AGREE)
    assert relative_gap(*told[-1]) <= GAP


def test_a_proof_without_one_of_its_parts_is_a_fault() -> None:
    program, found = split_in_parts()
    assert proof.faults(program, found) == []
    for i in range(len(found.leaves)):
        assert proof.faults(program, replace(found, leaves=found.leaves[:i] + found.leaves[i + 1 :])) != []


def test_prices_of_one_part_prove_nothing_of_another() -> None:
    program, found = split_in_parts()
    everything = np.full(len(program.switched), FREE, dtype=np.int8)
    tried = 0
    for leaf in found.leaves:
        assert isinstance(leaf, Decomposed)
        if any(p.states is not None and (p.states != FREE).any() for p in leaf.dual_prices):
            tried += 1
            wider = replace(leaf, states=everything, tree=(), fixings=())
            assert proof.faults(program, replace(found, leaves=(wider,))) != []
    assert tried


@examples(5, quick=2)
@given(seed=seeds)
def test_many_leaves_prove_what_each_proves(seed: int) -> None:
    program = block_toy(np.random.default_rng(seed), etfs=12)
    found = minimise(program, Limits(gap=GAP))
    for outer in found.leaves:
        assert proven(program, [outer])[0][0] == outer.bound(program).value
    plain = search.minimise(program, Limits(node_limit=30))
    values, _ = proven(program, plain.leaves)
    each = [leaf.bound(program).value for leaf in plain.leaves]
    assert np.allclose(values, each, rtol=1e-12, atol=1e-12)


def risky() -> Program:
    build = Builder()
    u = [build.variable(upper=1.0, block=0) for _ in range(3)]
    for j in u:
        build.switch(j)
    risk = build.variable(upper=4.0, block=0)
    build.norm_at_most(np.eye(3), u, {risk: 1.0})
    return build.build()


@examples(300, quick=100)
@given(seed=seeds)
def test_parts_cover_everything_if_every_setting_at_every_risk_is_in_one(seed: int) -> None:
    rng, program = np.random.default_rng(seed), risky()
    # A tree over switches and risk, some leaves of which are lost or widened.
    leaves = [(np.full(3, FREE, dtype=np.int8), 0, 4)]
    for _ in range(int(rng.integers(0, 12))):
        states, low, high = leaves.pop(int(rng.integers(len(leaves))))
        i = int(rng.integers(4))
        if i == 3 and high - low > 1:
            leaves += [(states, low, low + 1), (states, low + 1, high)]
        elif i < 3 and states[i] == FREE:
            leaves += [(np.where(np.arange(3) == i, state, states).astype(np.int8), low, high) for state in (OFF, ON)]
        else:
            leaves.append((states, low, high))
    if len(leaves) > 1 and rng.integers(2):
        leaves.pop()
    if rng.integers(2):
        states, low, high = leaves[0]
        leaves.append((np.where(rng.random(3) < 0.5, FREE, states).astype(np.int8), low, high))
    inside = all(
        any(a <= r < b and all(s in {FREE, x} for s, x in zip(states, setting, strict=True)) for states, a, b in leaves)
        for setting in product((OFF, ON), repeat=3)
        for r in range(4)
    )
    made = [PerspectiveLeaf(states, None, risks=(float(a), float(b))) for states, a, b in leaves]
    # Parts that overlap may cover without being a tree: then it is enough that nothing wrong is believed.
    if covered(program, made):
        assert inside
    elif inside:
        assert not cover_is_a_tree(leaves)


def cover_is_a_tree(leaves: list[tuple[np.ndarray, int, int]]) -> bool:
    """Whether no two leaves have a setting at a risk in common."""

    def apart(a: tuple[np.ndarray, int, int], b: tuple[np.ndarray, int, int]) -> bool:
        return bool(((a[0] != b[0]) & (a[0] != FREE) & (b[0] != FREE)).any()) or a[2] <= b[1] or b[2] <= a[1]

    return all(apart(a, b) for i, a in enumerate(leaves) for b in leaves[:i])


@pytest.mark.parametrize("duplicates", list(Duplicates))
def test_the_reference_customer_is_the_same_through_the_dispatcher_and_through_prices(duplicates: Duplicates) -> None:
    prices = load(TRAILING)
    sleeves = [optimise_sleeve(prices, load_mandate(pod), share) for pod, share in sorted(REFERENCE_SHARES.items())]
    program = Formulation(Case(prices, sleeves, terms(max_weight=0.30, duplicates=duplicates))).program
    plain = search.minimise(program, Limits(gap=GAP))
    for found in (dispatch.minimise(program, Limits(gap=GAP)), minimise(program, Limits(gap=GAP))):
        assert found.status is plain.status is Status.OPTIMAL
        assert found.value == pytest.approx(plain.value, abs=SOLVERS_AGREE + GAP * scale_of(plain.value))
        assert proof.faults(program, found) == []
    assert (dispatch.minimise(program, Limits(gap=GAP)).states == plain.states).all()


def test_nothing_covers_nothing() -> None:
    assert not cover([])
    assert not covered(risky(), [Leaf(np.array([ON, FREE, FREE], dtype=np.int8), None)])
    assert math.isinf(proven(risky(), [Leaf(np.full(3, FREE, dtype=np.int8), None)])[0][0])
