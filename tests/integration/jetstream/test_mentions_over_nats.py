"""What is mentioned while there is no server may be lost, without a word; nobody is held up by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bus.administration.server import launch
from bus.language import subjects
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

PATIENCE_S = 240.0


async def _say(bus: JetStreamBus, subject: str, data: bytes) -> None:
    """Say it until somebody has heard: both have to find the server again."""
    while True:
        await bus.publish_transient(subject, data)
        await asyncio.sleep(0.05)


async def test_without_a_server_nothing_fails_and_what_is_told_afterwards_is_heard(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    subject = subjects.progress("r1")
    server = await launch(tmp_path / "store", log=tmp_path / "log", port=unused_tcp_port)
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            connect(Connection(servers=server.url)) as speaker,
            connect(Connection(servers=server.url)) as listener,
            listener.subscribe(subject, heard.put_nowait),
        ):
            await server.stop()
            for number in range(1_000):
                await speaker.publish_transient(subject, b"lost %d" % number)
            server = await launch(tmp_path / "store", log=tmp_path / "log", port=unused_tcp_port)
            said = asyncio.create_task(_say(speaker, subject, b"again"))
            while await heard.get() != b"again":
                pass  # what was on its way when the server went may come first
            said.cancel()
    finally:
        await server.stop()
