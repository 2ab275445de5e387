"""Pods' answers that are signed: the coordinator uses what is proven to be a pod's, and ends a request otherwise."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import TYPE_CHECKING

import pytest
from support.forgery import at, changed, leaves
from support.in_process import PODS, agent, coordinator
from support.requests_made import data
from support.signed import FORGED, Body, System, altered, greedy, messages, system

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, PodFailed, Reason, parse_final
from bus.language.pod_keys import PodKeys
from bus.language.public_key import KeyFormError
from bus.transports.memory import MemoryBus
from coordinator.consolidation import consolidate
from coordinator.decisions import Action, Fail, Optimise, Wait, decide, read_record

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.messages import FinalEvent

SENT = data()
OTHER = data("r2")
SAME_ID = data(deadline_s=29)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> System:
    return system(tmp_path_factory.mktemp("keys") / "secure")


def decided(of: System, *alphas: Body | bytes, due: bool = False, but: str = "", keys: bool = True) -> Action:
    """Decide about a set in which alpha's answer is the one given; *but* is a pod that has not answered."""
    answers: dict[str, Body | bytes] = {pod: of.answer(pod, SENT) for pod in PODS if pod != but}
    for answer in alphas:
        answers["alpha"] = answer
    return decide(read_record(messages(SENT, answers)), due=due, keys=of.pod_keys.read() if keys else None)


def refusal(action: Action) -> str:
    assert isinstance(action, Fail)
    assert action.event.reason is Reason.RESULT_NOT_GENUINE, action.event.message
    assert action.event.pod_answers == ()
    return action.event.message


def test_what_the_pods_signed_is_used_and_goes_into_the_event(made: System) -> None:
    action = decided(made)

    assert isinstance(action, Optimise)
    assert [answer["pod"] for answer in action.signed] == list(PODS)
    assert list(action.signed) == [made.answer(pod, SENT) for pod in PODS]


@pytest.mark.parametrize("how", sorted(FORGED))
def test_an_answer_that_is_not_the_pod_s_ends_the_request(made: System, how: str) -> None:
    forge, said = FORGED[how]

    told = refusal(decided(made, forge(made, SENT, OTHER)))

    assert "alpha's answer" in told
    assert said in told
    assert "security.md" in told


def test_whatever_is_changed_in_an_answer_is_noticed(made: System) -> None:
    true = made.answer("alpha", SENT)
    for path in leaves(true):
        answer = copy.deepcopy(true)
        at(answer, path[:-1])[path[-1]] = changed(at(answer, path), 1.01)

        refusal(decided(made, answer))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda sent: sent[:-1], "not JSON"),
        (lambda sent: b"[%b]" % sent, "no JSON object"),
        (lambda sent: b"[" * 50_000 + sent, "nested"),
        (lambda sent: b"\xff" + sent, "decode"),
        (lambda _: b"", "not JSON"),
        (lambda sent: sent.replace(b'"pod": ', b'"pod": "beta", "pod": ', 1), "pod stands twice"),
        (lambda sent: sent.replace(b'"goals": {', b'"goals": {"volatility": 9, ', 1), "volatility stands twice"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"elapsed_s": NaN, "e": ', 1), "NaN"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"elapsed_s": 1e999, "e": ', 1), "too large"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"e": "\\ud800", "elapsed_s": ', 1), "cannot be read"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"\\ud800": 1, "elapsed_s": ', 1), "cannot be read"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"e": 1' + b"0" * 20 + b', "elapsed_s": ', 1), "cannot be read"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"e": 1' + b"0" * 5_000 + b', "elapsed_s": ', 1), "digits"),
        (lambda sent: sent.replace(b'"elapsed_s": ', b'"e": 1, "elapsed_s": ', 1), "forged or changed"),
    ],
)
def test_bytes_that_readers_could_read_differently_end_the_request(made: System, spoil: object, said: str) -> None:
    assert callable(spoil)
    told = refusal(decided(made, spoil(json.dumps(made.answer("alpha", SENT)).encode())))

    assert said in told


@pytest.mark.parametrize(
    "signature",
    [
        "genuine",
        [],
        {},
        {"key": 7, "value": ""},
        {"key": "U", "value": ""},
        {"key": "U" + "A" * 55, "value": "AA=="},
        {"value": "AA=="},
    ],
)
def test_a_signature_of_another_form_is_none(made: System, signature: object) -> None:
    refusal(decided(made, altered(made.answer("alpha", SENT), signature=signature)))


