"""Follow the event stream from outside: nothing is worked off, nothing skipped, nothing repeated.

It only reads, and leaves nothing on the server: whoever may create a consumer of one's own may also
change those of the agents, since the server knows no permission for the one without the other. What
is stored is read from where the observer has come to. Coordinators tell how far requests are, and each such
word is a sign that there is more to read; since it may be missed, it is also looked for every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import UTC
from typing import TYPE_CHECKING, Any

import structlog

from bus import subjects
from bus.jetstream import standing
from bus.jetstream.asking import ask_replicas, insist, require_stream
from bus.jetstream.frames import read_stored, status
from bus.jetstream.replaced import Stream
from bus.jetstream.streams import EVENTS
from bus.port import BusError, NotSetUpError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from datetime import datetime

    from bus.jetstream.frames import Frame
    from bus.jetstream.wire import Wire
    from bus.port import Message

_log = structlog.get_logger()

# As much as an observer has in flight: a few socket buffers full, whatever it does with them.
_BATCH = 256
# Nobody waits for these but who missed the news, or whose replica lags behind them.
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 1.0

_END_OF_BATCH = "204"
_NOTHING_FOUND = "404"


async def follow(wire: Wire, *, since: datetime | None, everything: bool) -> AsyncGenerator[Message, None]:
    """Follow the event stream; see ``Bus``."""
    news = asyncio.Event()

    async def hear(_: Frame) -> None:
        news.set()

    async with wire.overhear(subjects.ALL_PROGRESS, hear):
        place = await _begin(wire, since, everything=everything)
        stream = Stream((await standing.read(wire)).created)
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


async def _whether_still(wire: Wire, stream: Stream, place: dict[str, Any]) -> dict[str, Any]:
    """Say from where to read on: a stream that was lost and set up again holds nothing from here on."""
    try:
        told = await standing.read(wire)
    except BusError as error:
        _log.debug("bus.standing_unknown", error=str(error))
        return place
    sequence = stream.read_on(told, place["seq"], now=time.monotonic())
    if sequence != place["seq"]:
        _log.warning("bus.stream_replaced", place=place["seq"], from_sequence=sequence, created=f"{told.created}")
    return {"seq": sequence}


async def _comes(news: asyncio.Event, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await news.wait()
    return False


async def _begin(wire: Wire, since: datetime | None, *, everything: bool) -> dict[str, Any]:
    """Say from where to read; asks even if that is known, so that a server that cannot be read is noticed."""
    frames = await _ask(wire, {"last_by_subj": subjects.ALL}, is_last=lambda _: True)
    if since is not None:
        return {"start_time": since.astimezone(UTC).isoformat()}
    newest = 0 if everything or status(frames[0]) else read_stored(frames[0]).sequence
    return {"seq": newest + 1}


async def _read(wire: Wire, place: Mapping[str, Any]) -> list[Message]:
    """Read what is stored from *place* on, in the stream's order; not all of it, if it is much.

    Raises:
        UnreachableError: If it did not come whole.
    """
    query = {**place, "batch": _BATCH, "next_by_subj": subjects.ALL}
    *frames, end = await _ask(wire, query, is_last=lambda frame: bool(status(frame)))
    verdict, told = status(end), end.headers or {}
    if verdict not in {_END_OF_BATCH, _NOTHING_FOUND}:
        message = f"the server cannot read the stream: {verdict} {told.get('Description', '')}; see its log"
        raise RefusedError(message)
    # Each message, and the end, names the one before it: what was lost on the way is missed.
    before = "0"
    for frame in [*frames, *([end] if verdict == _END_OF_BATCH else [])]:
        headers = frame.headers or {}
        if headers.get("Nats-Last-Sequence") != before:
            message = f"a message after {before} was lost on the way"
            raise UnreachableError(message)
        before = headers.get("Nats-Sequence", "")
    return [read_stored(frame) for frame in frames]


async def _ask(wire: Wire, query: Mapping[str, Any], *, is_last: Callable[[Frame], bool]) -> list[Frame]:
    request = json.dumps(query).encode()
    subject = f"$JS.API.DIRECT.GET.{EVENTS}"

    async def attempt(timeout_s: float) -> list[Frame]:
        return await ask_replicas(wire, subject, request, timeout_s=timeout_s, is_last=is_last)

    return await insist("following the stream", attempt, when_nobody_listens=lambda: require_stream(wire, EVENTS))
