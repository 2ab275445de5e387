"""Three servers with replicated streams, each a process with its own disk; links between them can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import signal
import sysconfig
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.ports import free_ports

from chaos.disk import Disk, small_disks
from chaos.links import Link, opened
from chaos.raw import Frame, raw_client
from chaos.schedule import NODES
from chaos.server_clock import ServerClock

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

START_S = 60.0
_POLL_S = 0.2

_CONFIGURATION = """\
server_name: {name}
listen: "127.0.0.1:{port}"
# Clients are told of the others' lines, which can be thin; who is given this port goes around its own.
client_advertise: "127.0.0.1:{line}"
http: "127.0.0.1:{monitor}"
log_file: {log}
accounts {{ $SYS {{ users: [{{user: sys, password: sys}}] }} }}
jetstream {{
  store_dir: {store}
  # With "always", what is acknowledged is on the disks of two of three.
  sync_interval: {sync_interval}
}}
cluster {{
  name: chaos
  listen: "127.0.0.1:{routes}"
  # Others are told of an address where nobody is, so that they only go through the links.
  advertise: "127.0.0.1:1"
  routes: [{links}]
  # As in deploy/nats/cluster.conf.
  ping_interval: "5s"
  ping_max: 2
}}
"""


class ClusterError(Exception):
    """The servers do not run as they should."""


@dataclass
class Node:
    """One server and its disk.

    Attributes:
        name: Its name.
        folder: Where its disk, configuration and log are.
        port: Where clients connect.
        monitor: Where it tells how it is.
        routes: Where the other servers' links lead to.
        line: The link by which its clients reach it.
        sync_interval: When it has what it wrote put onto its disk.
        lives: How often it was replaced by an empty server, with a name of its own.
        crashes: How often it ended by itself.
    """

    name: str
    folder: Path
    port: int
    monitor: int
    routes: int
    line: Link
    sync_interval: str = "always"
    lives: int = 0
    crashes: int = 0
    _is_meant_to_run: bool = False
    links: list[Link] = field(default_factory=list)
    process: Process | None = None
    clock: ServerClock | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def server_name(self) -> str:
        """What it calls itself among the others: an empty server must not take the name of one that was full."""
        return self.name if not self.lives else f"{self.name}-{self.lives}"

    @property
    def store(self) -> Path:
        """Its disk."""
        return self.folder / "store"

    def configure(self) -> None:
        """Write its configuration."""
        self.store.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(
            name=self.server_name,
            sync_interval=self.sync_interval,
            port=self.port,
            line=self.line.port,
            monitor=self.monitor,
            routes=self.routes,
            log=json.dumps(str(self.folder / "log")),
            store=json.dumps(str(self.store)),
            links=", ".join(f'"nats-route://127.0.0.1:{link.port}"' for link in self.links),
        )
        (self.folder / "nats-server.conf").write_text(text, encoding="utf-8")

    async def start(self) -> None:
        """Start it; returns before it is ready."""
        with (self.folder / "errors").open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *with_us(),
                str(Path(sysconfig.get_path("scripts")) / "nats-server"),
                "--config",
                str(self.folder / "nats-server.conf"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        self.clock = None
        self._is_meant_to_run = True

    async def restart_if_crashed(self) -> None:
        """Start it again if it ended by itself, as an orchestrator would."""
        if self._is_meant_to_run and self.process is not None and self.process.returncode is not None:
            self.crashes += 1
            await self.start()

    def set_clock(self, seconds: int) -> None:
        """Have its clock off by *seconds* until it is started again.

        Raises:
            NoClockError: If that is not possible here.
        """
        assert self.process is not None
        if self.clock is None:
            self.send(signal.SIGSTOP)
            try:
                self.clock = ServerClock.of(self.process.pid)
            finally:
                self.send(signal.SIGCONT)
        self.clock.set(seconds)

    def wipe(self) -> None:
        """Make an empty server of it, which is yet to be started."""
        shutil.rmtree(self.store / "jetstream", ignore_errors=True)
        self.lives += 1
        self.configure()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would, but for what the kernel still writes."""
        assert self.process is not None
        self._is_meant_to_run = False
        self.send(signal.SIGKILL)
        await self.process.wait()

    async def tell(self, path: str) -> dict[str, Any]:
        """Ask its monitoring; empty if it does not answer."""
        with contextlib.suppress(OSError, ValueError):
            answer: dict[str, Any] = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{self.monitor}/{path}")
            return answer
        return {}

    async def streams(self) -> dict[str, tuple[int, ...]]:
        """Read which streams this very server holds, and of each messages, bytes, first and last sequence."""
        accounts = (await self.tell("jsz?streams=true")).get("account_details") or []
        return {
            stream["name"]: tuple(stream["state"][key] for key in ("messages", "bytes", "first_seq", "last_seq"))
            for account in accounts
            for stream in account.get("stream_detail") or []
        }

    async def healthy(self) -> bool:
        """Whether it has caught up with the others."""
        return (await self.tell("healthz")).get("status") == "ok"


