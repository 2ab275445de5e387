"""The child's side of ``child``, without asyncio: answer questions in a child process.

An answer is a line with the size in bytes, then the bytes; a note before an answer has a negative size. A question's
line also has the seconds allowed for the answer.
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

    # Sends a note before the answer.
    Note: TypeAlias = Callable[[bytes], None]

# The parent's process id; ``os.getppid`` returns another id once the parent has died.
_parent = os.getppid()
# The interval of checks for the parent, in seconds.
_LOOK_S = 1.0

_OUT_OF_MEMORY = "it needs more memory than the process that computes may hold: give it more (--solver-mib)"

# The messages of these packages' errors are complete.
_OURS = ("agents.", "bus.", "challenger.", "coordinator.", "portfolio.")


def fault(error: Exception) -> str:
    """Return the reason why a process cannot answer, for the sender of the question."""
    if isinstance(error, MemoryError):
        return _OUT_OF_MEMORY
    if type(error).__module__.startswith(_OURS):
        return str(error)
    return f"there is a fault in this system ({type(error).__name__}: {error}): report it with the request_id"


def answer_all(answer: Callable[[bytes, Note], bytes], *, memory_mib: int) -> None:
    """Report readiness with an empty answer; then answer questions until there are no more.

    Args:
        answer: Finds the answer to a question; may send notes before returning.
        memory_mib: The memory limit of this process; Python reports a refused allocation as ``MemoryError``.
    """
    _limit(memory_mib)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A solver's library may print: its output must not mix with the answers. A dead parent reads no answers.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _write(answers, b"")
        while head := sys.stdin.buffer.readline():
            size, seconds = head.split()
            question = sys.stdin.buffer.read(int(size))
            # The timer's signal ends this process, even in a loop that never returns to Python. The timer must not fire
            # sooner: a solver's call may be silent for as long as the answer may take.
            signal.setitimer(signal.ITIMER_REAL, float(seconds))
            result = answer(question, partial(_write, answers, sign=b"-"))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write(answers, result)


def _end_with_parent() -> None:
    """End this process soon after the parent's death: no process waits for the answer any more."""
    while os.getppid() == _parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _limit(memory_mib: int) -> None:
    # Python's fault handler writes to the log where the process crashes or hangs.
    faulthandler.enable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.register(signal.SIGALRM, chain=True)
    # A core dump would be a copy of a customer's data, and takes long to write.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Limit data, not address space: compilers and BLAS reserve addresses that they never use.
    with contextlib.suppress(ValueError):  # the system may have a lower limit already
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mib * 2**20, memory_mib * 2**20))


def _write(answers: BinaryIO, content: bytes, *, sign: bytes = b"") -> None:
    answers.write(sign + b"%d\n" % len(content) + content)
    answers.flush()
