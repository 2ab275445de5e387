"""Pulling when the wire misbehaves in ways that a real server shows too rarely: a wire that is scripted."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from bus.language import subjects
from bus.port import pod_queue
from bus.transports.jetstream import JetStreamBus
from bus.transports.jetstream.connection.frames import read_receipt
from bus.transports.jetstream.consumers import pulls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

    from bus.port import Delivery
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

PATIENCE_S = 240.0


@dataclass
class ScriptedFrame:
    subject: str
    reply: str = ""
    data: bytes = b""
    headers: dict[str, str] | None = None


@dataclass
class ScriptedWire:
    """A wire on which nothing happens but what the test says.

    Attributes:
        requests: How many messages each pull asked for.
    """

    requests: list[int] = field(default_factory=list)
    hear: Callable[[Frame], Awaitable[None]] | None = None
    reconnected: Callable[[], None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        del reply, headers
        if ".MSG.NEXT." in subject:
            self.requests.append(json.loads(data)["batch"])
            self.changed.set()

    async def ask(self, *_: object, **__: object) -> ScriptedFrame:
        return ScriptedFrame("", data=b"{}")

    @asynccontextmanager
    async def listen(
        self, handle: Callable[[Frame], Awaitable[None]], *, reconnected: Callable[[], None]
    ) -> AsyncIterator[str]:
        self.hear, self.reconnected = handle, reconnected
        yield "inbox."

    async def bring(self, sequence: int, *, turn: int) -> None:
        """Bring the message with this sequence, as the consumer's *turn*-th."""
        reply = f"$JS.ACK.PODFOLIO.consumer.1.{sequence}.{turn}.1795387105607537470.0"
        await self._bring(ScriptedFrame(subjects.request(f"r{sequence}"), reply))

    async def end(self, request: int, verdict: str) -> None:
        """End the request with this number, from 1."""
        await self._bring(ScriptedFrame(f"inbox.{request}", headers={"Status": verdict}))

    async def _bring(self, frame: ScriptedFrame) -> None:
        assert self.hear is not None
        await self.hear(frame)

    async def requested(self, count: int) -> None:
        """Wait until there were so many requests."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.requests) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def wire() -> ScriptedWire:
    return ScriptedWire()


@pytest.fixture
def bus(wire: ScriptedWire) -> JetStreamBus:
    return JetStreamBus(cast("Wire", wire))


def upcoming(iterator: AsyncGenerator[Any, None]) -> asyncio.Task[Any]:
    async def first() -> object:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(iterator)

    return asyncio.create_task(first())


async def idle() -> None:
    # More turns of the loop than any path of the code under test has.
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def worker(
    bus: JetStreamBus, wire: ScriptedWire, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncGenerator[Delivery, None]]:
    stop = asyncio.Event()
    async with aclosing(bus.work(pod_queue("alpha"), stop=stop, at_once=2)) as deliveries:
        yield deliveries
        # What is still open at the end is not waited for.
        monkeypatch.setattr(pulls, "PULL_S", 0.0)
        await wire.end(len(wire.requests), "408")


async def test_what_comes_late_does_not_make_more_deliveries_than_asked_for(
    worker: AsyncGenerator[Delivery, None], wire: ScriptedWire
) -> None:
    first = upcoming(worker)
    await wire.requested(1)
    for turn in (1, 2, 3):
        await wire.bring(turn, turn=turn)
    held = [await first, await upcoming(worker)]

    third = upcoming(worker)
    await idle()
    assert not third.done()
    await held[0].again(delay_s=0)

    assert (await third).message.sequence == 3
    assert wire.requests == [2]


async def test_asks_for_as_many_as_there_are_places(worker: AsyncGenerator[Delivery, None], wire: ScriptedWire) -> None:
    first = upcoming(worker)
    await wire.requested(1)
    await wire.bring(1, turn=1)
    await first
    await wire.end(1, "408")

    second = upcoming(worker)
    await wire.requested(2)
    await wire.bring(2, turn=2)

    assert (await second).message.sequence == 2
    assert wire.requests == [2, 1]


async def test_the_end_of_an_earlier_request_does_not_end_this_one(
    worker: AsyncGenerator[Delivery, None], wire: ScriptedWire
) -> None:
    waiting = upcoming(worker)
    await wire.requested(1)
    await wire.end(1, "408")
    await wire.requested(2)

    await wire.end(1, "408")
    await idle()
    assert wire.requests == [2, 2]

    await wire.bring(1, turn=1)
    assert (await waiting).message.sequence == 1


async def test_asks_again_after_a_reconnection_without_waiting(
    worker: AsyncGenerator[Delivery, None], wire: ScriptedWire
) -> None:
    waiting = upcoming(worker)
    await wire.requested(1)
    assert wire.reconnected is not None

    wire.reconnected()
    await idle()

    assert wire.requests == [2, 2]
    await wire.bring(1, turn=1)
    await waiting


async def test_asks_again_when_the_server_forgets_a_request(
    worker: AsyncGenerator[Delivery, None], wire: ScriptedWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls, "PULL_S", 0.01)
    monkeypatch.setattr(pulls, "_GRACE_S", 0.01)
    waiting = upcoming(worker)

    await wire.requested(3)

    await wire.bring(1, turn=1)
    await waiting


async def test_an_outage_of_the_queue_is_waited_out(worker: AsyncGenerator[Delivery, None], wire: ScriptedWire) -> None:
    waiting = upcoming(worker)
    for request, verdict in enumerate(("409", "503", "409"), start=1):
        await wire.requested(request)
        await wire.end(request, verdict)
    await wire.requested(4)

    await wire.bring(1, turn=1)
    assert (await waiting).message.sequence == 1


def test_a_receipt_is_read_in_the_servers_older_and_newer_form() -> None:
    older = read_receipt("$JS.ACK.PODFOLIO.coord.2.17.19.1795387105607537470.3")
    newer = read_receipt("$JS.ACK._.acchash.PODFOLIO.coord.2.17.19.1795387105607537470.3.random")

    assert older == newer
    assert (older.attempt, older.sequence) == (2, 17)
    assert older.stored_at.isoformat() == "2026-11-22T22:38:25.607537+00:00"
