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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.ports import free_ports

from chaos.disk import Disk, small_disk
from chaos.links import Link, opened
from chaos.schedule import NODES, SMALL_DISK

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

START_S = 60.0
_POLL_S = 0.2

_CONFIGURATION = """\
server_name: {name}
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor}"
log_file: {log}
accounts {{ $SYS {{ users: [{{user: sys, password: sys}}] }} }}
jetstream {{
  store_dir: {store}
  # What is acknowledged is on the disks of two of three.
  sync_interval: always
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
    """

    name: str
    folder: Path
    port: int
    monitor: int
    routes: int
    process: Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """Its disk."""
        return self.folder / "store"

    def configure(self, links: list[Link]) -> None:
        """Write its configuration."""
        self.store.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(
            name=self.name,
            port=self.port,
            monitor=self.monitor,
            routes=self.routes,
            log=json.dumps(str(self.folder / "log")),
            store=json.dumps(str(self.store)),
            links=", ".join(f'"nats-route://127.0.0.1:{link.port}"' for link in links),
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

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would, but for what the kernel still writes."""
        assert self.process is not None
        self.send(signal.SIGKILL)
        await self.process.wait()

    async def tell(self, path: str) -> dict[str, Any]:
        """Ask its monitoring; empty if it does not answer."""
        with contextlib.suppress(OSError, ValueError):
            answer: dict[str, Any] = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{self.monitor}/{path}")
            return answer
        return {}

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
        disk: The size of the small disk, if this machine lets us have one that can be filled.
    """

    nodes: dict[str, Node]
    links: list[Link]
    disk: Disk | None = None

    @property
    def urls(self) -> str:
        """Where clients connect, with commas between."""
        return ",".join(node.url for node in self.nodes.values())

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

    def cut(self, name: str, *, hears: bool, speaks: bool, reset: bool = False) -> None:
        """Let *name* hear the others and speak to them, or not; what was on its way is kept unless *reset*."""
        for link in self.links:
            if link.dials == name:
                link.adjust(forwards=speaks, returns=hears, reset=reset)
            elif link.reaches == name:
                link.adjust(forwards=hears, returns=speaks, reset=reset)


@asynccontextmanager
async def cluster_of_three(folder: Path, *, disk_mib: int) -> AsyncIterator[Cluster]:
    """Run three servers while the block lasts."""
    ports = free_ports(9)
    nodes = {name: Node(name, folder / name, *ports[3 * i : 3 * i + 3]) for i, name in enumerate(NODES)}
    links = [Link(a, b, nodes[b].routes) for a, b in itertools.permutations(NODES, 2)]
    async with contextlib.AsyncExitStack() as stack:
        for link in links:
            await stack.enter_async_context(opened(link))
        disk = stack.enter_context(small_disk(nodes[SMALL_DISK].store, disk_mib))
        cluster = Cluster(nodes, links, disk)
        stack.push_async_callback(_end, cluster)
        for node in nodes.values():
            node.configure([link for link in links if link.dials == node.name])
            await node.start()
        await cluster.whole()
        yield cluster


async def _end(cluster: Cluster) -> None:
    for node in cluster.nodes.values():
        if node.process is not None:
            await node.kill()
