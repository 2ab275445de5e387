"""Following when the wire loses messages, which a real server shows too rarely: a wire that is scripted."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from bus.language import subjects
from bus.port import RefusedError, UnreachableError
from bus.transports.jetstream import JetStreamBus
from bus.transports.jetstream.connection.window import Window
from bus.transports.jetstream.consumers import observer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from bus.port import Message
    from bus.transports.jetstream.connection.wire import Wire

PATIENCE_S = 240.0


@dataclass
class ScriptedFrame:
    headers: dict[str, str]
    subject: str = ""
    reply: str = ""
    data: bytes = b""


def stored(sequence: int, *, after: int) -> ScriptedFrame:
    return ScriptedFrame(
        {
            "Nats-Subject": subjects.request(f"r{sequence}"),
            "Nats-Sequence": str(sequence),
            "Nats-Last-Sequence": str(after),
            "Nats-Time-Stamp": "2026-11-22T22:38:25.607537Z",
        }
    )


def end(*, after: int) -> ScriptedFrame:
    return ScriptedFrame({"Status": "204", "Nats-Last-Sequence": str(after)})


NOTHING = ScriptedFrame({"Status": "404"})


@dataclass
class ScriptedWire:
    """A wire that answers each question with the next of *answers*, and notes what was asked."""

    answers: list[list[ScriptedFrame] | Exception]
    asked: list[dict[str, Any]] = field(default_factory=list)
    ring: Callable[[ScriptedFrame], Awaitable[None]] | None = None
    created: str = "2026-11-22T20:00:00Z"
    messages_received: int = 0
    reads: Window = field(default_factory=Window)
    last_sequence: int = 0

    @asynccontextmanager
    async def subscribe(self, _: str, handle: Callable[[ScriptedFrame], Awaitable[None]]) -> AsyncIterator[None]:
        self.ring = handle
        yield

    async def ask(self, *_: object, **__: object) -> ScriptedFrame:
        told = {"created": self.created, "ts": "2026-11-22T22:38:25Z", "state": {"last_seq": self.last_sequence}}
        return ScriptedFrame({}, data=json.dumps(told).encode())

    async def ask_all(self, _: str, data: bytes, **__: object) -> list[ScriptedFrame]:
        self.asked.append(json.loads(data))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def following(wire: ScriptedWire, **how: bool) -> AsyncGenerator[Message, None]:
    return JetStreamBus(cast("Wire", wire)).follow(**how)


async def sequences(messages: AsyncGenerator[Message, None], count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(messages)).sequence for _ in range(count)]


@pytest.mark.parametrize(
    "torn",
    [
        [stored(1, after=0), stored(3, after=2), end(after=3)],
        [stored(2, after=1), end(after=2)],
        [stored(1, after=0), end(after=2)],
    ],
    ids=["in the middle", "the first", "the last"],
)
async def test_what_did_not_come_whole_is_read_again(torn: list[ScriptedFrame]) -> None:
    whole = [stored(1, after=0), stored(2, after=1), stored(3, after=2), end(after=3)]
    wire = ScriptedWire([[NOTHING], torn, whole])

    async with aclosing(following(wire, everything=True)) as messages:
        seen = await sequences(messages, 3)

    assert seen == [1, 2, 3]
    assert [query.get("seq") for query in wire.asked[1:]] == [1, 1]


async def test_it_goes_on_after_the_last_message_however_the_connection_was() -> None:
    wire = ScriptedWire(
        [
            [stored(4, after=0)],
            [NOTHING],
            UnreachableError("the connection was lost"),
            [stored(5, after=0), end(after=5)],
            [stored(7, after=0), end(after=7)],
        ]
    )

    async with aclosing(following(wire)) as messages:
        seen = await sequences(messages, 2)

    assert seen == [5, 7], "what has aged away in between is not waited for"
    assert [query["seq"] for query in wire.asked[1:]] == [5, 5, 5, 6]


async def test_a_server_that_cannot_read_so_is_not_asked_for_ever() -> None:
    wire = ScriptedWire([[NOTHING], [ScriptedFrame({"Status": "408", "Description": "Bad Request"})]])

    with pytest.raises(RefusedError, match="Bad Request"):
        await sequences(following(wire), 1)


async def test_news_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "_FIRST_PAUSE_S", 10 * PATIENCE_S)
    wire = ScriptedWire([[NOTHING], [NOTHING], [stored(1, after=0), end(after=1)]])

    async with aclosing(following(wire)) as messages:
        waiting = asyncio.create_task(sequences(messages, 1))
        while len(wire.asked) < 2:  # noqa: ASYNC110 - the wire has no event
            await asyncio.sleep(0)
        assert wire.ring is not None
        await wire.ring(NOTHING)
        seen = await waiting

    assert seen == [1]
