"""The record of a request is taken from the deliveries only if the server's numbers prove that none went elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bus.language import subjects
from bus.port import Message
from coordinator.heard import Heard


@dataclass(frozen=True)
class Delivery:
    message: Message
    number: int
    attempt: int = 1

    async def done(self) -> None: ...

    async def working(self) -> None: ...

    async def again(self, *, delay_s: float) -> None: ...


def delivery(subject: str, number: int, *, attempt: int = 1, size: int = 2) -> Delivery:
    """Make a delivery of a message whose sequence in the stream is ten times its number."""
    return Delivery(Message(subject, b"{" * size, sequence=10 * number), number, attempt)


def request(number: int, request_id: str = "r1", *, attempt: int = 1, size: int = 2) -> Delivery:
    return delivery(subjects.request(request_id), number, attempt=attempt, size=size)


def answer(pod: str, number: int, request_id: str = "r1", *, attempt: int = 1, size: int = 2) -> Delivery:
    return delivery(subjects.pod_result(request_id, pod), number, attempt=attempt, size=size)


def heard(*deliveries: Delivery) -> list[int]:
    """Note the deliveries; the numbers of those in the record up to the last one."""
    notes = Heard()
    for each in deliveries:
        notes.note(subjects.parse(each.message.subject), each)
    last = deliveries[-1]
    return [message.sequence // 10 for message in notes.record("r1", last)]


def test_without_a_gap_the_deliveries_are_the_record() -> None:
    assert heard(request(7), answer("alpha", 8), request(9, "r2"), answer("beta", 10)) == [7, 8, 10]


def test_no_answer_after_the_one_in_hand_is_in_the_record() -> None:
    notes = Heard()
    early, late = answer("alpha", 2), answer("beta", 3)
    for each in (request(1), early, late):
        notes.note(subjects.parse(each.message.subject), each)

    assert [message.subject for message in notes.record("r1", early)] == [
        subjects.request("r1"),
        subjects.pod_result("r1", "alpha"),
    ]


@pytest.mark.parametrize(
    "deliveries",
    [
        (request(1), answer("alpha", 3)),
        (request(1), answer("alpha", 2), answer("beta", 4)),
        (request(1), answer("alpha", 1)),  # the queue was set up again
        (answer("alpha", 1),),
        (request(1, attempt=2), answer("alpha", 2)),  # answers may have been delivered before that
        (request(1), answer("alpha", 2, attempt=2)),
        (request(1), answer("alpha", 2, size=70_000)),
        (request(1), *(request(2 + i, f"other-{i}") for i in range(300)), answer("alpha", 302)),
    ],
    ids=["a gap", "a later gap", "anew", "no request", "request again", "answer again", "too large", "too many"],
)
def test_where_a_message_may_be_missing_nothing_is_said(deliveries: tuple[Delivery, ...]) -> None:
    assert heard(*deliveries) == []


def test_a_new_message_of_an_earlier_sequence_is_of_another_stream() -> None:
    notes = Heard()
    again = Delivery(Message(subjects.pod_result("r1", "beta"), b"{}", sequence=15), 3)
    for each in (request(1), answer("alpha", 2), again):
        notes.note(subjects.parse(each.message.subject), each)

    assert notes.record("r1", again) == ()


def test_a_stray_message_of_the_queue_is_no_gap() -> None:
    stray = delivery("podfolio.v1.pod.r1.ALPHA", 2)

    assert heard(request(1), stray, answer("alpha", 3)) == [1, 3]


def test_a_finished_request_is_forgotten() -> None:
    notes = Heard()
    last = answer("alpha", 2)
    for each in (request(1), last):
        notes.note(subjects.parse(each.message.subject), each)
    notes.forget("r1")

    assert notes.record("r1", last) == ()
