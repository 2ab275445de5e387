"""A process of its own for optimising: the event loop never waits for it, and it may crash or hang.

The search computes in Python and so would hold the interpreter's lock against the event loop, its
heartbeats and its deadlines. Requests go in and events come out as lines of JSON (``solve``), one
at a time. The process ends when its standard input does, whatever became of this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog

from bus.messages import encode, parse_final

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from bus.messages import FinalEvent, OptimizationRequest, PodResult

# A line is a request with its results, or an event; none of them is larger than a message may be.
_LINE_BYTES = 8 * 2**20

# The search keeps to its time but for one node and the checks; what takes this much longer hangs.
_GRACE_S = 5.0

log = structlog.get_logger()


class SolverDiedError(Exception):
    """The process ended, or had to be ended, while it was optimising."""


@dataclass(slots=True)
class Solver:
    """The process; started with ``async with``, and again after it died."""

    _process: Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def optimise(
        self, request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float
    ) -> FinalEvent:
        """Optimise all pods together, in at most *seconds*; one call at a time.

        Raises:
            SolverDiedError: If the process crashed or hung; the next call has a new one.
        """
        question = {
            "request": json.loads(encode(request)),
            "results": [json.loads(encode(result)) for result in results.values()],
            "seconds": seconds,
        }
        if self._process is None or self._process.returncode is not None:
            self._process = await self._start()
        try:
            async with asyncio.timeout(seconds + _GRACE_S):
                line = await self._ask(self._process, json.dumps(question).encode())
        except BaseException:
            # Also when cancelled: an answer that comes later must not be taken for another's.
            await self._end()
            raise
        return parse_final(line)

    async def _ask(self, process: Process, question: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101 - it was started with pipes
        # If it is gone, reading says so.
        with contextlib.suppress(ConnectionError):
            process.stdin.write(question + b"\n")
            await process.stdin.drain()
        return await self._line(process)

    async def _line(self, process: Process) -> bytes:
        """Read a line.

        Raises:
            SolverDiedError: If there is none, since the process ended.
        """
        assert process.stdout is not None  # noqa: S101 - it was started with pipes
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            message = f"the solver's process ended with status {await process.wait()}"
            raise SolverDiedError(message)
        return line

    async def _start(self) -> Process:
        """Start the process and wait until it has loaded everything: the first request is not to wait for that."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "coordinator.solve",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            # Its matrices are small: threads that wait for each other take longer than the work.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            # Ctrl-C is for the coordinator, which finishes what is in hand.
            start_new_session=True,
        )
        await self._line(process)
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
