"""What only a real server can show: set-up, permissions, crashes, outages."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import sys
import time
import warnings
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import nats
import pytest
from nats.js.errors import APIError
from structlog.testing import capture_logs
from support.ports import free_ports

from bus.administration import server
from bus.administration.server import Server, ServerError, embedded_server, launch
from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.port import (
    CHALLENGERS,
    COORDINATORS,
    DEADLINES,
    BusError,
    FullError,
    Message,
    NotSetUpError,
    RefusedError,
    Stored,
    TooLargeError,
    UnreachableError,
    pod_queue,
)
from bus.topology.streams import ACK_WAIT_S, EVENTS
from bus.transports.jetstream import Connection, JetStreamBus, connect
from bus.transports.jetstream.connection.asking import ask_replica
from bus.transports.jetstream.connection.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection

    from nats.aio.msg import Msg

    from bus.port import Delivery
    from bus.transports.jetstream.connection.frames import Frame

ALPHA = pod_queue("alpha")
_T = TypeVar("_T")

# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_S = 240.0
# What "at once" means for an error, on a busy machine; what is tried again is tried for ten seconds.
PROMPT_S = 8.0
POLL_S = 0.01


async def publish(bus: JetStreamBus, subject: str, *, message_id: str = "", timeout_s: float = PROMPT_S) -> Stored:
    return await bus.publish_once(subject, b"{}", message_id=message_id or subject, headers={}, timeout_s=timeout_s)


def freeze(pid: int) -> None:
    """Stop a process; its threads are told one after the other, and one that still runs would answer."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + PATIENCE_S
    while any("T (stopped)" not in file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/status")):
        assert time.monotonic() < until
        time.sleep(POLL_S)


async def soon(what: Awaitable[_T], *, within_s: float = PATIENCE_S) -> _T:
    async with asyncio.timeout(within_s):
        return await what


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for is another process, or has no event
            await asyncio.sleep(POLL_S)


def alive(pid: int) -> bool:
    status = Path("/proc", str(pid), "stat")
    # A zombie is dead: nobody reaps what belonged to a killed parent in a container.
    return status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


class Host:
    """A machine whose server may crash and come back, with its disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    async def start(self) -> None:
        port = int(self.server.url.rpartition(":")[2]) if self.server else free_ports(1)[0]
        self.server = await launch(self.directory / "store", port=port, log=self.directory / "log")

    async def crash(self) -> None:
        assert self.server is not None
        await self.server.kill()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    machine = Host(tmp_path)
    await machine.start()
    yield machine
    assert machine.server is not None
    await machine.server.stop()


@asynccontextmanager
async def bus_at(
    url: str, pods: Collection[str] = ("alpha",), *, max_bytes: int | None = None, ack_wait_s: float = ACK_WAIT_S
) -> AsyncGenerator[JetStreamBus, None]:
    async with connect(Connection(servers=url)) as bus:
        await set_up(bus, pods, max_bytes=max_bytes, ack_wait_s=ack_wait_s)
        yield bus


class TestSetUp:
    async def test_does_everything_once_and_says_so(self, host: Host) -> None:
        async with connect(Connection(servers=host.url)) as bus:
            first = await set_up(bus, ["beta", "alpha"])
            second = await set_up(bus, ["beta", "alpha"])

        streams = ("PODFOLIO", "PODFOLIO_TIMERS", "KV_podfolio_markets", "PODFOLIO_STOPS", "PODFOLIO_ARCHIVE")
        names = [f"stream {name}" for name in streams]
        names += [
            "queue pod-alpha",
            "queue pod-beta",
            "queue coord-due",
            "queue finals",
            "queue challenger",
            "queue coord",
        ]
        assert [f"{step.what} {step.name}" for step in first] == names
        assert all(step.missing for step in first)
        assert [f"{step.what} {step.name}" for step in second] == names
        assert not any(step.is_needed for step in second)

    async def test_is_planned_without_changing_anything(self, host: Host) -> None:
        async with connect(Connection(servers=host.url)) as bus:
            before = await plan(bus, ["alpha"])
            assert await plan(bus, ["alpha"]) == before
            assert all(step.missing for step in before)
            await set_up(bus, ["alpha"], ack_wait_s=2)
            differs = {step.name: step.different for step in await plan(bus, ["alpha", "beta"]) if step.is_needed}
            assert await bus.queues() == {"pod-alpha", COORDINATORS, CHALLENGERS}

        assert differs == {
            "pod-beta": (),
            **dict.fromkeys(("pod-alpha", "coord-due", "challenger", "coord"), ("ack_wait: 2 s -> 5 s",)),
        }

    async def test_corrects_what_differs_and_leaves_what_was_not_named(self, host: Host) -> None:
        async with bus_at(host.url, max_bytes=1_000_000) as bus:
            await set_up(bus, ["alpha"], ack_wait_s=2)
            again = await set_up(bus, ["alpha"])
            stream = await bus.ask_api(f"STREAM.INFO.{EVENTS}")
            queue = await bus.ask_api(f"CONSUMER.INFO.{EVENTS}.{COORDINATORS}")

        assert ("coord", ("ack_wait: 2 s -> 5 s",)) in [(step.name, step.different) for step in again]
        assert queue["config"]["ack_wait"] == 5_000_000_000
        assert queue["config"]["filter_subjects"] == [subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS]
        assert stream["config"]["max_bytes"] == 1_000_000

    async def test_refuses_what_cannot_be_changed_and_says_what(self, host: Host) -> None:
        async with connect(Connection(servers=host.url)) as bus:
            await bus.ask_api(f"STREAM.CREATE.{EVENTS}", {"name": EVENTS, "subjects": ["x"], "storage": "memory"})

            with pytest.raises(RefusedError, match="storage: memory -> file"):
                await set_up(bus, ["alpha"])

    async def test_leaves_the_queues_of_other_pods_alone(self, host: Host) -> None:
        async with bus_at(host.url, ["alpha", "beta"]) as bus:
            await set_up(bus, ["alpha"])

            assert await bus.queues() == {"pod-alpha", "pod-beta", COORDINATORS, CHALLENGERS}

    async def test_missing_is_said_at_once_by_every_operation(self, host: Host) -> None:
        async with connect(Connection(servers=host.url)) as bus:
            operations: list[Awaitable[Any]] = [
                publish(bus, subjects.request("r1")),
                anext(bus.work(ALPHA, stop=asyncio.Event(), at_once=1)),
                bus.record([subjects.final("r1")]),
                bus.schedule("r1", datetime.now(UTC)),
                anext(bus.follow()),
                bus.queues(),
            ]
            for operation in operations:
                with pytest.raises(NotSetUpError, match="podfolio setup"):
                    await soon(operation, within_s=PROMPT_S)


class TestRefusals:
    async def test_a_second_message_is_refused_whoever_sends_it(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            await publish(bus, subjects.final("r1"))
            stranger = await nats.connect(host.url)
            try:
                with pytest.raises(APIError) as refusal:
                    await stranger.jetstream().publish(subjects.final("r1"), b"forged")
            finally:
                await stranger.close()
            (final,) = await bus.record([subjects.final("r1")])

        assert refusal.value.err_code == 10077
        assert final.data == b"{}"

    async def test_nobody_rewrites_history(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            await publish(bus, subjects.final("r1"))

            # Who may delete one message is a matter of permissions: an administrator.
            with pytest.raises(BusError):
                await bus.ask_api(f"STREAM.PURGE.{EVENTS}")
            with pytest.raises(RefusedError, match="rollup"):
                await bus.publish_once(
                    subjects.final("r2"), b"", message_id="a", headers={"Nats-Rollup": "all"}, timeout_s=1
                )

            assert len(await bus.record([subjects.ALL_FINALS])) == 1

    async def test_what_the_server_would_cut_the_connection_for_is_not_sent(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            with pytest.raises(TooLargeError, match="1048576 are allowed"):
                await bus.publish_once(subjects.request("r1"), b"", message_id="a", headers={"x": "y" * 2**20})

            assert await publish(bus, subjects.request("r1")) == Stored.NEW

    async def test_a_full_stream_is_no_taken_subject(self, host: Host) -> None:
        async with bus_at(host.url, max_bytes=1_000) as bus:

            async def fill() -> None:
                for number in range(100):
                    await publish(bus, subjects.request(f"r{number}"))

            with pytest.raises(FullError, match="full"):
                await soon(fill(), within_s=PROMPT_S)

            assert await publish(bus, subjects.request("r0")) == Stored.SAME
            assert await publish(bus, subjects.request("r0"), message_id="other") == Stored.TAKEN

    async def test_no_server_is_said_within_bounds(self) -> None:
        with pytest.raises(
            UnreachableError, match=r"no NATS server answers at nats://127\.0\.0\.1:1, .*: start one with"
        ):
            async with connect(Connection(servers="nats://127.0.0.1:1, nats://127.0.0.1:2")):
                pass

    async def test_missing_credentials_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(RefusedError, match=r"pod\.creds does not exist"):
            async with connect(Connection(credentials=tmp_path / "pod.creds")):
                pass


# Users with the least that they need.
AUTHORIZATION = """
authorization {
  users: [
    {user: admin, password: admin}
    {user: alpha, password: alpha, permissions: {
      publish: ["$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.pod-alpha", "$JS.ACK.PODFOLIO.pod-alpha.>",
                "podfolio.v1.pod.*.alpha"],
      subscribe: ["_INBOX_alpha.>"]}}
  ]
}
"""


class TestPermissions:
    @pytest.fixture
    async def guarded(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
        assert host.server is not None
        await host.server.stop()
        as_template = AUTHORIZATION.replace("{", "{{").replace("}", "}}")
        monkeypatch.setattr(server, "_CONFIGURATION", vars(server)["_CONFIGURATION"] + as_template)
        await host.start()
        return host

    @staticmethod
    def known_as(user: str, host: Host) -> Connection:
        url = host.url.replace("nats://", f"nats://{user}:{user}@")
        return Connection(servers=url, inbox_prefix=f"_INBOX_{user}")

    async def test_strangers_are_turned_away_at_once(self, guarded: Host) -> None:
        with pytest.raises(RefusedError, match="refuses these credentials") as refusal:
            async with asyncio.timeout(PROMPT_S), connect(self.known_as("eve", guarded)):
                pass

        assert "eve:" not in str(refusal.value)

    async def test_a_pod_does_its_work_with_the_least_and_nothing_else(self, guarded: Host) -> None:
        async with connect(self.known_as("admin", guarded)) as admin, connect(self.known_as("alpha", guarded)) as pod:
            await set_up(admin, ["alpha"])
            await publish(admin, subjects.request("r1"))
            stop = asyncio.Event()
            closed = asyncio.create_task(pod.closed())
            async with aclosing(pod.work(ALPHA, stop=stop, at_once=1)) as deliveries:
                delivery = await soon(anext(deliveries))
                assert await publish(pod, subjects.pod_result("r1", "alpha")) == Stored.NEW
                await delivery.working()
                await delivery.done()
                stop.set()
            async with asyncio.timeout(PATIENCE_S):
                while (await admin.backlog(ALPHA)).in_hand:  # noqa: ASYNC110 - no worker hears of an acknowledgement
                    await asyncio.sleep(POLL_S)

            for forbidden in (publish(pod, subjects.final("r1")), publish(pod, subjects.pod_result("r1", "beta"))):
                with pytest.raises(RefusedError, match=r"(?i)permissions violation"):
                    await soon(forbidden, within_s=PROMPT_S)
            assert not closed.done()
            closed.cancel()


class TestCrashes:
    async def test_worker_follower_and_deadline_outlive_a_crash(self, host: Host) -> None:
        async with bus_at(host.url, ack_wait_s=1) as bus:
            stop = asyncio.Event()
            worked: set[str] = set()
            followed: list[Message] = []
            due: list[str] = []

            async def work() -> None:
                async for delivery in bus.work(ALPHA, stop=stop, at_once=2):
                    worked.add(delivery.message.subject)
                    await delivery.done()

            async def follow() -> None:
                async for message in bus.follow(everything=True):
                    followed.append(message)  # noqa: PERF401 - it never ends

            async def wait_for_deadline() -> None:
                async for delivery in bus.work(DEADLINES, stop=stop, at_once=1):
                    due.append(delivery.message.subject)
                    await delivery.done()

            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(follow())
                tasks.create_task(work())
                tasks.create_task(wait_for_deadline())
                await publish(bus, subjects.request("before"))
                await until(lambda: len(worked) == len(followed) == 1)
                await bus.schedule("before", datetime.now(UTC) + timedelta(seconds=1))

                for number in range(3):
                    await host.crash()
                    await host.start()
                    for part in range(20):
                        await publish(bus, subjects.request(f"after-{number}-{part}"))
                await until(lambda: len(worked) == len(followed) == 61 and bool(due))
                stop.set()
                following.cancel()

        assert [message.sequence for message in followed] == list(range(1, 62))
        assert set(due) == {subjects.due("before")}  # twice, if the server crashed before it noted that it was done
        assert len(worked) == 61

    async def test_what_is_published_during_crashes_is_there_once(self, host: Host) -> None:
        outcomes: dict[str, Stored] = {}
        async with bus_at(host.url) as bus, bus_at(host.url) as rival:

            async def publish_many(publisher: int) -> None:
                for number in range(100):
                    subject = subjects.request(f"r{publisher}-{number}")
                    outcomes[subject] = await publish(bus, subject, timeout_s=PATIENCE_S)
                    await publish(rival, subjects.final(f"{number}"), message_id=f"{publisher}", timeout_s=PATIENCE_S)

            async with asyncio.TaskGroup() as tasks:
                for publisher in range(20):
                    tasks.create_task(publish_many(publisher))
                for crashes in range(1, 4):
                    await until(lambda: len(outcomes) > 400 * crashes)  # noqa: B023 - it is awaited here
                    await host.crash()
                    await host.start()
            requests = await bus.record([subjects.request(f"r{publisher}-99") for publisher in range(20)])
            info = await bus.ask_api(f"STREAM.INFO.{EVENTS}")

        assert len(outcomes) == 2_000
        assert set(outcomes.values()) <= {Stored.NEW, Stored.SAME}
        assert len(requests) == 20
        assert info["state"]["messages"] == 2_000 + 100

    async def test_a_publication_gives_up_when_its_time_is_over(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            await host.crash()

            with pytest.raises(UnreachableError, match=r"within 0\.5 s, try again"):
                await soon(publish(bus, subjects.request("r1"), timeout_s=0.5), within_s=PROMPT_S)

    async def test_a_frozen_server_is_waited_out(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            assert host.server is not None
            freeze(host.server.process.pid)
            try:
                publication = asyncio.create_task(publish(bus, subjects.request("r1"), timeout_s=PATIENCE_S))
                done, _ = await asyncio.wait({publication}, timeout=3)  # longer than one try
                assert not done
            finally:
                os.kill(host.server.process.pid, signal.SIGCONT)

            assert await soon(publication) in {Stored.NEW, Stored.SAME}

    async def test_a_worker_takes_up_its_work_when_its_queue_is_created_again(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            stop = asyncio.Event()
            async with aclosing(bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
                await publish(bus, subjects.request("r1"))
                await (await soon(anext(deliveries))).done()
                await bus.ask_api(f"CONSUMER.DELETE.{EVENTS}.{ALPHA}")
                waiting = asyncio.create_task(soon(anext(deliveries)))
                await asyncio.wait({waiting}, timeout=1)
                await set_up(bus, ["alpha"])

                delivery = await waiting
                stop.set()

        # A new queue begins at the start of the stream.
        assert delivery.message.subject == subjects.request("r1")

    async def test_a_record_waits_for_the_message_it_must_include(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            await publish(bus, subjects.pod_result("r1", "alpha"))
            coming = Message(subjects.pod_result("r1", "beta"), b"", sequence=2)
            reading = asyncio.create_task(bus.record([subjects.pod_result("r1", "*")], including=coming))
            done, _ = await asyncio.wait({reading}, timeout=0.3)
            assert not done

            await publish(bus, coming.subject)

            assert [message.sequence for message in await soon(reading)] == [1, 2]

    async def test_a_question_ends_with_the_connection_and_not_with_its_time(self, host: Host) -> None:
        wire = Wire(Connection(servers=host.url))
        await wire.open()
        assert host.server is not None
        freeze(host.server.process.pid)  # so that it is asked and does not answer
        question = asyncio.create_task(wire.ask("$JS.API.INFO", timeout_s=PATIENCE_S))
        await asyncio.wait({question}, timeout=1.0)
        await host.crash()

        with pytest.raises(UnreachableError, match="connection was lost"):
            await soon(question, within_s=PROMPT_S)
        await wire.close()

    async def test_who_listens_is_told_of_a_new_connection(self, host: Host) -> None:
        wire = Wire(Connection(servers=host.url))
        await wire.open()
        reconnected = asyncio.Event()

        async def ignore(_: Frame) -> None:
            pass

        async with wire.listen(ignore, reconnected=reconnected.set):
            await host.crash()
            await host.start()
            await soon(reconnected.wait())
        await wire.close()

    async def test_a_question_that_went_to_a_silent_replica_is_put_to_another(self, host: Host) -> None:
        questions = 20

        async def answer(question: Msg) -> None:
            await question.respond(b"here")

        async with AsyncExitStack() as stack:
            replicas = await nats.connect(host.url)
            stack.push_async_callback(replicas.close)
            silent = await replicas.subscribe("stored", "replicas")
            await replicas.subscribe("stored", "replicas", cb=answer)
            await replicas.flush()
            wire = Wire(Connection(servers=host.url))
            await wire.open()
            stack.push_async_callback(wire.close)

            asked = (ask_replica(wire, "stored", timeout_s=PATIENCE_S) for _ in range(questions))
            answers = await asyncio.gather(*asked)

            assert [answer.data for answer in answers] == [b"here"] * questions
            assert silent.pending_msgs

    async def test_who_leaves_a_server_goes_to_another(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = Host(tmp_path / "other")
        await other.start()
        wire = Wire(Connection(servers=f"{host.url},{other.url}"))
        await wire.open()
        reconnected = asyncio.Event()

        async def ignore(_: Frame) -> None:
            pass

        with capture_logs() as said:
            async with wire.listen(ignore, reconnected=reconnected.set):
                for _ in range(8):
                    reconnected.clear()
                    await wire.move()
                    await soon(reconnected.wait())
        await wire.close()
        assert other.server is not None
        await other.server.stop()

        servers = [line["server"] for line in said if line["event"] == "bus.reconnected"]
        assert len(servers) == 8
        assert all(one != next_one for one, next_one in pairwise(servers))

    async def test_a_try_to_reconnect_that_fails_leaves_nothing_open(self, host: Host) -> None:
        wire = Wire(Connection(servers=host.url))
        await wire.open()
        await host.crash()
        tried = asyncio.Semaphore(0)

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tried.release()
            writer.write(b"INFO {}\r\n-ERR 'not now'\r\n")
            await reader.read()  # until the other side is gone
            writer.close()
            await writer.wait_closed()

        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            async with await asyncio.start_server(refuse, "127.0.0.1", int(host.url.rpartition(":")[2])):
                for _ in range(3):
                    await soon(tried.acquire())
            gc.collect()
        await host.start()
        await wire.close()

        assert [str(warning.message) for warning in warned if warning.category is ResourceWarning] == []

    async def test_a_frozen_server_does_not_hold_up_the_farewell(self, host: Host) -> None:
        assert host.server is not None
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(bus_at(host.url))
            os.kill(host.server.process.pid, signal.SIGSTOP)
            try:
                await soon(stack.aclose(), within_s=2 * PROMPT_S)
            finally:
                os.kill(host.server.process.pid, signal.SIGCONT)

    async def test_a_dead_connection_is_noticed(self, host: Host) -> None:
        async with bus_at(host.url) as bus:
            # What a PONG that comes after its flush timed out does to it.
            vars(vars(bus)["_wire"])["_client"]._reading_task.cancel()  # noqa: SLF001

            await soon(bus.closed(), within_s=2 * PROMPT_S)


async def test_many_requests_at_once_each_reach_everybody_once(host: Host) -> None:  # noqa: C901 - a whole system
    pods = ("alpha", "beta", "gamma")
    count = 300
    async with bus_at(host.url, pods) as bus, bus_at(host.url, pods) as other:
        stop = asyncio.Event()
        finals: dict[str, int] = {}

        async def answer(delivery: Delivery, pod: str) -> None:
            request_id = subjects.parse(delivery.message.subject).key
            await publish(bus, subjects.pod_result(request_id, pod))
            await delivery.done()

        async def pod_agent(pod: str, bus: JetStreamBus) -> None:
            async with asyncio.TaskGroup() as tasks:
                async for delivery in bus.work(pod_queue(pod), stop=stop, at_once=8):
                    tasks.create_task(answer(delivery, pod))

        async def gather(bus: JetStreamBus, delivery: Delivery) -> None:
            address = subjects.parse(delivery.message.subject)
            if address.pod:
                found = await bus.record([subjects.pod_result(address.key, "*")], including=delivery.message)
                if len(found) == len(pods):
                    finals[address.key] = finals.get(address.key, 0) + 1
                    assert await publish(bus, subjects.final(address.key)) == Stored.NEW
            await delivery.done()
            if len(finals) == count:
                stop.set()

        async def coordinator(bus: JetStreamBus) -> None:
            async with asyncio.TaskGroup() as tasks:
                async for delivery in bus.work(COORDINATORS, stop=stop, at_once=32):
                    tasks.create_task(gather(bus, delivery))

        async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as tasks:
            for each in (bus, other):
                tasks.create_task(coordinator(each))
                for pod in pods:
                    tasks.create_task(pod_agent(pod, each))
            for number in range(count):
                tasks.create_task(publish(bus, subjects.request(f"r{number}")))

        assert finals == {f"r{number}": 1 for number in range(count)}


class TestEmbeddedServer:
    async def test_keeps_its_streams_for_the_next(self, tmp_path: Path) -> None:
        for expected in (Stored.NEW, Stored.SAME):
            async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url, bus_at(url) as bus:
                assert await publish(bus, subjects.request("r1")) == expected

    async def test_writes_before_it_acknowledges_and_listens_on_the_loopback_only(self, tmp_path: Path) -> None:
        async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
            configuration = (tmp_path / "store" / "nats-server.conf").read_text(encoding="utf-8")

        assert url.startswith("nats://127.0.0.1:")
        assert "sync_interval: always" in configuration

    async def test_says_which_port_is_taken(self, host: Host, tmp_path: Path) -> None:
        port = int(host.url.rpartition(":")[2])

        with pytest.raises(ServerError, match=f"port {port} is taken"):
            async with embedded_server(tmp_path / "other", port=port, log=tmp_path / "other.log"):
                pass

    async def test_two_servers_never_share_a_store(self, tmp_path: Path) -> None:
        async with embedded_server(tmp_path / "store", log=tmp_path / "log"):
            with pytest.raises(ServerError, match="another server already uses"):
                await launch(tmp_path / "store", log=tmp_path / "other.log")

    async def test_shows_the_end_of_its_log_when_it_does_not_start(self, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "jetstream").write_text("in the way", encoding="utf-8")

        with pytest.raises(ServerError, match=r"(?s)ended at once \(exit status 1\).*\[FTL\]"):
            async with embedded_server(tmp_path / "store", log=tmp_path / "log"):
                pass

    @pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
    async def test_ends_with_the_process_that_started_it_even_if_that_is_killed(self, tmp_path: Path) -> None:
        program = """if True:
            import asyncio, pathlib, sys
            from bus.administration.server import launch
            async def main():
                here = pathlib.Path(sys.argv[1])
                server = await launch(here / "store", log=here / "log")
                print(server.process.pid, flush=True)
                await asyncio.Event().wait()
            asyncio.run(main())
        """
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert parent.stdout is not None
        pid = int(await soon(parent.stdout.readline()))
        assert alive(pid)

        parent.kill()
        await parent.wait()

        await until(lambda: not alive(pid))
