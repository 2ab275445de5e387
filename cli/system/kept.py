"""Supervise a child process: report each exit and start a replacement, with a bounded back-off and unlimited retries.

Stops no process: the code that started a process stops it.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.plain_text import printable
from bus.port import BusError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

# The first restart is soon enough to go unnoticed; a child that cannot start costs one try every half minute.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# An exit after this time has another cause than the exit before.
STEADY_S = 60.0
# This many early exits in a row are no accident.
_NO_ACCIDENT = 3
# The error of a server quotes the server's log, which may be long.
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class Pace:
    """The back-off before the next start of a child.

    Attributes:
        early: How many times in a row the child ended soon after a start.
    """

    early: int = 0

    def after(self, lived_s: float) -> Pace:
        """Return the pace after an exit; *lived_s* is how long the child ran, in seconds."""
        return Pace(1 if lived_s >= STEADY_S else self.early + 1)

    @property
    def pause_s(self) -> float:
        """The wait before the next start, in seconds."""
        # The cap of 10 already exceeds the longest pause; without a cap the power would overflow a float.
        return float(min(FIRST_PAUSE_S * 2 ** min(max(self.early - 1, 0), 10), LONGEST_PAUSE_S))

    def tell(self, name: str, end: str) -> str:
        """Describe an exit and the planned restart in one line."""
        if self.early < _NO_ACCIDENT:
            return f"{name} {end}; it is started again in {self.pause_s:g} s"
        often = f"{self.early} times in a row within {STEADY_S:g} s of a start"
        return f"{name} {end}, {often}: see its log; it is started again in {self.pause_s:g} s"


class Kept:
    """A child process that is restarted soon after an exit.

    Args:
        name: The name in messages to people.
        process: The running process.
        start: Starts the replacement.
    """

    def __init__(self, name: str, process: Process, start: Callable[[], Awaitable[Process]]) -> None:
        self.name = name
        self.process = process
        self._start = start

    async def keep(self, say: Callable[[str], None]) -> None:
        """Restart the child after every exit, until cancelled; report each event to *say*, one line per call."""
        now = asyncio.get_running_loop().time
        pace = Pace()
        began = now()
        end = describe(await self.process.wait())
        while True:
            pace = pace.after(now() - began)
            say(pace.tell(self.name, end))
            await asyncio.sleep(pace.pause_s)
            began = now()
            try:
                self.process = await self._start()
            except (BusError, OSError) as error:
                end = f"cannot be started ({printable(' '.join(str(error).split()), longest=_LONGEST_REASON)})"
                continue
            say(f"{self.name} is started again, as process {self.process.pid}")
            end = describe(await self.process.wait())


def describe(status: int) -> str:
    """Describe a process's exit status; a negative status is a signal."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
