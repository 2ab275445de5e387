"""Reading what a server sends: whatever others have put into it, in pieces of any size."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from importlib.metadata import version
from random import Random

import pytest
from fuzz.frames import BLOCKS, SERVERS, STRANGE, VALUES, VERSION, nasty_frames
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.protocol.parser import Parser

from bus.language.plain_text import escaped
from bus.transports.jetstream.connection.protocol import Hears, Reader, read_headers

Heard = list[tuple[object, ...]]


def reader(heard: Heard) -> Reader:
    def note(what: str) -> object:
        async def hear(*said: object) -> None:
            heard.append((what, *said))

        return hear

    return Reader(Hears(*map(note, ("message", "error", "info", "ping", "pong"))))  # type: ignore[arg-type]


def read(sent: bytes, *, pieces: int = 1_000_000) -> Heard:
    heard: Heard = []

    async def feed() -> None:
        reading = reader(heard)
        for begin in range(0, len(sent), pieces):
            await reading.parse(sent[begin : begin + pieces])

    asyncio.run(feed())
    return heard


def sent(subject: bytes, block: bytes | None, body: bytes, *, reply: bytes = b"$JS.ACK.S.C.1.2.3.4.5 ") -> bytes:
    """Write a message as a server does."""
    if block is None:
        return b"MSG %s 7 %s%d\r\n%s\r\n" % (subject, reply, len(body), body)
    return b"HMSG %s 7 %s%d %d\r\n%s%s\r\n" % (subject, reply, len(block), len(block) + len(body), block, body)


def test_every_frame_that_a_server_stores_is_read_as_it_is() -> None:
    frames = list(nasty_frames(Random(3), count=300))  # noqa: S311 - the same each time
    frames = [(subject, block or None, body) for subject, block, body in frames]

    heard = read(b"".join(sent(*frame) for frame in frames), pieces=32_768)

    assert heard == [
        ("message", 7, subject, b"$JS.ACK.S.C.1.2.3.4.5", body, block or b"") for subject, block, body in frames
    ]


@given(st.integers(1, 200))
def test_it_matters_not_in_which_pieces_it_comes(pieces: int) -> None:
    said = (
        b'INFO {"server_id": "x"}\r\nPING\r\n+OK\r\n-ERR \'Permissions Violation for Publish to "A.b"\'\r\n'
        + sent(b"a\x0bb", b"N", b"")
        + sent(b"\x0c", None, b"\r\nPING\r\n", reply=b"")
        + b"PONG\r\n"
    )

    assert read(said, pieces=pieces) == [
        ("info", {"server_id": "x"}),
        ("ping",),
        ("error", "'permissions violation for publish to \"a.b\"'"),
        ("message", 7, b"a\x0bb", b"$JS.ACK.S.C.1.2.3.4.5", b"", b"N"),
        ("message", 7, b"\x0c", b"", b"\r\nPING\r\n", b""),
        ("pong",),
    ]


@pytest.mark.parametrize("line", [b"", b"HELLO", b"MSG a", b"MSG a b 0", b"HMSG a 1 x 1", b"INFO {", b"HTTP/1.1 400"])
def test_what_no_server_says_ends_the_connection_and_nothing_else(line: bytes) -> None:
    # nats-py connects again after an OSError; after any other it reads no more.
    with pytest.raises(ConnectionError, match="not NATS's protocol"):
        read(line + b"\r\n\r\n")


def of_a_direct_get(block: bytes, subject: bytes) -> bytes:
    """Add to a stored block of headers what nats-server 2.15.1 adds: after its last two bytes are cut."""
    stored = block[:-2] if len(block) > 2 else VERSION
    return stored + (
        b"Nats-Stream: PODFOLIO\r\nNats-Subject: " + subject + b"\r\nNats-Sequence: 5\r\n"
        b"Nats-Time-Stamp: 2026-11-29T18:30:14.937273127Z\r\nNats-Num-Pending: 1\r\nNats-Last-Sequence: 4\r\n\r\n"
    )


FORGED = tuple(VERSION + name + b": " + value + b"\r\n\r\n" for name in SERVERS for value in VALUES)


@pytest.mark.parametrize("block", [*BLOCKS, *FORGED])
def test_what_the_server_adds_counts_whatever_was_there_before(block: bytes) -> None:
    for subject in STRANGE:
        found = read_headers(of_a_direct_get(block, b"podfolio.v1.request." + subject))

        assert found["Nats-Subject"] == "podfolio.v1.request." + escaped(subject)
        assert (found["Nats-Sequence"], found["Nats-Last-Sequence"]) == ("5", "4")


@given(st.binary(max_size=80))
def test_any_block_is_read_and_can_be_shown(block: bytes) -> None:
    for name, value in read_headers(block).items():
        assert name.isascii()
        assert f"{name}{value}".isprintable()


def test_a_verdict_is_the_first_line_and_no_header_of_that_name() -> None:
    assert read_headers(b"NATS/1.0 404 No Messages\r\n\r\n") == {"Status": "404", "Description": "No Messages"}
    assert read_headers(b"NATS/1.0 503\r\n\r\n") == {"Status": "503", "Description": ""}
    assert read_headers(b"NATS/1.0 204 EOB\r\nStatus: 404\r\nNats-Num-Pending: 0\r\n\r\n")["Status"] == "204"


# What is replaced, and what calls that: if one of these changes, read it again, and
# ``bus/transports/jetstream/connection/protocol.py``.
KNOWN = {
    "Parser": "0fb65d992f6f0614",
    "_process_headers": "fe656f61147df989",
    "_build_message": "13cbe7b7f8cbe0fb",
    "_process_msg": "6cff75947e97717a",
    "_process_err": "ceb70f44e38fa728",
    "_read_loop": "b44b9401f436dd0e",
}


def test_nats_py_is_as_it_was_where_it_is_replaced() -> None:
    sources = {what: inspect.getsource(getattr(Client, what, Parser)) for what in KNOWN}
    found = {what: hashlib.sha256(source.encode()).hexdigest()[:16] for what, source in sources.items()}

    assert found == KNOWN, f"nats-py {version('nats-py')} reads otherwise than 2.16.0 did"
    assert [line.strip() for line in inspect.getsource(Client).splitlines() if "_ps." in line] == [
        "self._ps.reset()",
        "self._ps.reset()",
        "self._ps.reset()",
        "await self._ps.parse(b)",
    ]
