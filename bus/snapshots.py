"""Markets on their way between machines: packed, published once, fetched when a request first names them.

What computes reads markets from folders; what is fetched goes into one that this process and those it starts share.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import zlib
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import structlog

from bus.port import NotSetUpError, RefusedError
from portfolio.errors import DataError
from portfolio.market.snapshot import FILES, ID_PATTERN, VARIABLE, digest, known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = structlog.get_logger()

# Below the 1 MiB that a server takes by default; about 500 ETFs.
MAX_PACKED_BYTES = 1_000_000
# No honest snapshot is larger; what unpacks to more is not unpacked.
_MAX_BYTES = 16 * 1024 * 1024


class Provide(Protocol):
    """What sees to it that the market of a request is on this machine."""

    async def __call__(self, data: bytes) -> None:
        """Fetch the market that the request in *data* names, if it is not here and was published."""


async def nothing_to_provide(data: bytes) -> None:
    """Leave it at the markets that are here."""


class Source(Protocol):
    """Where published markets are: a ``JetStreamBus``."""

    async def published_market(self, market_id: str) -> tuple[str, bytes] | None:
        """Read a market's hash and packed content; None if there is none."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make one message of a snapshot's files.

    Raises:
        DataError: If it is larger than a server takes.
    """
    packed = zlib.compress(json.dumps({name: files[name].decode() for name in FILES}).encode(), level=9)
    if len(packed) > MAX_PACKED_BYTES:
        message = (
            f"the market has {len(packed)} bytes when packed, {MAX_PACKED_BYTES} can be published: leave out ETFs, or"
            f" hand out its folder ({VARIABLE})"
        )
        raise DataError(message)
    return packed


def unpack(packed: bytes, sha256: str) -> dict[str, bytes]:
    """Take a snapshot's files out of a message.

    Raises:
        DataError: If they are not those of the hash.
    """
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _MAX_BYTES)
        files = {name: str(json.loads(text)[name]).encode() for name in FILES}
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"what is published under the hash {sha256[:12]} is no market: {error}"
        raise DataError(message) from error
    if (found := digest(files)) != sha256:
        message = (
            f"what is published under the hash {sha256[:12]} has the hash {found[:12]}: do not use it, and publish the"
            " market under another id"
        )
        raise DataError(message)
    return files


@contextmanager
def fetching(source: Source) -> Iterator[Provide]:
    """Fetch markets while the block lasts; enter it before the processes that compute are started.

    What was fetched goes away at the end: a market is some kilobytes, and the server's word for what an id means. The
    folder comes with the first, so that a process that is killed rarely leaves one.
    """
    before = os.environ.get(VARIABLE)
    folder = Path(gettempdir(), f"podfolio-markets-{uuid4().hex}")
    os.environ[VARIABLE] = os.pathsep.join(path for path in (before, str(folder)) if path)
    try:
        yield Fetching(source, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


class Fetching:
    """Puts published markets into *folder* as requests name them.

    Args:
        source: Where they are published.
        folder: One of those that ``known`` looks into.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._here: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, data: bytes) -> None:
        """Fetch the market that the request in *data* names, if it is not here and was published.

        Raises:
            UnreachableError: If the server did not answer in time.
        """
        market_id = _market_of(data)
        if not market_id or market_id in self._here:
            return
        async with self._one_at_a_time:
            if market_id in known() or await self._fetch(market_id):
                self._here.add(market_id)

    async def _fetch(self, market_id: str) -> bool:
        try:
            found = await self._source.published_market(market_id)
        except (NotSetUpError, RefusedError) as error:
            # A server that was set up, or keys that were made, before markets could be published.
            log.warning("market.not_looked_for", market=market_id, error=str(error))
            return False
        if found is None:
            return False
        sha256, packed = found
        try:
            files = unpack(packed, sha256)
        except DataError as error:
            log.error("market.refused", market=market_id, error=str(error))  # noqa: TRY400 - it says all there is
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix=".") as temporary:
            made = Path(temporary) / market_id
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            made.rename(self._folder / market_id)
        log.info("market.fetched", market=market_id, sha256=sha256)
        return True


def _market_of(data: bytes) -> str:
    """Read a request's market; empty if it names none that there can be. What else is wrong is told by others."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    market_id = body.get("market") if isinstance(body, dict) else None
    return market_id if isinstance(market_id, str) and re.fullmatch(ID_PATTERN, market_id) else ""