def _fetch(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - the loopback's
        read: dict[str, Any] = json.load(answer)
    return read


def with_us() -> tuple[str, ...]:
    """Have a command end with this process, where the machine has ``setpriv`` (util-linux)."""
    return (found, "--pdeathsig", "KILL", "--") if (found := shutil.which("setpriv")) else ()


@dataclass
class Cluster:
    """Three servers.

    Attributes:
        nodes: By name.
        links: What each dials to reach the others.
        disks: By node, if this machine lets us have some that can be filled and lose their power.
    """

    nodes: dict[str, Node]
    links: list[Link]
    disks: dict[str, Disk] = field(default_factory=dict)

    @property
    def urls(self) -> str:
        """Where clients connect that go around the lines, with commas between."""
        return ",".join(node.url for node in self.nodes.values())

    @property
    def line_urls(self) -> str:
        """Where clients connect whose lines can be thin, with commas between."""
        return ",".join(f"nats://127.0.0.1:{node.line.port}" for node in self.nodes.values())

    async def whole(self, *, within_s: float = START_S) -> None:
        """Wait until all have caught up.

        Raises:
            ClusterError: If they do not in time.
        """
        try:
            async with asyncio.timeout(within_s):
                while not all([await node.healthy() for node in self.nodes.values()]):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            states = {node.name: await node.tell("healthz") for node in self.nodes.values()}
            message = f"the servers were not whole within {within_s:g} s: {states}"
            raise ClusterError(message) from None

    async def remove(self, node: Node) -> None:
        """Have the others forget a server that is gone for good; waits until they have."""
        others = itertools.cycle(other for other in self.nodes.values() if other is not node)
        while True:
            other = next(others)
            group = (await other.tell("jsz")).get("meta_cluster", {})
            known = {group.get("leader"), *(replica["name"] for replica in group.get("replicas") or [])}
            if group.get("leader") and node.server_name not in known:
                return
            # Between leaders the answer is lost, although the server may have been removed.
            question = json.dumps({"peer": node.server_name}).encode()
            with contextlib.suppress(OSError):
                async with raw_client(other.port, user="sys") as client:
                    await client.ask(Frame(b"$JS.API.SERVER.REMOVE", None, question))
            await asyncio.sleep(_POLL_S)

    def cut(self, name: str, *, hears: bool, speaks: bool, reset: bool = False) -> None:
        """Let *name* hear the others and speak to them, or not; what was on its way is kept unless *reset*."""
        for link in self.links:
            if link.dials == name:
                link.adjust(forwards=speaks, returns=hears, reset=reset)
            elif link.reaches == name:
                link.adjust(forwards=hears, returns=speaks, reset=reset)


@asynccontextmanager
async def cluster_of_three(folder: Path, *, disk_mib: int, sync_interval: str = "always") -> AsyncIterator[Cluster]:
    """Run three servers while the block lasts."""
    ports = free_ports(12)
    nodes = {
        name: Node(name, folder / name, port, monitor, routes, Link("clients", name, port, line), sync_interval)
        for name, port, monitor, routes, line in zip(NODES, *(ports[i::4] for i in range(4)), strict=True)
    }
    links = [Link(a, b, nodes[b].routes) for a, b in itertools.permutations(NODES, 2)]
    async with contextlib.AsyncExitStack() as stack:
        for link in (*links, *(node.line for node in nodes.values())):
            await stack.enter_async_context(opened(link))
        disks = stack.enter_context(
            small_disks({node.name: node.store for node in nodes.values()}, folder / "disks", disk_mib)
        )
        cluster = Cluster(nodes, links, disks)
        stack.push_async_callback(_end, cluster)
        for node in nodes.values():
            node.links = [link for link in links if link.dials == node.name]
            node.configure()
            await node.start()
        await cluster.whole()
        supervising = asyncio.create_task(_supervise(cluster))
        stack.callback(supervising.cancel)
        yield cluster


async def _supervise(cluster: Cluster) -> None:
    while True:
        await asyncio.sleep(_POLL_S)
        for node in cluster.nodes.values():
            await node.restart_if_crashed()


async def _end(cluster: Cluster) -> None:
    for node in cluster.nodes.values():
        if node.process is not None:
            await node.kill()
