"""What a queue has left is told, and excused only where a wrong clock explains it."""

from __future__ import annotations

from typing import Any

import pytest

from bus.language import subjects
from chaos.history import Event, What
from chaos.queues import left, not_worked_off, waits_for_a_clock
from chaos.schedule import Kind


def info(*, pending: int = 0, in_hand: int = 0, floor: int = 40) -> dict[str, Any]:
    """Make a server's account of a queue."""
    return {
        "name": "coord",
        "stream_name": "PODFOLIO",
        "num_pending": pending,
        "num_ack_pending": in_hand,
        "num_redelivered": 0,
        "delivered": {"stream_seq": 90},
        "ack_floor": {"stream_seq": floor},
    }


def history(kind: Kind) -> list[Event]:
    """Forge one: message 10 was seen before a fault, 50 while it lasted, and 90 later."""
    subject = subjects.request("r1")
    return [
        Event(1, "observer", What.SEEN, sequence=10, subject=subject),
        Event(2, "n1", What.BEGAN, operation=1, told=kind.value),
        Event(3, "observer", What.SEEN, sequence=50, subject=subject),
        Event(4, "n1", What.ENDED, operation=1, told=kind.value),
        Event(5, "observer", What.SEEN, sequence=90, subject=subject),
    ]


def test_a_queue_that_is_worked_off_has_nothing_to_tell() -> None:
    assert (left(info()), not_worked_off(info())) == (0, "")


def test_what_is_left_is_told_with_its_place() -> None:
    told = not_worked_off(info(pending=2, in_hand=1))

    assert left(info(pending=2, in_hand=1)) == 3
    assert "coord is not worked off: 2 not delivered after message 90, 1 in hand after message 40" in told


@pytest.mark.parametrize(
    ("kind", "state", "waits"),
    [
        (Kind.SERVER_CLOCK_SET, {"in_hand": 1}, True),
        (Kind.SERVER_CLOCK_SET, {"in_hand": 1, "floor": 60}, False),  # handed out later
        (Kind.SERVER_CLOCK_SET, {"in_hand": 1, "pending": 1}, False),  # a clock does not hold that back
        (Kind.SERVER_KILLED, {"in_hand": 1}, False),
    ],
)
def test_only_what_a_wrong_clock_handed_out_may_wait_for_it(kind: Kind, state: dict[str, int], *, waits: bool) -> None:
    assert waits_for_a_clock(info(**state), history(kind)) is waits
