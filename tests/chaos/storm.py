"""One run: servers, processes, load and faults together, then the audit."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bus.administration.setup import set_up
from bus.port import CHALLENGERS, COORDINATORS, DEADLINES, BusError, Message, RefusedError, pod_queue
from bus.topology.streams import EVENTS, TIMERS
from bus.transports.jetstream import Connection, connect
from chaos.audit import Audit
from chaos.cluster import ClusterError, cluster_of_three
from chaos.fleet import fleet_at
from chaos.history import History, What
from chaos.inflict import Faults
from chaos.judge import judge
from chaos.load import Load, clients
from chaos.queues import left, newest_by_a_clock, not_worked_off, waits_for_a_clock
from chaos.schedule import ALL_KINDS, PODS, Kind, plan

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus
    from chaos.audit import Verdict
    from chaos.cluster import Cluster
    from chaos.fleet import End, Fleet
    from chaos.history import Event
    from chaos.judge import Judgement

_TOLD_EVERY_S = 5.0
# The last word of a process whose connection looks alive and is not.
_USELESS = "the connection to the server is lost for good; restart this process"
# After the last fault: what was answered by nobody has its deadline of 30 s, and a recovery.
_SETTLE_S = 90.0
_QUEUE_SETTLE_S = 30.0
# A machine that is too slow for the load ends it here; what was acknowledged counts.
_OVERTIME = 2.0
# The small disk holds each message twice, in the stream and in the log of the replication.
_DISK_MIB, _DISK_MIB_A_REQUEST = 96, 0.08


@dataclass(frozen=True, slots=True)
class Storm:
    """What to do."""

    requests: int
    seconds: float
    faults: int
    seed: int
    in_flight: int = 100
    nemeses: frozenset[Kind] = ALL_KINDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened.

    Attributes:
        verdict: What the audit of the stream says.
        judgement: What the judge of the history says.
        wrong: What broke the promise: theirs, and what else was seen.
        load: What was published, and what the publishers were told.
        faults: How many faults were done, by kind.
        skipped: Why some kinds were not.
        missed: How many hit nobody.
        took_s: How long it took, without starting and auditing.
        starts: How often a process was started beyond the first time.
        wasted: Answers that were computed although another's was there first, by who computed them.
        unasked: The ends of processes that nobody killed.
        waiting: Deliveries that are repeated only when a server's time reaches that of its wrong clock.
    """

    storm: Storm
    verdict: Verdict
    judgement: Judgement
    wrong: tuple[str, ...]
    load: Load
    faults: Counter[Kind]
    skipped: dict[Kind, str]
    missed: int
    took_s: float
    starts: int
    wasted: dict[str, int]
    unasked: tuple[End, ...]
    waiting: int = 0


async def rage(storm: Storm, folder: Path, *, say: Callable[[str], None]) -> Outcome:
    """Run the system under faults in *folder*, and audit what it did.

    Raises:
        ClusterError: If the servers do not start, or do not recover.
    """
    history = History(folder / "history.jsonl")
    load = Load(storm.seed, storm.requests, storm.requests / storm.seconds, storm.in_flight, history)
    disk_mib = int(_DISK_MIB + _DISK_MIB_A_REQUEST * storm.requests)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cluster_of_three(folder, disk_mib=disk_mib))
        admin = await stack.enter_async_context(connect(Connection(servers=cluster.urls, name="chaos-admin")))
        await set_up_replicated(admin)
        say(f"three servers at {cluster.urls}, streams with three replicas")
        fleet = await stack.enter_async_context(fleet_at(cluster.line_urls, folder / "processes"))
        say(f"{len(fleet.members)} processes take work; logs in {folder}")
        faults = Faults(cluster, fleet, admin, load)
        took_s = await _weather(storm, load, faults, say)
        say(f"calm after {took_s:.0f} s; auditing the stream")
        last = waiting = 0
        wrong: list[str] = []
        stream: list[Message] = []
        try:
            last, waiting, wrong = await _settled(cluster, admin, history.events)
            stream = await _read(cluster, last)
        except BusError as error:
            wrong = [*wrong, f"the stream cannot be read: {error}"]
        starts = sum(member.starts - 1 for member in fleet.members.values())
    history.close()
    say(f"judging {len(history.events):,} events of the history")
    audit = Audit(strange=load.strange)
    for message in stream:
        audit.read(message)
    verdict = audit.verdict(load.acknowledged, last=last)
    by_a_clock = newest_by_a_clock(history.events) if waiting else 0
    judgement = judge(history.events, _held(stream), challengers=True, by_a_clock=by_a_clock)
    unasked = tuple(end for member in fleet.members.values() for end in member.ended if end.is_own)
    return Outcome(
        storm=storm,
        verdict=verdict,
        judgement=judgement,
        wrong=(
            *verdict.wrong,
            *judgement.wrong,
            *load.broken,
            *wrong,
            *_crashed(cluster, unasked),
        ),
        load=load,
        faults=faults.done,
        skipped=faults.skipped,
        missed=faults.missed,
        took_s=took_s,
        starts=starts,
        wasted=_wasted(fleet),
        unasked=unasked,
        waiting=waiting,
    )


