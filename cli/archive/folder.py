"""An exported archive: a folder with every message as a line, and the markets that final events name.

A second export adds what is new. The folder can be read, verified and searched without a server.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.archived import Archived
from bus.language.messages import glance
from bus.language.subjects import MessageKind
from bus.transports.snapshots import unpack
from portfolio.errors import DataError
from portfolio.market.folders import FILES, ID_PATTERN, known

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

MESSAGES = "messages.jsonl"
MANIFEST = "manifest.json"
MARKETS = "markets"
# The last line is found in this many bytes: the largest message, escaped.
_TAIL_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        new: Messages that were added.
        last_sequence: The place in the archive of the last message in the folder; 0 in an empty one.
        markets: Markets in the folder.
    """

    new: int
    last_sequence: int
    markets: tuple[str, ...]


async def export(bus: JetStreamBus, folder: Path, *, told: Callable[[], None] = lambda: None) -> Exported:
    """Write the archive of a server into *folder*, or add the new messages.

    Raises:
        DataError: If the folder holds another archive, or cannot be read.
        BusError: As ``JetStreamBus.archived``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, state = folder / MESSAGES, await bus.archive_state()
    before = _newest(file)
    first = 1 if before is None else before.message.sequence
    if first > state.last_sequence > 0:
        raise DataError(_another(file))
    new, last, named = 0, 0 if before is None else first, set[str]()
    with file.open("ab") as opened:
        async for archived in bus.archived(first=first):
            sequence = archived.message.sequence
            if before is not None and sequence == first:
                _require_same(file, before, archived)
                continue
            opened.write(archived.line)
            new, last = new + 1, sequence
            named |= _markets_of(archived)
            told()
        opened.flush()
        os.fsync(opened.fileno())
    for market in sorted(named):
        await _keep_market(bus, folder / MARKETS / market, market)
    _write_manifest(folder, last, state.kept)
    return Exported(new, last, tuple(sorted(path.name for path in (folder / MARKETS).glob("*"))))


def _require_same(file: Path, before: Archived, archived: Archived) -> None:
    if before.sha256 != archived.sha256:
        raise DataError(_another(file))


def _another(file: Path) -> str:
    return f"{file} holds another archive than this server: export into another folder"


def _newest(file: Path) -> Archived | None:
    """Read the last message of a file, and cut off a line that an interrupted export left unfinished."""
    if not file.exists():
        return None
    with file.open("r+b") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _TAIL_BYTES))
        tail = opened.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        opened.truncate(size - len(tail) + len(whole))
    lines = whole.splitlines()
    return _read(lines[-1], file) if lines else None


def _read(line: bytes, file: Path) -> Archived:
    try:
        return Archived.read(line)
    except ValueError as error:
        message = f"{file} is no exported archive, since {error}: give a folder that podfolio archive export wrote"
        raise DataError(message) from None


def _markets_of(archived: Archived) -> set[str]:
    """Name the market of a final event."""
    if subjects.parse(archived.message.subject).kind is not MessageKind.FINAL:
        return set()
    market = glance(archived.message.data).get("market")
    name = market.get("id") if isinstance(market, dict) else None
    return {name} if isinstance(name, str) and re.fullmatch(ID_PATTERN, name) else set()


async def _keep_market(bus: JetStreamBus, folder: Path, market: str) -> None:
    """Keep a market, as published or as bundled; a market that is neither is left out."""
    if (published := await bus.published_market(market)) is not None:
        files: Mapping[str, bytes] = unpack(published[1], published[0])
    elif (here := known().get(market)) is not None:
        files = {name: (here / name).read_bytes() for name in FILES if (here / name).is_file()}
    else:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write_manifest(folder: Path, last: int, kept: timedelta) -> None:
    told = {"archive": 1, "last_sequence": last, "kept_days": kept / timedelta(days=1)}
    (folder / MANIFEST).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def kept(folder: Path) -> timedelta:
    """Return how long the exported archive kept each message.

    Raises:
        DataError: If the folder is no exported archive.
    """
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        return timedelta(days=told["kept_days"])
    except (OSError, ValueError, LookupError, TypeError):
        message = (
            f"{folder} is no exported archive, since it has no valid {MANIFEST}: give a folder that podfolio archive"
            " export wrote"
        )
        raise DataError(message) from None


async def read(folder: Path) -> AsyncGenerator[Archived, None]:
    """Read the messages of an exported archive, in order.

    Raises:
        DataError: If the folder is no exported archive.
    """
    kept(folder)
    file = folder / MESSAGES
    with file.open("rb") as opened:
        for line in opened:
            yield _read(line, file)
