"""A child process for tests of ``bus.process.child``: does as it is told, good or bad."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from typing import TYPE_CHECKING

from bus.process.answering import answer_all

if TYPE_CHECKING:
    from bus.process.answering import Note

GIB = 2**30


def obey(question: bytes, note: Note) -> bytes:
    """Answer a question in capitals, unless it is one of those that harm."""
    if question == b"segfault":
        ctypes.string_at(0)
    if question == b"loop":
        # Backtracks for ever without coming back to Python, so that no thread and no handler of Python's helps.
        re.match(r"(a+)+$", "a" * 64 + "b")
    if question == b"deadlock":
        stand_still()
    if question == b"slow":
        time.sleep(0.5)
    if question == b"search":
        search()
    if question.startswith(b"notes"):
        for number in range(3):
            note(b"%d\n" % number)
    if question == b"memory":
        hoard()
    if question == b"print":
        print("a library's own words")  # noqa: T201
    return question.upper()


def stand_still() -> None:
    """Wait for ever without coming back to Python, as a loop does, and leave the cores to others."""
    held, library = ctypes.create_string_buffer(64), ctypes.PyDLL(None)  # PyDLL: no other thread has its turn
    while True:
        library.pthread_mutex_lock(held)


def search() -> None:
    """Get on for ten minutes."""
    for _ in range(6_000):
        time.sleep(0.1)


def hoard() -> bytearray:
    """Take more memory than tests give the process."""
    return bytearray(8 * GIB)


if __name__ == "__main__":
    answer_all(obey, memory_mib=int(sys.argv[-1]))
