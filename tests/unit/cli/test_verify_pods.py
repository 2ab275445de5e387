"""``podfolio verify`` tells whether a final event was made of what its pods signed, whoever signed the event."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from support.forgery import at, changed, leaves
from support.in_process import PODS
from support.requests_made import OUTLOOK, data
from support.signed import FORGED, Body, System, altered, failure, greedy, messages, system

from bus.language.messages import MasterPortfolioFailed, encode
from bus.language.signing import FINAL
from cli.trust.check import Check, Verdict
from cli.trust.verify import conclude, describe, examine
from coordinator.consolidation import consolidate
from coordinator.decisions import Fail, Optimise, decide, read_record

if TYPE_CHECKING:
    from collections.abc import Callable

SENT, OTHER = data(), data("r2")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> System:
    return system(tmp_path_factory.mktemp("keys") / "secure")


def final_of(of: System, sent: bytes) -> Body:
    """Make the coordinator's event of pods' signed answers; it is not signed yet."""
    record = read_record(messages(sent, {pod: of.answer(pod, sent) for pod in PODS}))
    action = decide(record, due=False, keys=of.pod_keys.read())
    if isinstance(action, Optimise):
        found = consolidate(action.request, action.results).model_copy(update={"pod_answers": action.signed})
    else:
        assert isinstance(action, Fail)
        found = action.event
    body: Body = json.loads(encode(found))
    return body


@pytest.fixture(scope="module")
def true_event(made: System) -> Body:
    return final_of(made, SENT)


@pytest.fixture(scope="module")
def true_failure(made: System) -> Body:
    return final_of(made, data(market=OUTLOOK, on_unreachable="fail"))


@pytest.fixture
def event(true_event: Body) -> Body:
    return copy.deepcopy(true_event)


@pytest.fixture
def failed(true_failure: Body) -> Body:
    return copy.deepcopy(true_failure)


def examined(of: System, event: Body, *, keys: bool = True) -> dict[str, Check]:
    """Examine an event that the coordinator signs as it is: it was deceived, or deceives."""
    signed = of.signed({name: value for name, value in event.items() if name != "signature"}, "coordinator", FINAL)
    checks = examine(json.dumps(signed).encode(), of.coordinator.key, pod_keys=of.pod_keys.read() if keys else None)
    found = {check.what: check for check in checks}
    assert found["form"].verdict is Verdict.FAILS or found["signature"].verdict is Verdict.HOLDS
    return found


def fails(of: System, event: Body, said: str = "") -> None:
    """See that the pods' part of the check finds it, with their keys and without."""
    check = examined(of, event)["pods"]
    assert check.verdict is Verdict.FAILS
    assert said in " ".join(check.words), check.words


def test_what_the_pods_signed_is_found_genuine_by_their_keys(made: System, event: Body, failed: Body) -> None:
    for body in (event, failed):
        checks = list(examined(made, body).values())

        assert conclude(checks) is Verdict.HOLDS, describe(checks)
        assert "alpha, beta, gamma, delta" in describe(checks)


def test_without_the_pods_keys_it_is_open_whose_answers_these_are(made: System, event: Body) -> None:
    checks = examined(made, event, keys=False)

    assert checks["pods"].verdict is Verdict.OPEN
    assert all(made.signer(f"pod-{pod}").key in describe([checks["pods"]]) for pod in PODS)
    assert conclude(list(checks.values())) is Verdict.OPEN


@pytest.mark.parametrize("how", sorted(FORGED))
def test_an_answer_that_is_not_the_pod_s_is_found(made: System, event: Body, how: str) -> None:
    event["pod_answers"][0] = FORGED[how][0](made, SENT, OTHER)

    assert examined(made, event)["pods"].verdict is Verdict.FAILS


def test_whatever_is_changed_in_an_answer_is_found(made: System, event: Body) -> None:
    # Of one pod: they are all checked alike.
    for path in leaves(event["pod_answers"][0]):
        forged = copy.deepcopy(event)
        answer = forged["pod_answers"][0]
        at(answer, path[:-1])[path[-1]] = changed(at(answer, path), 1.01)

        assert examined(made, forged, keys=False)["pods"].verdict is Verdict.FAILS, path


