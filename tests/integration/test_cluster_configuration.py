"""The configuration of a cluster in deploy/ runs, tells KEDA what it asks, and is as careful as it says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from deployed import NAMES, PATIENCE_S, PODS, lag, publish

from bus.jetstream import connect
from bus.jetstream.roles import ADMIN
from bus.jetstream.setup import plan, set_up
from bus.jetstream.streams import EVENTS, wanted_streams
from bus.port import Stored, UnreachableError

if TYPE_CHECKING:
    from deployed import Cluster


async def test_the_cluster_runs_as_configured(cluster: Cluster) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            await set_up(admin, PODS, replicas=3)
            left = [step for step in await plan(admin, PODS, replicas=3) if step.is_needed]
        stored = await publish(cluster, "r1", "r2", "r3")
        while (waiting := await lag(cluster, "pod-alpha")) != 3:
            assert waiting is None or waiting < 3
            await asyncio.sleep(0.02)
        await cluster.whole()
        told = {name: await cluster.told(name, "/varz") for name in NAMES}
        sizes = {(await cluster.told(name, "/jsz"))["meta_cluster"]["cluster_size"] for name in NAMES}
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
    # KEDA looks for a queue's leader among the servers if there is more than one.
    assert sizes == {3}
    assert all(store["sync_always"] is True for store in stores)
    assert {each["status"] for each in (*alive, *ready)} == {"ok"}


async def test_too_few_servers_for_a_stream_are_waited_for(cluster: Cluster) -> None:
    events, *_ = wanted_streams(replicas=5, max_bytes=None)
    async with asyncio.timeout(PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            # There never are five. A cluster that has just started says the same (10005) of three, until they have met.
            with pytest.raises(UnreachableError, match="no success within 2 s, try again"):
                await admin.ask_api(f"STREAM.CREATE.{EVENTS}", events, timeout_s=2)
