"""Transport markets between machines: packed, published once, fetched when a request first names them.

Solvers read markets from folders; fetched markets go into a folder that this process shares with its child processes.
"""

from __future__ import annotations

import asyncio
import json
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
from portfolio.market.folders import FILES, ID_PATTERN, VARIABLE, beside, digest, known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = structlog.get_logger()

# The limit is below the 1 MiB that a server accepts by default: room for about 500 ETFs.
MAX_PACKED_BYTES = 1_000_000
# No honest snapshot is larger; larger content is not unpacked.
_MAX_BYTES = 16 * 1024 * 1024


class Provide(Protocol):
    """Makes sure that the market of a request is on this machine."""

    async def __call__(self, market_id: object) -> None:
        """Fetch the market of this id, if published and not on this machine; ignore anything that is no id."""


async def nothing_to_provide(market_id: object) -> None:
    """Fetch no market: use only the markets on this machine."""


class Source(Protocol):
    """The source of published markets: a ``JetStreamBus``."""

    async def published_market(self, market_id: str) -> tuple[str, bytes] | None:
        """Read a market's hash and packed content; None if the market is not published."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack a snapshot's files into one message.

    Raises:
        DataError: If the packed files are larger than the limit.
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
    """Unpack a snapshot's files from a message.

    Raises:
        DataError: If the message holds no market, or the files' hash is not *sha256*.
    """
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _MAX_BYTES)
        texts = json.loads(text)
        # What an older version published lacks a file; who reads the market says which, and the mend.
        files = {name: str(texts[name]).encode() for name in FILES if name in texts}
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"the content under the hash {sha256[:12]} is no market: {error}"
        raise DataError(message) from error
    if (actual := digest(files)) != sha256:
        message = (
            f"the content under the hash {sha256[:12]} has the hash {actual[:12]}: do not use it, and publish the"
            " market under another id"
        )
        raise DataError(message)
    return files


@contextmanager
def fetching(source: Source) -> Iterator[Provide]:
    """Fetch markets while the block lasts; enter the block before starting child processes.

    Fetched markets are deleted at the end: a market has only some kilobytes, and the server decides which content an id
    means. The folder is created with the first fetched market, so that a killed process rarely leaves a folder behind.
    """
    folder = Path(gettempdir(), f"podfolio-markets-{uuid4().hex}")
    with beside(folder, first=False):
        try:
            yield Fetching(source, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class Fetching:
    """Stores published markets in *folder* when requests name them.

    Args:
        source: The source of published markets.
        folder: One of the folders that ``known`` reads.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._here: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, market_id: object) -> None:
        """Fetch the market of this id, if published and not on this machine; ignore anything that is no id.

        Raises:
            UnreachableError: If the server did not answer in time.
        """
        if not isinstance(market_id, str) or not re.fullmatch(ID_PATTERN, market_id) or market_id in self._here:
            return
        async with self._one_at_a_time:
            if market_id in known() or await self._fetch(market_id):
                self._here.add(market_id)

    async def _fetch(self, market_id: str) -> bool:
        try:
            published = await self._source.published_market(market_id)
        except (NotSetUpError, RefusedError) as error:
            # The server was set up, or the keys were made, before this version could publish markets.
            log.warning("market.not_looked_for", market=market_id, error=str(error))
            return False
        if published is None:
            return False
        sha256, packed = published
        try:
            files = unpack(packed, sha256)
        except DataError as error:
            log.error("market.refused", market=market_id, error=str(error))  # noqa: TRY400 - it says all there is
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix=".") as temporary:
            draft = Path(temporary) / market_id
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
            draft.rename(self._folder / market_id)
        log.info("market.fetched", market=market_id, sha256=sha256)
        return True
