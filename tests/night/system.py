"""What ``podfolio up`` runs, with a second coordinator; each process can be killed, and is started again by others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.cluster import with_us
from chaos.fleet import Member
from support.requests_made import ROOT

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

START_S = 300.0
_POLL_S = 0.1
SECOND = "second coordinator"


@dataclass
class System:
    """The processes of a night.

    Attributes:
        url: The server.
        folder: For logs and the streams.
        up: The process of ``podfolio up``.
        second: The second coordinator.
        killed: The processes that were killed, in order.
    """

    url: str
    folder: Path
    up: Process
    second: Member
    killed: list[str] = field(default_factory=list)

    def running(self) -> dict[str, int]:
        """Name the processes that run now, with their ids."""
        file = Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children")
        found = {}
        for pid in map(int, file.read_text(encoding="ascii").split()):
            with contextlib.suppress(OSError):
                found[_name(Path(f"/proc/{pid}/cmdline").read_bytes())] = pid
        return found | ({} if self.second.pid is None else {SECOND: self.second.pid})

    async def kill(self, name: str) -> None:
        """Kill a process by its name, as soon as it runs."""
        async with asyncio.timeout(START_S):
            while (pid := self.running().get(name)) is None:  # noqa: ASYNC110 - it is being started again
                await asyncio.sleep(_POLL_S)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.killed.append(name)


def _name(command: bytes) -> str:
    """Name a process by its command: ``alpha``, ``coordinator``, ``nats-server``."""
    words = command.decode().rstrip("\0").split("\0")
    known = [word for word in words if word in {"agents", "coordinator", "challenger"}]
    if known == ["agents"]:
        return words[words.index("agents") + 1]
    return known[0] if known else "nats-server"


@asynccontextmanager
async def system(folder: Path, port: int) -> AsyncIterator[System]:
    """Run the whole system and a second coordinator while the block lasts; the streams stay in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ("-m", "cli", "up", "--port", str(port), "--store", str(folder / "store"))
    with (folder / "up.log").open("ab") as log:
        up = await asyncio.create_subprocess_exec(
            *with_us(),
            sys.executable,
            *command,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    url = f"nats://127.0.0.1:{port}"
    made = System(url, folder, up, Member("second", ("coordinator",), folder, url))
    reading: asyncio.Task[None] | None = None
    life: asyncio.Task[None] | None = None
    try:
        await _until_ready(up)
        reading = asyncio.create_task(_drain(up, folder / "up.out"))
        life = asyncio.create_task(made.second.live())
        async with asyncio.timeout(START_S):
            while not made.second.is_ready:  # noqa: ASYNC110 - no event
                await asyncio.sleep(_POLL_S)
        yield made
    finally:
        for task in (life, reading):
            if task is not None:
                task.cancel()
        await made.second.end()
        if up.returncode is None:
            up.send_signal(signal.SIGINT)
        await up.wait()


async def _until_ready(up: Process) -> None:
    assert up.stdout is not None
    async with asyncio.timeout(START_S):
        while b"try: podfolio request" not in (line := await up.stdout.readline()):
            assert line, "podfolio up ended before it was ready: see up.log"


async def _drain(up: Process, file: Path) -> None:
    """Keep the words of ``podfolio up``, which tells of each process that it starts again."""
    assert up.stdout is not None
    with file.open("ab") as opened:
        while line := await up.stdout.readline():
            opened.write(line)
            opened.flush()
