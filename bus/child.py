"""A child process that computes: it may crash, hang or take all memory, and takes nothing of ours along.

Computing in Python would also hold the interpreter's lock against the event loop, its heartbeats and its
deadlines. Questions go in and answers come out, one at a time, perhaps with notes before them; ``answering`` is the
other end. The child ends when its standard input does, whatever became of this process.
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

# What a computation may hold, in MiB: universes of hundreds of ETFs take a few hundred; a child at rest has 50.
MEMORY_MIB = 2_048

# Loading takes half a second; a machine that needs this long will not do better.
_START_S = 30.0
# A child ends itself when its time is over; one that cannot even do that, being stopped, is killed so much later.
_GRACE_S = 0.5
# A signal of no time at all would never come.
_LEAST_S = 0.001


class ChildDiedError(Exception):
    """The child ended, or had to be ended, while it started or worked; the next question has a new one."""


class TimeIsUpError(ChildDiedError):
    """The child was ended because its time was over: the same question would end the same way."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the computation was not done within {seconds:.3g} s, and was ended: ask for less")


@dataclass(slots=True)
class Child:
    """The process; started when it is first needed, and again after it died.

    Attributes:
        command: What ``python -m`` is to run: something that calls ``answering.answer_all``.
        memory_mib: What it may hold; more is refused to it.
    """

    command: tuple[str, ...]
    memory_mib: int = MEMORY_MIB
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self) -> None:
        """Start it and wait until it has loaded everything: the first question is not to wait for that.

        Raises:
            ChildDiedError: If it ended instead.
        """
        async with self._turn:
            await self._running()

    async def ask(self, question: bytes, *, seconds: float, noted: Noted | None = None) -> bytes:
        """Have a question answered, in at most *seconds* from its turn.

        Args:
            question: What is asked.
            seconds: What the answer may take.
            noted: Given each note that comes before the answer.

        Raises:
            TimeIsUpError: If it took longer.
            ChildDiedError: If the child crashed.
        """
        async with self._turn:
            asked = asyncio.get_running_loop().time()
            process = await self._running()
            # One that had to be started first has less: the time is that of who asks.
            seconds = max(seconds - (asyncio.get_running_loop().time() - asked), _LEAST_S)
            try:
                async with asyncio.timeout(seconds + _GRACE_S):
                    return await _exchange(process, question, seconds, noted)
            except TimeoutError:
                await self.end()
                raise TimeIsUpError(seconds) from None
            except BaseException:
                # Also when cancelled: an answer that comes later must not be taken for another's.
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
            # Its matrices are small: threads that wait for each other take longer than the work.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            # Ctrl-C is for the parent, which finishes what is in hand.
            start_new_session=True,
        )

    async def end(self) -> None:
        """End it, whatever it is at."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _exchange(process: Process, question: bytes, seconds: float, noted: Noted | None) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    # If it is gone, reading says so.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(b"%d %.3f\n" % (len(question), seconds) + question)
        await process.stdin.drain()
    return await _answer(process, seconds, noted)


async def _answer(process: Process, seconds: float, noted: Noted | None = None) -> bytes:
    """Read an answer, and the notes before it.

    Raises:
        TimeIsUpError: If there is none, since the process ended itself after *seconds*.
        ChildDiedError: If it ended for another reason.
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
    """Say in words what a process ended of; negative is a signal."""
    if status == -signal.SIGKILL:
        return (
            "the process that computes was killed, by the system for want of memory or by somebody: see how much "
            "memory its machine has left, and ask again under a new request_id"
        )
    name = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return f"the process that computes crashed ({name}): its log says where; report that with the request_id"
