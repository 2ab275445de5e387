"""Pack a head and parts of bytes into one: a child process's questions and answers, which carry bodies as they are."""

from __future__ import annotations

import json
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def pack(head: Mapping[str, Any], *parts: bytes) -> bytes:
    """Write a question or an answer: a head of values that JSON has, and parts of any bytes, which stay as they are."""
    return b"\n".join([json.dumps([head, [len(part) for part in parts]]).encode(), b"".join(parts)])


def unpack(packed: bytes) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """Read the head and the parts of a question or an answer."""
    line, _, rest = packed.partition(b"\n")
    head, sizes = json.loads(line)
    ends = list(accumulate(sizes, initial=0))
    return head, tuple(rest[start:end] for start, end in pairwise(ends))
