"""Restore an exported archive into a server whose archive is empty: the same messages at the same places.

A client may not write the archive. So the messages go into a stream of their own, from which the server takes them over
into the archive, with their first time and note in a header. Readers believe that header where the server's own note
names such a stream, which no client can forge. The seals prove the result.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bus.language.archived import FACTS, RESTORE
from bus.port import NotSetUpError, RefusedError, Stored, UnreachableError
from bus.topology.streams import ARCHIVE, EVENTS, SECOND, wanted_streams
from bus.transports.snapshots import pack
from cli.archive import folder as copies
from portfolio.market import snapshot
from portfolio.market.folders import FILES, bundled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

_FROM, _TO = "podfolio_restore.v1", "podfolio.v1"
_GAP = "gap"
# The server takes over thousands of messages a second.
_PATIENCE_S, _LOOK_S = 60.0, 0.1


@dataclass(frozen=True, slots=True)
class Restored:
    """The result.

    Attributes:
        messages: Messages in the archive.
        last_sequence: The place of the last one.
        markets: Markets that were published.
    """

    messages: int
    last_sequence: int
    markets: tuple[str, ...]


async def restore(bus: JetStreamBus, folder: Path, *, told: Callable[[], None] = lambda: None) -> Restored:
    """Restore the archive in *folder*; one that was interrupted begins anew.

    Raises:
        DataError: If the folder is no exported archive.
        NotSetUpError: If the server has no event stream.
        RefusedError: If the archive has messages, or the user may not create and delete streams.
        UnreachableError: If the server does not answer in time.
    """
    kept = copies.kept(folder)
    await bus.ask_api(f"STREAM.INFO.{EVENTS}")
    replicas = await _make_room(bus)
    first = await anext(copies.read(folder), None)
    wanted = next(one for one in wanted_streams(replicas=replicas, max_bytes=None) if one["name"] == ARCHIVE)
    wanted["max_age"] = int(kept.total_seconds()) * SECOND
    stream = f"{RESTORE}_{uuid4().hex[:8]}"
    await bus.ask_api(f"STREAM.CREATE.{stream}", _carrier(stream, replicas))
    transform = {"src": f"{_FROM}.*.>", "dest": f"{_TO}.>"}
    source = {"name": stream, "subject_transforms": [transform]}
    begins = 1 if first is None else first.message.sequence
    await bus.ask_api(f"STREAM.CREATE.{ARCHIVE}", {**wanted, "sources": [source], "first_seq": begins})
    count, last, gaps = 0, begins - 1, list[int]()
    async for archived in copies.read(folder):
        message = archived.message
        for absent in range(last + 1, message.sequence):
            await bus.publish_restored(stream, f"{_FROM}.{absent}.{_GAP}.{absent}", b"", {})
            gaps.append(absent)
        subject = f"{_FROM}.{message.sequence}.{_carried(message.subject)}"
        await bus.publish_restored(stream, subject, message.data, {FACTS: archived.facts})
        count, last = count + 1, message.sequence
        told()
    await _taken_over(bus, last)
    for absent in gaps:
        await bus.delete_from_archive(absent)
    # From now on the archive takes over the event stream again.
    await bus.ask_api(f"STREAM.UPDATE.{ARCHIVE}", {**wanted, "first_seq": begins})
    await bus.ask_api(f"STREAM.DELETE.{stream}")
    return Restored(count, last, tuple(await _publish_markets(bus, folder)))


async def _make_room(bus: JetStreamBus) -> int | None:
    """Delete an archive that is empty, or of a restoration that was interrupted; return its number of servers."""
    try:
        info = await bus.ask_api(f"STREAM.INFO.{ARCHIVE}")
    except NotSetUpError:
        return None
    sources = [source["name"] for source in info["config"].get("sources") or ()]
    unfinished = [name for name in sources if name.startswith(RESTORE)]
    if info["state"]["messages"] and not unfinished:
        message = (
            f"the archive of this server has messages, up to {info['state']['last_seq']}: name a server whose"
            " archive is empty; nothing was changed"
        )
        raise RefusedError(message)
    await bus.ask_api(f"STREAM.DELETE.{ARCHIVE}")
    for name in unfinished:
        with suppress(NotSetUpError):
            await bus.ask_api(f"STREAM.DELETE.{name}")
    replicas = info["config"].get("num_replicas")
    return replicas if isinstance(replicas, int) else None


def _carrier(stream: str, replicas: int | None) -> dict[str, Any]:
    given = {} if replicas is None else {"num_replicas": replicas}
    return {"name": stream, "subjects": [f"{_FROM}.>"], "storage": "file", "allow_direct": True, **given}


def _carried(subject: str) -> str:
    """Return the subject after the version; one that a client could not publish is kept in the header alone."""
    rest = subject.removeprefix(f"{_TO}.")
    return "".join("_" if letter in "*>" or not letter.isprintable() or letter == " " else letter for letter in rest)


async def _taken_over(bus: JetStreamBus, last: int) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S) as limit:
            before = -1
            while (now := (await bus.archive_state()).last_sequence) < last:
                if now > before:
                    before = now
                    limit.reschedule(asyncio.get_running_loop().time() + _PATIENCE_S)
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        message = "the server does not take the messages over: see its log, and run podfolio archive restore again"
        raise UnreachableError(message) from None


async def _publish_markets(bus: JetStreamBus, folder: Path) -> list[str]:
    """Publish the markets of the folder that are not bundled, and name those that the server did not have."""
    made = []
    for place in sorted((folder / copies.MARKETS).glob("*")):
        if place.name in bundled():
            continue
        market = snapshot.read(place)
        packed = pack({name: (place / name).read_bytes() for name in FILES})
        if await bus.publish_market(market.id, market.sha256, packed) is Stored.NEW:
            made.append(market.id)
    return made
