"""A connection is closed whatever became of its server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from bus.administration.server import launch
from bus.transports.jetstream import Connection
from bus.transports.jetstream.connection.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

SOON_S = 30.0


async def test_what_was_still_to_be_sent_as_the_server_was_killed_keeps_no_connection_open(tmp_path: Path) -> None:
    server = await launch(tmp_path / "store", log=tmp_path / "server.log")
    wire = Wire(Connection(servers=server.url, name="test"))
    await wire.open()
    await server.kill()
    client = wire._client  # noqa: SLF001 - the library keeps such bytes only for a moment, which no test can hit
    async with asyncio.timeout(SOON_S):
        while client.is_connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    client._pending.append(b"PING\r\n")  # noqa: SLF001
    client._pending_data_size = 6  # noqa: SLF001

    with capture_logs() as logs:
        await wire.close()

    assert any(log["event"] == "bus.not_closed" for log in logs)
