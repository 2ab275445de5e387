"""Every cell of the table in docs/security.md, tried by a client of each role against a real server.

A refusal is not an answer: the server sends an error of its own accord, and before it answers the question
that follows on the same connection, one that everybody may ask. So no test waits for a time to pass.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.guarded import PATIENCE_S, PODS, Guarded, Person, guarded_server
from support.requests_made import ROOT

from bus.administration.server import Server, launch
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.subjects import MessageKind
from bus.observability.service import Endpoint, Service
from bus.port import CHALLENGERS, COORDINATORS, DEADLINES, Backlog, RefusedError, Stored, pod_queue
from bus.topology.roles import (
    ADMIN,
    ADVISER,
    ARCHIVIST,
    CHALLENGER,
    COORDINATOR,
    DESK,
    OBSERVER,
    OPERATOR,
    REQUESTER,
    REVIEWER,
    agent_role,
    inbox_of,
    roles,
    service_name,
)
from bus.transports.jetstream import Connection, JetStreamBus, connect
from cli.trust.keys import Keys, make_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


ALPHA, BETA = map(agent_role, PODS)
ROLES = (
    REQUESTER, OBSERVER, ALPHA, BETA, COORDINATOR, CHALLENGER, REVIEWER, ADVISER, DESK, ADMIN, OPERATOR, ARCHIVIST,
)  # fmt: skip

EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
READERS = frozenset({REQUESTER, OBSERVER, COORDINATOR, CHALLENGER})
STOP_READERS = frozenset({OBSERVER, COORDINATOR, REVIEWER, ADVISER, ADMIN})
SERVICES = frozenset({ALPHA, BETA, COORDINATOR, CHALLENGER, REVIEWER})
MARKET_READERS = frozenset({OBSERVER, ALPHA, BETA, COORDINATOR, CHALLENGER, REVIEWER, ADMIN, ARCHIVIST})
VERBS = ("PING", "INFO", "STATS")

# What is published, and who may. What is sent to the server's interface has no body, or one that changes nothing.
PUBLISH: dict[str, frozenset[str]] = {
    # The wire.
    "podfolio.v1.request.r1": frozenset({REQUESTER, REVIEWER}),
    "podfolio.v1.request.a.b": NOBODY,
    "podfolio.v1.pod.r1.alpha": frozenset({ALPHA}),
    "podfolio.v1.pod.r1.beta": frozenset({BETA}),
    "podfolio.v1.pod.r1.gamma": NOBODY,
    "podfolio.v1.pod.r1.more.alpha": NOBODY,
    "podfolio.v1.final.r1": frozenset({COORDINATOR}),
    "podfolio.v1.challenge.r1": frozenset({CHALLENGER}),
    "podfolio.v1.challenge.r1.more": NOBODY,
    "podfolio.v1.approval.r1": frozenset({ADVISER}),
    "podfolio.v1.approval.r1.more": NOBODY,
    "podfolio.v1.fill.r1.f1": frozenset({DESK}),
    "podfolio.v1.fill.r1": NOBODY,
    "podfolio.v1.stop.1": frozenset({ADVISER, ADMIN}),
    "podfolio.v1.resume.1": frozenset({ADMIN}),
    "podfolio.v1.rejected.1": frozenset({COORDINATOR}),
    "podfolio.v1.removed.1": frozenset({ADMIN}),
    "podfolio.v1.removed.archive-1": frozenset({ADMIN}),
    "podfolio.v1.seal.1": frozenset({ARCHIVIST}),
    "podfolio.v1.seal.1.more": NOBODY,
    "podfolio.v1.anything": NOBODY,
    "podfolio_timers.v1.timer.r1": frozenset({COORDINATOR}),
    "podfolio_timers.v1.due.r1": NOBODY,
    "podfolio_progress.v1.r1": frozenset({COORDINATOR}),
    "podfolio_progress.v1.r1.more": NOBODY,
    # Work: pull and acknowledge.
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.pod-alpha": frozenset({ALPHA}),
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.pod-beta": frozenset({BETA}),
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.coord": frozenset({COORDINATOR}),
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.finals": frozenset({OBSERVER}),
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.challenger": frozenset({CHALLENGER}),
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.other": NOBODY,
    "$JS.API.CONSUMER.MSG.NEXT.PODFOLIO_TIMERS.coord-due": frozenset({COORDINATOR}),
    "$JS.ACK.PODFOLIO.pod-alpha.1.99.1.1.0": frozenset({ALPHA}),
    "$JS.ACK.PODFOLIO.pod-beta.1.99.1.1.0": frozenset({BETA}),
    "$JS.ACK.PODFOLIO.coord.1.99.1.1.0": frozenset({COORDINATOR}),
    "$JS.ACK.PODFOLIO_TIMERS.coord-due.1.99.1.1.0": frozenset({COORDINATOR}),
    "$JS.ACK.PODFOLIO.finals.1.99.1.1.0": frozenset({OBSERVER}),
    "$JS.ACK.PODFOLIO.challenger.1.99.1.1.0": frozenset({CHALLENGER}),
    # As the newer form names stream and queue; as the older, it is of pod-beta.
    "$JS.ACK.PODFOLIO.pod-beta.PODFOLIO.pod-alpha.1.2.3": frozenset({BETA}),
    "$JS.ACK._.hash.PODFOLIO.pod-alpha.1.99.1.1.0": NOBODY,
    "$JS.ACK.PODFOLIO.pod-alpha.PODFOLIO.pod-beta.1.99.1.1.0": NOBODY,
    "$JS.ACK.PODFOLIO.pod-alpha.1": NOBODY,
    # Queues: look, create, change, delete.
    "$JS.API.CONSUMER.INFO.PODFOLIO.pod-alpha": frozenset({ALPHA, ADMIN, OBSERVER}),
    "$JS.API.CONSUMER.INFO.PODFOLIO.pod-beta": frozenset({BETA, ADMIN, OBSERVER}),
    "$JS.API.CONSUMER.INFO.PODFOLIO.coord": frozenset({COORDINATOR, ADMIN, OBSERVER}),
    "$JS.API.CONSUMER.INFO.PODFOLIO_TIMERS.coord-due": frozenset({COORDINATOR, ADMIN}),
    "$JS.API.CONSUMER.INFO.PODFOLIO.finals": frozenset({ADMIN, OBSERVER}),
    "$JS.API.CONSUMER.INFO.PODFOLIO.challenger": frozenset({CHALLENGER, ADMIN, OBSERVER}),
    "$JS.API.CONSUMER.NAMES.PODFOLIO": frozenset({COORDINATOR, OBSERVER}),
    "$JS.API.CONSUMER.LIST.PODFOLIO": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO.pod-alpha.podfolio.v1.request.>": frozenset({ADMIN}),
    "$JS.API.CONSUMER.CREATE.PODFOLIO.pod-alpha.podfolio.v1.>": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO.pod-alpha": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO.coord": frozenset({ADMIN}),
    "$JS.API.CONSUMER.CREATE.PODFOLIO_TIMERS.coord-due.podfolio_timers.v1.due.*": frozenset({ADMIN}),
    "$JS.API.CONSUMER.CREATE.PODFOLIO.finals.podfolio.v1.final.*": frozenset({ADMIN}),
    "$JS.API.CONSUMER.CREATE.PODFOLIO.challenger.podfolio.v1.final.*": frozenset({ADMIN}),
    "$JS.API.CONSUMER.CREATE.PODFOLIO.mine.podfolio.v1.>": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO.mine": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO": NOBODY,
    "$JS.API.CONSUMER.DURABLE.CREATE.PODFOLIO.pod-alpha": NOBODY,
    "$JS.API.CONSUMER.DELETE.PODFOLIO.pod-alpha": NOBODY,
    "$JS.API.CONSUMER.DELETE.PODFOLIO.finals": NOBODY,
    "$JS.API.CONSUMER.RESET.PODFOLIO.finals": NOBODY,
    "$JS.API.CONSUMER.PAUSE.PODFOLIO.pod-alpha": NOBODY,
    "$JS.API.CONSUMER.RESET.PODFOLIO.pod-alpha": NOBODY,
    # Streams: look, create, change, delete.
    "$JS.API.INFO": EVERYBODY,
    "$JS.API.STREAM.INFO.PODFOLIO": READERS | {ADMIN},
    "$JS.API.STREAM.INFO.PODFOLIO_TIMERS": frozenset({COORDINATOR, ADMIN}),
    "$JS.API.STREAM.NAMES": NOBODY,
    "$JS.API.STREAM.LIST": NOBODY,
    "$JS.API.STREAM.CREATE.PODFOLIO": frozenset({ADMIN}),
    "$JS.API.STREAM.CREATE.PODFOLIO_TIMERS": frozenset({ADMIN}),
    "$JS.API.STREAM.CREATE.OTHER": NOBODY,
    "$JS.API.STREAM.UPDATE.PODFOLIO": frozenset({ADMIN}),
    "$JS.API.STREAM.UPDATE.PODFOLIO_TIMERS": frozenset({ADMIN}),
    "$JS.API.STREAM.DELETE.PODFOLIO": NOBODY,
    "$JS.API.STREAM.DELETE.PODFOLIO_TIMERS": NOBODY,
    "$JS.API.STREAM.PURGE.PODFOLIO": NOBODY,
    "$JS.API.STREAM.PURGE.PODFOLIO_TIMERS": NOBODY,
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO": frozenset({ADMIN}),
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_TIMERS": NOBODY,
    "$JS.API.STREAM.SNAPSHOT.PODFOLIO": NOBODY,
    "$JS.API.STREAM.RESTORE.PODFOLIO": NOBODY,
    # Stops of advice: look, read, and whatever would lift one unseen.
    "$JS.API.STREAM.INFO.PODFOLIO_STOPS": STOP_READERS,
    "$JS.API.STREAM.MSG.GET.PODFOLIO_STOPS": STOP_READERS,
    "$JS.API.DIRECT.GET.PODFOLIO_STOPS": NOBODY,
    "$JS.API.DIRECT.GET.PODFOLIO_STOPS.podfolio.v1.stop.1": frozenset({ADVISER, ADMIN}),
    "$JS.API.DIRECT.GET.PODFOLIO_STOPS.podfolio.v1.resume.1": frozenset({ADMIN}),
    "$JS.API.STREAM.CREATE.PODFOLIO_STOPS": frozenset({ADMIN}),
    "$JS.API.STREAM.UPDATE.PODFOLIO_STOPS": frozenset({ADMIN}),
    "$JS.API.STREAM.DELETE.PODFOLIO_STOPS": NOBODY,
    "$JS.API.STREAM.PURGE.PODFOLIO_STOPS": NOBODY,
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_STOPS": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO_STOPS": NOBODY,
    # Markets: publish, look for, read, list, and whatever would make an id mean something else.
    "$KV.podfolio_markets.id.house-1": frozenset({ADMIN}),
    "$KV.podfolio_markets.sha256.00": frozenset({ADMIN}),
    "$JS.API.STREAM.MSG.GET.KV_podfolio_markets": MARKET_READERS,
    "$JS.API.DIRECT.GET.KV_podfolio_markets.$KV.podfolio_markets.sha256.00": MARKET_READERS,
    "$JS.API.DIRECT.GET.KV_podfolio_markets": frozenset({OBSERVER, REVIEWER}),
    "$JS.API.STREAM.INFO.KV_podfolio_markets": frozenset({ADMIN}),
    "$JS.API.STREAM.CREATE.KV_podfolio_markets": frozenset({ADMIN}),
    "$JS.API.STREAM.UPDATE.KV_podfolio_markets": frozenset({ADMIN}),
    "$JS.API.STREAM.DELETE.KV_podfolio_markets": NOBODY,
    "$JS.API.STREAM.PURGE.KV_podfolio_markets": NOBODY,
    "$JS.API.STREAM.MSG.DELETE.KV_podfolio_markets": NOBODY,
    "$JS.API.CONSUMER.CREATE.KV_podfolio_markets": NOBODY,
    # The archive: seal and read for the archivist, set up and remove for the administrator, nothing for others.
    "$JS.API.STREAM.INFO.PODFOLIO_ARCHIVE": frozenset({ADMIN, ARCHIVIST, REVIEWER}),
    "$JS.API.STREAM.CREATE.PODFOLIO_ARCHIVE": frozenset({ADMIN}),
    "$JS.API.STREAM.UPDATE.PODFOLIO_ARCHIVE": frozenset({ADMIN}),
    "$JS.API.STREAM.MSG.GET.PODFOLIO_ARCHIVE": frozenset({ADMIN, ARCHIVIST}),
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_ARCHIVE": frozenset({ADMIN}),
    "$JS.API.STREAM.DELETE.PODFOLIO_ARCHIVE": NOBODY,
    "$JS.API.STREAM.PURGE.PODFOLIO_ARCHIVE": NOBODY,
    "$JS.API.STREAM.SNAPSHOT.PODFOLIO_ARCHIVE": NOBODY,
    "$JS.API.CONSUMER.CREATE.PODFOLIO_ARCHIVE": NOBODY,
    "$JS.API.DIRECT.GET.PODFOLIO_ARCHIVE": frozenset({ARCHIVIST, REVIEWER}),
    "$JS.API.DIRECT.GET.PODFOLIO_ARCHIVE.podfolio.v1.seal.1": frozenset({ARCHIVIST}),
    "$JS.API.DIRECT.GET.PODFOLIO_ARCHIVE.podfolio.v1.final.r1": NOBODY,
    # Read.
    "$JS.API.DIRECT.GET.PODFOLIO": READERS | {ADVISER},
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.request.r1": frozenset({REQUESTER, REVIEWER}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.pod.r1.alpha": frozenset({ALPHA}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.pod.r1.beta": frozenset({BETA}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.pod.r1.*": NOBODY,
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.final.r1": frozenset({COORDINATOR}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.challenge.r1": frozenset({CHALLENGER}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.approval.r1": frozenset({ADVISER}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.fill.r1.f1": frozenset({DESK}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.rejected.1": frozenset({COORDINATOR}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.removed.1": frozenset({ADMIN}),
    "$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.>": NOBODY,
    "$JS.API.DIRECT.GET.PODFOLIO_TIMERS": NOBODY,
    "$JS.API.STREAM.MSG.GET.PODFOLIO": frozenset({ADMIN}),
    # Ask services how they are.
    **{f"$SRV.{verb}": frozenset({OPERATOR}) for verb in VERBS},
    "$SRV.PING": frozenset({OBSERVER, OPERATOR}),
    **{f"$SRV.{verb}.podfolio-pod-alpha": frozenset({OPERATOR}) for verb in VERBS},
    **{f"$SRV.{verb}.podfolio-pod-alpha.some-id": frozenset({OPERATOR}) for verb in VERBS},
    "$SRV.PING.other": NOBODY,
    "$SRV.SCHEMA": NOBODY,
    # Speak to others directly, or to the server itself.
    **{f"{inbox_of(role)}.x": NOBODY for role in ROLES},
    "_INBOX.x": NOBODY,
    # Answers of a service, which the server takes to whoever asked.
    "_R_.x.y": SERVICES,
    "$SYS.REQ.SERVER.PING": NOBODY,
}

SUBSCRIBE: dict[str, frozenset[str]] = {
    **{f"{inbox_of(role)}.x.*": frozenset({role}) for role in ROLES},
    **{f"{inbox_of(role)}.>": frozenset({role}) for role in ROLES},
    # That something was stored, not what.
    # How far requests are.
    "podfolio_progress.v1.*": frozenset({REQUESTER, OBSERVER}),
    "podfolio_progress.v1.r1": frozenset({REQUESTER, OBSERVER}),
    "podfolio_progress.v1.>": frozenset({REQUESTER, OBSERVER}),  # to the server, a token like any other
    "podfolio_progress.>": NOBODY,
    # What services are asked: all of them, those of one name, and one of these.
    **{f"$SRV.{verb}": SERVICES for verb in VERBS},
    **{f"$SRV.{verb}.podfolio-pod-alpha": frozenset({ALPHA}) for verb in VERBS},
    **{f"$SRV.{verb}.podfolio-pod-alpha.some-id": frozenset({ALPHA}) for verb in VERBS},
    **{f"$SRV.{verb}.podfolio-coordinator.some-id": frozenset({COORDINATOR}) for verb in VERBS},
    "$SRV.PING.*": NOBODY,
    "$SRV.>": NOBODY,
    "_INBOX.>": NOBODY,
    ">": NOBODY,
    "podfolio.v1.>": NOBODY,
    "podfolio.v1.final.r1": NOBODY,
    "$JS.ACK.>": NOBODY,
    "$JS.API.>": NOBODY,
    "$JS.EVENT.>": NOBODY,
    "$SYS.>": NOBODY,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Person]]:
    async with guarded_server(tmp_path_factory.mktemp("guarded")) as guarded:
        yield {role: await guarded.person(role) for role in ROLES}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded_server(tmp_path) as made:
        yield made


def test_the_table_knows_every_role() -> None:
    assert {role.name for role in roles(PODS)} == EVERYBODY


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("subject", PUBLISH)
async def test_publishing(people: dict[str, Person], subject: str) -> None:
    refused = {role: await people[role].publish(subject) for role in ROLES}

    violation = f'nats: permissions violation for publish to "{subject.lower()}"'
    assert refused == {role: [] if role in PUBLISH[subject] else [violation] for role in ROLES}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("subject", SUBSCRIBE)
async def test_subscribing(people: dict[str, Person], subject: str) -> None:
    refused = {role: await people[role].subscribe(subject) for role in ROLES}

    violation = f'nats: permissions violation for subscription to "{subject.lower()}"'
    assert refused == {role: [] if role in SUBSCRIBE[subject] else [violation] for role in ROLES}


async def publish(bus: JetStreamBus, subject: str) -> Stored:
    return await bus.publish_once(subject, b"{}", message_id=subject, headers={}, timeout_s=PATIENCE_S)


async def test_every_role_does_its_work_and_is_refused_nothing(guarded: Guarded) -> None:
    requester, observer, alpha, coordinator, challenger, admin = [
        await guarded.bus(role) for role in (REQUESTER, OBSERVER, ALPHA, COORDINATOR, CHALLENGER, ADMIN)
    ]
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S):
        assert await publish(requester, subjects.request("r1")) is Stored.NEW
        assert await publish(requester, subjects.request("r1")) is Stored.SAME
        assert await alpha.has_queue(pod_queue("alpha"))
        async with aclosing(alpha.work(pod_queue("alpha"), stop=stop, at_once=1)) as work:
            delivery = await anext(work)
            await delivery.working()
            assert await publish(alpha, subjects.pod_result("r1", "alpha")) is Stored.NEW
            assert await publish(alpha, subjects.pod_result("r1", "alpha")) is Stored.SAME
            await delivery.done()
        assert {COORDINATORS, CHALLENGERS, "pod-alpha", "pod-beta"} == await coordinator.queues()
        await coordinator.schedule("r1", datetime.now(UTC))
        async with aclosing(coordinator.work(DEADLINES, stop=stop, at_once=1)) as work:
            await (await anext(work)).done()
        async with aclosing(coordinator.work(COORDINATORS, stop=stop, at_once=2)) as work:
            await (await anext(work)).done()
            completing = await anext(work)
            read = await coordinator.record([subjects.ALL], including=completing.message)
            await completing.again(delay_s=0)
        assert await publish(coordinator, subjects.final("r1")) is Stored.NEW
        assert await publish(coordinator, subjects.final("r1")) is Stored.SAME
        assert await publish(coordinator, subjects.rejected(1)) is Stored.NEW
        async with aclosing(challenger.work(CHALLENGERS, stop=stop, at_once=1)) as work:
            final = await anext(work)
            await challenger.record([subjects.request("r1"), subjects.challenge("r1")])
            assert await publish(challenger, subjects.challenge("r1")) is Stored.NEW
            assert await publish(challenger, subjects.challenge("r1")) is Stored.SAME
            await final.done()
        stop.set()
        await comes_to_rest(observer, pod_queue("alpha"), CHALLENGERS)
        lengths = {queue: await observer.backlog(queue) for queue in await observer.queues()}
        async with aclosing(observer.follow(everything=True)) as messages:
            seen = [(await anext(messages)).subject for _ in range(4)]
        assert await admin.publish_market("house-1", "0" * 64, b"packed") is Stored.NEW
        assert await admin.publish_market("house-1", "0" * 64, b"packed") is Stored.SAME
        assert await admin.publish_market("house-1", "1" * 64, b"other") is Stored.TAKEN
        for reader in (alpha, coordinator, challenger, observer):
            assert await reader.published_market("house-1") == ("0" * 64, b"packed")
            assert await reader.published_market("house-2") is None
        assert await observer.published_markets() == {"house-1": "0" * 64}
        done = await set_up(admin, PODS)

    log = (guarded.keys.folder.parent / "log").read_text(encoding="utf-8")
    assert len(read) == 2
    # Beta never took its request, and the coordinator gave one message back.
    assert lengths == {
        "pod-alpha": Backlog(0, 0),
        "pod-beta": Backlog(1, 0),
        COORDINATORS: Backlog(0, 1),
        CHALLENGERS: Backlog(0, 0),
    }
    assert seen[0] == subjects.request("r1")
    assert not any(step.is_needed for step in done)
    assert "Violation" not in log


async def test_a_reviewer_reads_the_archive_and_asks_and_is_refused_nothing(guarded: Guarded) -> None:
    coordinator, reviewer, admin = [await guarded.bus(role) for role in (COORDINATOR, REVIEWER, ADMIN)]
    async with asyncio.timeout(PATIENCE_S):
        await publish(coordinator, subjects.final("r1"))
        assert await publish(reviewer, subjects.request("r2")) is Stored.NEW
        assert await publish(reviewer, subjects.request("r2")) is Stored.SAME
        while not await reviewer.last_archived([subjects.request("r2")]):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)
        assert [one.message.subject async for one in reviewer.archived(subjects.ALL_FINALS)] == [subjects.final("r1")]
        assert await reviewer.stops() == ()
        await admin.publish_market("house-1", "0" * 64, b"packed")
        assert await reviewer.published_markets() == {"house-1": "0" * 64}
        assert await reviewer.published_market("house-1") == ("0" * 64, b"packed")

    assert "Violation" not in (guarded.keys.folder.parent / "log").read_text(encoding="utf-8")


async def test_people_decide_fill_stop_and_resume_and_are_refused_nothing(guarded: Guarded) -> None:
    observer, coordinator, adviser, desk, admin = [
        await guarded.bus(role) for role in (OBSERVER, COORDINATOR, ADVISER, DESK, ADMIN)
    ]
    async with asyncio.timeout(PATIENCE_S):
        await publish(coordinator, subjects.final("r1"))
        assert len(await adviser.record([subjects.request("r1"), subjects.final("r1")])) == 1
        for person, subject in (
            (adviser, subjects.approval("r1")),
            (desk, subjects.fill("r1", "f1")),
            (adviser, subjects.stop("1")),
            (admin, subjects.stop("2")),
        ):
            assert await publish(person, subject) is Stored.NEW
            assert await publish(person, subject) is Stored.SAME
        for reader in (adviser, coordinator, observer, admin):
            assert [one.subject for one in await reader.stops()] == [subjects.stop("1"), subjects.stop("2")]
        assert await publish(admin, subjects.resume("1")) is Stored.NEW
        assert await publish(admin, subjects.resume("1")) is Stored.SAME
        assert [one.subject for one in await coordinator.stops()] == [subjects.stop("2")]

    log = (guarded.keys.folder.parent / "log").read_text(encoding="utf-8")
    assert "Violation" not in log


async def test_an_acknowledgement_brings_nobody_the_next_of_another_s_queue(guarded: Guarded) -> None:
    async with connect(guarded.auditor) as auditor:
        await publish(auditor, subjects.request("r1"))
        alpha = await guarded.person(ALPHA)

        for queue in ("PODFOLIO.pod-beta.PODFOLIO.pod-alpha.1.2.3", "PODFOLIO.pod-beta.1.1.1.1.0"):
            assert await alpha.publish(f"$JS.ACK.{queue}", b"+NXT")
        await alpha.publish("$JS.API.CONSUMER.MSG.NEXT.PODFOLIO.pod-alpha")
        own = await alpha.reply()
        beta = await auditor.ask_api("CONSUMER.INFO.PODFOLIO.pod-beta")

    assert own.reply.startswith("$JS.ACK.PODFOLIO.pod-alpha.")
    assert beta["delivered"]["consumer_seq"] == 0


async def test_an_agent_reads_its_own_results_and_no_other(guarded: Guarded) -> None:
    async with connect(guarded.auditor) as auditor:
        for pod in PODS:
            await publish(auditor, subjects.pod_result("r1", pod))
        alpha = await guarded.person(ALPHA)

        # A wildcard in what is asked for is one in what is found, too: the last result of this pod, not of any.
        await alpha.publish("$JS.API.DIRECT.GET.PODFOLIO.podfolio.v1.pod.*.alpha")
        found = await alpha.reply()

    assert found.headers["Nats-Subject"] == subjects.pod_result("r1", "alpha")


def a_service(role: str, queue: str) -> Service:
    return Service(service_name(role), "for a test", (Endpoint(MessageKind.REQUEST, subjects.ALL_REQUESTS, queue),))


async def test_an_operator_hears_from_each_service(guarded: Guarded) -> None:
    alpha, coordinator = await guarded.bus(ALPHA), await guarded.bus(COORDINATOR)
    services = a_service(ALPHA, pod_queue("alpha")), a_service(COORDINATOR, COORDINATORS)
    operator = await guarded.person(OPERATOR)
    async with alpha.answering(services[0]), coordinator.answering(services[1]):
        for bus in (alpha, coordinator):
            await bus.has_queue(pod_queue("alpha") if bus is alpha else COORDINATORS)  # the server knows by now
        assert await operator.publish("$SRV.PING") == []
        everybody = {json.loads((await operator.reply()).data)["name"] for _ in services}
        assert await operator.publish(f"$SRV.STATS.podfolio-pod-alpha.{services[0].id}") == []
        one = json.loads((await operator.reply()).data)

    assert everybody == {"podfolio-pod-alpha", "podfolio-coordinator"}
    assert (one["type"], one["id"]) == ("io.nats.micro.v1.stats_response", services[0].id)


async def test_an_observer_learns_which_replicas_run_and_nothing_else_of_them(guarded: Guarded) -> None:
    alpha, coordinator = await guarded.bus(ALPHA), await guarded.bus(COORDINATOR)
    first, second = a_service(ALPHA, pod_queue("alpha")), a_service(ALPHA, pod_queue("alpha"))
    third = a_service(COORDINATOR, COORDINATORS)
    observer = await guarded.bus(OBSERVER)
    async with alpha.answering(first), coordinator.answering(third):
        await coordinator.has_queue(COORDINATORS)
        async with alpha.answering(second):
            await alpha.has_queue(pod_queue("alpha"))  # the server knows by now
            both = await observer.replicas()
        await alpha.has_queue(pod_queue("alpha"))
        one = await observer.replicas()

    assert both == {"podfolio-pod-alpha": {first.id, second.id}, "podfolio-coordinator": {third.id}}
    assert one == {"podfolio-pod-alpha": {first.id}, "podfolio-coordinator": {third.id}}


# Where an asker would like an answer to go that it may not publish to itself.
ELSEWHERE = {
    "another's inbox": f"{inbox_of(REQUESTER)}.replies",
    "a final event": subjects.final("r1"),
    "a deletion": "$JS.API.STREAM.DELETE.PODFOLIO",
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_no_service_can_be_made_to_answer_elsewhere(guarded: Guarded, elsewhere: str) -> None:
    async with connect(guarded.auditor) as auditor:
        coordinator, operator = await guarded.bus(COORDINATOR), await guarded.person(OPERATOR)
        requester = await guarded.person(REQUESTER)
        async with coordinator.answering(a_service(COORDINATOR, COORDINATORS)):
            await coordinator.has_queue(COORDINATORS)
            await operator.client.publish("$SRV.PING", b"", ELSEWHERE[elsewhere])
            # Its next answer comes after whatever it did about the first question.
            await operator.publish("$SRV.PING")
            await operator.reply()
        await coordinator.has_queue(COORDINATORS)
        await requester.refused()
        state = (await auditor.ask_api("STREAM.INFO.PODFOLIO"))["state"]

    assert requester.heard == []
    assert state["messages"] == 0


async def test_what_a_role_may_not_is_said_at_once(guarded: Guarded) -> None:
    alpha, observer = await guarded.bus(ALPHA), await guarded.bus(OBSERVER)
    forbidden = (
        publish(alpha, subjects.final("r1")),
        publish(observer, subjects.request("r1")),
        alpha.record([subjects.ALL]),
        alpha.queues(),
        anext(alpha.follow(everything=True)),
        alpha.schedule("r1", datetime.now(UTC)),
    )
    for attempt in forbidden:
        with pytest.raises(RefusedError, match=r"(?i)permissions violation"):
            async with asyncio.timeout(PATIENCE_S):
                await attempt


async def test_who_listens_at_another_s_inbox_is_told_so(guarded: Guarded) -> None:
    settings = replace(guarded.settings(OBSERVER), inbox_prefix=inbox_of(REQUESTER))

    async with connect(settings) as bus:
        for _ in range(2):
            with pytest.raises(RefusedError, match="--inbox-prefix"):
                await bus.record([subjects.ALL])


async def test_a_further_pod_works_like_the_others(tmp_path: Path) -> None:
    async with guarded_server(tmp_path, ("epsilon",)) as guarded:
        requester, epsilon = await guarded.bus(REQUESTER), await guarded.bus(agent_role("epsilon"))
        await publish(requester, subjects.request("r1"))
        async with aclosing(epsilon.work(pod_queue("epsilon"), stop=asyncio.Event(), at_once=1)) as work:
            delivery = await anext(work)
            outcome = await publish(epsilon, subjects.pod_result("r1", "epsilon"))
            await delivery.done()
        with pytest.raises(RefusedError):
            await publish(epsilon, subjects.pod_result("r1", "alpha"))

    assert outcome is Stored.NEW


async def test_the_admin_sets_up_no_pod_that_has_no_key(guarded: Guarded) -> None:
    with pytest.raises(RefusedError, match=r"pod-epsilon"):
        await set_up(await guarded.bus(ADMIN), (*PODS, "epsilon"))


async def test_a_client_comes_back_after_a_crash_and_tls_with_it(tmp_path: Path, unused_tcp_port: int) -> None:
    keys = Keys(tmp_path / "keys")
    make_keys(keys.folder, PODS, now=datetime.now(UTC))

    async def start() -> Server:
        return await launch(tmp_path / "store", port=unused_tcp_port, log=tmp_path / "log", guard=keys.guard)

    server = await start()
    try:
        guarded = Guarded(server, keys, AsyncExitStack())
        async with guarded.people:
            await set_up(await guarded.bus(ADMIN), PODS)
            requester = await guarded.bus(REQUESTER)
            await server.kill()
            server = await start()
            outcome = await publish(requester, subjects.request("r1"))
    finally:
        await server.stop()

    assert outcome is Stored.NEW


async def test_the_configuration_for_a_server_elsewhere_is_valid(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", PODS, hosts=("nats",), now=datetime.now(UTC))
    deployed = (ROOT / "deploy" / "nats" / "nats-server.conf").read_text(encoding="utf-8")
    here = tmp_path / "nats-server.conf"
    here.write_text(deployed.replace("/etc/nats", str(tmp_path)).replace("/data", str(tmp_path)), encoding="utf-8")

    check = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "nats-server", "-t", "-c", here, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        _, told = await check.communicate()

    assert check.returncode == 0, told.decode()
    assert "keys/accounts.conf" in deployed


async def test_a_key_is_replaced_while_the_server_runs(guarded: Guarded, tmp_path: Path) -> None:
    keys, configuration = guarded.keys, tmp_path / "store" / "nats-server.conf"
    thief = await guarded.person(ALPHA)
    old_key = keys.public(ALPHA).read_text(encoding="ascii").strip()
    stolen = tmp_path / "stolen.nk"
    keys.seed(ALPHA).rename(stolen)
    keys.public(ALPHA).unlink()
    make_keys(keys.folder, PODS, now=datetime.now(UTC))
    new_key = keys.public(ALPHA).read_text(encoding="ascii").strip()

    known = configuration.read_text(encoding="utf-8")
    configuration.write_text(known.replace(old_key, new_key), encoding="utf-8")
    guarded.server.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(PATIENCE_S):
        while thief.client.is_connected or not await is_let_in(guarded.settings(ALPHA)):  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)

    async with aclosing((await guarded.bus(ALPHA)).work(pod_queue("alpha"), stop=asyncio.Event(), at_once=1)) as work:
        await publish(await guarded.bus(REQUESTER), subjects.request("r1"))
        await (await anext(work)).done()
    assert not await is_let_in(replace(guarded.settings(ALPHA), nkey_seed=stolen))
    assert await is_let_in(guarded.settings(BETA))


async def test_a_pod_is_added_by_a_restart_and_the_others_work_on(tmp_path: Path, unused_tcp_port: int) -> None:
    # Not by a reload: on that, nats-server 2.15.1 gives a new account none of its imports.
    keys, stop = Keys(tmp_path / "keys"), asyncio.Event()

    async def start(*pods: str) -> Server:
        make_keys(keys.folder, pods, now=datetime.now(UTC))
        return await launch(tmp_path / "store", port=unused_tcp_port, log=tmp_path / "log", guard=keys.guard)

    server = await start(*PODS)
    try:
        guarded = Guarded(server, keys, AsyncExitStack())
        async with asyncio.timeout(PATIENCE_S), guarded.people:
            await set_up(await guarded.bus(ADMIN), PODS)
            requester, alpha, observer = [await guarded.bus(role) for role in (REQUESTER, ALPHA, OBSERVER)]
            await server.stop()
            server = await start(*PODS, "epsilon")
            await set_up(await guarded.bus(ADMIN), (*PODS, "epsilon"))
            stored = await publish(requester, subjects.request("r1"))
            for worker, pod in ((alpha, "alpha"), (await guarded.bus(agent_role("epsilon")), "epsilon")):
                async with aclosing(worker.work(pod_queue(pod), stop=stop, at_once=1)) as work:
                    await (await anext(work)).done()
            await comes_to_rest(observer, "pod-alpha", "pod-epsilon")
            lengths = {queue: await observer.backlog(queue) for queue in await observer.queues()}
    finally:
        await server.stop()

    assert stored is Stored.NEW
    assert lengths["pod-epsilon"] == lengths["pod-alpha"] == Backlog(0, 0)
    assert lengths["pod-beta"] == Backlog(1, 0)


async def comes_to_rest(observer: JetStreamBus, *queues: str) -> None:
    """Wait until all deliveries of the queues are settled: no worker hears when the server has an acknowledgement."""
    for queue in queues:
        while await observer.backlog(queue) != Backlog(0, 0):  # noqa: ASYNC110 - bounded by whoever waits
            await asyncio.sleep(0.02)


async def is_let_in(settings: Connection) -> bool:
    try:
        async with connect(settings):
            return True
    except RefusedError:
        return False
