"""The configuration of a cluster in deploy/ runs: three servers, TLS between them and to clients, every key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import get
from requests_made import ROOT, data

from bus import subjects
from bus.jetstream import Connection, connect
from bus.jetstream.roles import ADMIN, REQUESTER
from bus.jetstream.setup import plan, set_up
from bus.jetstream.streams import EVENTS, wanted_streams
from bus.port import Stored, UnreachableError
from cli.keys import Keys, make_keys

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable


PATIENCE_S = 120
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


@pytest.fixture
async def cluster(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Cluster]:
    """The cluster, with nothing running yet."""
    made = Cluster(tmp_path, *({name: unused_tcp_port_factory() for name in NAMES} for _ in range(2)))
    make_keys(made.keys.folder, PODS, routes=("127.0.0.1",), now=datetime.now(UTC))
    (tmp_path / "routes").symlink_to(made.keys.folder)
    routes = {name: unused_tcp_port_factory() for name in NAMES}
    deployed = (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8")
    for name in NAMES:
        deployed = deployed.replace(f"nats-route://{name}.nats:6222", f"nats-route://127.0.0.1:{routes[name]}")
    deployed = deployed.replace("/etc/nats", str(tmp_path))
    for name in NAMES:
        text = deployed.replace('"/data"', f'"{tmp_path / name}"')
        text = text.replace("0.0.0.0:4222", f"127.0.0.1:{made.clients[name]}")
        text = text.replace("0.0.0.0:6222", f"127.0.0.1:{routes[name]}")
        (tmp_path / f"{name}.conf").write_text(text, encoding="utf-8")
    yield made
    for name in list(made.running):
        await made.end(name, signal.SIGKILL)


async def publish(cluster: Cluster, *names: str) -> list[Stored]:
    async with connect(cluster.settings(REQUESTER)) as bus:
        return [
            await bus.publish_once(subjects.request(name), data(name), message_id=name, headers={}) for name in names
        ]


async def lag(cluster: Cluster, queue: str) -> int | None:
    """Ask what KEDA's scaler asks: each server, and believe the queue's leader; None while there is none."""
    for name in NAMES:
        told = await cluster.told(name, "/jsz?acc=$G&consumers=true&config=true")
        assert told["meta_cluster"]["cluster_size"] == 3
        (account,) = told["account_details"]
        (stream,) = (each for each in account["stream_detail"] if each["name"] == EVENTS)
        for consumer in stream.get("consumer_detail") or []:
            if consumer["name"] == queue and consumer["cluster"].get("leader") == name:
                return int(consumer["num_pending"] + consumer["num_ack_pending"])
    return None


async def test_the_cluster_runs_as_configured(cluster: Cluster) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await cluster.start(*NAMES)
        async with connect(cluster.settings(ADMIN)) as admin:
            await set_up(admin, PODS, replicas=3)
            left = [step for step in await plan(admin, PODS, replicas=3) if step.is_needed]
        stored = await publish(cluster, "r1", "r2", "r3")
        while (waiting := await lag(cluster, "pod-alpha")) != 3:
            assert waiting is None or waiting < 3
            await asyncio.sleep(0.02)
        await cluster.whole()
        told = {name: await cluster.told(name, "/varz") for name in NAMES}
        stores = [(await cluster.told(name, "/jsz"))["config"] for name in NAMES]
        alive = [await cluster.told(name, "/healthz?js-enabled-only=true") for name in NAMES]
        ready = [await cluster.told(name, "/healthz?js-server-only=true") for name in NAMES]

    assert left == []
    assert stored == [Stored.NEW] * 3
    for name, varz in told.items():
        assert varz["server_name"] == name
        assert varz["tls_required"] is True
        # Else KEDA, and every client, goes by the servers' addresses, which no certificate names.
        assert not varz.get("connect_urls")
    assert all(store["sync_always"] is True for store in stores)
    assert {each["status"] for each in (*alive, *ready)} == {"ok"}


async def test_too_few_servers_for_a_stream_are_waited_for(cluster: Cluster) -> None:
    (events, _) = wanted_streams(replicas=5, max_bytes=None)
    async with asyncio.timeout(PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            # There never are five. A cluster that has just started says the same (10005) of three, until they have met.
            with pytest.raises(UnreachableError, match="no success within 2 s, try again"):
                await admin.ask_api(f"STREAM.CREATE.{EVENTS}", events, timeout_s=2)
