"""Parse the bytes from a NATS server, whatever other clients have sent: no message stops the read loop.

This module replaces the parser and the header reading of nats-py. These stop the read loop, or reconnect for ever,
on a subject that is not UTF-8, on a subject with a form feed, and on a header block of eight bytes. A server stores
all of these. The module knows no subjects of this project and no JetStream.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus.language.plain_text import escaped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_END = b"\r\n"
# The server separates words by these two characters; a subject may contain other white space.
_WORD = re.compile(rb"[^ \t]+")
_LONGEST_QUOTE = 80

_VERDICT = re.compile(rb"NATS/1\.0[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.DOTALL)
# A header name as every NATS client writes names: visible ASCII characters except the colon.
_NAME = re.compile(rb"[!-9;-~]+")


@dataclass(frozen=True, slots=True)
class Hears:
    """Callbacks for parsed input, which the client of nats-py provides.

    Attributes:
        message: Takes the subscription's number, subject, reply subject, body and block of headers.
        error: Takes the server's error text, in lower case.
        info: Takes the server's description of itself.
        ping: Answers a ping.
        pong: Notes the answer to a ping.
    """

    message: Callable[[int, bytes, bytes, bytes, bytes], Awaitable[None]]
    error: Callable[[str], Awaitable[None]]
    info: Callable[[dict[str, Any]], Awaitable[None]]
    ping: Callable[[], Awaitable[None]]
    pong: Callable[[], Awaitable[None]]


class Reader:
    """Parser for the incoming bytes of a connection.

    Args:
        hears: Callbacks for the parsed input.
    """

    def __init__(self, hears: Hears) -> None:
        self._hears = hears
        self._buffer = bytearray()

    def reset(self) -> None:
        """Discard the buffered bytes, because the connection is new."""
        self._buffer = bytearray()

    async def parse(self, data: bytes = b"") -> None:
        """Buffer new bytes and pass on every complete message or command.

        Raises:
            ConnectionError: If the bytes break the NATS protocol; the client reconnects.
        """
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            line = bytes(self._buffer[:end])
            verb, *words = _WORD.findall(line) or [b""]
            try:
                if verb in {b"MSG", b"HMSG"}:
                    if not await self._message(words, end + len(_END), sizes=1 + (verb == b"HMSG")):
                        return
                else:
                    del self._buffer[: end + len(_END)]
                    await self._say(verb, line)
            except ValueError as error:
                message = f"the server said {escaped(line[:_LONGEST_QUOTE])}, which is not NATS's protocol"
                raise ConnectionError(message) from error

    async def _message(self, words: list[bytes], begin: int, *, sizes: int) -> bool:
        """Pass on the message with a header block or body from offset *begin*; False if bytes are still missing."""
        subject, sid, *reply = words[:-sizes]
        *head, size = map(int, words[-sizes:])
        end = begin + size
        if len(self._buffer) < end + len(_END):
            return False
        data, body = bytes(self._buffer[begin:end]), sum(head)
        del self._buffer[: end + len(_END)]
        await self._hears.message(int(sid), subject, b"".join(reply), data[body:], data[:body])
        return True

    async def _say(self, verb: bytes, line: bytes) -> None:
        """Pass on a protocol command other than a message."""
        if verb == b"PING":
            await self._hears.ping()
        elif verb == b"PONG":
            await self._hears.pong()
        elif verb == b"-ERR":
            await self._hears.error(escaped(line[len(verb) :]).strip().lower())
        elif verb == b"INFO":
            await self._hears.info(json.loads(line[len(verb) :]))
        elif verb != b"+OK":
            message = "it is none of NATS's words"
            raise ValueError(message)


def read_headers(block: bytes) -> dict[str, str]:
    """Parse a block of headers. Skip lines that are no headers; if a name occurs twice, the later value counts.

    The server appends headers to those of a stored message, each on a separate line, whatever precedes them. The
    first line may hold the server's status for a request, returned as ``Status`` and ``Description``.
    """
    first, *lines = block.split(_END)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and _NAME.fullmatch(name):
            headers[name.decode("ascii")] = escaped(value.strip(b" \t"))
    if verdict := _VERDICT.fullmatch(first):
        headers["Status"] = verdict[1].decode("ascii")
        headers["Description"] = escaped(verdict[2] or b"")
    return headers
