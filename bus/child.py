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
# How long it may compute without a sign that it gets on: the search gives one every few milliseconds; a pod alone
# takes milliseconds and gives none. Three attempts at what hangs end within the default deadline of 30 s.
SILENT_S = 8.0

# Loading takes half a second; a machine that needs this long will not do better.
_START_S = 30.0
# A child ends itself when its time is over; one that cannot even do that, being stopped, is killed so much later.
_GRACE_S = 1.0


class ChildDiedError(Exception):
    """The child ended, or had to be ended, while it started or worked; the next question has a new one."""


@dataclass(slots=True)
class Child:
    """The process; started when it is first needed, and again after it died.

    Attributes:
        command: What ``python -m`` is to run: something that calls ``answering.answer_all``.
        memory_mib: What it may hold; more is refused to it.
        silent_s: How long it may compute without a sign that it gets on.
    """

    command: tuple[str, ...]
    memory_mib: int = MEMORY_MIB
    silent_s: float = SILENT_S
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self) -> None:
        """Start it and wait until it has loaded everything: the first question is not to wait for that.

        Raises:
            ChildDiedError: If it ended instead.
        """
        async with self._turn:
            await self._running()

    async def ask(self, question: bytes, *, seconds: float = 0.0, noted: Noted | None = None) -> bytes:
        """Have a question answered, in at most *seconds* from its turn, or as long as it may be silent if that is more.

        Args:
            question: What is asked.
            seconds: What the answer may take.
            noted: Given each note that comes before the answer.

        Raises:
            ChildDiedError: If the child crashed or took longer.
        """
        async with self._turn:
            process = await self._running()
            try:
                async with asyncio.timeout(max(seconds, self.silent_s) + _GRACE_S):
                    return await _exchange(process, question, self.silent_s, noted)
            except TimeoutError:
                await self.end()
                raise ChildDiedError(_told(-signal.SIGALRM, max(seconds, self.silent_s))) from None
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
                await _answer(self._process, self.silent_s)
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
            str(self.silent_s),
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


async def _exchange(process: Process, question: bytes, silent_s: float, noted: Noted | None) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    # If it is gone, reading says so.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(b"%d\n" % len(question) + question)
        await process.stdin.drain()
    return await _answer(process, silent_s, noted)


async def _answer(process: Process, silent_s: float, noted: Noted | None = None) -> bytes:
    """Read an answer, and the notes before it.

    Raises:
        ChildDiedError: If there is none, since the process ended.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with pipes
    try:
        while (head := await process.stdout.readuntil(b"\n")).startswith(b"-"):
            note = await process.stdout.readexactly(-int(head))
            if noted is not None:
                await noted(note)
        return await process.stdout.readexactly(int(head))
    except asyncio.IncompleteReadError:
        raise ChildDiedError(_told(await process.wait(), silent_s)) from None


def _told(status: int, limit_s: float) -> str:
    """Say in words what a process ended of; negative is a signal. *limit_s* is the time that may have run out."""
    if status == -signal.SIGALRM:
        return (
            f"the computation took too long, more than {limit_s:.3g} s, and was ended: ask for less, or allow it more"
            " time (--solver-seconds)"
        )
    if status == -signal.SIGKILL:
        return (
            "the process that computes was killed, by the system for want of memory or by somebody: see how much "
            "memory its machine has left, and ask again under a new request_id"
        )
    name = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return f"the process that computes crashed ({name}): its log says where; report that with the request_id"