async def set_up_replicated(admin: JetStreamBus) -> None:
    """Create streams and queues; servers that have just met do not yet see each other as places for a replica."""
    async with asyncio.timeout(_SETTLE_S):
        while True:
            try:
                await set_up(admin, PODS, replicas=3)
            except RefusedError:
                await asyncio.sleep(1)
            else:
                return


async def _weather(storm: Storm, load: Load, faults: Faults, say: Callable[[str], None]) -> float:
    """Publish and inflict at once, until all is answered and undone; returns how long that took."""
    began = perf_counter()
    load.until = asyncio.get_running_loop().time() + _OVERTIME * storm.seconds + _SETTLE_S
    made = plan(storm.seed, seconds=storm.seconds, faults=storm.faults, nemeses=storm.nemeses)
    async with clients(faults.cluster.line_urls) as buses, asyncio.TaskGroup() as group:
        beside = [
            *(
                group.create_task(_noting(load, f"observer {place}", load.observe(bus, f"observer {place}")))
                for place, bus in enumerate(buses[:2], 1)
            ),
            group.create_task(load.read_again(buses[-1])),
            group.create_task(_tell(load, faults, say, began)),
        ]
        async with asyncio.TaskGroup() as both:
            both.create_task(_noting(load, "the faults", faults.run(made)))
            both.create_task(load.run(buses))
        await load.settle(within_s=_SETTLE_S)
        await _challenged(faults.admin)
        await _overheard(faults.admin, load)
        for task in beside:
            task.cancel()
    return perf_counter() - began


async def _noting(load: Load, who: str, work: Awaitable[None]) -> None:
    """Do some work; that it failed is told with the run's other faults, and ends nothing else."""
    try:
        await work
    except* (BusError, ClusterError) as group:
        load.broken += [f"{who} ended: {error}" for error in group.exceptions]


async def _challenged(admin: JetStreamBus) -> None:
    """Give the challengers time for their last messages, as long as they settle some: they have no deadline."""
    least = float("inf")
    with contextlib.suppress(TimeoutError, BusError):
        async with asyncio.timeout(_SETTLE_S) as limit:
            while there := left(await admin.ask_api(f"CONSUMER.INFO.{EVENTS}.{CHALLENGERS}")):
                if there < least:
                    least = there
                    limit.reschedule(asyncio.get_running_loop().time() + _SETTLE_S)
                await asyncio.sleep(0.5)


async def _overheard(admin: JetStreamBus, load: Load) -> None:
    """Give the observers the time to see the stream's end."""
    with contextlib.suppress(TimeoutError, BusError):
        async with asyncio.timeout(_QUEUE_SETTLE_S):
            while min(load.seen.values()) < await _last(admin):  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.5)


async def _last(admin: JetStreamBus) -> int:
    state = (await admin.ask_api(f"STREAM.INFO.{EVENTS}"))["state"]
    return int(state["last_seq"])


