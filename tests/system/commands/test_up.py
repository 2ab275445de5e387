"""`podfolio up` when its children die: real SIGKILLs."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import beside, hinted
from support.processes import START_S, podfolio
from support.requests_made import REFERENCE, ROOT

from bus.language import subjects
from bus.port import BusError
from bus.transports.jetstream import Connection, connect
from cli.system import kept
from cli.system.kept import Kept, Pace, describe

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator


_NAMES = ("nats-server", "alpha", "beta", "gamma", "delta", "coordinator", "challenger", "reviewer")


@dataclass
class _Up:
    process: Process
    url: str
    told: str = ""
    invites: str = ""

    async def says(self, words: str) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            while words not in (line := (await self.process.stdout.readline()).decode()):
                assert line, f"it ended and never said {words!r}"
                self.told += line
        return line.rstrip("\n")

    def children(self) -> dict[str, int]:
        """The process ids of those that run, by name."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        return {_name(int(pid)): int(pid) for pid in pids}

    async def request(self, name: str) -> int:
        status, _, _ = await beside("request", str(REFERENCE), "--request-id", name, "--server", self.url)
        return status


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next((name for name in _NAMES if name in words or any(word.endswith(name) for word in words[:1])), "?")


@asynccontextmanager
async def _up(folder: Path, port: int) -> AsyncIterator[_Up]:
    command = ["-m", "cli", "up", "--port", str(port), "--store", str(folder / "store"), "--review", "60"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    up = _Up(process, f"nats://127.0.0.1:{port}")
    try:
        up.invites = await up.says("try: podfolio request")
        yield up
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(START_S):
                    assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def test_a_child_that_is_killed_is_told_and_started_again(tmp_path: Path, unused_tcp_port: int) -> None:
    url = f"nats://127.0.0.1:{unused_tcp_port}"
    nobody, _, errors = await beside("list", "--server", url)
    assert (nobody, hinted(errors)) == (1, ("up", "--port", str(unused_tcp_port)))
    async with _up(tmp_path, unused_tcp_port) as up:
        assert f"every program that reaches {up.url} may do anything" in " ".join(up.told.split())
        assert (await beside("list", "--server", url))[0] == 0
        invited, _, _ = await podfolio(*shlex.split(up.invites.partition("try: podfolio ")[2]))
        assert invited == 0
        for victim in ("gamma", "coordinator", "nats-server"):
            pid = up.children()[victim]
            os.kill(pid, signal.SIGKILL)
            told = await up.says(victim)
            assert told == f"{victim} was ended by SIGKILL; it is started again in 0.5 s"
            await up.says(f"{victim} is started again, as process")
            assert set(up.children()) == set(_NAMES)
            assert up.children()[victim] != pid
            assert await up.request(f"after-{victim}") == 0
        async with connect(Connection(servers=up.url, name="test")) as bus:
            assert len(await bus.record([subjects.ALL_FINALS])) == 4, "the store is the one that there was"
        if shutil.which("setpriv"):
            await _killed(up)


async def _killed(up: _Up) -> None:
    """Kill the command itself: its children end in order, as after a signal to each."""
    pids = up.children().values()
    up.process.kill()
    await up.process.wait()
    async with asyncio.timeout(START_S):
        while any(Path(f"/proc/{pid}").exists() for pid in pids):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)


@pytest.mark.deep
async def test_an_interruption_while_a_child_is_away_ends_all(tmp_path: Path, unused_tcp_port: int) -> None:
    async with _up(tmp_path, unused_tcp_port) as up:
        pids = up.children()
        for victim in ("nats-server", "delta"):
            os.kill(pids[victim], signal.SIGKILL)
        await up.says("is started again in")
        up.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            assert await up.process.wait() == 0

    assert [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()] == []


async def test_a_child_that_ends_at_once_again_and_again_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST_PAUSE_S", 0.01)
    enough = asyncio.Event()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if sum("times in a row" in line for line in lines) == 2:
            enough.set()

    async def start() -> Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(7)")

    keeping = asyncio.create_task(Kept("gamma", await start(), start).keep(say))
    async with asyncio.timeout(START_S):
        await enough.wait()
    keeping.cancel()

    often = "times in a row within 60 s of a start: see its log; it is started again in"
    assert [line for line in lines if "ended with status 7" in line] == [
        "gamma ended with status 7; it is started again in 0.01 s",
        "gamma ended with status 7; it is started again in 0.02 s",
        f"gamma ended with status 7, 3 {often} 0.04 s",
        f"gamma ended with status 7, 4 {often} 0.08 s",
    ]


async def test_a_child_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST_PAUSE_S", 0.01)
    lines: list[str] = []
    tries = 0

    async def start() -> Process:
        nonlocal tries
        tries += 1
        if tries == 2:
            message = "port 4222\nis taken"
            raise BusError(message)
        code = "raise SystemExit(7)" if tries == 1 else "import sys; sys.stdin.read()"
        return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=PIPE)

    child = Kept("nats-server", await start(), start)
    keeping = asyncio.create_task(child.keep(lines.append))
    async with asyncio.timeout(START_S):
        while len(lines) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    keeping.cancel()
    child.process.kill()
    await child.process.wait()

    assert lines[1] == "nats-server cannot be started (port 4222 is taken); it is started again in 0.02 s"
    assert lines[2] == f"nats-server is started again, as process {child.process.pid}"


def test_the_pace_is_bounded_and_forgets_after_a_steady_life() -> None:
    pace = Pace()
    pauses = []
    for _ in range(2_000):
        pace = pace.after(0.1)
        pauses.append(pace.pause_s)

    assert pauses[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert max(pauses) == 30
    assert pace.after(kept.STEADY_S).pause_s == 0.5


def test_an_end_is_said_in_words() -> None:
    assert [describe(status) for status in (0, 3, -11, -63)] == [
        "ended with status 0",
        "ended with status 3",
        "was ended by SIGSEGV",
        "was ended by signal 63",
    ]