def test_a_forged_portfolio_of_a_coordinator_that_was_deceived_is_found(made: System) -> None:
    # Attack 08: alpha, which is to preserve, holds technology; the figures hold, and the coordinator has signed it.
    answers = {pod: made.answer(pod, SENT) for pod in PODS} | {"alpha": greedy(made.answer("alpha", SENT))}
    action = decide(read_record(messages(SENT, answers)), due=False)
    assert isinstance(action, Optimise)
    body = json.loads(encode(consolidate(action.request, action.results)))
    assert set(body["pods"]["alpha"]["weights"]) <= {"SEMI", "ASIA"}

    silent = examined(made, body)
    fails(made, body | {"pod_answers": list(answers.values())}, "forged or changed")
    fails(made, body | {"pod_answers": [made.answer(pod, SENT) for pod in PODS]}, "the mandate of alpha")

    assert silent["portfolio"].verdict is Verdict.HOLDS
    assert silent["pods"].verdict is Verdict.FAILS


def goal_of_alpha(event: Body) -> dict[str, Any]:
    return next(goal for goal in event["goals"] if goal["pods"] == ["alpha"])


def swap_pods(event: Body) -> None:
    event["pods"]["alpha"], event["pods"]["beta"] = event["pods"]["beta"], event["pods"]["alpha"]


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda e: e["pods"]["alpha"]["mandate"].update(max_position=1.0), "the mandate of alpha"),
        (lambda e: e["pods"]["alpha"]["mandate"]["universe"].append("SEMI"), "the mandate of alpha"),
        (lambda e: e["pods"]["alpha"]["mandate"]["goals"].update(volatility=0.5), "the mandate of alpha"),
        (lambda e: e["pods"]["alpha"]["mandate"].update(purpose="Growth"), "the mandate of alpha"),
        (lambda e: e["pods"]["alpha"].update(naive_weights={"VAF": 1.0}), "the portfolio alone of alpha"),
        (lambda e: e["pods"]["alpha"].update(left_out=["VAF"]), "left out of alpha"),
        (lambda e: e["pods"]["alpha"].update(capital_share=0.2), "the share of the capital of alpha"),
        (lambda e: goal_of_alpha(e).update(best_alone=0.001), "the best figure alone of alpha"),
        (lambda e: e["goals"].remove(goal_of_alpha(e)), "the best figure alone of alpha"),
        (lambda e: e["market"].update(id=OUTLOOK), "used another market"),
        (lambda e: e["market"].update(sha256="0" * 64), "used another market"),
        (lambda e: e.update(request_id="r3"), "alpha answered the request r1, not r3"),
        (lambda e: e["pods"].update(epsilon=e["pods"]["alpha"]), "results of alpha, beta, delta, gamma"),
        (lambda e: e["pods"].pop("beta"), "the event has the pods alpha, delta, gamma"),
        (swap_pods, "the mandate of alpha"),
        (lambda e: e["pod_answers"].pop(), "results of alpha, beta, gamma"),
        (lambda e: e["pod_answers"].append(e["pod_answers"][0]), "two answers of one pod"),
        (lambda e: e.update(pod_answers=[]), "no signed answer of a pod"),
        (lambda e: e.pop("pod_answers"), "no signed answer of a pod"),
    ],
)
def test_what_an_event_says_of_a_pod_is_what_the_pod_signed(
    made: System, event: Body, lie: Callable[[Body], object], said: str
) -> None:
    lie(event)

    fails(made, event, said)


def test_answers_to_different_contents_under_one_id_are_found(made: System, event: Body) -> None:
    event["pod_answers"][0] = made.answer("alpha", data(deadline_s=29))

    fails(made, event, "different contents")


