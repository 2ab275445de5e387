"""Messages that a server stores, and that clients find hard to read."""

from __future__ import annotations

import random

from chaos.raw import Frame

_BEGINS = b"NATS/1.0"
_HEADERS: tuple[bytes | None, ...] = (
    None,
    _BEGINS,
    _BEGINS + b"\r\n",
    _BEGINS + b" ",
    _BEGINS + b" \xff\xfe\xfd\r\n\r\n",
    _BEGINS + b" 503\r\n\r\n",
    _BEGINS + b" 408 Request Timeout\r\n\r\n",
    _BEGINS + b"\r\nno colon\r\n\r\n",
    _BEGINS + b"\r\nNats-Sequence: x\r\nStatus: 404\r\n\r\n",
    _BEGINS + b"\r\ntraceparent: 00-ff\r\nTraceparent: \xff\r\n\r\n",
    b"N",
    b"\xff\x00\xff\x00 : \r\r\n\n",
)
_KEYS = (b"caf\xe9", b"a\x00b", "\U0001f4b0\u00e9".encode(), b"*", b">", b"a..b", b"a" * 3_900)
_BODIES = (b"", b"{}", b"\xff\xfe", b"[" * 50_000, b'"' + b"x" * 100_000 + b'"', b'{"request_id": 1}', b"null")
_KINDS = (b"request.%b", b"request.%b", b"pod.%b.alpha", b"final.%b", b"rejected.%b")


def frame(number: int) -> Frame:
    """Make the message with this number: its subject, its headers or its body is odd, or all of them are."""
    draw = random.Random(number)  # noqa: S311 - nobody guesses it to win
    own = b"raw-%08x" % draw.randrange(2**32)
    key = draw.choice(_KEYS) if draw.random() < 0.3 else own
    headers = draw.choice(_HEADERS)
    return Frame(b"podfolio.v1." + draw.choice(_KINDS) % key, headers, draw.choice(_BODIES))
