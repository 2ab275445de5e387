"""The archive of a real server: what it takes over, what its seals prove, and what a copy of it can do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from support.commands import beside
from support.site import PODS

from bus.administration.server import Server, launch
from bus.administration.setup import set_up
from bus.language import subjects
from bus.port import Stored
from bus.transports.jetstream import Connection, JetStreamBus, connect

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


async def test_what_is_stored_is_archived_sealed_and_proven_and_a_second_seal_adds_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        await store(bus, subjects.request("r1"), subjects.pod_result("r1", "alpha"), subjects.final("r1"))
        archived = await taken_over(bus, 3)
        events = await bus.record([subjects.ALL])
        first = await beside("archive", "seal", "--server", server.url)
        second = await beside("archive", "seal", "--server", server.url)
        await store(bus, subjects.challenge("r1"))
        await taken_over(bus, 5)
        partly, _, told = await verdicts("--server", server.url)
        third = await beside("archive", "seal", "--server", server.url)
        status, all_, _ = await verdicts("--server", server.url, "--witness", first[1].split()[-1])

    assert [(each.message.subject, each.message.data, each.message.headers) for each in archived] == [
        (each.subject, each.data, each.headers) for each in events
    ]
    assert [each.place.sequence for each in archived if each.place] == [1, 2, 3]
    assert first[1].startswith("seal 1, messages 1 to 3: ")
    assert (second[1], second[2]) == ("", "every message is sealed\n")
    # The second seal covers the first, which is message 4, and the challenge.
    assert third[1].startswith("seal 2, messages 4 to 5: ")
    assert "1 from message 5 on" in told
    # No key is given, and the seals are unsigned.
    assert (partly, status) == (3, 3)
    assert all_ == {
        name: "open" if name == "signatures" else "ok"
        for name in ("seals", "signatures", "witness", "messages", "order", "removals", "unsealed")
    }
