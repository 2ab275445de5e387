"""Each nemesis really does what it is named after, one at a time."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from support.depth import some_of

from bus.language import subjects
from bus.language.messages import parse_request
from bus.port import FullError, Stored
from bus.topology.streams import EVENTS
from bus.transports.jetstream import Connection, connect
from bus.transports.memory import MemoryBus
from chaos.cluster import Cluster, ClusterError, Node, cluster_of_three
from chaos.disk import small_disks
from chaos.fleet import Fleet, Member
from chaos.frames import frame
from chaos.history import History, What, digest
from chaos.inflict import Faults
from chaos.judge import judge
from chaos.links import Link
from chaos.load import DEADLINE_S, Load, body, long_body
from chaos.raw import Frame, raw_client
from chaos.schedule import NODES, Fault, Kind
from chaos.storm import set_up_replicated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

PATIENCE_S = 90.0
MOMENT_S = 3.0
HOUR_S = 3_600
needs_disks = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may mount disks")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster_of_three(tmp_path, disk_mib=64) as made:
        async with connect(Connection(servers=made.urls)) as admin:
            await set_up_replicated(admin)
        yield made


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[JetStreamBus]:
    async with connect(Connection(servers=cluster.urls)) as bus:
        yield bus


def faults_on(cluster: Cluster, admin: JetStreamBus) -> Faults:
    return Faults(cluster, Fleet({}), admin, Load(seed=1, requests=0, rate=1, in_flight=1))


async def store(bus: JetStreamBus, *names: str) -> None:
    for name in names:
        data = name.encode()
        stored = await bus.publish_once(subjects.request(name), data, message_id=name, headers={}, timeout_s=PATIENCE_S)
        assert stored in {Stored.NEW, Stored.SAME}


async def ids(bus: JetStreamBus) -> set[str]:
    """Name the requests that the stream holds."""
    told = await bus.ask_api(f"STREAM.INFO.{EVENTS}", {"subjects_filter": subjects.ALL_REQUESTS})
    return {subjects.parse(subject).key for subject in told["state"].get("subjects", {})}


async def off_by_s(cluster: Cluster) -> dict[str, int]:
    """Say by how much each server's clock is off."""
    told = {name: (await node.tell("varz"))["now"] for name, node in cluster.nodes.items()}
    now = datetime.now(UTC)
    return {name: round((datetime.fromisoformat(at) - now).total_seconds()) for name, at in told.items()}


async def test_a_server_s_clock_alone_is_set_ahead_and_back(cluster: Cluster, admin: JetStreamBus) -> None:
    leader = (await admin.ask_api(f"STREAM.INFO.{EVENTS}"))["cluster"]["leader"]
    before = time.monotonic()
    for seconds in (HOUR_S, -20, 0):
        cluster.nodes[leader].set_clock(seconds)

        assert await off_by_s(cluster) == {name: seconds if name == leader else 0 for name in NODES}
        await store(admin, f"at{seconds}")
        (message,) = await admin.record([subjects.request(f"at{seconds}")])
        assert message.stored_at is not None
        assert round((message.stored_at - datetime.now(UTC)).total_seconds()) == seconds
    assert time.monotonic() - before < PATIENCE_S


class NeverWhole(Cluster):
    """Servers that do not recover."""

    async def whole(self, *, within_s: float = 0.0) -> None:
        message = f"the servers were not whole within {within_s:g} s"
        raise ClusterError(message)


async def test_a_recovery_that_fails_is_told_and_leaves_the_other_faults_time_to_undo_themselves(
    tmp_path: Path,
) -> None:
    sleepers = [await asyncio.create_subprocess_exec("sleep", "60") for _ in range(2)]
    node = Node("n1", tmp_path, 0, 0, 0, Link("clients", "n1", 0), process=sleepers[0])
    agent = Member("alpha-1", (), tmp_path, "", process=sleepers[1])
    faults = Faults(
        NeverWhole({"n1": node}, []),
        Fleet({"alpha-1": agent}),
        MemoryBus(("alpha",)),  # type: ignore[arg-type] - nobody asks it
        Load(seed=1, requests=0, rate=1, in_flight=1),
    )
    frozen = Fault(0.0, Kind.AGENT_FROZEN, "alpha-1", lasts_s=1.0)
    plan = [
        frozen,
        Fault(0.0, Kind.SERVER_FROZEN, "n1", lasts_s=0.1),
        Fault(0.05, Kind.SERVER_FROZEN, "n1", lasts_s=0.1),
        Fault(0.5, Kind.AGENT_KILLED, "alpha-1"),
    ]
    try:
        with pytest.raises(ClusterError, match=r"^server frozen \(n1\): the servers were not whole within 120 s"):
            await faults.run(plan)

        assert faults.done == {Kind.AGENT_FROZEN: 1, Kind.SERVER_FROZEN: 1}
        assert [event.who for event in faults.load.history.events if event.what is What.ENDED] == ["alpha-1"]
        assert faults.now == []
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            await sleeper.wait()


