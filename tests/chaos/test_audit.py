"""The audit finds what is wrong: each way to break the promise, planted in a stream that keeps it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import PodResult, encode, parse_request
from bus.port import Message
from chaos.audit import Audit, Verdict
from chaos.load import body
from chaos.schedule import PODS
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@cache
def good() -> tuple[Message, ...]:
    """Make the stream of two equal requests and a third, a message a second."""
    made: list[Message] = []

    def store(subject: str, data: bytes) -> None:
        made.append(Message(subject, data, sequence=len(made) + 1, stored_at=NOON + timedelta(seconds=len(made))))

    for number in (0, 1, 8):
        asked = json.dumps(body(1, number)).encode()
        request = parse_request(asked, f"r1-{number}")
        store(subjects.request(request.request_id), asked)
        results: dict[str, PodResult] = {}
        for pod in PODS:
            result = answer(mandate_files.load(pod), request.request_id, asked)
            assert isinstance(result, PodResult)
            results[pod] = result
            store(subjects.pod_result(request.request_id, pod), encode(result))
        store(subjects.final(request.request_id), encode(consolidate(request, results)))
    return tuple(made)


ACKNOWLEDGED = {"r1-0", "r1-1", "r1-8"}


def judge(
    messages: Sequence[Message],
    *,
    acknowledged: Collection[str] = ACKNOWLEDGED,
    last: int | None = None,
    strange: Collection[str] = (),
) -> Verdict:
    audit = Audit(strange)
    for message in messages:
        audit.read(message)
    return audit.verdict(acknowledged, last=len(messages) if last is None else last)


def renumbered(messages: list[Message]) -> list[Message]:
    return [replace(message, sequence=number) for number, message in enumerate(messages, 1)]


def altered(message: Message, alter: Callable[[dict[str, Any]], None]) -> Message:
    event = json.loads(message.data)
    alter(event)
    return replace(message, data=json.dumps(event).encode())


def test_a_run_that_keeps_the_promise_has_nothing_wrong() -> None:
    verdict = judge(good())

    assert verdict.wrong == ()
    assert (verdict.stored, verdict.finals, verdict.outcomes, verdict.different) == (3, 3, {"optimised": 3}, 2)
    assert (verdict.latencies_s, verdict.late_s) == ((5.0, 5.0, 5.0), ())


def test_a_final_after_its_deadline_is_told() -> None:
    stream = [*good()[:17], replace(good()[17], stored_at=NOON + timedelta(seconds=12 + 33))]

    verdict = judge(stream)

    assert verdict.wrong == ()
    assert verdict.late_s == (3.0,)
    assert (verdict.latency_s(0.5), verdict.latency_s(0.99), verdict.latency_s(1.0)) == (5.0, 33.0, 33.0)


def test_an_acknowledged_request_that_is_gone() -> None:
    assert judge(good(), acknowledged={*ACKNOWLEDGED, "r1-9"}).wrong == ("r1-9: acknowledged, and not in the stream",)


def test_a_request_without_a_final_event() -> None:
    assert judge(good()[:17]).wrong == ("r1-8: acknowledged, and has 0 final events",)


def test_a_request_with_two_final_events() -> None:
    stream = [*good(), replace(good()[5], sequence=19)]

    assert judge(stream).wrong == ("r1-0: acknowledged, and has 2 final events",)


def test_a_pod_s_second_result() -> None:
    stream = renumbered([*good()[:2], *good()[1:]])

    assert "r1-0: alpha answered twice, the second time in 3" in judge(stream).wrong


def test_a_pod_that_forgot_a_request() -> None:
    failed = {"type": "MasterPortfolioFailed", "reason": "deadline_exceeded", "message": "no answer from delta"}
    stream = renumbered([*good()[:16], replace(good()[17], data=json.dumps(failed).encode())])

    assert judge(stream).wrong == ("r1-8: delta never answered",)


def test_a_hole_in_the_stream() -> None:
    stream = [*good()[:1], *good()[2:]]

    assert "after message 1 comes 3: the stream has a hole" in judge(stream, last=18).wrong


def test_a_stream_that_was_not_read_to_its_end() -> None:
    assert "the stream was read up to 18, and ends with 19" in judge(good(), last=19).wrong


def test_only_what_was_made_unreadable_may_be_rejected() -> None:
    odd = Message("podfolio.v1.request.a.b", b"{}", sequence=19, stored_at=NOON)
    own = Message(subjects.request("raw-1"), b"[[", sequence=20, stored_at=NOON)
    rejections = [Message(subjects.rejected(n), b"no id", sequence=n + 2, stored_at=NOON) for n in (19, 20)]

    assert judge([*good(), odd, own, *rejections], strange={"raw-1"}).wrong == ()
    wrong = judge([*good(), Message(subjects.rejected(18), b"no id", sequence=19, stored_at=NOON)]).wrong
    assert wrong == ("message 18 was rejected: no id",)


def test_a_portfolio_that_does_not_pass_its_check() -> None:
    def double(event: dict[str, Any]) -> None:
        event["weights"] = {ticker: 2 * weight for ticker, weight in event["weights"].items()}

    wrong = judge([*good()[:17], altered(good()[17], double)]).wrong

    assert wrong
    assert all(line.startswith("r1-8: ") for line in wrong)


def test_another_portfolio_for_an_equal_request() -> None:
    stranger = altered(good()[17], lambda event: event.update(request_id="r1-1"))
    stream = [*good()[:11], replace(good()[11], data=stranger.data), *good()[12:]]

    assert "r1-1: got another portfolio than an equal request" in judge(stream).wrong


def test_a_proven_portfolio_of_which_time_ended_figures_may_lack_them() -> None:
    def cut(event: dict[str, Any]) -> None:
        event["stopped_by"] = "deadline"
        event["goals"][0].update(price=None, gain_of_one_percent=None)

    verdict = judge([*good()[:11], altered(good()[11], cut), *good()[12:]])
    assert (verdict.wrong, verdict.cut) == ((), 1)

    def silent(event: dict[str, Any]) -> None:
        cut(event)
        event["stopped_by"] = None

    wrong = judge([*good()[:11], altered(good()[11], silent), *good()[12:]]).wrong
    assert "r1-1: got another portfolio than an equal request" in wrong


def test_two_proofs_that_contradict_each_other() -> None:
    def better(event: dict[str, Any]) -> None:
        event["stopped_by"] = "deadline"
        event["certificate"].update(objective=2.0, bound=2.0)

    wrong = judge([*good()[:11], altered(good()[11], better), *good()[12:]]).wrong

    assert "r1-1: the proofs of equal requests contradict each other" in wrong


def test_a_portfolio_made_before_all_pods_had_answered() -> None:
    stream = renumbered([*good()[:3], good()[5], *good()[3:5], *good()[6:]])

    assert judge(stream).wrong == ("r1-0: optimised in 4 without the results of delta, gamma",)


def challenge(of: bytes, **told: object) -> Message:
    body = {"type": "PortfolioChallenged", "final_sha256": hashlib.sha256(of).hexdigest(), **told}
    return Message(subjects.challenge("r1-8"), json.dumps(body).encode(), sequence=19, stored_at=NOON)


def test_a_challenge_is_of_the_final_event_before_it_and_no_fault_makes_that_event_unreadable() -> None:
    late = {"type": "PortfolioNotChallenged", "reason": "internal_error", "message": "it broke"}
    for made in (challenge(good()[17].data), challenge(good()[17].data, **late)):
        assert judge([*good(), made]).wrong == ()

    assert judge([*good(), challenge(good()[11].data)]).wrong == (
        "r1-8: the challenge 19 is of no final event before it",
    )
    for reason in ("unreadable", "markets_differ"):
        made = challenge(good()[17].data, type="PortfolioNotChallenged", reason=reason, message="why")
        assert judge([*good(), made]).wrong == (f"r1-8: no challenge for the reason {reason}: why",)


def test_a_challenge_stored_before_its_final_event() -> None:
    early = replace(challenge(good()[17].data), stored_at=good()[16].stored_at)
    stream = renumbered([*good()[:17], early, good()[17]])

    assert judge(stream).wrong == ("r1-8: the challenge 18 is of no final event before it",)


def test_a_failure_that_no_fault_explains() -> None:
    failed = {"type": "MasterPortfolioFailed", "reason": "internal_error", "message": "it broke"}
    stream = [*good()[:17], replace(good()[17], data=json.dumps(failed).encode())]

    assert judge(stream).wrong == ("r1-8: no portfolio for the reason internal_error: it broke",)
