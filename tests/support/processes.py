"""Real processes for tests: started, watched through their pages and logs, ended by their own id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agents import mandate_files
from bus.administration.server import embedded_server
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.messages import FinalEvent, parse_final
from bus.transports.jetstream import Connection, JetStreamBus, connect
from cli.trust.keys import Keys
from support.commands import beside
from support.pages import get
from support.requests_made import REFERENCE, ROOT

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

    from bus.port import Stored

_T = TypeVar("_T")

# Enough pods where it does not matter how many there are: each is two processes to start.
TWO = {"beta": 0.5, "gamma": 0.5}
NOT_THOSE = tuple(pod for pod in mandate_files.bundled() if pod not in TWO)
# Bounds for a machine that is busy; no test waits for time to pass.
START_S = 300
ANSWER_S = 240
# Who asks more often takes the cores from those who are to answer.
_POLL_S = 0.05


@dataclass
class Site:
    """A server of its own, a client on it, and whatever processes a test starts.

    Attributes:
        url: The server.
        bus: A client's connection.
        folder: For logs.
    """

    url: str
    bus: JetStreamBus
    folder: Path
    _running: list[Process] = field(default_factory=list)
    _pages: dict[int, str] = field(default_factory=dict)

    @property
    def processes(self) -> tuple[Process, ...]:
        """Whatever was started here."""
        return tuple(self._running)

    async def start(self, *command: str, **environment: str) -> Process:
        """Start ``python -m`` *command*, with *environment* added to this one, and wait until it is ready."""
        process, name = await self.launch(*command, **environment)
        log_file = self.folder / f"{name}.log"
        async with asyncio.timeout(START_S):
            while not (listens := said(log_file, "process.listens")):
                assert process.returncode is None, log_file.read_text(encoding="utf-8")
                await asyncio.sleep(_POLL_S)
            self.listens(process, listens[0]["http"])
            while (await self.page(process, "/ready"))[0] != HTTPStatus.OK:
                assert process.returncode is None, log_file.read_text(encoding="utf-8")
                await asyncio.sleep(_POLL_S)
        return process

    async def launch(self, *command: str, **environment: str) -> tuple[Process, str]:
        """Start a process and do not wait until it is ready; also returns what its files are called."""
        name = "-".join([str(len(self._running)), *(Path(word).stem for word in command)])
        settings = {"PODFOLIO_NATS_URL": self.url, "PODFOLIO_HTTP_PORT": "0"}
        with (self.folder / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, env={**os.environ, **settings, **environment}, stderr=log
            )
        self._running.append(process)
        return process, name

    def listens(self, process: Process, url: str) -> None:
        """Note where *process* answers over HTTP."""
        self._pages[process.pid] = url

    async def page(self, process: Process, path: str) -> tuple[int, str]:
        """Ask *process* over HTTP; returns the status, 0 if nobody listens, and the text."""
        return await asyncio.to_thread(get, self._pages[process.pid] + path)

    def address(self, process: Process) -> str:
        """Say where *process* answers over HTTP, as host and port."""
        return self._pages[process.pid].removeprefix("http://")

    async def start_all(self, *, but: tuple[str, ...] = (), **environment: str) -> dict[str, Process]:
        """Start an agent of every pod and a coordinator, with *environment* added to this one."""
        commands = {pod: ("agents", pod) for pod in mandate_files.bundled()} | {"coordinator": ("coordinator",)}
        names = [name for name in commands if name not in but]
        return dict(
            zip(
                names,
                await asyncio.gather(*(self.start(*commands[name], **environment) for name in names)),
                strict=True,
            )
        )

    async def publish(self, sent: bytes, request_id: str) -> Stored:
        """Publish a request."""
        return await self.bus.publish_once(
            subjects.request(request_id), sent, message_id=f"test-{request_id}", headers={}
        )

    async def final(self, request_id: str, *, patience_s: float = ANSWER_S) -> FinalEvent:
        """Wait for a final event."""
        async with asyncio.timeout(patience_s):
            while not (found := await self.bus.record([subjects.final(request_id)])):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
        return parse_final(found[0].data)

    async def end(self, process: Process, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        process.send_signal(number)
        async with asyncio.timeout(START_S):
            return await process.wait()

    async def end_all(self) -> None:
        """End whatever still runs."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@asynccontextmanager
async def site_of_its_own(folder: Path) -> AsyncIterator[Site]:
    """Make a site with a new server and all queues, and no processes yet."""
    async with (
        embedded_server(folder / "store", log=folder / "server.log") as url,
        connect(Connection(servers=url, name="test")) as bus,
    ):
        await set_up(bus, tuple(mandate_files.bundled()))
        site = Site(url, bus, folder)
        try:
            yield site
        finally:
            await site.end_all()


