"""An archive to read: that of a server, or an exported copy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.transports.jetstream import connect
from bus.transports.snapshots import fetching
from cli.archive import folder as copies
from portfolio.market.folders import beside

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from bus.language.archived import Archived
    from bus.transports.jetstream import Connection
    from bus.transports.snapshots import Provide


@dataclass(frozen=True, slots=True)
class Source:
    """An archive to read.

    Attributes:
        read: Reads the messages on subjects like a pattern, in order.
        messages: The number of messages; None if unknown.
        provide: Makes sure that a market of the archive is on this machine.
    """

    read: Callable[[str], AsyncGenerator[Archived, None]]
    messages: int | None
    provide: Provide


@asynccontextmanager
async def archive_of(settings: Connection, folder: Path | None) -> AsyncIterator[Source]:
    """Open the exported archive in *folder*, or the server's if there is none, while the block lasts.

    Raises:
        DataError: If the folder is no exported archive.
        BusError: If the server's archive cannot be read.
    """
    if folder is not None:
        copies.kept(folder)
        with beside(folder / copies.MARKETS):
            yield Source(lambda pattern: _filtered(folder, pattern), None, _here)
        return
    async with connect(settings) as bus:
        state = await bus.archive_state()
        with fetching(bus) as provide:
            yield Source(bus.archived, state.messages, provide)


async def _filtered(folder: Path, pattern: str) -> AsyncGenerator[Archived, None]:
    async for archived in copies.read(folder):
        if subjects.matches(archived.message.subject, pattern):
            yield archived


async def _here(market_id: object) -> None:
    """Do nothing: the folder has its markets."""
