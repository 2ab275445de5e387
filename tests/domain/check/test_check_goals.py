"""The independent check on events in which goals gave way, or correlations were limited."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import OUTLOOK, TRAILING, final_event, request

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

# The market of each event, and what differs from the reference customer's request.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gave_way": (OUTLOOK, {}),
    "limited": (TRAILING, {"correlations": "limit", "explain": "unmet"}),
}


@cache
def made(case: str) -> Event:
    market_id, changes = CASES[case]
    body = {**json.loads(request(market_id=market_id)), **changes}
    event = final_event(json.dumps(body).encode(), nodes=100_000)
    assert isinstance(event, MasterPortfolioOptimized)
    read: Event = json.loads(encode(event))
    return read


def found(case: str, event: Event) -> list[str]:
    return findings(event, load(CASES[case][0]))


def goal(event: Event, name: str) -> Event:
    line: Event = next(line for line in event["goals"] if line["name"] == name)
    return line


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_true_event_has_no_findings(case: str) -> None:
    assert found(case, made(case)) == []


def test_the_events_have_what_is_tampered_with() -> None:
    assert not all(line["met"] for line in made("gave_way")["goals"])
    assert any(line["figure"] == "correlation" and not line["met"] for line in made("limited")["goals"])
    assert made("gave_way")["economic_duplicates"]


# Tamperings of a goal that gave way: gamma's Sharpe ratio, for which 1.5 was asked and 0.24 is the best.
SHARPE = "gamma.sharpe_ratio"


def ask_less(event: Event) -> None:
    goal(event, SHARPE)["asked"] = 0.2


def ask_less_everywhere(event: Event) -> None:
    # Then it would have been met.
    event["pods"]["gamma"]["mandate"]["goals"]["sharpe_ratio"] = 0.2
    goal(event, SHARPE).update(asked=0.2, shortfall=0.0)


def claim_that_more_was_possible(event: Event) -> None:
    goal(event, SHARPE)["best_together"] += 1e-3


def claim_that_less_was_possible(event: Event) -> None:
    goal(event, SHARPE)["best_together"] -= 1e-3


def claim_that_all_was_possible(event: Event) -> None:
    goal(event, SHARPE)["best_together"] = 1.6


def forget_what_was_possible(event: Event) -> None:
    goal(event, SHARPE)["best_together"] = None


def claim_that_less_was_possible_alone(event: Event) -> None:
    goal(event, SHARPE)["best_alone"] = 0.23


def claim_more_than_is_delivered(event: Event) -> None:
    goal(event, SHARPE)["delivered"] += 1e-6


def deliver_nothing(event: Event) -> None:
    goal(event, SHARPE).update(delivered=None, shortfall=None)


def claim_a_smaller_shortfall(event: Event) -> None:
    goal(event, SHARPE)["shortfall"] -= 1e-6


def forget_the_shortfall(event: Event) -> None:
    goal(event, SHARPE)["shortfall"] = None


def claim_that_it_is_met(event: Event) -> None:
    goal(event, SHARPE)["met"] = True


def claim_that_a_met_goal_is_missed(event: Event) -> None:
    goal(event, "alpha.liquidity")["met"] = False


def pay_for_a_goal(event: Event) -> None:
    goal(event, SHARPE)["price"] *= -1


def lose_by_easing_a_goal(event: Event) -> None:
    goal(event, SHARPE)["gain_of_one_percent"] *= -1


def turn_a_cap_into_a_floor(event: Event) -> None:
    goal(event, "alpha.volatility")["better"] = "higher"


def move_a_goal_to_another_pod(event: Event) -> None:
    goal(event, SHARPE)["pods"] = ["delta"]


def call_a_figure_by_another_name(event: Event) -> None:
    goal(event, SHARPE)["figure"] = "liquidity"


def turn_the_order_around(event: Event) -> None:
    event["goals"].reverse()


def put_a_smaller_pod_first(event: Event) -> None:
    names = [g["name"] for g in event["goals"]]
    a, b = names.index("gamma.volatility"), names.index("alpha.volatility")
    event["goals"][a], event["goals"][b] = event["goals"][b], event["goals"][a]


def raise_a_priority(event: Event) -> None:
    goal(event, SHARPE)["priority"] = 2


def raise_a_priority_of_the_request(event: Event) -> None:
    event["terms"]["priorities"] = {SHARPE: 5}


def tell_a_goal_twice(event: Event) -> None:
    event["goals"].append(copy.deepcopy(event["goals"][-1]))


def drop_a_row_of_the_whole(event: Event) -> None:
    event["goals"] = [line for line in event["goals"] if line["name"] != "never_worse.sharpe_ratio"]


def say_that_nothing_was_to_give_way(event: Event) -> None:
    event["terms"]["on_unreachable"] = "fail"


def deny_that_the_levels_are_proven(event: Event) -> None:
    event["certificate"]["levels_proven"] = False


def withhold_the_certificate(event: Event) -> None:
    event["certificate"]["certified"] = False


def restrict_what_is_no_goal(event: Event) -> None:
    event["certificate"]["restricted"] = ["correlation.alpha-beta"]


def claim_that_a_row_that_gave_way_was_held(event: Event) -> None:
    next(row for row in event["comparison"] if row["metric"] == "tax_efficiency")["never_worse"] = True


def deny_that_a_row_was_held(event: Event) -> None:
    next(row for row in event["comparison"] if row["metric"] == "etfs")["never_worse"] = False


def forget_an_economic_duplicate(event: Event) -> None:
    event["economic_duplicates"].pop()


def tell_an_economic_duplicate_twice(event: Event) -> None:
    event["economic_duplicates"] *= 2


def understate_an_economic_duplicate(event: Event) -> None:
    event["economic_duplicates"][0]["correlation"] -= 1e-6


def turn_an_economic_duplicate_around(event: Event) -> None:
    event["economic_duplicates"][0]["tickers"].reverse()


def shift_the_matrix(event: Event) -> None:
    event["correlation_matrix"]["gamma"]["alpha"] += 1e-6


def bend_its_diagonal(event: Event) -> None:
    event["correlation_matrix"]["gamma"]["gamma"] = 0.99


def raise_a_limit(event: Event) -> None:
    event["correlations"][0]["limit"] = 0.9


def claim_more_room(event: Event) -> None:
    event["correlations"][0]["room"] += 1e-6


def forget_a_limit(event: Event) -> None:
    event["correlations"][0].update(limit=None, room=None)


TAMPERINGS: list[Callable[[Event], None]] = [
    ask_less,
    ask_less_everywhere,
    claim_that_more_was_possible,
    claim_that_less_was_possible,
    claim_that_all_was_possible,
    forget_what_was_possible,
    claim_that_less_was_possible_alone,
    claim_more_than_is_delivered,
    deliver_nothing,
    claim_a_smaller_shortfall,
    forget_the_shortfall,
    claim_that_it_is_met,
    claim_that_a_met_goal_is_missed,
    pay_for_a_goal,
    lose_by_easing_a_goal,
    turn_a_cap_into_a_floor,
    move_a_goal_to_another_pod,
    call_a_figure_by_another_name,
    turn_the_order_around,
    put_a_smaller_pod_first,
    raise_a_priority,
    raise_a_priority_of_the_request,
    tell_a_goal_twice,
    drop_a_row_of_the_whole,
    say_that_nothing_was_to_give_way,
    deny_that_the_levels_are_proven,
    withhold_the_certificate,
    restrict_what_is_no_goal,
    claim_that_a_row_that_gave_way_was_held,
    deny_that_a_row_was_held,
    forget_an_economic_duplicate,
    tell_an_economic_duplicate_twice,
    understate_an_economic_duplicate,
    turn_an_economic_duplicate_around,
    shift_the_matrix,
    bend_its_diagonal,
    raise_a_limit,
    claim_more_room,
    forget_a_limit,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda f: f.__name__)
def test_tampering_with_a_goal_that_gave_way_is_found_out(tamper: Callable[[Event], None]) -> None:
    event = copy.deepcopy(made("gave_way"))
    tamper(event)
    assert event != made("gave_way")
    assert found("gave_way", event)


def certify_a_missed_limit(event: Event) -> None:
    event["certificate"]["certified"] = True


def certify_what_was_found_beside_a_limit(event: Event) -> None:
    certificate = event["certificate"]
    certificate.update(certified=True, bound=certificate["objective"], gap=0.0)


def call_a_limit_kept(event: Event) -> None:
    next(line for line in event["goals"] if line["figure"] == "correlation" and not line["met"])["met"] = True


def only_report_the_limits(event: Event) -> None:
    event["terms"]["correlations"] = "report"


def raise_a_limit_of_the_request(event: Event) -> None:
    event["terms"]["correlation_limits"] = {"beta-alpha": 0.99}


def drop_a_limit(event: Event) -> None:
    event["goals"] = [line for line in event["goals"] if line["name"] != "correlation.alpha-beta"]


@pytest.mark.parametrize(
    "tamper",
    [
        certify_a_missed_limit,
        certify_what_was_found_beside_a_limit,
        call_a_limit_kept,
        only_report_the_limits,
        raise_a_limit_of_the_request,
        drop_a_limit,
        raise_a_limit,
        claim_more_room,
    ],
    ids=lambda f: f.__name__,
)
def test_tampering_with_a_limit_is_found_out(tamper: Callable[[Event], None]) -> None:
    event = copy.deepcopy(made("limited"))
    tamper(event)
    assert event != made("limited")
    assert found("limited", event)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (say_that_nothing_was_to_give_way, f"{SHARPE} is missed, though no goal was to give way"),
        (claim_that_all_was_possible, f"{SHARPE} is missed, though 1.6 was possible and 1.5 asked"),
    ],
)
def test_what_contradicts_more_than_one_thing_is_told_of_each(tamper: Callable[[Event], None], said: str) -> None:
    event = copy.deepcopy(made("gave_way"))
    tamper(event)
    assert said in found("gave_way", event)


def test_a_best_that_was_not_found_in_time_may_be_left_out_if_that_is_said() -> None:
    event = copy.deepcopy(made("gave_way"))
    forget_what_was_possible(event)
    event["certificate"].update(levels_proven=False, certified=False)
    assert found("gave_way", event) == []
