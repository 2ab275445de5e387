"""A copy of one server's store brings a whole cluster back, as docs/operations.md says."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from support.deployed import NAMES, PATIENCE_S, PODS, lag, publish

from bus.administration.setup import plan, set_up
from bus.port import Stored
from bus.topology.roles import ADMIN
from bus.transports.jetstream import connect

if TYPE_CHECKING:
    from support.deployed import Cluster


async def test_the_store_of_one_server_restores_all_three(cluster: Cluster) -> None:
    copy = cluster.folder / "copy"
    async with asyncio.timeout(2 * PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            await set_up(admin, PODS, replicas=3)
        await publish(cluster, "r1", "r2", "r3")
        await cluster.whole()
        await cluster.end("nats-2")
        shutil.copytree(cluster.folder / "nats-2", copy)
        await publish(cluster, "after-the-copy")
        for name in ("nats-0", "nats-1"):
            await cluster.end(name)

        for name in NAMES:
            shutil.rmtree(cluster.folder / name)
            shutil.copytree(copy, cluster.folder / name)
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            left = [step for step in await plan(admin, PODS, replicas=3) if step.is_needed]
        again = await publish(cluster, "r1", "r2", "r3", "after-the-copy")
        while await lag(cluster, "pod-alpha") != 4:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)

    assert left == []
    assert again == [Stored.SAME] * 3 + [Stored.NEW], "what the copy has is there, what came later is not"
