"""What has gone wrong elsewhere, one thing at a time, on three servers whose streams are replicated."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import pytest

from bus.language import subjects
from bus.port import COORDINATORS, Message, Stored, UnreachableError, pod_queue
from bus.topology.streams import EVENTS
from bus.transports.jetstream import Connection, JetStreamBus, connect
from bus.transports.jetstream.connection import liveness
from chaos.cluster import Cluster, Node, cluster_of_three
from chaos.fleet import Member
from chaos.links import Link, opened
from chaos.schedule import NODES
from chaos.storm import set_up_replicated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bus.port import Delivery

# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_S = 240.0
ALPHA = pod_queue("alpha")
MANY = 60


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster_of_three(tmp_path, disk_mib=64) as made:
        async with connect(Connection(servers=made.urls)) as admin:
            await set_up_replicated(admin)
        yield made


async def publish(bus: JetStreamBus, subject: str, *, message_id: str = "") -> Stored:
    return await bus.publish_once(subject, b"{}", message_id=message_id or subject, headers={}, timeout_s=PATIENCE_S)


async def first(bus: JetStreamBus, queue: str, stop: asyncio.Event) -> Delivery:
    async with asyncio.timeout(PATIENCE_S), aclosing(bus.work(queue, stop=stop, at_once=1)) as deliveries:
        return await anext(deliveries)


async def read(bus: JetStreamBus, subject: str, including: Message | None = None) -> tuple[Message, ...]:
    """Read as a worker does: what cannot be read in time is tried again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(UnreachableError):
                return await bus.record([subject], including=including)


