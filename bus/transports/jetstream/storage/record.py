"""Read the last messages on many subjects in one request, and accept only a complete answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bus.port import RefusedError, UnreachableError
from bus.topology.streams import EVENTS
from bus.transports.jetstream.connection.asking import ask_replicas, insist, require_stream
from bus.transports.jetstream.connection.frames import read_stored, status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bus.port import Message
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_END_OF_BATCH = "204"
_NOTHING_FOUND = "404"


async def read_record(wire: Wire, subjects: Collection[str], including: Message | None) -> tuple[Message, ...]:
    """Read the last message on each of *subjects*; see ``Bus``."""
    query: dict[str, Any] = {"multi_last": list(subjects)}
    if including is not None:
        query["up_to_seq"] = including.sequence
    return await read_last(wire, EVENTS, query, including)


async def read_last(
    wire: Wire, stream: str, query: Mapping[str, Any], including: Message | None
) -> tuple[Message, ...]:
    """Read the messages of *stream* that *query* selects, in stream order; raise as ``Bus.record``."""
    request = json.dumps(query).encode()

    async def attempt(timeout_s: float) -> tuple[Message, ...]:
        subject = f"$JS.API.DIRECT.GET.{stream}"
        frames = await ask_replicas(wire, subject, request, timeout_s=timeout_s, is_last=_ends_batch)
        return _read(frames, including)

    async with wire.reads.passed():
        return await insist("reading the record", attempt, when_nobody_listens=lambda: require_stream(wire, stream))


def _ends_batch(frame: Frame) -> bool:
    return bool(status(frame))


def _read(frames: list[Frame], including: Message | None) -> tuple[Message, ...]:
    *stored, end = frames
    verdict = status(end)
    if verdict not in {_END_OF_BATCH, _NOTHING_FOUND}:
        message = (
            f"the server cannot read the record: {verdict} {(end.headers or {}).get('Description', '')}; see its log"
        )
        raise RefusedError(message)
    if (end.headers or {}).get("Nats-Num-Pending", "0") != "0":
        message = "the server sent only a part of the record"
        raise UnreachableError(message)
    messages = tuple(sorted((read_stored(frame) for frame in stored), key=lambda message: message.sequence))
    if including is not None and all(message.sequence != including.sequence for message in messages):
        message = f"the replica that answered has not yet got message {including.sequence} ({including.subject})"
        raise UnreachableError(message)
    return messages
