"""Follow the event stream from outside: nothing is worked off, nothing skipped, nothing repeated.

An observer's consumer is its own and lives in the server's memory. Whenever something may have been
lost on the way, another one begins after the last message that was seen.
"""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import TYPE_CHECKING, Any

import structlog

from bus import subjects
from bus.jetstream.asking import ask_api
from bus.jetstream.frames import read_message, read_receipt
from bus.jetstream.pulls import Pull
from bus.jetstream.streams import EVENTS
from bus.port import UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from bus.jetstream.frames import Frame
    from bus.jetstream.wire import Wire
    from bus.port import Message

_log = structlog.get_logger()

# As much as an observer has in flight: a few socket buffers full, whatever it does with them.
_BATCH = 256
# An observer that was killed is forgotten by the server after this.
_FORGOTTEN_S = 30
_CONSUMER = {
    "ack_policy": "none",
    "replay_policy": "instant",
    "filter_subject": subjects.ALL,
    "inactive_threshold": _FORGOTTEN_S * 1_000_000_000,
    "mem_storage": True,
    "num_replicas": 1,
}


async def follow(wire: Wire, *, since: datetime | None, everything: bool) -> AsyncGenerator[Message, None]:
    """Follow the event stream; see ``Bus``."""
    place = _Place(since, everything=everything)
    while True:
        pull = Pull(wire, EVENTS, f"observer-{uuid.uuid4().hex}")
        async with pull.opened():
            if not await _begin(wire, place, pull.consumer):
                continue
            while (frame := await _next_frame(pull)) is not None:
                receipt = read_receipt(frame.reply)
                if not place.is_next_turn(receipt.turn):
                    break  # one was lost on the way: begin again after the last that was not
                if place.move_to(receipt.sequence):
                    yield read_message(frame, receipt)


async def _begin(wire: Wire, place: _Place, consumer: str) -> bool:
    """Make a consumer that begins at *place*; False if the server was silent: it may come back."""
    config = {**_CONSUMER, "name": consumer, **place.policy()}
    body = {"stream_name": EVENTS, "config": config, "action": "create"}
    try:
        answer = await ask_api(wire, f"CONSUMER.CREATE.{EVENTS}.{consumer}.{subjects.ALL}", body)
    except UnreachableError as error:
        if not place.known:
            raise
        _log.warning("bus.follow_interrupted", error=str(error))
        return False
    place.begin(answer["delivered"]["stream_seq"])
    return True


async def _next_frame(pull: Pull) -> Frame | None:
    """Wait for the next message; None if some may have been lost."""
    while not pull.frames:
        if pull.lost:
            return None
        if not pull.waiting:
            try:
                await pull.ask(_BATCH)
            except UnreachableError:
                return None
        await pull.happens()
    return pull.frames.popleft()


class _Place:
    """How far an observer has come."""

    def __init__(self, since: datetime | None, *, everything: bool) -> None:
        self._since = since
        self._everything = everything
        self._after: int | None = None
        self._turn = 0

    @property
    def known(self) -> bool:
        """Whether the server has ever told where the observer began."""
        return self._after is not None

    def policy(self) -> dict[str, Any]:
        """Where a consumer must begin to go on from here."""
        if self._after is not None:
            return {"deliver_policy": "by_start_sequence", "opt_start_seq": self._after + 1}
        if self._since is not None:
            return {"deliver_policy": "by_start_time", "opt_start_time": self._since.astimezone(UTC).isoformat()}
        return {"deliver_policy": "all" if self._everything else "new"}

    def begin(self, after: int) -> None:
        """Note that a consumer begins, by its own account *after* this sequence."""
        self._turn = 0
        if self._after is None:
            self._after = after

    def is_next_turn(self, turn: int) -> bool:
        """Whether nothing was lost between the consumer's last message and this one."""
        self._turn += 1
        return turn == self._turn

    def move_to(self, sequence: int) -> bool:
        """Note the message; False if it was seen before."""
        if self._after is not None and sequence <= self._after:
            return False
        self._after = sequence
        return True
