"""Do what the schedule says: one function a kind of fault. Whatever is stopped, cut or filled is undone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from bus.port import DEADLINES, BusError
from bus.topology.streams import EVENTS, MARKETS, TIMERS
from chaos.cluster import ClusterError
from chaos.fleet import send
from chaos.history import What
from chaos.load import long_body
from chaos.schedule import SERVER_KINDS, STREAMS, Fault, Kind
from chaos.server_clock import NoClockError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bus.transports.jetstream import JetStreamBus
    from chaos.cluster import Cluster, Node
    from chaos.disk import Disk
    from chaos.fleet import Fleet
    from chaos.links import Link
    from chaos.load import Load


class _Spoilt(TypedDict, total=False):
    bytes_per_s: float
    delay_s: float
    loss: float


_PULSE_S = 0.4
# The servers' own limits on elections, and a busy machine's.
_RECOVERY_S = 120.0
# The line of attack 35, and one that ends a connection every second or so.
_THIN: _Spoilt = {"bytes_per_s": 32_000, "delay_s": 0.02}
_LOSSY: _Spoilt = {"delay_s": 0.02, "loss": 0.003}


class NotHereError(Exception):
    """This machine cannot do this fault; the message says why."""


class NobodyThereError(Exception):
    """Whom it was to hit is not alive at the moment."""


@dataclass
class Faults:
    """All faults of a run, and what became of them.

    Attributes:
        cluster: The servers.
        fleet: The processes.
        admin: A connection that may use JetStream's own interface.
        load: The clients, and the history, in which each fault is noted.
        done: How many were done, by kind.
        skipped: Why some kinds were not, by kind.
        missed: How many hit nobody, since an earlier one had just ended whom they were for.
        now: What is wrong at the moment.
        failure: The first fault that could not be undone, or whose recovery failed; no fault begins after it.
    """

    cluster: Cluster
    fleet: Fleet
    admin: JetStreamBus
    load: Load
    done: Counter[Kind] = field(default_factory=Counter)
    skipped: dict[Kind, str] = field(default_factory=dict)
    missed: int = 0
    now: list[Fault] = field(default_factory=list)
    failure: ClusterError | None = None
    _servers: asyncio.Lock = field(default_factory=asyncio.Lock)
    _room: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lines: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def run(self, plan: Sequence[Fault]) -> None:
        """Do all of *plan*, each at its time; returns when all is undone and the servers are whole.

        Raises:
            ClusterError: If a fault could not be undone, or the servers did not recover: the first such failure, when
                the faults that were under way have ended.
        """
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                await asyncio.sleep(began + fault.at_s - asyncio.get_running_loop().time())
                if self.failure is not None:
                    break
                group.create_task(self._try(fault))
        if self.failure is not None:
            raise self.failure
        await self.cluster.whole(within_s=_RECOVERY_S)

    async def _try(self, fault: Fault) -> None:
        """Do a fault; its failure leaves the others the time to undo themselves."""
        try:
            await self._do(fault)
        except (ClusterError, BusError, TimeoutError) as error:
            told = str(error) or f"it was not undone within {_RECOVERY_S:g} s"
            self.failure = self.failure or ClusterError(f"{fault.kind.value} ({fault.target}): {told}")

    async def _do(self, fault: Fault) -> None:
        # Two of three servers are always there: the next one waits until this one has caught up.
        async with self._servers if fault.kind in SERVER_KINDS else contextlib.nullcontext():
            if self.failure is not None:
                return
            self.now.append(fault)
            number = next(self._numbers)
            self.load.history.note(fault.target, What.BEGAN, operation=number, told=fault.kind.value)
            try:
                await self._by_kind(fault.kind)(fault)
                self.done[fault.kind] += 1
            except NotHereError as error:
                self.skipped[fault.kind] = str(error)
            except NobodyThereError:
                self.missed += 1
            finally:
                self.now.remove(fault)
            if fault.kind in SERVER_KINDS:
                await self.cluster.whole(within_s=_RECOVERY_S)
            self.load.history.note(fault.target, What.ENDED, operation=number, told=fault.kind.value)

    def _by_kind(self, kind: Kind) -> Callable[[Fault], Awaitable[None]]:
        table: dict[Kind, Callable[[Fault], Awaitable[None]]] = {
            Kind.AGENT_KILLED: self._kill,
            Kind.COORDINATOR_KILLED: self._kill,
            Kind.CHALLENGER_KILLED: self._kill,
            Kind.AGENT_FROZEN: self._freeze,
            Kind.COORDINATOR_FROZEN: self._freeze,
            Kind.CHALLENGER_FROZEN: self._freeze,
            Kind.SOLVER_KILLED: self._kill_solver,
            Kind.SOLVER_SLOWED: self._slow_solver,
            Kind.CLOCK_SET: self._set_clock,
            Kind.STREAM_STEPS_DOWN: self._stream_steps_down,
            Kind.QUEUE_STEPS_DOWN: self._queue_steps_down,
            Kind.STREAM_FULL: self._fill_stream,
            Kind.SERVER_KILLED: self._kill_server,
            Kind.SERVER_FROZEN: self._freeze_server,
            Kind.PARTITION_SILENT: self._part,
            Kind.PARTITION_RESET: self._part,
            Kind.PARTITION_ONE_WAY: self._part,
            Kind.DISK_FULL: self._fill_disk,
            Kind.OUTAGE: self._kill_all_servers,
            Kind.POWER_CUT: self._cut_power,
            Kind.SERVER_CLOCK_SET: self._set_server_clock,
            Kind.MEMBER_REPLACED: self._replace_member,
            Kind.LINE_THIN: self._spoil_line,
            Kind.LINE_LOSSY: self._spoil_line,
            Kind.LINE_STALLED: self._stall_line,
            Kind.RAW_CONTENT: self._say_odd_things,
            Kind.ID_USED_AGAIN: self._use_id_again,
            Kind.LONG_REQUEST: self._ask_at_length,
        }
        return table[kind]

    async def _kill(self, fault: Fault) -> None:
        _hit(self.fleet.members[fault.target].pid, signal.SIGKILL)

    async def _freeze(self, fault: Fault) -> None:
        await _stopped(self.fleet.members[fault.target].pid, fault.lasts_s)

    async def _kill_solver(self, fault: Fault) -> None:
        _hit(self.fleet.members[fault.target].solver(), signal.SIGKILL)

    async def _slow_solver(self, fault: Fault) -> None:
        member = self.fleet.members[fault.target]
        _hit(member.solver(), signal.SIGCONT)
        # Half of the time it stands still, whichever it is by then.
        for _ in range(int(fault.lasts_s / (2 * _PULSE_S))):
            with contextlib.suppress(NobodyThereError):
                await _stopped(member.solver(), _PULSE_S)
            await asyncio.sleep(_PULSE_S)

    async def _set_clock(self, fault: Fault) -> None:
        member = self.fleet.members[fault.target]
        member.set_clock(fault.amount)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            member.set_clock(0)

    async def _stream_steps_down(self, fault: Fault) -> None:
        # Between leaders there is nobody to be asked: that is as good.
        with contextlib.suppress(BusError):
            await self.admin.ask_api(f"STREAM.LEADER.STEPDOWN.{fault.target}")

    async def _queue_steps_down(self, fault: Fault) -> None:
        stream = TIMERS if fault.target == DEADLINES else EVENTS
        with contextlib.suppress(BusError):
            await self.admin.ask_api(f"CONSUMER.LEADER.STEPDOWN.{stream}.{fault.target}")

    async def _fill_stream(self, fault: Fault) -> None:
        async with self._room:
            with contextlib.suppress(BusError):
                info = await self.admin.ask_api(f"STREAM.INFO.{EVENTS}")
                limit = {**info["config"], "max_bytes": max(1, info["state"]["bytes"])}
                try:
                    await self.admin.ask_api(f"STREAM.UPDATE.{EVENTS}", limit)
                    await asyncio.sleep(fault.lasts_s)
                finally:
                    await self._insist(f"STREAM.UPDATE.{EVENTS}", max_bytes=-1)

    async def _insist(self, name: str, **changes: int) -> None:
        """Change the stream, however long there is nobody to do it."""
        async with asyncio.timeout(_RECOVERY_S):
            while True:
                with contextlib.suppress(BusError):
                    info = await self.admin.ask_api(f"STREAM.INFO.{EVENTS}")
                    await self.admin.ask_api(name, {**info["config"], **changes})
                    return
                await asyncio.sleep(_PULSE_S)

    async def _kill_server(self, fault: Fault) -> None:
        node = self.cluster.nodes[fault.target]
        try:
            await node.kill()
            await asyncio.sleep(fault.lasts_s)
        finally:
            await node.start()

    async def _freeze_server(self, fault: Fault) -> None:
        process = self.cluster.nodes[fault.target].process
        await _stopped(process.pid if process else None, fault.lasts_s)

    async def _part(self, fault: Fault) -> None:
        one_way = fault.kind is Kind.PARTITION_ONE_WAY
        self.cluster.cut(fault.target, hears=one_way, speaks=False, reset=fault.kind is Kind.PARTITION_RESET)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self.cluster.cut(fault.target, hears=True, speaks=True)

    async def _fill_disk(self, fault: Fault) -> None:
        disk = self._disks()[fault.target]
        disk.fill()
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            disk.empty()
            # A server that could not write does so no more until it is started again.
            node = self.cluster.nodes[fault.target]
            await node.kill()
            await node.start()

    def _disks(self) -> dict[str, Disk]:
        if not self.cluster.disks:
            message = "only the superuser may mount disks that can be filled and lose their power"
            raise NotHereError(message)
        return self.cluster.disks

    async def _cut_power(self, fault: Fault) -> None:
        disks, nodes = self._disks(), self.cluster.nodes.values()
        for node in nodes:
            node.send(signal.SIGSTOP)  # so that no server lives to see its disk gone
        for disk in disks.values():
            disk.cut_power()
        try:
            await asyncio.gather(*(node.kill() for node in nodes))
            for disk in disks.values():
                disk.restart()
            await asyncio.sleep(fault.lasts_s)
        finally:
            await asyncio.gather(*(node.start() for node in nodes))

    async def _set_server_clock(self, fault: Fault) -> None:
        node = await self._leader(fault.target)
        try:
            node.set_clock(int(fault.amount))
        except NoClockError as error:
            raise NotHereError(str(error)) from error
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            node.set_clock(0)

    async def _leader(self, stream: str) -> Node:
        """Find the server that leads a stream."""
        async with asyncio.timeout(_RECOVERY_S):
            while True:
                with contextlib.suppress(BusError):
                    leader = (await self.admin.ask_api(f"STREAM.INFO.{stream}"))["cluster"].get("leader")
                    for node in self.cluster.nodes.values():
                        if node.server_name == leader:
                            return node
                await asyncio.sleep(_PULSE_S)

    async def _replace_member(self, fault: Fault) -> None:
        node = self.cluster.nodes[fault.target]
        try:
            await node.kill()
            async with asyncio.timeout(_RECOVERY_S):
                await self.cluster.remove(node)
            node.wipe()
        finally:
            await node.start()
        async with asyncio.timeout(_RECOVERY_S):
            while not all([await self._has_replica(stream, node) for stream in (*STREAMS, MARKETS)]):  # noqa: ASYNC110
                await asyncio.sleep(_PULSE_S)

    async def _has_replica(self, stream: str, node: Node) -> bool:
        """Whether a server holds a stream and is up to date, by the account of the one that leads it."""
        with contextlib.suppress(BusError):
            group = (await self.admin.ask_api(f"STREAM.INFO.{stream}"))["cluster"]
            others = [replica["name"] for replica in group.get("replicas") or [] if replica["current"]]
            return node.server_name in {group.get("leader"), *others}
        return False

    async def _spoil_line(self, fault: Fault) -> None:
        how = _THIN if fault.kind is Kind.LINE_THIN else _LOSSY
        async with self._held(fault.target) as links:
            for link in links:
                link.spoil(**how)
            try:
                await asyncio.sleep(fault.lasts_s)
            finally:
                for link in links:
                    link.spoil()

    async def _stall_line(self, fault: Fault) -> None:
        async with self._held(fault.target) as links:
            for link in links:
                link.adjust(forwards=False, returns=False)
            try:
                await asyncio.sleep(fault.lasts_s)
            finally:
                # What waited comes through, or is lost with its connection.
                for link in links:
                    link.adjust(forwards=True, returns=True, reset=fault.amount % 2 == 0)

    @asynccontextmanager
    async def _held(self, target: str) -> AsyncIterator[list[Link]]:
        """Have the lines of one server's clients, or of all, to oneself."""
        nodes = [node for node in self.cluster.nodes.values() if target in {node.name, "all"}]
        async with AsyncExitStack() as stack:
            for node in nodes:
                await stack.enter_async_context(self._lines[node.name])
            yield [node.line for node in nodes]

    async def _say_odd_things(self, fault: Fault) -> None:
        await self.load.ask_strangely(self.cluster.nodes[fault.target].port, int(fault.amount))

    async def _use_id_again(self, fault: Fault) -> None:
        if not await self.load.use_again(self.admin, fault.target, int(fault.amount)):
            raise NobodyThereError

    async def _ask_at_length(self, fault: Fault) -> None:
        await self.load.ask(self.admin, long_body(int(fault.amount)))

    async def _kill_all_servers(self, fault: Fault) -> None:
        nodes = self.cluster.nodes.values()
        try:
            for node in nodes:
                node.send(signal.SIGKILL)
            await asyncio.gather(*(node.kill() for node in nodes))
            await asyncio.sleep(fault.lasts_s)
        finally:
            await asyncio.gather(*(node.start() for node in nodes))


def _hit(pid: int | None, number: signal.Signals) -> None:
    if not send(pid, number):
        raise NobodyThereError


async def _stopped(pid: int | None, seconds: float) -> None:
    _hit(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        send(pid, signal.SIGCONT)
