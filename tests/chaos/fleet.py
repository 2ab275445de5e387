"""Agents, coordinators and challengers, each a process; one that ends is started again, as an orchestrator would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.cluster import with_us
from chaos.schedule import AGENTS, CHALLENGERS, CLOCKS, COORDINATORS

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_RESTART_S = 0.2
_READY_S = 120.0
# Starts those whose clock can be set.
OFF_CLOCK = Path(__file__).parent / "off_clock.py"
# Enough for a traceback.
_LAST_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class End:
    """The end of one life of a process.

    Attributes:
        name: The process.
        status: The exit status; a signal's is negative.
        words: The last lines of the log of that life; a killed process has none.
    """

    name: str
    status: int
    words: str = ""

    @property
    def is_own(self) -> bool:
        """Whether the process ended by itself: the faults only kill."""
        return self.status != -signal.SIGKILL


@dataclass
class Member:
    """One process, whichever life it is in.

    Attributes:
        name: Its name.
        command: How it is started.
        folder: For its log and clock.
        url: The servers.
        starts: How often it was started.
        ended: The ends of its earlier lives.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    url: str
    process: Process | None = None
    starts: int = 0
    ended: list[End] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Where it logs."""
        return self.folder / f"{self.name}.log"

    @property
    def is_ready(self) -> bool:
        """Whether it has taken work, in this life or an earlier one."""
        return self.log.exists() and '"process.ready"' in self.log.read_text(encoding="utf-8")

    @property
    def clock(self) -> Path:
        """The file that says by how much its clock is off."""
        return self.folder / f"{self.name}.clock"

    @property
    def pid(self) -> int | None:
        """Its process id, while it lives."""
        return self.process.pid if self.process and self.process.returncode is None else None

    def solver(self) -> int | None:
        """Find the process id of its solver."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()[0])
        return None

    def set_clock(self, seconds: float) -> None:
        """Have its clock off by *seconds*."""
        replacement = self.clock.with_suffix(".new")
        replacement.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        replacement.replace(self.clock)

    async def live(self) -> None:
        """Start it, and again whenever it ends, for ever."""
        self.set_clock(0)
        while True:
            with self.log.open("ab") as log:
                begin = log.tell()
                self.process = await asyncio.create_subprocess_exec(
                    *with_us(),
                    sys.executable,
                    *(("-m",) if self.name not in CLOCKS else (str(OFF_CLOCK), str(self.clock))),
                    *self.command,
                    env=self._environment(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.starts += 1
            self.ended.append(self._end(await self.process.wait(), begin))
            await asyncio.sleep(_RESTART_S)

    async def end(self) -> None:
        """End it for good, once nobody starts it again; its solver ends with it, unless that is frozen."""
        send(self.solver(), signal.SIGCONT)
        send(self.pid, signal.SIGKILL)
        if self.process:
            await self.process.wait()

    def _end(self, status: int, begin: int) -> End:
        """Note the end of a life whose log begins at byte *begin*."""
        if not (end := End(self.name, status)).is_own:
            return end
        with self.log.open("rb") as log:
            log.seek(max(begin, log.seek(0, os.SEEK_END) - _LAST_BYTES))
            return replace(end, words=log.read().decode(errors="replace").strip())

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PODFOLIO_NATS_URL": self.url,
            "OPENBLAS_NUM_THREADS": "1",
        }


@dataclass
class Fleet:
    """All processes, by name."""

    members: dict[str, Member]

    async def ready(self) -> None:
        """Wait until all take work."""
        async with asyncio.timeout(_READY_S):
            while not all(member.is_ready for member in self.members.values()):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)


def send(pid: int | None, number: signal.Signals) -> bool:
    """Send a signal to a process that may be gone."""
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


@asynccontextmanager
async def fleet_at(url: str, folder: Path) -> AsyncIterator[Fleet]:
    """Run two replicas of each agent, three coordinators and two challengers while the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {name: ("agents", name.rpartition("-")[0]) for name in AGENTS}
    commands |= dict.fromkeys(COORDINATORS, ("coordinator",))
    commands |= dict.fromkeys(CHALLENGERS, ("challenger",))
    fleet = Fleet({name: Member(name, command, folder, url) for name, command in commands.items()})
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(member.live()) for member in fleet.members.values()]
        try:
            await fleet.ready()
            yield fleet
        finally:
            for life in lives:
                life.cancel()
            for member in fleet.members.values():
                await member.end()
