"""The servers of deploy/nats/cluster.conf, run here: three processes, TLS between them and to clients, every key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.topology.roles import REQUESTER, STREAMS
from bus.topology.streams import EVENTS
from bus.transports.jetstream import Connection, connect
from cli.trust.keys import Keys
from support.pages import get
from support.requests_made import data

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from bus.port import Stored

PATIENCE_S = 240.0
NAMES = ("nats-0", "nats-1", "nats-2")
PODS = ("alpha", "beta")


@dataclass
class Cluster:
    """The servers of deploy/nats/cluster.conf, with this machine's paths and ports in place of Kubernetes's.

    Attributes:
        folder: Where their keys, stores and logs are.
        clients: The port of each for clients, by name.
        monitors: The port of each server's monitoring, by name.
        running: Those that were started, by name.
    """

    folder: Path
    clients: dict[str, int]
    monitors: dict[str, int]
    running: dict[str, Process] = field(default_factory=dict)

    @property
    def keys(self) -> Keys:
        return Keys(self.folder / "keys")

    def settings(self, role: str) -> Connection:
        urls = ",".join(f"tls://127.0.0.1:{port}" for port in self.clients.values())
        return Connection(servers=urls, role=role, nkey_seed=self.keys.seed(role), ca=self.keys.ca)

    async def start(self, *names: str) -> None:
        """Start servers, and wait until they listen."""
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.running[name] = await asyncio.create_subprocess_exec(
                    Path(sys.executable).parent / "nats-server",
                    "--config",
                    self.folder / f"{name}.conf",
                    env={**os.environ, "NATS_NAME": name, "NATS_HTTP": f"127.0.0.1:{self.monitors[name]}"},
                    stderr=log,
                )
        for name in names:
            while not (await self.ask(name, "/healthz"))[0]:
                assert self.running[name].returncode is None, (self.folder / f"{name}.log").read_text(encoding="utf-8")
                await asyncio.sleep(0.02)

    async def whole(self) -> None:
        """Wait until all have caught up with each other."""
        for name in self.running:
            while (await self.ask(name, "/healthz"))[0] != HTTPStatus.OK:  # noqa: ASYNC110 - it does not tell
                await asyncio.sleep(0.02)

    async def ask(self, name: str, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(get, f"http://127.0.0.1:{self.monitors[name]}{path}")

    async def told(self, name: str, path: str) -> dict[str, Any]:
        """Ask one's monitoring for what it has to tell."""
        status, text = await self.ask(name, path)
        assert status == HTTPStatus.OK, text
        made: dict[str, Any] = json.loads(text)
        return made

    async def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a server, if it runs."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


async def publish(cluster: Cluster, *names: str) -> list[Stored]:
    async with connect(cluster.settings(REQUESTER)) as bus:
        return [
            await bus.publish_once(
                subjects.request(name), data(name), message_id=name, headers={}, timeout_s=PATIENCE_S
            )
            for name in names
        ]


async def lag(cluster: Cluster, queue: str) -> int | None:
    """Ask what KEDA's scaler asks: each server, and believe the queue's leader; None while there is none."""
    for name in NAMES:
        told = await cluster.told(name, f"/jsz?acc={STREAMS}&consumers=true&config=true")
        # What a server that lags behind does not know yet, it leaves out.
        streams = [each for account in told.get("account_details", []) for each in account.get("stream_detail", [])]
        for consumer in [c for each in streams if each["name"] == EVENTS for c in each.get("consumer_detail", [])]:
            if consumer["name"] == queue and consumer["cluster"].get("leader") == name:
                return int(consumer["num_pending"] + consumer["num_ack_pending"])
    return None
