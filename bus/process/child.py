"""A child process for computations: a crash, a hang or a lack of memory there harms no work of the parent.

Computing in the parent would also hold Python's interpreter lock against the event loop, the heartbeats and the
deadlines. Questions go in and answers come out, one at a time, perhaps with notes before each answer; ``answering`` is
the other end. The child ends when its standard input closes, however the parent ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from bus.process.settings import MEMORY_MIB

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    OnNote: TypeAlias = Callable[[bytes], Awaitable[None]]

# Loading takes half a second; a machine that needs longer than this limit will not succeed later.
_START_S = 30.0
# A child ends itself when its time is over. The parent kills a child that cannot do that (a stopped process) after this
# additional time.
_GRACE_S = 0.5
# A timer of zero seconds would never fire.
_LEAST_S = 0.001

log = structlog.get_logger()


class ChildDiedError(Exception):
    """The child ended or was killed while starting or working; the next question starts a new child."""


class TimeIsUpError(ChildDiedError):
    """The child was ended at its time limit: the same question would end the same way.

    Attributes:
        seconds: The time that the computation had, without the start of the process.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the computation was not done within {seconds:.1f} s, and was ended: ask for less")


@dataclass(slots=True)
class SolverProcess:
    """The child processes that compute for an agent or a coordinator; use with ``async with``.

    Each question has a child of its own while it is answered; further children start when first needed.

    Attributes:
        command: The arguments of ``python -m``; see ``Child``.
        memory_mib: The memory limit of each child.
        most_s: The most seconds for one question.
        most: The greatest number of children; further questions wait for a child.
    """

    command: tuple[str, ...]
    memory_mib: int = MEMORY_MIB
    most_s: float = math.inf
    most: int = 1
    _children: list[Child] = field(default_factory=list)
    _idle: list[Child] = field(default_factory=list)
    _starting: set[asyncio.Task[None]] = field(default_factory=set)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Make the places of the children."""
        self._free = asyncio.Semaphore(self.most)

    async def __aenter__(self) -> Self:
        # Do not wait here: work is taken at once, and the first question waits for the rest of the start.
        self._idle.append(self._new())
        self._start(self._idle[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for child in self._children:
            await child.close()

    def _new(self) -> Child:
        self._children.append(Child(self.command, self.memory_mib))
        return self._children[-1]

    def _start(self, child: Child) -> None:
        """Start a child's process now, so that the start does not use up the time of the next question."""
        task = asyncio.create_task(_started(child))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def ready(self) -> None:
        """Wait until the first child is ready for a question.

        Raises:
            ChildDiedError: If the child ended instead.
        """
        await self._children[0].ready()

    async def ask(self, question: bytes, *, seconds: float, on_note: OnNote | None = None) -> bytes:
        """Ask a question and return the answer, in at most *seconds* and ``most_s``; see ``Child.ask``.

        Raises:
            TimeIsUpError: If the answer took longer.
            ChildDiedError: If the child crashed; the next question starts a new process.
        """
        async with self._free:
            # A busy machine takes seconds to start a child: the question should not wait for that if another is there.
            ready = [child for child in self._idle if child.is_ready]
            child = ready[-1] if ready else self._idle[-1] if self._idle else self._new()
            if child in self._idle:
                self._idle.remove(child)
            try:
                return await child.ask(question, seconds=min(self.most_s, seconds), on_note=on_note)
            except TimeIsUpError:
                self._start(child)
                raise
            finally:
                self._idle.append(child)


async def _started(child: Child) -> None:
    try:
        await child.ready()
    except ChildDiedError as error:
        log.error("solver.not_started", error=str(error))  # noqa: TRY400 - it says all there is


@dataclass(slots=True, eq=False)
class Child:
    """The child process; started at the first question, and again after each death.

    Attributes:
        command: The arguments of ``python -m``: a module that calls ``answering.answer_all``.
        memory_mib: The child's memory limit; the system refuses larger allocations.
    """

    command: tuple[str, ...]
    memory_mib: int = MEMORY_MIB
    _process: Process | None = None
    _loaded: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _start_for_next: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the child runs and has loaded all modules."""
        return self._loaded and self._process is not None and self._process.returncode is None

    async def ready(self) -> None:
        """Start the child and wait until all modules are loaded, so that the first question need not wait.

        Raises:
            ChildDiedError: If the child ended instead.
        """
        async with self._turn:
            await self._running()

    async def ask(self, question: bytes, *, seconds: float, on_note: OnNote | None = None) -> bytes:
        """Ask a question and return the answer, in at most *seconds* from the question's turn.

        If the child has to start first, the start is part of this time. A start that takes longer goes on, for the next
        question.

        Args:
            question: The question.
            seconds: The time limit for the answer.
            on_note: Called with each note that comes before the answer.

        Raises:
            TimeIsUpError: If the answer took longer.
            ChildDiedError: If the child crashed.
        """
        asked = asyncio.get_running_loop().time()
        if not self.is_ready:
            await self._start_within(seconds)
        seconds = max(seconds - (asyncio.get_running_loop().time() - asked), _LEAST_S)
        async with self._turn:
            process = await self._running()
            try:
                async with asyncio.timeout(seconds + _GRACE_S):
                    return await _exchange(process, question, seconds, on_note)
            except TimeoutError:
                await self.end()
                raise TimeIsUpError(seconds) from None
            except BaseException:
                # Also when cancelled: a late answer must not be mistaken for the answer to the next question.
                await self.end()
                raise

    async def _start_within(self, seconds: float) -> None:
        if self._start_for_next is None or self._start_for_next.done():
            self._start_for_next = asyncio.create_task(self.ready())
            self._start_for_next.add_done_callback(_heard)
        done, _ = await asyncio.wait([self._start_for_next], timeout=seconds)
        if not done:
            raise TimeIsUpError(0.0)
        await self._start_for_next

    async def close(self) -> None:
        """End the child for good, also if it is starting."""
        if self._start_for_next is not None:
            self._start_for_next.cancel()
            await asyncio.wait([self._start_for_next])
        await self.end()

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
        self._loaded = True
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
        process, self._process, self._loaded = self._process, None, False
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _heard(start: asyncio.Task[None]) -> None:
    """Take note of a failure to start, which the next start will tell if nobody waited for this one."""
    if not start.cancelled():
        start.exception()


async def _exchange(process: Process, question: bytes, seconds: float, on_note: OnNote | None) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    # If the child is gone, the read below raises.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(b"%d %.3f\n" % (len(question), seconds) + question)
        await process.stdin.drain()
    return await _answer(process, seconds, on_note)


async def _answer(process: Process, seconds: float, on_note: OnNote | None = None) -> bytes:
    """Read an answer, and the notes before it.

    Raises:
        TimeIsUpError: If there is no answer because the process ended itself after *seconds*.
        ChildDiedError: If the process ended for another reason.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with pipes
    try:
        while (head := await process.stdout.readuntil(b"\n")).startswith(b"-"):
            note = await process.stdout.readexactly(-int(head))
            if on_note is not None:
                await on_note(note)
        return await process.stdout.readexactly(int(head))
    except asyncio.IncompleteReadError:
        status = await process.wait()
        raise (TimeIsUpError(seconds) if status == -signal.SIGALRM else ChildDiedError(_exit_message(status))) from None


def _exit_message(status: int) -> str:
    """Describe a process's exit status in words; a negative status is a signal."""
    if status == -signal.SIGKILL:
        return (
            "the solver was killed, by the system for want of memory or by a person: see how much "
            "memory its machine has left, and ask again under a new request_id"
        )
    name = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return f"the process that computes crashed ({name}): its log says where; report that with the request_id"
