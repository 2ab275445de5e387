"""A header of one byte, and others that no client sends, stored on a real server: it lives, and every read tells."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import RawConnection
from support.site import PODS

from bus.administration.server import launch
from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.port import COORDINATORS, DEADLINES, Stored, pod_queue
from bus.topology.streams import wanted_streams
from bus.transports.jetstream import Connection, JetStreamBus, connect

if TYPE_CHECKING:
    from pathlib import Path

    from bus.port import Message

PATIENCE_S = 240.0
BLOCKS = (b"N", b"ab", b"NATS/1.0", b"NATS/1.0\r\n", b"\xff" * 5, b"NATS/1.0 204 EOB\r\nx: y\r\n\r\n")
SUBJECT = "podfolio.v1.request.caf\\xe9"


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


async def poison(url: str, block: bytes) -> None:
    """Store a request of each kind under this block of headers, one with an id and one with none."""
    async with RawConnection(port(url)) as raw:
        for subject in (b"podfolio.v1.request.r1", b"podfolio.v1.request.caf\xe9", b"podfolio.v1.final.r1"):
            assert b'"seq"' in await raw.publish(subject, block, b"" if b"final" in subject else b"{}"), subject
        assert b'"seq"' in await raw.publish(b"podfolio_timers.v1.due.caf\xe9", block, b"")


async def first(bus: JetStreamBus, queue: str, count: int) -> list[Message]:
    """Take so many messages of a queue, and settle them."""
    messages, stop = [], asyncio.Event()
    async with aclosing(bus.work(queue, stop=stop, at_once=count)) as deliveries:
        async for delivery in deliveries:
            messages.append(delivery.message)
            await delivery.done()
            if len(messages) == count:
                stop.set()
    return messages


async def everything_is_read(bus: JetStreamBus) -> None:
    """Read what ``poison`` stored in every way that we read."""
    record = await bus.record([subjects.ALL])
    async with aclosing(bus.follow(everything=True)) as messages:
        followed = [await anext(messages) for _ in range(3)]
    assert tuple(followed) == record
    assert [message.subject for message in record] == [subjects.request("r1"), SUBJECT, subjects.final("r1")]
    assert [await bus.read_message(sequence) for sequence in (1, 3)] == [record[0], record[2]]
    # Its body is empty, and its headers may look like the server's own words: it is there all the same.
    again = await bus.publish_once(subjects.final("r1"), b"{}", message_id="m", headers={})
    assert again is Stored.TAKEN


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_server_lives_through_each_way_to_read_and_a_restart(tmp_path: Path, block: bytes) -> None:
    server = await launch(tmp_path / "store", log=tmp_path / "log")
    async with asyncio.timeout(PATIENCE_S):
        async with connect(Connection(servers=server.url)) as bus:
            await set_up(bus, PODS)
            await poison(server.url, block)
            await everything_is_read(bus)
            assert [message.subject for message in await first(bus, pod_queue("alpha"), 2)] == [
                subjects.request("r1"),
                SUBJECT,
            ]
            assert [message.subject for message in await first(bus, DEADLINES, 1)] == [
                "podfolio_timers.v1.due.caf\\xe9"
            ]
        await server.stop()
        assert server.process.returncode == 0, (tmp_path / "log").read_text(errors="replace")[-2_000:]

        server = await launch(tmp_path / "store", log=tmp_path / "log")
        async with connect(Connection(servers=server.url)) as bus:
            await everything_is_read(bus)
            assert [message.sequence for message in await first(bus, COORDINATORS, 2)] == [1, 2]
        await server.stop()
        assert server.process.returncode == 0


async def test_a_set_up_takes_the_republishing_from_a_stream_that_has_it(tmp_path: Path) -> None:
    old = wanted_streams(replicas=None, max_bytes=None)[0] | {
        "subjects": [subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS, subjects.ALL_FINALS, subjects.ALL_REJECTED],
        "republish": {"src": subjects.ALL, "dest": "podfolio_news.v1.>", "headers_only": True},
        "deny_delete": True,
    }
    server = await launch(tmp_path / "store", log=tmp_path / "log")
    async with connect(Connection(servers=server.url)) as bus:
        await bus.ask_api("STREAM.CREATE.PODFOLIO", old)

        (done, *_) = await set_up(bus, PODS)
        config = (await bus.ask_api("STREAM.INFO.PODFOLIO"))["config"]
        left = await plan(bus, PODS)

        assert [difference.partition(":")[0] for difference in done.different] == ["subjects", "republish"]
        assert "republish" not in config
        assert subjects.ALL_REMOVED in config["subjects"]
        assert "deny_delete stays on" in done.kept
        assert not any(step.is_needed for step in left)
        await poison(server.url, b"N")
        await everything_is_read(bus)
    await server.stop()
    assert server.process.returncode == 0