async def comes_to_hold(bus: JetStreamBus, subject: str) -> None:
    """Wait until the replica that answers has a message on *subject*: after a partition it may lag by seconds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await read(bus, subject):  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.05)


async def holds(node: Node, messages: int) -> None:
    """Wait until this very server has *messages*: asked on the bus, another may answer for it."""

    async def held() -> set[int]:
        accounts = (await node.tell("jsz?accounts=true&streams=true")).get("account_details") or []
        streams = [stream for account in accounts for stream in account["stream_detail"]]
        return {stream["state"]["messages"] for stream in streams if stream["name"] == EVENTS}

    async with asyncio.timeout(PATIENCE_S):
        while await held() != {messages}:  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.05)


async def leader_of(bus: JetStreamBus, what: str) -> str:
    leader: str = (await bus.ask_api(what))["cluster"]["leader"]
    return leader


async def test_a_client_leaves_a_server_that_was_cut_off(cluster: Cluster) -> None:
    # It is told of one server only, and of the others by that.
    async with connect(Connection(servers=cluster.nodes["n2"].url)) as bus:
        assert await publish(bus, subjects.request("before")) is Stored.NEW
        cluster.cut("n2", hears=False, speaks=False)

        during = await publish(bus, subjects.request("during"))

        # The server is still cut off: only by way of another can this have been stored.
        async with connect(Connection(servers=cluster.nodes["n1"].url)) as other:
            await comes_to_hold(other, subjects.request("during"))
        assert during in {Stored.NEW, Stored.SAME}


async def test_a_try_that_waits_for_its_majority_is_no_refusal(cluster: Cluster) -> None:
    async with connect(Connection(servers=cluster.urls)) as bus:
        leader = await leader_of(bus, f"STREAM.INFO.{EVENTS}")
        async with connect(Connection(servers=cluster.nodes[leader].url)) as at_the_leader:
            # It takes the message, and cannot pass it on: whoever asks again under the same id is told so.
            cluster.cut(leader, hears=False, speaks=False)
            publishing = asyncio.create_task(publish(at_the_leader, subjects.request("r1")))
            done, _ = await asyncio.wait({publishing}, timeout=6)
            assert not done, "it was refused, although it may be stored yet"
            cluster.cut(leader, hears=True, speaks=True)

            assert await publishing in {Stored.NEW, Stored.SAME}
            await comes_to_hold(at_the_leader, subjects.request("r1"))
            assert (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["state"]["messages"] == 1


async def test_a_replica_that_lags_is_not_believed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # The client stays with the server that is cut off: elsewhere it would find what it looks for.
    monkeypatch.setattr(liveness, "_BEFORE_MOVING", 1_000)
    monkeypatch.setattr(liveness, "_BEFORE_GIVING_UP", 1_000)
    async with connect(Connection(servers=cluster.urls)) as bus:
        leader = await leader_of(bus, f"STREAM.INFO.{EVENTS}")
        lagging = next(name for name in NODES if name != leader)
        elsewhere = next(name for name in NODES if name not in {leader, lagging})
    results = subjects.pod_result("r1", "*")
    async with (
        connect(Connection(servers=cluster.nodes[elsewhere].url)) as current,
        connect(Connection(servers=cluster.nodes[lagging].url)) as behind,
    ):
        await publish(current, subjects.pod_result("r1", "alpha"))
        await holds(cluster.nodes[lagging], 1)
        cluster.cut(lagging, hears=False, speaks=False)
        await publish(current, subjects.pod_result("r1", "beta"))

        # Without a message that it must include, the replica's answer is what it is.
        assert len(await read(behind, results)) == 1
        second = Message(subjects.pod_result("r1", "beta"), b"", sequence=2)
        reading = asyncio.create_task(read(behind, results, second))
        done, _ = await asyncio.wait({reading}, timeout=3)
        assert not done
        cluster.cut(lagging, hears=True, speaks=True)

        assert [message.sequence for message in await reading] == [1, 2]


async def test_what_cannot_be_settled_is_handed_out_again(cluster: Cluster) -> None:
    async with connect(Connection(servers=cluster.urls)) as bus:
        leader = await leader_of(bus, f"CONSUMER.INFO.{EVENTS}.{ALPHA}")
        away = next(name for name in NODES if name != leader)
        async with (
            connect(Connection(servers=cluster.nodes[away].url)) as cut_off,
            connect(Connection(servers=cluster.nodes[leader].url)) as other,
        ):
            await publish(bus, subjects.request("r1"))
            async with asyncio.timeout(PATIENCE_S):
                stop = asyncio.Event()
                async with aclosing(cut_off.work(ALPHA, stop=stop, at_once=1)) as deliveries:
                    delivery = await anext(deliveries)
                    cluster.cut(away, hears=False, speaks=False)
                    await delivery.done()  # nobody hears it, and it returns all the same
                    again = await first(other, ALPHA, stop)
                    stop.set()

            assert (again.message.subject, again.attempt) == (subjects.request("r1"), 2)


async def test_a_final_whose_acknowledgement_was_lost_is_our_own(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(opened(Link("client", "n1", cluster.nodes["n1"].port)))
        client = await stack.enter_async_context(connect(Connection(servers=f"nats://127.0.0.1:{link.port}")))
        other = await stack.enter_async_context(connect(Connection(servers=cluster.urls)))
        await publish(client, subjects.request("r1"))
        link.adjust(forwards=True, returns=False)
        publishing = asyncio.create_task(publish(client, subjects.final("r1"), message_id="ours"))
        async with asyncio.timeout(PATIENCE_S):
            await comes_to_hold(other, subjects.final("r1"))
        assert not publishing.done()
        link.adjust(forwards=True, returns=True, reset=True)

        assert await publishing is Stored.SAME
        assert await publish(other, subjects.final("r1"), message_id="another's") is Stored.TAKEN


async def test_ten_seconds_without_a_leader_are_waited_out(cluster: Cluster) -> None:
    async with connect(Connection(servers=cluster.urls)) as bus, connect(Connection(servers=cluster.urls)) as worker:
        await publish(bus, subjects.request("before"))
        stop = asyncio.Event()
        handed_out: list[str] = []

        async def work() -> None:
            async for delivery in worker.work(COORDINATORS, stop=stop, at_once=4):
                handed_out.append(delivery.message.subject)
                await delivery.done()

        async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(work())
            for name in NODES[:2]:
                await cluster.nodes[name].kill()
            publishing = asyncio.create_task(publish(bus, subjects.request("during")))
            done, _ = await asyncio.wait({publishing}, timeout=10)
            assert not done
            for name in NODES[:2]:
                await cluster.nodes[name].start()

            assert await publishing in {Stored.NEW, Stored.SAME}
            while subjects.request("during") not in handed_out:  # noqa: ASYNC110 - bounded by the timeout
                await asyncio.sleep(0.05)
            stop.set()

        assert set(handed_out) == {subjects.request("before"), subjects.request("during")}


async def test_many_clients_that_lose_their_server_at_once_all_come_back_and_once_only(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(connect(Connection(servers=cluster.urls))) for _ in range(MANY)]
        for name in NODES:
            await cluster.nodes[name].kill()
            await cluster.nodes[name].start()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(
                    *(publish(bus, subjects.request(f"{name}-{number}")) for number, bus in enumerate(buses))
                )
            await cluster.whole()
        stored = int((await buses[0].ask_api(f"STREAM.INFO.{EVENTS}"))["state"]["messages"])
        connections = [(await node.tell("varz"))["connections"] for node in cluster.nodes.values()]

    assert stored == MANY * len(NODES)
    assert sum(connections) == MANY


async def test_a_process_that_starts_during_an_outage_waits_for_its_end(cluster: Cluster, tmp_path: Path) -> None:
    for name in NODES[:2]:
        await cluster.nodes[name].kill()
    async with connect(Connection(servers=cluster.nodes[NODES[2]].url)) as alone:
        # It leads for some seconds yet what it led before, and answers.
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(UnreachableError):
                while await alone.has_queue(ALPHA):  # noqa: ASYNC110 - bounded by the timeout
                    await asyncio.sleep(0.1)
    member = Member("alpha-1", ("agents", "alpha"), tmp_path, cluster.urls)
    living = asyncio.create_task(member.live())
    try:
        # Longer than one question is asked for.
        await asyncio.sleep(16)
        assert not member.is_ready
        for name in NODES[:2]:
            await cluster.nodes[name].start()
        async with asyncio.timeout(PATIENCE_S):
            while not member.is_ready:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.1)
    finally:
        living.cancel()
        await member.end()

    assert member.starts == 1