def test_an_answer_to_the_same_id_with_other_content_is_not_used(made: System) -> None:
    told = refusal(decided(made, made.answer("alpha", SAME_ID)))

    assert "other content" in told


def test_an_answer_that_says_nothing_of_the_request_s_content_is_not_used(made: System) -> None:
    answer = made.answer("alpha", SENT)
    del answer["request_sha256"], answer["signature"]

    assert "request_sha256" in refusal(decided(made, made.signed(answer, "pod-alpha")))


def test_all_pods_whose_answers_are_forged_are_named_and_no_other(made: System) -> None:
    answers = {pod: made.answer(pod, SENT) for pod in PODS}
    for pod in ("beta", "delta"):
        del answers[pod]["signature"]

    told = refusal(decide(read_record(messages(SENT, answers)), due=False, keys=made.pod_keys.read()))

    assert [pod in told for pod in PODS] == [False, True, False, True]


def test_at_the_deadline_a_forged_answer_is_told_before_one_that_is_missing(made: System) -> None:
    forged = greedy(made.answer("alpha", SENT))

    assert decided(made, forged, but="beta") == Wait("pods_missing")
    assert "alpha" in refusal(decided(made, forged, but="beta", due=True))
    late = decided(made, but="beta", due=True)
    assert isinstance(late, Fail)
    assert (late.event.reason, late.event.missing_pods) == (Reason.DEADLINE_EXCEEDED, ("beta",))


def test_a_pod_without_a_key_is_refused_with_the_command_that_makes_one(made: System, tmp_path: Path) -> None:
    for pod in ("beta", "gamma", "delta"):
        (tmp_path / f"pod-{pod}.pub").write_bytes(made.keys.public(f"pod-{pod}").read_bytes())
    record = read_record(messages(SENT, {pod: made.answer(pod, SENT) for pod in PODS}))

    told = refusal(decide(record, due=False, keys=PodKeys(tmp_path).read()))

    assert "podfolio keys --pod alpha" in told


def test_without_keys_answers_are_taken_as_before(made: System) -> None:
    action = decided(made, altered(made.answer("alpha", SENT), signature=None), keys=False)

    assert isinstance(action, Optimise)
    assert action.signed == ()


def test_a_pod_that_failed_is_believed_if_it_signed_that(made: System) -> None:
    sent = data(market="asx-outlook-2025-12", on_unreachable="fail")
    record = read_record(messages(sent, {pod: made.answer(pod, sent) for pod in PODS}))

    action = decide(record, due=False, keys=made.pod_keys.read())

    assert isinstance(action, Fail)
    assert action.event.reason is Reason.GOAL_UNREACHABLE
    assert [answer["type"] for answer in action.event.pod_answers].count("PodFailed") == 2


class TestMarkets:
    """A result is about the coordinator's market by its name and by its content."""

    @pytest.mark.parametrize("change", [{"id": "asx-outlook-2025-12"}, {"sha256": "0" * 64}])
    @pytest.mark.parametrize("pods", [PODS, ("alpha",)])
    def test_of_another_name_or_content_are_not_used(
        self, made: System, change: dict[str, str], pods: tuple[str, ...]
    ) -> None:
        answers = {pod: made.answer(pod, SENT) for pod in PODS}
        for pod in pods:
            market = answers[pod]["market"] | change
            answers[pod] = made.signed(answers[pod] | {"market": market}, f"pod-{pod}")

        action = decide(read_record(messages(SENT, answers)), due=False, keys=made.pod_keys.read())
        event = action.event if isinstance(action, Fail) else consolidated(action)

        assert isinstance(action, Fail) is (pods != PODS)  # else they agree with each other, and not with us
        assert getattr(event, "reason", None) is Reason.MARKETS_DIFFER


def consolidated(action: Action) -> FinalEvent:
    assert isinstance(action, Optimise)
    return consolidate(action.request, action.results)


