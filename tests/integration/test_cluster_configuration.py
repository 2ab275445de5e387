"""The configuration of a cluster in deploy/ runs: three servers, TLS between them and to clients, every key."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pages import get
from requests_made import ROOT, data

from bus import subjects
from bus.jetstream import Connection, connect
from bus.jetstream.roles import ADMIN, REQUESTER
from bus.jetstream.setup import plan, set_up
from bus.port import Stored
from cli.keys import Keys, make_keys

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable


PATIENCE_S = 120
NAMES = ("nats-0", "nats-1", "nats-2")
PODS = ("alpha", "beta")


@asynccontextmanager
async def cluster(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Run the servers of deploy/nats/cluster.conf, with this machine's paths and ports in place of Kubernetes's."""
    make_keys(folder / "keys", PODS, routes=("127.0.0.1",), now=datetime.now(UTC))
    (folder / "routes").symlink_to(folder / "keys")
    clients, routes, monitors = ({name: free_port() for name in NAMES} for _ in range(3))
    deployed = (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8")
    for name in NAMES:
        deployed = deployed.replace(f"nats-route://{name}.nats:6222", f"nats-route://127.0.0.1:{routes[name]}")
    async with AsyncExitStack() as stack:
        for name in NAMES:
            here = folder / f"{name}.conf"
            text = deployed.replace("/etc/nats", str(folder)).replace('"/data"', f'"{folder / name}"')
            text = text.replace("0.0.0.0:4222", f"127.0.0.1:{clients[name]}")
            here.write_text(text.replace("0.0.0.0:6222", f"127.0.0.1:{routes[name]}"), encoding="utf-8")
            process = await start(here, folder / f"{name}.log", name, monitors[name])
            stack.push_async_callback(end, process)
        yield ",".join(f"tls://127.0.0.1:{port}" for port in clients.values()), monitors


async def start(configuration: Path, log: Path, name: str, monitor: int) -> Process:
    with log.open("wb") as written:
        return await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "nats-server",
            "--config",
            configuration,
            env={**os.environ, "NATS_NAME": name, "NATS_HTTP": f"127.0.0.1:{monitor}"},
            stderr=written,
        )


async def end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def page(port: int, path: str) -> dict[str, Any]:
    status, text = await asyncio.to_thread(get, f"http://127.0.0.1:{port}{path}")
    assert status == 200, text
    told: dict[str, Any] = json.loads(text)
    return told


async def lag(monitors: dict[str, int], queue: str) -> int | None:
    """Ask what KEDA's scaler asks: each server, and believe the queue's leader; None while there is none."""
    for name, port in monitors.items():
        told = await page(port, "/jsz?acc=$G&consumers=true&config=true")
        assert told["meta_cluster"]["cluster_size"] == 3
        (account,) = told["account_details"]
        (stream,) = (each for each in account["stream_detail"] if each["name"] == "PODFOLIO")
        for consumer in stream.get("consumer_detail") or []:
            if consumer["name"] == queue and consumer["cluster"].get("leader") == name:
                return int(consumer["num_pending"] + consumer["num_ack_pending"])
    return None


async def test_the_cluster_runs_as_configured(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> None:
    keys = Keys(tmp_path / "keys")
    async with cluster(tmp_path, unused_tcp_port_factory) as (urls, monitors), asyncio.timeout(PATIENCE_S):
        for port in monitors.values():
            while not (await asyncio.to_thread(get, f"http://127.0.0.1:{port}/healthz"))[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        # At once, as the Job of deploy/kubernetes does: the servers may not have found each other yet.
        async with connect(Connection(servers=urls, role=ADMIN, nkey_seed=keys.seed(ADMIN), ca=keys.ca)) as admin:
            await set_up(admin, PODS, replicas=3)
            left = [step for step in await plan(admin, PODS, replicas=3) if step.is_needed]
        settings = Connection(servers=urls, role=REQUESTER, nkey_seed=keys.seed(REQUESTER), ca=keys.ca)
        async with connect(settings) as requester:
            stored = [
                await requester.publish_once(subjects.request(name), data(name), message_id=name, headers={})
                for name in ("r1", "r2", "r3")
            ]
        while (waiting := await lag(monitors, "pod-alpha")) != 3:
            assert waiting is None or waiting < 3
            await asyncio.sleep(0.02)
        for port in monitors.values():
            while (await asyncio.to_thread(get, f"http://127.0.0.1:{port}/healthz"))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        told = {name: await page(port, "/varz") for name, port in monitors.items()}
        stores = [(await page(port, "/jsz"))["config"] for port in monitors.values()]
        alive = [await page(port, "/healthz?js-enabled-only=true") for port in monitors.values()]
        ready = [await page(port, "/healthz?js-server-only=true") for port in monitors.values()]

    assert left == []
    assert stored == [Stored.NEW] * 3
    for name, varz in told.items():
        assert varz["server_name"] == name
        assert varz["tls_required"] is True
        # Else KEDA, and every client, goes by the servers' addresses, which no certificate names.
        assert not varz.get("connect_urls")
    assert all(store["sync_always"] is True for store in stores)
    assert {each["status"] for each in (*alive, *ready)} == {"ok"}
