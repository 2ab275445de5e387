"""A child process for computations: a crash, a hang or a lack of memory there harms no work of the parent.

Computing in the parent would also hold Python's interpreter lock against the event loop, the heartbeats and the
deadlines. Questions go in and answers come out, one at a time, perhaps with notes before each answer; ``answering`` is
the other end. The child ends when its standard input closes, however the parent ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    Noted: TypeAlias = Callable[[bytes], Awaitable[None]]

# Memory limit of a computation, in MiB: universes of hundreds of ETFs take a few hundred; an idle child takes 50.
MEMORY_MIB = 2_048

# Loading takes half a second; a machine that needs longer than this limit will not succeed later.
_START_S = 30.0
# A child ends itself when its time is over. The parent kills a child that cannot do that (a stopped process) after this
# additional time.
_GRACE_S = 0.5
# A timer of zero seconds would never fire.
_LEAST_S = 0.001


class ChildDiedError(Exception):
    """The child ended or was killed while starting or working; the next question starts a new child."""


class TimeIsUpError(ChildDiedError):
    """The child was ended at its time limit: the same question would end the same way."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the computation was not done within {seconds:.3g} s, and was ended: ask for less")


@dataclass(slots=True)
class Child:
    """The child process; started at the first question, and again after each death.

    Attributes:
        command: The arguments of ``python -m``: a module that calls ``answering.answer_all``.
        memory_mib: The child's memory limit; the system refuses larger allocations.
    """

    command: tuple[str, ...]
    memory_mib: int = MEMORY_MIB
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self) -> None:
        """Start the child and wait until all modules are loaded, so that the first question need not wait.

        Raises:
            ChildDiedError: If the child ended instead.
        """
        async with self._turn:
            await self._running()

    async def ask(self, question: bytes, *, seconds: float, noted: Noted | None = None) -> bytes:
        """Ask a question and return the answer, in at most *seconds* from the question's turn.

        Args:
            question: The question.
            seconds: The time limit for the answer.
            noted: Called with each note that comes before the answer.

        Raises:
            TimeIsUpError: If the answer took longer.
            ChildDiedError: If the child crashed.
        """
        async with self._turn:
            asked = asyncio.get_running_loop().time()
            process = await self._running()
            # A child that had to start first has less time left: the limit counts from the question's turn.
            seconds = max(seconds - (asyncio.get_running_loop().time() - asked), _LEAST_S)
            try:
                async with asyncio.timeout(seconds + _GRACE_S):
                    return await _exchange(process, question, seconds, noted)
            except TimeoutError:
                await self.end()
                raise TimeIsUpError(seconds) from None
            except BaseException:
                # Also when cancelled: a late answer must not be mistaken for the answer to the next question.
                await self.end()
                raise

    async def _running(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = await self._start()
        try:
            async with asyncio.timeout(_START_S):
                await _answer(self._process, _START_S)
        except BaseException as error:
            await self.end()
            if not isinstance(error, TimeoutError):
                raise
            message = f"the process that computes was not ready within {_START_S:g} s; its log says why"
            raise ChildDiedError(message) from None
        return self._process

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self.command,
            str(self.memory_mib),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # The matrices are small: threads that wait for each other take longer than the work.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            # Ctrl-C is for the parent, which finishes the work in hand.
            start_new_session=True,
        )

    async def end(self) -> None:
        """Kill the child, even during a computation."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _exchange(process: Process, question: bytes, seconds: float, noted: Noted | None) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    # If the child is gone, the read below raises.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(b"%d %.3f\n" % (len(question), seconds) + question)
        await process.stdin.drain()
    return await _answer(process, seconds, noted)


async def _answer(process: Process, seconds: float, noted: Noted | None = None) -> bytes:
    """Read an answer, and the notes before it.

    Raises:
        TimeIsUpError: If there is no answer because the process ended itself after *seconds*.
        ChildDiedError: If the process ended for another reason.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with pipes
    try:
        while (head := await process.stdout.readuntil(b"\n")).startswith(b"-"):
            note = await process.stdout.readexactly(-int(head))
            if noted is not None:
                await noted(note)
        return await process.stdout.readexactly(int(head))
    except asyncio.IncompleteReadError:
        status = await process.wait()
        raise (TimeIsUpError(seconds) if status == -signal.SIGALRM else ChildDiedError(_told(status))) from None


def _told(status: int) -> str:
    """Describe a process's exit status in words; a negative status is a signal."""
    if status == -signal.SIGKILL:
        return (
            "the process that computes was killed, by the system for want of memory or by somebody: see how much "
            "memory its machine has left, and ask again under a new request_id"
        )
    name = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return f"the process that computes crashed ({name}): its log says where; report that with the request_id"
