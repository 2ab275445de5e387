"""A full stream: publishers are refused in so many words, and what was acknowledged is answered when there is room."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, inline
from support.requests_made import data

from bus.administration.server import embedded_server
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.messages import MasterPortfolioOptimized, parse_final
from bus.port import FullError
from bus.topology.streams import EVENTS
from bus.transports.jetstream import Connection, connect
from coordinator.shell import Coordinator

if TYPE_CHECKING:
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

PATIENCE_S = 240.0
# Room for some requests, and not for the answers to all of them.
ROOM_BYTES = 20_000


async def fill(bus: JetStreamBus) -> list[str]:
    """Publish requests until there is no more room; returns the ids of those that were acknowledged."""
    acknowledged: list[str] = []
    for number in range(1_000):
        request_id = f"r{number}"
        try:
            sent = data(request_id, explain="unmet")
            await bus.publish_once(subjects.request(request_id), sent, message_id=request_id, headers={})
        except FullError:
            return acknowledged
        acknowledged.append(request_id)
    message = "it never filled up"
    raise AssertionError(message)


async def test_what_was_acknowledged_before_the_stream_was_full_is_answered_when_there_is_room(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_server(tmp_path / "store", log=tmp_path / "log"))
        bus = await stack.enter_async_context(connect(Connection(servers=url)))
        await set_up(bus, PODS, max_bytes=ROOM_BYTES)
        acknowledged = await fill(bus)
        assert acknowledged

        stop = asyncio.Event()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            for pod in PODS:
                group.create_task(agent(bus, pod).run(stop, at_once=8))
            group.create_task(Coordinator(bus, inline).run(stop, at_once=8))
            # They meet the full stream more often than a crash would be forgiven.
            await asyncio.sleep(4)
            assert not await bus.record([subjects.ALL_FINALS])
            with pytest.raises(FullError, match="raise its limits"):
                await bus.publish_once(subjects.request("more"), data("more"), message_id="more", headers={})
            await set_up(bus, PODS, max_bytes=100 * ROOM_BYTES)
            while len(finals := await bus.record([subjects.ALL_FINALS])) < len(acknowledged):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            stop.set()

        stored = (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["state"]["messages"]

    events = [parse_final(final.data) for final in finals]
    assert {event.request_id for event in events} == set(acknowledged)
    assert all(isinstance(event, MasterPortfolioOptimized) for event in events), "it failed for want of room"
    assert stored == len(acknowledged) * (1 + len(PODS) + 1)
