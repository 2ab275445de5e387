"""Follow the event stream as an observer: acknowledge no message, skip none and repeat none.

The observer only reads, and creates no consumer on the server: a user with permission to create a consumer may also
change the consumers of the agents, since the server cannot grant one permission without the other. The observer reads
stored messages from its current sequence. Coordinators publish the progress of requests, and each progress message
signals new messages to read. Since the observer may miss such a signal, it also reads every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import UTC
from typing import TYPE_CHECKING, Any

import structlog

from bus.language import subjects
from bus.port import BusError, NotSetUpError, RefusedError, UnreachableError
from bus.topology.streams import EVENTS
from bus.transports.jetstream.connection.asking import ask_replicas, insist, require_stream
from bus.transports.jetstream.connection.frames import read_stored, status
from bus.transports.jetstream.consumers import stream_state
from bus.transports.jetstream.consumers.replaced import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from datetime import datetime

    from bus.port import Message
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

# Messages in flight per observer: a few full socket buffers, whatever the observer does with the messages.
_BATCH = 256
# Only an observer that missed a progress message, or reads from a lagging replica, waits for these pauses.
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 1.0

_END_OF_BATCH = "204"
_NOTHING_FOUND = "404"


async def follow(wire: Wire, *, since: datetime | None, everything: bool) -> AsyncGenerator[Message, None]:
    """Follow the event stream; see ``Bus``."""
    news = asyncio.Event()

    async def hear(_: Frame) -> None:
        news.set()

    async with wire.subscribe(subjects.ALL_PROGRESS, hear):
        place = await _begin(wire, since, everything=everything)
        stream = Stream((await stream_state.read(wire)).created)
        pause_s = _FIRST_PAUSE_S
        while True:
            news.clear()
            try:
                messages = await _read(wire, place)
            except (UnreachableError, NotSetUpError) as error:
                _log.warning("bus.follow_interrupted", error=str(error))
                messages = []
            for message in messages:
                yield message
            if messages:
                place = {"seq": messages[-1].sequence + 1}
                pause_s = _FIRST_PAUSE_S
            elif await _comes(news, pause_s):
                pause_s = _FIRST_PAUSE_S
            else:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                if pause_s == _LONGEST_PAUSE_S and "seq" in place:
                    place = await _whether_still(wire, stream, place)


async def stored(wire: Wire, pattern: str, *, since: datetime | None) -> AsyncGenerator[Message, None]:
    """Read the stored messages on subjects like *pattern*, from *since* or the start, to the end of the stream."""
    place: dict[str, Any] = {"seq": 1} if since is None else {"start_time": since.astimezone(UTC).isoformat()}
    while messages := await _read(wire, place, pattern):
        for message in messages:
            yield message
        place = {"seq": messages[-1].sequence + 1}


async def _whether_still(wire: Wire, stream: Stream, place: dict[str, Any]) -> dict[str, Any]:
    """Return the place to read on from: a stream that was lost and set up again has no messages from *place* on."""
    try:
        report = await stream_state.read(wire)
    except BusError as error:
        _log.debug("bus.standing_unknown", error=str(error))
        return place
    sequence = stream.read_on(report, place["seq"], now=time.monotonic())
    if sequence != place["seq"]:
        _log.warning("bus.stream_replaced", place=place["seq"], from_sequence=sequence, created=f"{report.created}")
    return {"seq": sequence}


async def _comes(news: asyncio.Event, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await news.wait()
    return False


async def _begin(wire: Wire, since: datetime | None, *, everything: bool) -> dict[str, Any]:
    """Return the place to start from. Always ask the server, so that a server that cannot be read is noticed."""
    frames = await _ask(wire, {"last_by_subj": subjects.ALL}, is_last=lambda _: True)
    if since is not None:
        return {"start_time": since.astimezone(UTC).isoformat()}
    newest = 0 if everything or status(frames[0]) else read_stored(frames[0]).sequence
    return {"seq": newest + 1}


async def _read(wire: Wire, place: Mapping[str, Any], pattern: str = subjects.ALL) -> list[Message]:
    return [read_stored(frame) for frame in await read_frames(wire, EVENTS, place, pattern)]


async def read_frames(wire: Wire, stream: str, place: Mapping[str, Any], pattern: str) -> list[Frame]:
    """Read messages of *stream* on subjects like *pattern* from *place* on, in stream order, ``_BATCH`` at most.

    Raises:
        RefusedError: If the server cannot read the stream.
        UnreachableError: If a message was lost on the way.
    """
    query = {**place, "batch": _BATCH, "next_by_subj": pattern}
    *frames, end = await _ask(wire, query, is_last=lambda frame: bool(status(frame)), stream=stream)
    verdict, described = status(end), end.headers or {}
    if verdict not in {_END_OF_BATCH, _NOTHING_FOUND}:
        message = f"the server cannot read the stream: {verdict} {described.get('Description', '')}; see its log"
        raise RefusedError(message)
    # Each message, and the end of the batch, names the sequence of the message before; a gap shows a lost message.
    before = "0"
    for frame in [*frames, *([end] if verdict == _END_OF_BATCH else [])]:
        headers = frame.headers or {}
        if headers.get("Nats-Last-Sequence") != before:
            message = f"a message after {before} was lost on the way"
            raise UnreachableError(message)
        before = headers.get("Nats-Sequence", "")
    return frames


async def _ask(
    wire: Wire, query: Mapping[str, Any], *, is_last: Callable[[Frame], bool], stream: str = EVENTS
) -> list[Frame]:
    request = json.dumps(query).encode()
    subject = f"$JS.API.DIRECT.GET.{stream}"

    async def attempt(timeout_s: float) -> list[Frame]:
        return await ask_replicas(wire, subject, request, timeout_s=timeout_s, is_last=is_last)

    return await insist("following the stream", attempt, when_nobody_listens=lambda: require_stream(wire, stream))
