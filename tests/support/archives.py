"""A server with an archive, and what tests of it need."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bus.administration.server import Server, launch
from bus.administration.setup import set_up
from bus.port import Stored
from bus.transports.jetstream import Connection, JetStreamBus, connect
from support.commands import beside
from support.site import PODS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bus.language.archived import Archived

PATIENCE_S = 120.0


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Server, JetStreamBus]]:
    """A server with its streams, and a connection, while the block lasts."""
    server = await launch(folder / "store", log=folder / "log")
    try:
        async with connect(Connection(servers=server.url)) as bus:
            await set_up(bus, PODS)
            yield server, bus
    finally:
        await server.stop()


async def store(bus: JetStreamBus, *names: str, data: bytes = b"{}") -> None:
    for name in names:
        stored = await bus.publish_once(name, data, message_id=name, headers={"a": "b"}, timeout_s=PATIENCE_S)
        assert stored is Stored.NEW


async def taken_over(bus: JetStreamBus, count: int) -> list[Archived]:
    """Wait until the archive has *count* messages."""
    async with asyncio.timeout(PATIENCE_S):
        while (await bus.archive_state()).messages < count:  # noqa: ASYNC110 - the server tells nobody of it
            await asyncio.sleep(0.02)
    return [archived async for archived in bus.archived()]


async def verdicts(*arguments: str) -> tuple[int, dict[str, str], str]:
    """Verify; returns the exit status, the verdict of each check by name, and all that was said."""
    status, out, errors = await beside("archive", "verify", *arguments)
    lines = (line.split() for line in out.splitlines() if line[:1].isalpha() and "  " in line)
    return status, {words[0]: words[1] for words in lines}, out + errors