async def _tell(load: Load, faults: Faults, say: Callable[[str], None], began: float) -> None:
    while True:
        await asyncio.sleep(_TOLD_EVERY_S)
        wrong_now = ", ".join(f"{fault.kind.value} ({fault.target})" for fault in faults.now) or "nothing"
        say(
            f"{perf_counter() - began:4.0f} s  {load.published} published, {len(load.acknowledged)} acknowledged,"
            f" {len(load.answered)} answered, {faults.done.total()} faults; now: {wrong_now}"
        )


async def _settled(cluster: Cluster, admin: JetStreamBus, history: Sequence[Event]) -> tuple[int, int, list[str]]:
    """Wait until the queues are worked off and the servers agree.

    Returns:
        The stream's end, how many messages wait for the time of a wrong clock, and what is wrong.
    """
    waiting = 0
    wrong: list[str] = []
    queues = [*((EVENTS, pod_queue(pod)) for pod in PODS), (EVENTS, COORDINATORS), (TIMERS, DEADLINES)]
    queues.append((EVENTS, CHALLENGERS))
    ends = asyncio.get_running_loop().time() + _QUEUE_SETTLE_S
    while True:
        infos = [await admin.ask_api(f"CONSUMER.INFO.{stream}.{queue}") for stream, queue in queues]
        states = {node.name: (await node.streams()).get(EVENTS, ()) for node in cluster.nodes.values()}
        if not any(map(left, infos)) and len(set(states.values())) == 1:
            break
        if asyncio.get_running_loop().time() > ends:
            excused = [info for info in infos if waits_for_a_clock(info, history)]
            waiting = sum(map(left, excused))
            wrong += [told for info in infos if info not in excused and (told := not_worked_off(info))]
            if len(set(states.values())) > 1:
                wrong.append(f"the servers hold different streams: {states}")
            break
        await asyncio.sleep(1)
    return await _last(admin), waiting, wrong


async def _read(cluster: Cluster, last: int) -> list[Message]:
    """Read the stream from its start to *last* over a new connection, with what a library may refuse to read."""
    messages: list[Message] = []
    async with connect(Connection(servers=cluster.urls, name="chaos-audit")) as bus:
        with contextlib.suppress(TimeoutError, BusError):
            async with (
                asyncio.timeout(_SETTLE_S + last / 50),
                contextlib.aclosing(bus.follow(everything=True)) as stream,
            ):
                while last and (not messages or messages[-1].sequence < last):
                    messages.append(await anext(stream))
    async with connect(Connection(servers=cluster.urls, name="chaos-audit")) as bus:
        missing = sorted(set(range(1, last + 1)) - {message.sequence for message in messages})
        for number in missing:
            with contextlib.suppress(BusError):
                messages.append(_undecoded((await bus.ask_api(f"STREAM.MSG.GET.{EVENTS}", {"seq": number}))["message"]))
    return sorted(messages, key=lambda message: message.sequence)


def _undecoded(stored: dict[str, Any]) -> Message:
    """Read a message as the server's own interface tells of it: there, everything is JSON."""
    return Message(
        stored["subject"],
        base64.b64decode(stored.get("data", "")),
        sequence=stored["seq"],
        stored_at=datetime.fromisoformat(stored["time"]),
    )


def _held(stream: Sequence[Message]) -> list[Event]:
    """Give the stream's messages as readings after the history's last event."""
    held = History()
    for message in stream:
        held.show("audit", What.READ, message)
    return [replace(event, at_s=float("inf")) for event in held.events]


def _crashed(cluster: Cluster, unasked: Iterable[End]) -> list[str]:
    """Name the servers and processes that ended by themselves; one may leave a connection that is of no use."""
    return [
        *(f"{node.name} ended by itself {node.crashes} times" for node in cluster.nodes.values() if node.crashes),
        *(f"{end.name} ended by itself with status {end.status}" for end in unasked if _USELESS not in end.words),
    ]


def _wasted(fleet: Fleet) -> dict[str, int]:
    """Count answers that were computed for nothing, by who computed them."""
    wasted: dict[str, int] = {"agents": 0, "coordinators": 0, "challengers": 0}
    for member in fleet.members.values():
        role = member.name.partition("-")[0]
        who = f"{role}s" if f"{role}s" in wasted else "agents"
        for line in member.log.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                wasted[who] += json.loads(line).get("stored") == "taken"
    return wasted