@asynccontextmanager
async def site_with_all(folder: Path, *, but: tuple[str, ...] = (), **environment: str) -> AsyncIterator[Site]:
    """Make a site where all processes work, for several tests; its connection is closed, since each test has its own.

    None of them ends before the site does.
    """
    async with embedded_server(folder / "store", log=folder / "server.log") as url:
        async with connect(Connection(servers=url, name="test")) as bus:
            await set_up(bus, tuple(mandate_files.bundled()))
        site = Site(url, bus, folder)
        try:
            running = await site.start_all(but=but, **environment)
            yield site
            assert {process.returncode for process in running.values()} == {None}
        finally:
            await site.end_all()


@contextmanager
def kept_open(whole: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    """Enter and leave in an event loop of its own, since each test has another."""
    with asyncio.Runner() as runner:
        stack = runner.run(_entered(AsyncExitStack(), whole))
        try:
            yield stack[1]
        finally:
            runner.run(stack[0].aclose())


async def _entered(stack: AsyncExitStack, whole: AbstractAsyncContextManager[_T]) -> tuple[AsyncExitStack, _T]:
    return stack, await stack.enter_async_context(whole)


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Site]:
    """Use a site that several tests share through a connection of one's own; all processes must be as ready after."""
    async with connect(Connection(servers=site.url, name="test")) as bus:
        yield (made := replace(site, bus=bus))
    for process in site.processes:
        assert await made.page(process, "/ready") == (HTTPStatus.OK, "ready\n"), "a test harmed what it shares"


@dataclass(frozen=True)
class SecureSystem:
    """What ``podfolio up --secure`` runs.

    Attributes:
        url: The server.
        keys: Those that were made for it.
        store: Its folder, with the server's streams and log.
        log: Where the processes log.
        up: The process that runs it all.
        dashboard: Where its dashboard is.
    """

    url: str
    keys: Keys
    store: Path
    log: Path
    up: Process
    dashboard: str

    async def request(self, name: str, *options: str, file: Path = REFERENCE) -> tuple[int, str, str]:
        """Ask under an id."""
        return await beside("request", str(file), "--request-id", name, "--server", self.url, *options)

    def connection(self, role: str) -> Connection:
        """Give the settings of a client that has this role's key."""
        return Connection(servers=self.url, role=role, nkey_seed=self.keys.seed(role), ca=self.keys.ca)

    def as_role(self, role: str) -> tuple[str, ...]:
        """Give the options of a command that has this role's key."""
        return "--nkey-seed", str(self.keys.seed(role)), "--ca", str(self.keys.ca)


@asynccontextmanager
async def secure_system(folder: Path, port: int) -> AsyncIterator[SecureSystem]:
    """Run the whole system with users, TLS and a dashboard; see that it ends with status 0."""
    keys, store, log = Keys(folder / "keys"), folder / "store", folder / "processes.log"
    command = ["-m", "cli", "up", "--port", str(port), "--store", str(store), "--secure", str(keys.folder)]
    command += ["--dashboard", "0"]
    with log.open("wb") as errors:
        up = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    assert up.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            while "the dashboard is at" not in (line := (await up.stdout.readline()).decode()):
                assert line, "it ended before it was ready"
            dashboard = line.split()[-1]
            while "try: podfolio request" not in (line := (await up.stdout.readline()).decode()):
                assert line, "it ended before it was ready"
        yield SecureSystem(f"tls://127.0.0.1:{port}", keys, store, log, up, dashboard)
        up.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            assert await up.wait() == 0
    finally:
        if up.returncode is None:
            up.kill()
            await up.wait()


async def podfolio(*arguments: str, timeout_s: float = START_S) -> tuple[int, str, str]:
    """Run the command to its end; returns exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "", "TERM": "dumb"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, out.decode(), err.decode()


def children(process: Process) -> list[int]:
    """Say which processes *process* has started, by their ids."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in file.read_text(encoding="ascii").split()]


def documented_program(document: str, uses: str) -> str:
    """Find the one program in a document that has this line."""
    programs = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    (program,) = (program for program in programs if uses in program)
    return str(program)


def said(file: Path, event: str) -> list[dict[str, Any]]:
    """Read the whole lines of a log that tell of *event*."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("{")]
    return [told for line in lines if line.endswith("\n") and (told := json.loads(line))["event"] == event]


def log_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read the JSON lines that processes whose log is called like *name* wrote."""
    files = folder.glob(f"*{name}*.log")
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]
