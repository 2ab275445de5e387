"""A child process for tests of ``bus.child``: does as it is told, good or bad."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from typing import TYPE_CHECKING

from bus.answering import answer_all, still_working

if TYPE_CHECKING:
    from bus.answering import Note

GIB = 2**30


def obey(question: bytes, note: Note) -> bytes:
    """Answer a question in capitals, unless it is one of those that harm."""
    if question == b"segfault":
        ctypes.string_at(0)
    if question == b"loop":
        # Backtracks for ever without coming back to Python, so that no thread and no handler of Python's helps.
        re.match(r"(a+)+$", "a" * 64 + "b")
    if question == b"slow":
        for _ in range(10):  # twice as long as tests allow without a sign
            time.sleep(0.4)
            still_working()
    if question.startswith(b"notes"):
        for number in range(3):
            note(b"%d\n" % number)
    if question == b"memory":
        hoard()
    if question == b"print":
        print("a library's own words")  # noqa: T201
    return question.upper()


def hoard() -> bytearray:
    """Take more memory than tests give the process."""
    return bytearray(8 * GIB)


if __name__ == "__main__":
    answer_all(obey, memory_mib=int(sys.argv[-2]), seconds=float(sys.argv[-1]))
