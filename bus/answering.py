"""What a child process does that answers questions: the other end of ``child``, without asyncio.

An answer is a line with its size, and then its bytes; of a note on the way to an answer, the size is negative. A
question's line also has the seconds that its answer may take.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeAlias

    # What a child tells before it has the answer.
    Note: TypeAlias = Callable[[bytes], None]

# Who asks; another once that has died.
_parent = os.getppid()
# How often that is looked at.
_LOOK_S = 1.0

_OUT_OF_MEMORY = "it needs more memory than the process that computes may hold: give it more (--solver-mib)"

# Errors of these packages say themselves what there is to say.
_OURS = ("agents.", "bus.", "coordinator.", "portfolio.")


def fault(error: Exception) -> str:
    """Say to who asked why a process cannot answer."""
    if isinstance(error, MemoryError):
        return _OUT_OF_MEMORY
    if type(error).__module__.startswith(_OURS):
        return str(error)
    return f"there is a fault in this system ({type(error).__name__}: {error}): report it with the request_id"


def answer_all(answer: Callable[[bytes, Note], bytes], *, memory_mib: int) -> None:
    """Say that all is loaded, with an empty answer; then answer until there are no more questions.

    Args:
        answer: Finds the answer to a question; may send notes on the way.
        memory_mib: What this process may hold; more is refused, which Python tells as ``MemoryError``.
    """
    _limit(memory_mib)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A solver's library may print: what it says must not come between the answers. A parent that has died reads none.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _write(answers, b"")
        while head := sys.stdin.buffer.readline():
            size, seconds = head.split()
            question = sys.stdin.buffer.read(int(size))
            # Ends this process by a signal, also in a loop that never comes back to Python. Not sooner: a solver's call
            # may be silent for as long as the answer may take.
            signal.setitimer(signal.ITIMER_REAL, float(seconds))
            found = answer(question, partial(_write, answers, sign=b"-"))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write(answers, found)


def _end_with_parent() -> None:
    """End this process soon after its parent has died: nobody waits for the answer."""
    while os.getppid() == _parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _limit(memory_mib: int) -> None:
    # Where it crashes or hangs is written to the log, by Python's own handler.
    faulthandler.enable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.register(signal.SIGALRM, chain=True)
    # A core would be a copy of a customer's data, and takes long to write.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Data, not address space: compilers and BLAS reserve addresses that they never use.
    with contextlib.suppress(ValueError):  # a system may allow less already
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mib * 2**20, memory_mib * 2**20))


def _write(answers: BinaryIO, found: bytes, *, sign: bytes = b"") -> None:
    answers.write(sign + b"%d\n" % len(found) + found)
    answers.flush()
