"""The coordinator's decisions, without a bus and without a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.builders import write_market
from support.requests_made import BAD, OUTLOOK, data, holding, owning

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import PodFailed, PodResult, Reason, encode, parse_request
from bus.port import Message
from coordinator.decisions import Fail, Optimise, SetDeadline, Wait, admit, decide, read_record
from portfolio.market.folders import VARIABLE
from portfolio.market.measure import Measure

if TYPE_CHECKING:
    from pathlib import Path

PODS = ("alpha", "beta", "gamma", "delta")
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)


def request_message(sent: bytes, request_id: str = "r1") -> Message:
    return Message(subjects.request(request_id), sent, sequence=1, stored_at=THEN)


def answers(sent: bytes, *pods: str) -> list[Message]:
    made = []
    for sequence, pod in enumerate(pods, start=2):
        found = answer(mandate_files.load(pod), "r1", sent)
        assert found is not None
        made.append(Message(subjects.pod_result("r1", pod), encode(found), sequence=sequence, stored_at=THEN))
    return made


@pytest.mark.parametrize(("deadline_s", "found_by_s"), [(12, 11), (3_600, 3_599), (2, 1.8), (1, 0.9)])
def test_a_good_request_is_looked_after_in_time_to_answer_by_its_deadline(deadline_s: float, found_by_s: float) -> None:
    action = admit(request_message(data(deadline_s=deadline_s)), PODS)

    assert action == SetDeadline(parse_request(data(deadline_s=deadline_s), "r1"), THEN + timedelta(seconds=found_by_s))


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_request_is_answered_with_its_reason(name: str) -> None:
    sent, reason, named = BAD[name]

    action = admit(request_message(sent, "bad"), PODS)

    assert isinstance(action, Fail)
    assert action.event.reason == reason
    assert named.lower() in action.event.message.lower()


def test_an_account_in_a_market_without_a_price_of_any_unit_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_market(tmp_path / "unpriced-market")
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    action = admit(request_message(owning(market="unpriced-market"), "bad"), PODS)

    assert isinstance(action, Fail)
    assert "market unpriced-market has no price of a unit of any ETF" in action.event.message
    assert "--unit-prices" in action.event.message


def test_the_last_pod_s_answer_completes_the_set_and_no_other_does() -> None:
    sent = data()
    messages = [request_message(sent), *answers(sent, *PODS)]

    seen = [decide(read_record(messages[: i + 1]), due=False) for i in range(1, 5)]

    assert seen[:3] == [Wait("pods_missing")] * 3
    assert isinstance(seen[3], Optimise)
    assert sorted(seen[3].results) == sorted(PODS)


def test_a_pod_without_a_share_is_not_waited_for() -> None:
    sent = data(pod_weights={"alpha": 0.5, "gamma": 0.5, "beta": 0.0})

    action = decide(read_record([request_message(sent), *answers(sent, "alpha", "gamma")]), due=False)

    assert isinstance(action, Optimise)
    assert sorted(action.results) == ["alpha", "gamma"]


def test_at_the_deadline_the_pods_that_did_not_answer_are_named() -> None:
    sent = data(deadline_s=7)

    action = decide(read_record([request_message(sent), *answers(sent, "alpha", "delta")]), due=True)

    assert isinstance(action, Fail)
    assert action.event.reason is Reason.DEADLINE_EXCEEDED
    assert action.event.missing_pods == ("beta", "gamma")
    assert "7 s" in action.event.message


def test_at_the_deadline_a_full_set_is_optimised() -> None:
    sent = data()

    assert isinstance(decide(read_record([request_message(sent), *answers(sent, *PODS)]), due=True), Optimise)


def test_what_is_finished_stays_finished() -> None:
    sent = data()
    final = Message(subjects.final("r1"), b"{}", sequence=9, stored_at=THEN)

    action = decide(read_record([request_message(sent), *answers(sent, *PODS), final]), due=True)

    assert action == Wait("finished")


def test_an_answer_to_a_request_that_nobody_made_is_ignored() -> None:
    assert decide(read_record(answers(data(), *PODS)), due=False) == Wait("no_request")


def test_goals_that_no_pod_can_reach_are_told_of_all_pods_at_once() -> None:
    sent = data(market=OUTLOOK, on_unreachable="fail")

    action = decide(read_record([request_message(sent), *answers(sent, *PODS)]), due=False)

    assert isinstance(action, Fail)
    assert action.event.reason is Reason.GOAL_UNREACHABLE
    assert {(goal.pod, goal.measure.value) for goal in action.event.goals} == {
        ("gamma", "sharpe_ratio"),
        ("delta", "expected_return"),
    }
    for goal in action.event.goals:
        assert goal.best_alone < goal.asked


def test_agents_with_different_snapshots_are_not_mixed() -> None:
    sent = data()
    messages = answers(sent, *PODS)
    odd = PodResult.model_validate_json(messages[0].data)
    odd = odd.model_copy(update={"market": odd.market.model_copy(update={"sha256": "0" * 64})})
    messages[0] = Message(messages[0].subject, encode(odd), sequence=2, stored_at=THEN)

    action = decide(read_record([request_message(sent), *messages]), due=False)

    assert isinstance(action, Fail)
    assert action.event.reason is Reason.MARKETS_DIFFER


def test_an_answer_that_cannot_be_read_becomes_a_failure_and_no_crash() -> None:
    sent = data()
    messages = answers(sent, *PODS)
    messages[2] = Message(messages[2].subject, b"garbage", sequence=4, stored_at=THEN)

    action = decide(read_record([request_message(sent), *messages]), due=False)

    assert isinstance(action, Fail)
    assert "gamma" in action.event.message


def test_an_agent_leaves_requests_that_it_cannot_read_to_the_coordinator() -> None:
    assert answer(mandate_files.load("alpha"), "bad", BAD["not_json"][0]) is None


def test_an_agent_that_has_not_got_the_market_says_so() -> None:
    failed = answer(mandate_files.load("alpha"), "bad", BAD["unknown_market"][0])

    assert isinstance(failed, PodFailed)
    assert failed.reason is Reason.UNKNOWN_MARKET


def test_an_agent_that_is_not_asked_says_nothing() -> None:
    assert answer(mandate_files.load("alpha"), "r1", data(pod_weights={"beta": 1.0})) is None


def test_every_pod_that_the_request_names_is_asked_and_waited_for() -> None:
    goal = {"goal_id": "g", "name": "n", "pod": "beta", "target_amount_aud": 50_000, "years": 2}
    sent = data(pod_weights=None, goals=[goal], pods=["alpha", "beta"], surplus_pod="gamma")

    assert answer(mandate_files.load("delta"), "r1", sent) is None
    messages = [request_message(sent), *answers(sent, "alpha", "beta", "gamma")]
    assert decide(read_record(messages[:3]), due=False) == Wait("pods_missing")
    action = decide(read_record(messages), due=False)
    assert isinstance(action, Optimise)
    assert sorted(action.results) == ["alpha", "beta", "gamma"]
    unknown = admit(request_message(data(pod_weights=None, goals=[goal], surplus_pod="omega")), PODS)
    assert isinstance(unknown, Fail)
    assert unknown.event.reason is Reason.UNKNOWN_POD


def test_a_pod_that_may_buy_too_little_says_so() -> None:
    failed = answer(mandate_files.load("alpha"), "r1", data(rules={"never_buy": ["VAF", "VGB", "VAS"]}))

    assert isinstance(failed, PodFailed)
    assert "only 1 of its 4 ETFs" in failed.message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"request_id": "another"}, "another"),
        ({"pod": "beta"}, "beta"),
        ({"capital_share": 0.5}, "0.5"),
        ({"capital_share": None}, "without a share"),
    ],
)
def test_an_answer_about_something_else_is_not_used(change: dict[str, object], named: str) -> None:
    sent = data()
    messages = answers(sent, *PODS)
    odd = PodResult.model_validate_json(messages[0].data).model_copy(update=change)
    messages[0] = Message(messages[0].subject, encode(odd), sequence=2, stored_at=THEN)

    action = decide(read_record([request_message(sent), *messages]), due=False)

    assert isinstance(action, Fail)
    assert named in action.event.message


def test_a_holding_of_unknown_name_is_told_with_the_one_that_is_meant() -> None:
    account = {"as_of": "2025-11-10", "cash_aud": 5_000.0, "holdings": [holding("VFA"), holding("XYZW")]}
    action = admit(request_message(data(customer={"customer_id": "c"}, account=account)), PODS)

    assert isinstance(action, Fail)
    assert "holdings names VFA (VAF?), XYZW, unknown in market" in action.event.message


def test_a_refused_request_is_not_optimised_though_all_pods_answer() -> None:
    sent = data(rules={"never_buy": ["DOGE"]})

    assert decide(read_record([request_message(sent), *answers(sent, *PODS)]), due=True) == Wait("refused")


@pytest.mark.parametrize("share", [1e-5, 5e-324])
def test_a_share_of_next_to_nothing_is_refused(share: float) -> None:
    action = admit(request_message(data(pod_weights={"alpha": share, "beta": 1.0 - share})), PODS)

    assert isinstance(action, Fail)
    assert "alpha" in action.event.message


def test_goals_of_next_to_nothing_are_refused() -> None:
    goal = {"goal_id": "g", "name": "n", "pod": "alpha", "target_amount_aud": 5e-324, "years": 100}

    action = admit(request_message(data(pod_weights=None, goals=[goal])), PODS)

    assert isinstance(action, Fail)
    assert action.event.reason is Reason.INVALID_REQUEST


def test_an_agent_fits_its_mandate_to_the_customer() -> None:
    caps = {}
    for tolerance in (0.0, 0.5, 1.0):
        customer = {"customer_id": "c", "total_capital_aud": 100_000, "risk_tolerance": tolerance}
        result = answer(mandate_files.load("alpha"), "r1", data(customer=customer))
        assert isinstance(result, PodResult)
        assert (result.frontier is None) == (tolerance >= 0.5), "alpha's objective is the least volatility"
        caps[tolerance] = result.mandate.goals[Measure.VOLATILITY]

    assert caps[0.5] == caps[1.0] == 0.10
    assert 0.015 < caps[0.0] < 0.02
