"""Read what a NATS server sends, whatever others have put into it: no frame ends the reading.

In the place of nats-py's parser and of its reading of headers, which end the read loop, or connect again for ever, at
a subject that is not UTF-8, at one with a form feed, and at a header block of eight bytes. A server stores all of
these. Knows no subject of ours and nothing of JetStream.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus.plain_text import escaped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_END = b"\r\n"
# The server ends a word at these; other white space may stand within a subject.
_WORD = re.compile(rb"[^ \t]+")
_LONGEST_QUOTE = 80

_VERDICT = re.compile(rb"NATS/1\.0[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.DOTALL)
# A name as every NATS client writes it: what is visible, but for the colon.
_NAME = re.compile(rb"[!-9;-~]+")


@dataclass(frozen=True, slots=True)
class Hears:
    """What is done with what was read: nats-py's client does it.

    Attributes:
        message: Takes the subscription's number, subject, reply subject, body and block of headers.
        error: Takes what the server says is wrong, in small letters.
        info: Takes what the server tells of itself.
        ping: Answers.
        pong: Notes the answer.
    """

    message: Callable[[int, bytes, bytes, bytes, bytes], Awaitable[None]]
    error: Callable[[str], Awaitable[None]]
    info: Callable[[dict[str, Any]], Awaitable[None]]
    ping: Callable[[], Awaitable[None]]
    pong: Callable[[], Awaitable[None]]


class Reader:
    """Takes apart what comes over a connection.

    Args:
        hears: Gets what was found.
    """

    def __init__(self, hears: Hears) -> None:
        self._hears = hears
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget what has come: the connection is another."""
        self._buffer = bytearray()

    async def parse(self, data: bytes = b"") -> None:
        """Add what has come, and hand on all that is whole.

        Raises:
            ConnectionError: If no NATS server speaks so; the client connects again.
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
        """Hand on a message whose body begins there; false if it has not come whole."""
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
        """Hand on what is no message."""
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
    """Read a block of headers; what is none is left out, and of two of a name the later counts.

    What the server adds to a stored message's comes last, each on a line of its own whatever comes before. Its
    verdict on a question, which stands in the first line, is told as ``Status`` and ``Description``.
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
