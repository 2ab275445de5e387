"""Keep a child process running: notice its end, say so, and start it again, however often, at a bounded pace.

Ends no process: who started it does that.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.plain_text import printable
from bus.port import BusError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

# A kill is mended before anybody notices; one that cannot start costs a try every half minute.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# Who lived that long did not end of what ended the one before.
STEADY_S = 60.0
# So many early ends in a row are no accident.
_NO_ACCIDENT = 3
# Of a server, the reason quotes its log.
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon a child is started again.

    Attributes:
        early: How often in a row it ended soon after its start.
    """

    early: int = 0

    def after(self, lived_s: float) -> Pace:
        """Take account of an end."""
        return Pace(1 if lived_s >= STEADY_S else self.early + 1)

    @property
    def pause_s(self) -> float:
        """How long to wait with the next start."""
        # Two to the tenth is beyond the longest anyway, and two to the thousandth is no number.
        return float(min(FIRST_PAUSE_S * 2 ** min(max(self.early - 1, 0), 10), LONGEST_PAUSE_S))

    def tell(self, name: str, end: str) -> str:
        """Say what happened and what follows, in a line."""
        if self.early < _NO_ACCIDENT:
            return f"{name} {end}; it is started again in {self.pause_s:g} s"
        often = f"{self.early} times in a row within {STEADY_S:g} s of a start"
        return f"{name} {end}, {often}: see its log; it is started again in {self.pause_s:g} s"


class Kept:
    """A child process that is there again soon after it ended.

    Args:
        name: What people call it.
        process: The one that runs.
        start: Starts another in its place.
    """

    def __init__(self, name: str, process: Process, start: Callable[[], Awaitable[Process]]) -> None:
        self.name = name
        self.process = process
        self._start = start

    async def keep(self, say: Callable[[str], None]) -> None:
        """Start it again whenever it ends, until cancelled; *say* is told so, a line at a time."""
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
    """Say how a process ended; negative is a signal."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