async def test_a_server_that_was_killed_runs_again_when_the_run_is_cancelled(cluster: Cluster) -> None:
    faults = faults_on(cluster, cast("JetStreamBus", None))
    running = asyncio.create_task(faults.run([Fault(0.0, Kind.SERVER_KILLED, "n1", lasts_s=PATIENCE_S)]))
    while cluster.nodes["n1"].process and cluster.nodes["n1"].process.returncode is None:  # noqa: ASYNC110 - it is killed at once
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])

    await cluster.whole(within_s=PATIENCE_S)


@needs_disks
def test_what_was_not_synced_is_lost_when_the_power_is_cut(tmp_path: Path) -> None:
    with small_disks({"n1": tmp_path / "store"}, tmp_path / "disks", 64) as disks:
        disk = disks["n1"]
        for name in ("synced", "not-synced"):
            with (disk.mount / name).open("wb") as file:
                file.write(b"x")
                if name == "synced":
                    file.flush()
                    os.fsync(file.fileno())

        disk.cut_power()
        with pytest.raises(OSError, match="Input/output error"):
            (disk.mount / "later").write_bytes(b"x")
        disk.restart()

        assert {entry.name for entry in disk.mount.iterdir()} == {"lost+found", "synced"}


@needs_disks
@pytest.mark.parametrize(("sync", "kept"), some_of([("always", True), ("2m", False)], every=2))
async def test_a_power_cut_of_all_servers_loses_nothing_acknowledged_because_of_sync_interval(
    tmp_path: Path, sync: str, *, kept: bool
) -> None:
    async with (
        cluster_of_three(tmp_path, disk_mib=64, sync_interval=sync) as cluster,
        connect(Connection(servers=cluster.urls)) as admin,
    ):
        await set_up_replicated(admin)
        for disk in cluster.disks.values():
            disk.sync()
        names = {f"r{number}" for number in range(20)}
        await store(admin, *names)

        await faults_on(cluster, admin).run([Fault(0, Kind.POWER_CUT, "all")])

        assert (names <= await ids(admin)) is kept


@needs_disks
async def test_a_disk_that_is_full_takes_nothing_more(tmp_path: Path) -> None:
    with small_disks({"n1": tmp_path / "store"}, tmp_path / "disks", 64) as disks:
        disks["n1"].fill()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "store" / "large").write_bytes(bytes(2**20))
        disks["n1"].empty()

        (tmp_path / "store" / "large").write_bytes(bytes(2**20))


async def test_a_server_is_replaced_by_an_empty_one_that_copies_the_others(
    cluster: Cluster, admin: JetStreamBus
) -> None:
    await store(admin, "before")
    faults = faults_on(cluster, admin)
    replacing = asyncio.create_task(faults.run([Fault(0, Kind.MEMBER_REPLACED, name) for name in NODES]))
    await store(admin, *(f"during{number}" for number in range(20)))
    await replacing
    await store(admin, "after")

    assert faults.done[Kind.MEMBER_REPLACED] == len(NODES)
    noted = [(event.what, event.who, event.told) for event in faults.load.history.events]
    assert noted == [(what, name, Kind.MEMBER_REPLACED) for name in NODES for what in (What.BEGAN, What.ENDED)]
    assert await ids(admin) == {"before", "after", *(f"during{number}" for number in range(20))}
    cluster_of = (await admin.ask_api(f"STREAM.INFO.{EVENTS}"))["cluster"]
    members = {cluster_of["leader"], *(replica["name"] for replica in cluster_of["replicas"])}
    assert members == {f"{name}-1" for name in NODES}


async def test_a_client_that_goes_by_a_line_cannot_get_around_it(cluster: Cluster) -> None:
    for node in cluster.nodes.values():
        node.line.adjust(forwards=False, returns=False, reset=True)
    async with connect(Connection(servers=cluster.urls)) as around:
        await store(around, "around")
    for node in cluster.nodes.values():
        node.line.adjust(forwards=True, returns=True)
    async with connect(Connection(servers=cluster.line_urls)) as bus:
        await store(bus, "by-the-line")
        for node in cluster.nodes.values():
            node.line.adjust(forwards=False, returns=False)
        publishing = asyncio.create_task(store(bus, "stalled"))
        done, _ = await asyncio.wait({publishing}, timeout=MOMENT_S)
        assert not done
        for node in cluster.nodes.values():
            node.line.adjust(forwards=True, returns=True, reset=True)

        await publishing


