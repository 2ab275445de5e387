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

    import pytest

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


async def test_attempts_to_reconnect_end_also_if_one_of_them_loses_the_cancellation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await launch(tmp_path / "store", log=tmp_path / "server.log")
    wire = Wire(Connection(servers=server.url, name="test"))
    await wire.open()
    client = wire._client  # noqa: SLF001 - whose task it is
    begun, lost = asyncio.Event(), 0

    async def refused_as_it_is_cancelled(_: object) -> None:
        # As wait_for of Python 3.11 does where the connection is refused at the same moment.
        nonlocal lost
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            lost += 1
            if lost == 1:
                raise ConnectionRefusedError from None
            raise

    monkeypatch.setattr(client, "_connect_to_server", refused_as_it_is_cancelled)
    await server.kill()
    async with asyncio.timeout(SOON_S):
        await begun.wait()
        await wire.close()

    assert client._reconnection_task is not None  # noqa: SLF001
    assert client._reconnection_task.done()  # noqa: SLF001
    assert lost
