"""The coordinated portfolio against a rival: differences and their intervals."""

from __future__ import annotations

import math

import pytest
from support.walks import a_path, a_seeded_walk, a_walk

from backtest.result import Result, compare

EXACT = 1e-9


def of(result: Result, measure: str) -> tuple[float, float | None, float | None, bool]:
    found = next(each for each in result.differences if each.measure == measure)
    return found.difference, found.low, found.high, found.beyond


def test_a_saving_at_every_decision_is_beyond_its_interval_and_returns_of_chance_are_not() -> None:
    result = compare(a_seeded_walk())

    saved, low, high, beyond = of(result, "brokerage_aud")
    # 60 less 90, twelve times, each to within 5 on both sides.
    assert -480 < saved < -240
    assert beyond
    assert low is not None
    assert high is not None
    assert low < saved < high < 0
    # Both strategies have the same true returns: the difference is chance, and the intervals say so.
    assert [of(result, name)[3] for name in ("wealth_aud", "growth", "sharpe_ratio", "volatility")] == [False] * 4


def test_the_differences_are_those_of_the_figures() -> None:
    result = compare(a_seeded_walk())

    first, rival = result.strategies
    for each in result.differences:
        assert each.difference == getattr(first, each.measure) - getattr(rival, each.measure)
        if each.low is not None and each.high is not None and each.measure != "deepest_loss":
            assert each.low <= each.difference + 1e-9
            assert each.difference <= each.high + 1e-9


def test_the_same_walk_gives_the_same_result_and_another_seed_another_interval() -> None:
    walk = a_seeded_walk()

    assert compare(walk) == compare(walk)
    assert of(compare(walk), "growth")[1] != of(compare(walk, seed=7), "growth")[1]


def test_a_path_against_itself_differs_in_nothing() -> None:
    path = a_seeded_walk().paths[0]
    result = compare(a_walk(path, path.model_copy(update={"strategy": "again"})))

    assert {(each.difference, each.low, each.high) for each in result.differences} == {(0.0, 0.0, 0.0)}


def test_wealth_has_the_interval_of_growth_unless_money_came_on_the_way() -> None:
    walk = a_seeded_walk()
    result = compare(walk)

    growth, wealth = (next(e for e in result.differences if e.measure == name) for name in ("growth", "wealth_aud"))
    rival = walk.paths[1]
    # (1 + g_rival + end)^3 of the 100,000 after three years, less the rival's wealth.
    assert growth.high is not None
    base = 100_000 * (1 + result.strategies[1].growth + growth.high) ** 3
    assert wealth.high == pytest.approx(base - rival.wealth_aud[-1], abs=1e-6)

    paid_in = [path.model_copy(update={"flows_aud": (100_000.0, 1.0, *[0.0] * 155)}) for path in walk.paths]
    assert of(compare(a_walk(*paid_in)), "wealth_aud")[1:] == (None, None, False)


def test_few_weeks_and_few_decisions_have_no_interval() -> None:
    short = a_path((100.0, 101.0, 99.0), decisions=({"orders": 1},))
    result = compare(a_walk(short, short.model_copy(update={"strategy": "again"})))

    assert {(each.low, each.high) for each in result.differences} == {(None, None)}
    assert math.isfinite(result.strategies[0].sharpe_ratio)