async def test_raw_content_is_stored_as_it_was_said_and_told_in_the_history(cluster: Cluster) -> None:
    said = Frame(b"podfolio.v1.request.caf\xe9", b"NATS/1.0\r\nno colon\r\n\r\n", b"{}")
    async with raw_client(cluster.nodes["n1"].port) as client:
        answer = await client.ask(said)
        refused = await client.ask(Frame(b"podfolio.v1.request.r1", None, bytes(300_000)))

    assert (answer["stream"], answer["seq"]) == (EVENTS, 1)
    assert "maximum" in refused["error"]["description"]


async def test_an_id_that_is_in_use_is_refused_to_another_and_told_in_the_history(
    cluster: Cluster, admin: JetStreamBus
) -> None:
    history = History()
    load = Load(seed=1, requests=0, rate=1, in_flight=1, history=history)
    load.until = asyncio.get_running_loop().time() + MOMENT_S
    del cluster
    assert not await load.use_again(admin, "in flight", 0)
    await load.ask(admin, body(1, 0))  # answered by nobody

    for which in ("in flight", "repeated"):
        assert await load.use_again(admin, which, 7)

    tried = [event for event in history.events if event.what is What.INVOKED]
    assert [event.subject for event in tried] == [subjects.request("r1-0")] * 3
    assert tried[0].sha256 == tried[2].sha256 == digest(json.dumps(body(1, 0)).encode()) != tried[1].sha256
    outcomes = [event.what for event in history.events if event.what != What.INVOKED]
    assert outcomes == [What.ACKNOWLEDGED, What.TAKEN, What.ACKNOWLEDGED]
    for message in await admin.record([subjects.request("r1-0")]):
        history.show("reader", What.READ, message)
    assert judge(history.events).wrong == ("r1-0: acknowledged as message 1, and has 0 final events",)


async def test_a_client_that_tries_once_gives_up_at_a_refusal_and_another_goes_on() -> None:
    load = Load(seed=1, requests=0, rate=1, in_flight=1)
    load.until = asyncio.get_running_loop().time() + PATIENCE_S
    bus = Full(refusals=2)

    await load.ask(bus, body(1, 0), once=True)
    asking = asyncio.create_task(load.ask(bus, body(1, 8)))
    while not load.acknowledged:  # noqa: ASYNC110 - bounded by the load's end
        await asyncio.sleep(0.05)
    asking.cancel()

    assert (load.abandoned, load.acknowledged) == ({"r1-0"}, {"r1-8"})
    outcomes = [event.what for event in load.history.events if event.what != What.INVOKED]
    assert outcomes == [What.REFUSED, What.REFUSED, What.ACKNOWLEDGED]


class Full(MemoryBus):
    """A bus that has no room for the first messages."""

    def __init__(self, refusals: int) -> None:
        super().__init__(())
        self._refusals = refusals

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        self._refusals -= 1
        if self._refusals >= 0:
            message = "the stream is full"
            raise FullError(message)
        return await super().publish_once(subject, data, message_id=message_id, headers=headers, timeout_s=timeout_s)


async def test_a_server_that_ends_by_itself_is_started_again_and_told(cluster: Cluster, admin: JetStreamBus) -> None:
    node = cluster.nodes["n2"]
    assert node.process is not None
    node.process.kill()

    async with asyncio.timeout(PATIENCE_S):
        while not node.crashes:  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.05)
    await cluster.whole()
    await store(admin, "after")
    await node.kill()
    await asyncio.sleep(MOMENT_S)

    assert (node.crashes, node.process.returncode) == (1, -9)


def test_a_long_request_is_a_good_one_of_300_parcels() -> None:
    request = parse_request(json.dumps(long_body(1)).encode(), "long-1")

    assert request.account is not None
    assert sum(len(holding.parcels) for holding in request.account.holdings) == 300
    assert request.deadline_s == 2 * DEADLINE_S


def test_raw_content_is_the_same_for_the_same_number_and_of_every_kind() -> None:
    drawn = [frame(number) for number in range(300)]

    assert drawn == [frame(number) for number in range(300)]
    assert {said.headers for said in drawn} >= {None, b"N", b"NATS/1.0"}
    for kind in (b"request", b"pod", b"final", b"rejected"):
        assert any(said.subject.startswith(b"podfolio.v1.%b." % kind) for said in drawn)
