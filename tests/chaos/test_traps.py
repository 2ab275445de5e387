"""What has gone wrong elsewhere, one thing at a time, on three servers whose streams are replicated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bus import subjects
from bus.jetstream import Connection, JetStreamBus, connect
from bus.jetstream.streams import EVENTS
from bus.port import Stored
from chaos.cluster import Cluster, cluster_of_three
from chaos.storm import set_up_replicated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_S = 90.0


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster_of_three(tmp_path, disk_mib=64) as made, connect(Connection(servers=made.urls)) as admin:
        await set_up_replicated(admin)
        yield made


async def publish(bus: JetStreamBus, subject: str, *, message_id: str = "") -> Stored:
    return await bus.publish_once(subject, b"{}", message_id=message_id or subject, headers={}, timeout_s=PATIENCE_S)


async def test_a_client_leaves_a_server_that_was_cut_off(cluster: Cluster) -> None:
    alone = cluster.nodes["n2"]
    # It is told of one server only, and so of the others by that.
    async with connect(Connection(servers=alone.url)) as bus:
        assert await publish(bus, subjects.request("before")) is Stored.NEW
        cluster.cut("n2", hears=False, speaks=False)

        during = await publish(bus, subjects.request("during"))

        # It is still cut off: only by way of another server can this have been stored.
        async with connect(Connection(servers=cluster.nodes["n1"].url)) as other:
            assert await other.record([subjects.request("during")])
        assert during in {Stored.NEW, Stored.SAME}
        cluster.cut("n2", hears=True, speaks=True)


async def test_a_try_that_waits_for_its_majority_is_no_refusal(cluster: Cluster) -> None:
    async with connect(Connection(servers=cluster.urls)) as bus:
        leader = (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["cluster"]["leader"]
        async with connect(Connection(servers=cluster.nodes[leader].url)) as at_the_leader:
            # It takes the message, and cannot pass it on: whoever asks again under the same id is told so.
            cluster.cut(leader, hears=False, speaks=False)
            publishing = asyncio.create_task(publish(at_the_leader, subjects.request("r1")))
            done, _ = await asyncio.wait({publishing}, timeout=6)
            assert not done, "it was refused, although it may be stored yet"
            cluster.cut(leader, hears=True, speaks=True)

            assert await publishing in {Stored.NEW, Stored.SAME}
            assert len(await at_the_leader.record([subjects.request("r1")])) == 1
