"""The public interface: what is accepted, what is refused and how, and that the schemas say the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest
from support.builders import OUTLOOK
from support.requests_made import BAD, REFERENCE, ROOT, body, data

from bus.language.messages import (
    BODIES,
    BadMessageError,
    MasterPortfolioFailed,
    OptimizationRequest,
    Reason,
    encode,
    parse_final,
    parse_pod_answer,
    parse_request,
)
from portfolio.market.snapshot import load

# These are well-formed; only the system that is asked can know better.
KNOWN_LATER = {
    "unknown_pod",
    "unknown_market",
    "unknown_etf",
    "holding_unknown",
    "never_sell_unknown",
    "parcel_before_there_was_the_etf",
    "parcel_before_there_was_the_tax",
    "reform_on_its_first_day",
    "reform_without_a_value",
    "reform_without_an_index",
    "value_of_an_unknown_etf",
    "stale_prices",
    "prices_of_the_future",
}


@pytest.mark.parametrize("name", sorted(set(BAD) - KNOWN_LATER))
def test_a_bad_request_is_refused_with_a_reason_that_names_the_mistake(name: str) -> None:
    sent, _, named = BAD[name]

    with pytest.raises(BadMessageError) as refused:
        parse_request(sent, "bad")

    assert named.lower() in str(refused.value).lower()


@pytest.mark.parametrize("name", sorted(set(BAD) - KNOWN_LATER))
def test_a_refusal_is_said_in_our_own_words_and_with_what_to_do(name: str) -> None:
    with pytest.raises(BadMessageError) as refused:
        parse_request(BAD[name][0], "bad")

    assert re.search(r"\b(change|choose|correct|give|leave|lower|make|mend|name|put|write)\b", str(refused.value))
    assert not re.search(r"Input should|not permitted|Field required|Extra|pydantic", str(refused.value))


def test_a_value_that_was_sent_is_repeated_only_in_part_and_never_obeyed_by_a_terminal() -> None:
    with pytest.raises(BadMessageError) as refused:
        parse_request(data(deadline_s="\x1b[31m" + "x" * 1_000_000), "r1")

    assert str(refused.value).startswith('deadline_s is "')
    assert len(str(refused.value)) < 100
    assert str(refused.value).isprintable()


def test_a_field_that_is_like_none_is_to_be_left_out() -> None:
    with pytest.raises(BadMessageError, match=r"^zzz is not known: leave it out$"):
        parse_request(data(zzz=1), "r1")


def test_the_reference_request_is_read_as_written() -> None:
    request = parse_request(REFERENCE.read_bytes(), "reference-customer")

    assert request.shares() == {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10}
    assert (request.terms().total_capital_aud, request.terms().brokerage_aud) == (100_000, 10)
    assert (request.rules.max_etfs, request.rules.min_weight, request.rules.max_weight) == (12, 0.02, 0.30)


def test_what_a_request_does_not_say_of_goals_is_what_is_documented() -> None:
    terms = parse_request(data(), "r1").terms()

    assert (terms.on_unreachable, terms.explain, terms.correlations) == ("relax", "all", "report")
    assert (terms.priorities, terms.correlation_limits, terms.pod_ranks) == ({}, {}, {})


def test_what_a_request_says_of_goals_is_taken_over_as_it_is() -> None:
    said = {
        "on_unreachable": "fail",
        "explain": "unmet",
        "correlations": "limit",
        "priorities": {"gamma.sharpe_ratio": 1, "never_worse.trading_cost_aud": 9},
        "correlation_limits": {"alpha-beta": -1, "beta-gamma": 0.5, "gamma-delta": 1.0},
    }
    terms = parse_request(data(**said), "r1").terms()

    assert {name: getattr(terms, name) for name in said} == said


GOAL = {"goal_id": "g", "name": "n", "target_amount_aud": 11_000, "years": 1}


def test_without_weights_the_pods_are_those_that_goals_and_pods_name() -> None:
    goals = [GOAL, {**GOAL, "goal_id": "h", "pod": "beta"}, {**GOAL, "goal_id": "i", "pod": "alpha"}]
    request = parse_request(data(pod_weights=None, goals=goals, pods=["gamma"], surplus_pod="delta"), "r1")

    assert request.asked() == ("gamma", "beta", "alpha", "delta")
    assert request.shares() is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pod_weights": None, "goals": [GOAL]}, "no goal names a pod: give pods"),
        ({"goals": [GOAL], "pods": ["alpha"]}, "pods and surplus_pod say nothing beside pod_weights"),
        ({"goals": [GOAL], "surplus_pod": "alpha"}, "pods and surplus_pod say nothing beside pod_weights"),
        ({"goals": [{**GOAL, "wanted_probability": 1.0}]}, "goals.0.wanted_probability is 1.0: give at most 0.99"),
        ({"goals": [{**GOAL, "contribution_aud_per_month": -1}]}, "give at least 0"),
        ({"inflation": 2.5}, "inflation is 2.5: give at most 0.25"),
    ],
)
def test_plans_that_say_nothing_or_too_much_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadMessageError, match=said):
        parse_request(data(**changes), "r1")


def test_inflation_is_the_request_s_the_market_s_or_assumed() -> None:
    silent = load(OUTLOOK)
    states = replace(silent, inflation=0.03)
    plans = [
        parse_request(data(**said), "r1").plans(market)
        for said, market in (({"inflation": 0.04}, states), ({}, states), ({}, silent), ({"inflation": 0.0}, states))
    ]

    found = [(one.inflation, one.inflation_from) for one in plans]
    assert found == [(0.04, "request"), (0.03, "market"), (0.025, "assumed"), (0.0, "request")]


def test_a_pod_with_no_share_is_left_out() -> None:
    request = parse_request(data(pod_weights={"alpha": 1.0, "beta": 0.0}), "r1")

    assert request.shares() == {"alpha": 1.0}
    assert request.asked() == ("alpha",)


def test_many_mistakes_are_told_at_once_and_not_without_end() -> None:
    sent = json.dumps({f"field_{i}": i for i in range(1_000)}).encode()

    with pytest.raises(BadMessageError, match=r"and \d+ more") as refused:
        parse_request(sent, "r1")

    assert len(str(refused.value)) < 1_000


def test_our_own_messages_ignore_fields_of_later_versions() -> None:
    event = MasterPortfolioFailed(request_id="r1", reason=Reason.SOLVER_FAILED, message="m")
    later = json.dumps({**json.loads(encode(event)), "of_a_later_version": 1}).encode()

    assert parse_final(later) == event


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_published_schema_is_the_model_s(name: str) -> None:
    published = json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))

    assert published == BODIES[name].model_json_schema(), "run `make schemas`"


def test_every_published_schema_is_of_a_message_that_exists() -> None:
    assert {file.stem for file in (ROOT / "docs" / "schemas").glob("*.json")} == set(BODIES)


def test_the_schema_accepts_the_reference_request_and_refuses_a_typo() -> None:
    schema = OptimizationRequest.model_json_schema()

    jsonschema.validate(json.loads(REFERENCE.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError, match="max_eft"):
        jsonschema.validate(body(max_eft=9), schema)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_a_pod_s_answer_with_a_number_that_json_has_not_makes_a_final_event_unreadable(number: str) -> None:
    failed = MasterPortfolioFailed(request_id="r1", reason=Reason.SOLVER_FAILED, message="m", pod_answers=({"a": 1.5},))

    with pytest.raises(BadMessageError, match="pod_answers"):
        parse_final(encode(failed).replace(b"1.5", number.encode()))


def test_an_optional_member_that_is_empty_is_no_absent_one() -> None:
    sent = (
        b'{"type":"PodFailed","request_id":"r1","pod":"alpha","reason":"overloaded","message":"","request_sha256":""}'
    )

    assert parse_pod_answer(encode(parse_pod_answer(sent))).request_sha256 == ""
