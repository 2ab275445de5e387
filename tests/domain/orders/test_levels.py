"""Whole units keep the levels of the portfolio in fractions, so that one bound is about both."""

from __future__ import annotations

import json
from functools import cache

import pytest
from support.builders import OUTLOOK, TRAILING, final_event, request
from support.depth import some_of
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized

ACCOUNT = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))["account"]
CASH = {"as_of": "2025-11-10", "cash_aud": 8_000.0}
MET = 1e-6


@cache
def rounded(market_id: str, cash: float) -> MasterPortfolioOptimized:
    event = final_event(request(market_id=market_id, account={**ACCOUNT, "cash_aud": cash}), nodes=100_000)
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


@pytest.mark.parametrize(
    ("cash", "market_id"),
    [
        (90_000.0, OUTLOOK),
        *some_of([(cash, TRAILING) for cash in (40_000.0, 90_000.0, 300_000.0)], every=3),
        *(pytest.param(cash, OUTLOOK, marks=pytest.mark.deep) for cash in (40_000.0, 300_000.0)),
    ],
)
def test_whole_units_keep_every_level_and_score_at_most_the_bound(cash: float, market_id: str) -> None:
    event = rounded(market_id, cash)
    assert event.trading is not None
    for goal, whole in zip(event.goals, event.trading.goals, strict=True):
        if goal.held is not None and whole.delivered is not None:
            worse = (whole.delivered - goal.held) * (1 if goal.better == "lower" else -1)
            assert (worse > MET * max(1.0, abs(goal.held))) == (goal.name in event.trading.gave_way), goal.name
    assert event.trading.gave_way == ()
    score, bound = event.trading.objective, event.certificate.bound
    assert score <= bound + MET
    assert event.at_most_better_by == pytest.approx(max(bound - score, 0.0) / abs(score))


def test_where_targets_give_way_they_are_held_with_room_for_units() -> None:
    event = rounded(OUTLOOK, 90_000.0)
    gave_way = {goal.name: goal for goal in event.goals if goal.held is not None and goal.held != goal.asked}
    assert set(gave_way) == {"gamma.sharpe_ratio", "delta.expected_return"}
    for goal in gave_way.values():
        assert goal.best_together is not None
        assert goal.held == pytest.approx(0.99 * goal.best_together)


def test_a_target_held_to_the_last_digit_leaves_units_nothing_and_that_is_said() -> None:
    account = CASH | {"cash_aud": 5_000.0}
    asked = request({"alpha": 0.5, "gamma": 0.5}, market_id=OUTLOOK, account=account, rules={"max_weight": 0.5})
    event = final_event(json.dumps(json.loads(asked) | {"target_tolerance": 0.0}).encode(), nodes=100_000)
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    assert event.trading.gave_way == ("gamma.sharpe_ratio",)
    assert event.at_most_better_by is None
    (whole,) = (goal for goal in event.trading.goals if goal.name == "gamma.sharpe_ratio")
    (goal,) = (goal for goal in event.goals if goal.name == "gamma.sharpe_ratio")
    assert whole.delivered is not None and goal.held is not None  # noqa: PT018 - a Sharpe ratio always is
    assert whole.delivered < goal.held - MET
