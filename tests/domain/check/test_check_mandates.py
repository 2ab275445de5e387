"""The independent check on mandates as they were used, and on the headline."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import OUTLOOK, final_event, request
from support.forgery import at, changed, leaves

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

CASES: dict[str, dict[str, Any]] = {
    "cautious": {"customer": {"risk_tolerance": 0.2}},
    "bold": {"customer": {"risk_tolerance": 0.8}},
    "fitted": {
        "pod_targets": {"gamma.sharpe_ratio": 0.2, "delta.expected_return_over_cash": 0.01, "alpha.liquidity": 0.85}
    },
}


@cache
def made(case: str) -> Event:
    changes = CASES[case]
    body = {**json.loads(request(market_id=OUTLOOK)), **changes}
    body["customer"] = json.loads(request())["customer"] | changes.get("customer", {})
    event = final_event(json.dumps(body).encode(), nodes=100_000)
    assert isinstance(event, MasterPortfolioOptimized), event
    read: Event = json.loads(encode(event))
    return read


def found(event: Event) -> list[str]:
    return findings(event, load(OUTLOOK))


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_true_event_has_no_findings(case: str) -> None:
    assert found(made(case)) == []


@pytest.mark.parametrize("case", ["cautious", "bold"])
def test_every_number_of_a_place_on_the_frontier_is_protected(case: str) -> None:
    # The ends of the frontier take a solver to check: an end that does not move the point is not noticed.
    ends = {"cautious": {"objective_return", "greatest_return"}, "bold": {"least_volatility", "objective_volatility"}}
    for path in leaves(made(case)):
        if path[0] == "pods" and "frontier" in path and path[-1] not in ends[case]:
            event = copy.deepcopy(made(case))
            at(event, path[:-1])[path[-1]] = changed(at(event, path), 1.01)
            assert found(event), path


def tolerate_more(event: Event) -> None:
    event["terms"]["risk_tolerance"] = 0.6


def leave_a_pod_as_it_is(event: Event) -> None:
    event["pods"]["beta"]["frontier"] = None


def move_the_pod_of_least_risk(event: Event) -> None:
    event["pods"]["alpha"]["frontier"] = event["pods"]["beta"]["frontier"] | {"volatility": None}


def ask_for_less_than_the_frontier(event: Event) -> None:
    del event["pods"]["delta"]["mandate"]["goals"]["expected_return"]


def ignore_a_target(event: Event) -> None:
    event["terms"]["pod_targets"]["gamma.sharpe_ratio"] = 0.3


def ignore_the_rate_of_cash(event: Event) -> None:
    event["terms"]["pod_targets"]["delta.expected_return"] = event["terms"]["pod_targets"].pop(
        "delta.expected_return_over_cash"
    )


def set_a_target_of_no_pod(event: Event) -> None:
    event["terms"]["pod_targets"]["omega.liquidity"] = 0.1


def state_another_goal_over_cash(event: Event) -> None:
    event["pods"]["beta"]["mandate"]["over_cash"] = {"grossed_up_yield": 0.001}


def claim_a_smaller_bound(event: Event) -> None:
    event["at_most_better_by"] -= 1e-6


def claim_nothing(event: Event) -> None:
    event["at_most_better_by"] = None


def hold_a_target_elsewhere(event: Event) -> None:
    line = next(line for line in event["goals"] if not line["met"] and line["pods"])
    line["held"] *= 0.999


def tolerate_less_of_a_target(event: Event) -> None:
    event["terms"]["target_tolerance"] = 0.005


def give_up_what_is_kept(event: Event) -> None:
    next(line for line in event["goals"] if line["met"])["held"] = None


@pytest.mark.parametrize(
    ("case", "tamper", "words"),
    [
        ("cautious", tolerate_more, "on its frontier for a tolerance of 0.6"),
        ("bold", tolerate_more, "on its frontier is"),
        ("cautious", leave_a_pod_as_it_is, "beta is said to be left on its frontier"),
        ("bold", move_the_pod_of_least_risk, "alpha is said to be moved on its frontier"),
        ("bold", ask_for_less_than_the_frontier, "delta's goal for expected_return is None"),
        ("fitted", ignore_a_target, "gamma's goal for sharpe_ratio is 0.2, not 0.3"),
        ("fitted", ignore_the_rate_of_cash, "delta's goal for expected_return"),
        ("fitted", set_a_target_of_no_pod, "omega, which is no pod"),
        ("fitted", state_another_goal_over_cash, "beta's goal for grossed_up_yield"),
        ("cautious", claim_a_smaller_bound, "no portfolio is better by more than"),
        ("fitted", claim_nothing, "no portfolio is better by more than"),
        ("cautious", hold_a_target_elsewhere, "is held at"),
        ("cautious", tolerate_less_of_a_target, "is held at"),
        ("fitted", give_up_what_is_kept, "is said to be given up"),
    ],
)
def test_a_tampered_event_is_noticed(case: str, tamper: Callable[[Event], None], words: str) -> None:
    event = copy.deepcopy(made(case))
    tamper(event)
    assert any(words in finding for finding in found(event)), found(event)
