"""Published markets: a key-value bucket in which every key is written once.

A market has two keys: the hash is the key of the content, and the market's id is the key of the hash. The server
itself refuses a second value for either key, so an id means one snapshot for as long as the bucket exists.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.plain_text import escaped
from bus.port import RefusedError, Stored, UnreachableError
from bus.topology.streams import MARKETS
from bus.transports.jetstream.connection.asking import ask_replica, insist, require_stream
from bus.transports.jetstream.connection.frames import decode, status
from bus.transports.jetstream.connection.server_errors import NoMessageError, translate
from bus.transports.jetstream.storage.publication import Publication
from bus.transports.jetstream.storage.record import read_last

if TYPE_CHECKING:
    from bus.transports.jetstream.connection.wire import Wire

_HASH = re.compile(r"[0-9a-f]{64}")


async def publish(wire: Wire, market_id: str, sha256: str, data: bytes) -> Stored:
    """Publish the content *data* and the hash under *market_id*; ``TAKEN`` if that id means another snapshot.

    Raises:
        RefusedError: If this user has no permission, or the content is too large.
        NotSetUpError: If the bucket does not exist.
        UnreachableError: If the server did not answer in time; try again.
    """
    content = Publication(wire, subjects.market_content(sha256), data, sha256, {}, stream=MARKETS)
    stored = await _insist(wire, f"publishing the content of {market_id}", content)
    if stored is Stored.TAKEN:
        return stored
    # The same id and hash make the same publication, for any publisher and at any time.
    name = Publication(
        wire, subjects.market_id(market_id), sha256.encode(), f"{market_id}.{sha256}", {}, stream=MARKETS
    )
    return await _insist(wire, f"publishing {market_id}", name)


async def _insist(wire: Wire, what: str, publication: Publication) -> Stored:
    return await insist(what, publication.attempt, when_nobody_listens=lambda: require_stream(wire, MARKETS))


async def read(wire: Wire, market_id: str) -> tuple[str, bytes] | None:
    """Read a market's hash and content; None if no market is published under *market_id*.

    Raises:
        RefusedError: If this user has no permission, or the value under *market_id* is no hash.
        NotSetUpError: If the bucket does not exist.
        UnreachableError: If no trustworthy answer came in time.
    """
    sha256 = await insist(f"looking for {market_id}", lambda timeout_s: _hash(wire, market_id, timeout_s))
    if sha256 is None:
        return None
    return sha256, await insist(f"reading {market_id}", lambda timeout_s: _content(wire, sha256, timeout_s))


async def names(wire: Wire) -> dict[str, str]:
    """Return the hash of every published market, by id; a lagging replica may omit the newest markets."""
    messages = await read_last(wire, MARKETS, {"multi_last": [subjects.market_id("*")]}, None)
    return {message.subject.rpartition(".")[2]: escaped(message.data) for message in messages}


async def _hash(wire: Wire, market_id: str, timeout_s: float) -> str | None:
    """Ask the leader, which also knows the newest markets, because the answer "no such market" ends a request."""
    question = json.dumps({"last_by_subj": subjects.market_id(market_id)}).encode()
    answer = decode(await wire.ask(f"$JS.API.STREAM.MSG.GET.{MARKETS}", question, timeout_s=timeout_s))
    if error := answer.get("error"):
        refusal = translate(error, f"looking for {market_id}", wire.command)
        if isinstance(refusal, NoMessageError):
            return None
        raise refusal
    # For a message without a body, the server's JSON omits "data".
    sha256 = escaped(base64.b64decode(answer["message"].get("data", "")))
    if not _HASH.fullmatch(sha256):
        message = f"the content under {market_id} is no hash of a market: publish it under another id"
        raise RefusedError(message)
    return sha256


async def _content(wire: Wire, sha256: str, timeout_s: float) -> bytes:
    """Ask any replica: the content under a hash is the same on each replica, or still missing there."""
    subject = f"$JS.API.DIRECT.GET.{MARKETS}.{subjects.market_content(sha256)}"
    frame = await ask_replica(wire, subject, timeout_s=timeout_s)
    if status(frame):
        message = f"the replica that answered has not yet got the market with the hash {sha256[:12]}: ask again"
        raise UnreachableError(message)
    return frame.data