def test_an_answer_that_is_signed_and_no_pod_s_answer_is_found(made: System, event: Body) -> None:
    event["pod_answers"][0] = made.signed({"pod": "alpha", "type": "Wish"}, "pod-alpha")

    fails(made, event, "no pod's answer")


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda e: e.update(reason="rules_conflict"), "the reason"),
        (lambda e: e.update(message="nothing can be done"), "the message"),
        (lambda e: e["goals"].pop(), "the goals"),
        (lambda e: e["goals"][0].update(best_alone=0.9), "the goals"),
        (lambda e: e.update(conflicts=[{"requirement": "x", "words": "y"}]), "the conflicts"),
        (lambda e: e.update(repairs=[{"rule": "x", "words": "y", "now": 1, "to": 2}]), "the repairs"),
        (lambda e: e["pod_answers"].pop(), "the message"),
    ],
)
def test_what_a_failure_says_is_what_the_pods_signed(
    made: System, failed: Body, lie: Callable[[Body], object], said: str
) -> None:
    lie(failed)

    fails(made, failed, said)


def test_a_forged_failure_of_a_pod_is_found(made: System) -> None:
    for answer in (failure(SENT), made.signed(failure(SENT), "pod-beta")):
        event = MasterPortfolioFailed(request_id="r1", reason="goal_unreachable", message="never")
        body = json.loads(encode(event)) | {"pod_answers": [answer]}

        fails(made, body)


def test_a_portfolio_cannot_be_made_of_a_failure(made: System, event: Body) -> None:
    event["pod_answers"][0] = made.signed(failure(SENT), "pod-alpha")

    fails(made, event, "results of beta, delta, gamma")


def test_a_failure_that_was_made_of_no_answer_holds(made: System) -> None:
    late = MasterPortfolioFailed(request_id="r1", reason="deadline_exceeded", message="late", missing_pods=("beta",))

    assert examined(made, json.loads(encode(late)))["pods"].verdict is Verdict.HOLDS


def test_a_pod_that_takes_no_part_signed_what_it_would_hold(made: System) -> None:
    goal = {"goal_id": "g", "name": "House", "pod": "beta", "target_amount_aud": 90_000, "years": 6}
    goals = [goal, {**goal, "goal_id": "h", "pod": "gamma"}]
    sent = data(goals=goals, pods=["alpha", "delta"], pod_weights=None, market=OUTLOOK, explain="unmet")
    event = final_of(made, sent)

    assert set(event["funding"]["unused"]) == {"alpha", "delta"}
    assert examined(made, event)["pods"].verdict is Verdict.HOLDS
    lie = copy.deepcopy(event)
    lie["funding"]["unused"]["delta"] = lie["funding"]["unused"]["alpha"]
    fails(made, lie, "portfolio alone of delta differs from the answer that delta signed")
    lie = copy.deepcopy(event)
    del lie["funding"]["unused"]["delta"]
    fails(made, lie, "results of alpha, beta, delta, gamma")


def test_keys_of_then_verify_what_was_signed_then(made: System, event: Body) -> None:
    keys = made.keys.folder
    new = made.signer("requester").key
    old = keys / "pod-alpha.pub"
    kept = old.rename(keys / "pod-alpha.old.pub")
    old.write_text(new, encoding="ascii")
    try:
        assert conclude(list(examined(made, event).values())) is Verdict.HOLDS
        assert made.keys.pods() == set(PODS)
    finally:
        kept.replace(old)


def test_an_event_of_a_system_without_keys_is_as_it_was(event: Body) -> None:
    del event["pod_answers"]

    assert "pods" not in {check.what for check in examine(json.dumps(event).encode(), None)}


def test_what_pods_signed_is_not_taken_for_a_final_event_s(made: System, event: Body) -> None:
    body = {name: value for name, value in event.items() if name != "signature"}
    signed = made.signed(body, "coordinator")  # as a pod's answer is

    assert examine(json.dumps(signed).encode(), made.coordinator.key)[1].verdict is Verdict.FAILS


def test_a_member_given_twice_in_an_answer_is_no_event(made: System, event: Body) -> None:
    signed = json.dumps(made.signed(altered(event, signature=None), "coordinator", FINAL))
    twice = signed.replace('"capital_share": ', '"capital_share": 0.9, "capital_share": ')

    assert "stands twice" in describe(examine(twice.encode(), made.coordinator.key))
