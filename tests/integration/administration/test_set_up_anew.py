"""A stream that lets nothing be deleted is set up anew, as docs/operations.md says, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import nats
from support.site import PODS

from bus.administration.server import embedded_server
from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.port import Backlog, pod_queue
from bus.topology.streams import EVENTS, MARKETS, TIMERS
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from bus.transports.jetstream import JetStreamBus


async def ask(client: Client, name: str, body: object = None) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{name}", json.dumps(body).encode() if body else b"", timeout=10)
    told: dict[str, Any] = json.loads(answer.data)
    assert "error" not in told, told
    return told


async def copied(client: Client) -> tuple[dict[str, Any], list[bytes]]:
    """Copy the stream, as ``nats stream backup`` does; returns what it is, and its content."""
    pieces: list[bytes] = []
    ended = asyncio.Event()

    async def take(message: Msg) -> None:
        if message.data:
            pieces.append(message.data)
            if message.reply:  # not every piece asks for a sign
                await client.publish(message.reply)
        else:
            ended.set()

    await client.subscribe("copy", cb=take)
    told = await ask(client, "STREAM.SNAPSHOT.PODFOLIO", {"deliver_subject": "copy"})
    async with asyncio.timeout(30):
        await ended.wait()
    return told, pieces


async def use(bus: JetStreamBus) -> None:
    """Store three requests, of which a queue has settled the first."""
    for name in ("r1", "r2", "r3"):
        await bus.publish_once(subjects.request(name), b"{}", message_id=name, headers={})
    stop = asyncio.Event()
    async with aclosing(bus.work(pod_queue("alpha"), stop=stop, at_once=1)) as deliveries:
        await (await anext(deliveries)).done()
        stop.set()


async def test_it_is_copied_and_restored_with_the_other_setting(tmp_path: Path) -> None:
    async with (
        embedded_server(tmp_path / "store", log=tmp_path / "log") as url,
        connect(Connection(servers=url)) as bus,
    ):
        await set_up(bus, PODS)
        config = (await bus.ask_api("STREAM.INFO.PODFOLIO"))["config"]
        await bus.ask_api("STREAM.UPDATE.PODFOLIO", {**config, "deny_delete": True})
        await use(bus)
        before = await bus.record([subjects.ALL])
        client = await nats.connect(url)

        told, pieces = await copied(client)
        await ask(client, "STREAM.DELETE.PODFOLIO")
        wanted = {"config": {**told["config"], "deny_delete": False}, "state": told["state"]}
        where = (await ask(client, "STREAM.RESTORE.PODFOLIO", wanted))["deliver_subject"]
        for piece in [*pieces, b""]:
            await client.request(where, piece, timeout=10)
        await client.close()

        assert await bus.record([subjects.ALL]) == before
        assert await bus.backlog(pod_queue("alpha")) == Backlog(waiting=2, in_hand=0)
        assert [(step.name, step.different, step.kept) for step in await plan(bus, PODS) if step.is_needed] == []
        await bus.delete(2)
        assert [message.sequence for message in await bus.record([subjects.ALL])] == [1, 3]


async def test_a_set_up_takes_the_compression_from_the_stream_of_markets(tmp_path: Path) -> None:
    """A server that is killed can lose its copy of a compressed stream: SECURITY.md."""
    packed = b"a market" * 1_000
    async with (
        embedded_server(tmp_path / "store", log=tmp_path / "log") as url,
        connect(Connection(servers=url)) as bus,
    ):
        await set_up(bus, PODS)
        config = (await bus.ask_api(f"STREAM.INFO.{MARKETS}"))["config"]
        await bus.ask_api(f"STREAM.UPDATE.{MARKETS}", {**config, "compression": "s2"})
        await bus.publish_market("before", "0" * 64, packed)

        done = {step.name: step for step in await set_up(bus, PODS)}
        streams = [(await bus.ask_api(f"STREAM.INFO.{name}"))["config"] for name in (EVENTS, TIMERS, MARKETS)]

        assert [difference.partition(":")[0] for difference in done[MARKETS].different] == ["compression"]
        assert [stream["compression"] for stream in streams] == ["none"] * len(streams)
        assert await bus.published_market("before") == ("0" * 64, packed)