class TestKeysOfPods:
    def test_that_are_being_replaced_are_both_known(self, made: System, tmp_path: Path) -> None:
        old = system(tmp_path / "old")
        (tmp_path / "both").mkdir()
        for pod in PODS:
            name = made.keys.public(f"pod-{pod}")
            (tmp_path / "both" / name.name).write_bytes(name.read_bytes())
        kept = tmp_path / "both" / "pod-alpha.until-2026-11.pub"

        answers = {pod: made.answer(pod, SENT) for pod in PODS} | {"alpha": old.answer("alpha", SENT)}
        record = read_record(messages(SENT, answers))

        refusal(decide(record, due=False, keys=PodKeys(tmp_path / "both").read()))
        kept.write_bytes(old.keys.public("pod-alpha").read_bytes())
        assert isinstance(decide(record, due=False, keys=PodKeys(tmp_path / "both").read()), Optimise)

    def test_that_are_missing_or_none_are_said(self, made: System, tmp_path: Path) -> None:
        with pytest.raises(KeyFormError, match="podfolio keys"):
            PodKeys(tmp_path).read()
        (tmp_path / "pod-alpha.pub").write_bytes(made.keys.seed("pod-alpha").read_bytes())
        with pytest.raises(KeyFormError, match=r"pod-alpha\.pub: this file holds a secret"):
            PodKeys(tmp_path).read()


async def test_a_forged_result_on_a_pod_s_subject_ends_in_a_failure_and_no_portfolio(made: System) -> None:
    """As in attack 08: whoever got a result onto the subject before the pod holds that place for ever."""
    forged, honest = data("forged"), data("honest")
    bus, stop = MemoryBus(PODS), asyncio.Event()
    told = json.dumps(greedy(made.answer("alpha", forged))).encode()
    await bus.publish_once(subjects.pod_result("forged", "alpha"), told, message_id="f", headers={})
    finals = {}
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod, made.signer(f"pod-{pod}")).run(stop, at_once=8))
        group.create_task(coordinator(bus, signer=made.coordinator, pod_keys=made.pod_keys).run(stop, at_once=8))
        for name, sent in (("forged", forged), ("honest", honest)):
            await bus.publish_once(subjects.request(name), sent, message_id=name, headers={})
        while len(finals) < 2:
            await asyncio.sleep(0.005)
            for message in await bus.record([subjects.final("forged"), subjects.final("honest")]):
                finals[message.subject.rpartition(".")[2]] = parse_final(message.data)
        stop.set()

    assert "alpha's answer" in refusal(Fail(finals["forged"]))  # type: ignore[arg-type] - refusal looks
    event = finals["honest"]
    assert isinstance(event, MasterPortfolioOptimized)
    assert [answer["pod"] for answer in event.pod_answers] == list(PODS)


async def test_answers_that_are_too_large_to_be_carried_end_in_a_failure_that_says_so(made: System) -> None:
    bus, stop = MemoryBus(PODS), asyncio.Event()
    large = made.signed(made.answer("alpha", SENT) | {"note": "x" * 250_000}, "pod-alpha")
    told = json.dumps(large).encode()
    await bus.publish_once(subjects.pod_result("r1", "alpha"), told, message_id="large", headers={})
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for pod in PODS[1:]:
            group.create_task(agent(bus, pod, made.signer(f"pod-{pod}")).run(stop, at_once=8))
        group.create_task(coordinator(bus, signer=made.coordinator, pod_keys=made.pod_keys).run(stop, at_once=8))
        await bus.publish_once(subjects.request("r1"), SENT, message_id="m", headers={})
        while not (found := await bus.record([subjects.final("r1")])):  # noqa: ASYNC110 - bounded above
            await asyncio.sleep(0.005)
        stop.set()

    failed = parse_final(found[0].data)
    assert isinstance(failed, MasterPortfolioFailed)
    assert failed.reason is Reason.INTERNAL_ERROR
    assert "are allowed" in failed.message


async def test_an_agent_that_gives_up_signs_that_too(made: System) -> None:
    bus = MemoryBus(PODS)
    stop = asyncio.Event()

    async def crash(_: str, __: bytes) -> None:
        message = "it is broken"
        raise RuntimeError(message)

    broken = agent(bus, "alpha", made.signer("pod-alpha"))
    object.__setattr__(broken, "answer", crash)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(broken.run(stop, at_once=8))
        await bus.publish_once(subjects.request("r1"), SENT, message_id="m", headers={})
        while not (found := await bus.record([subjects.pod_result("r1", "alpha")])):
            bus.advance(0.1)
            await asyncio.sleep(0.005)
        stop.set()

    failed = json.loads(found[0].data)
    assert PodFailed.model_validate(failed).reason is Reason.INTERNAL_ERROR
    action = decided(made, failed)
    assert isinstance(action, Fail)
    assert action.event.reason is Reason.INTERNAL_ERROR
    assert action.event.pod_answers[0] == failed
