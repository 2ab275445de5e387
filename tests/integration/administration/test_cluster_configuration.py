"""The configuration of a cluster in deploy/ runs, tells KEDA what it asks, and is as careful as it says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.deployed import NAMES, PATIENCE_S, PODS, lag, publish

from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.language.subjects import MessageKind
from bus.observability.service import Endpoint, Service
from bus.port import COORDINATORS, Stored, UnreachableError, pod_queue
from bus.topology.roles import ADMIN, COORDINATOR, OBSERVER, OPERATOR, REQUESTER, agent_role, service_name
from bus.topology.streams import EVENTS, wanted_streams
from bus.transports.jetstream import connect

if TYPE_CHECKING:
    from support.deployed import Cluster


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


async def test_roles_at_different_servers_find_each_other(cluster: Cluster) -> None:
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            await set_up(admin, PODS, replicas=3)
        servers = dict(zip((REQUESTER, agent_role("alpha"), COORDINATOR, OPERATOR, OBSERVER), NAMES * 2, strict=False))
        requester, alpha, coordinator, operator, observer = [
            await stack.enter_async_context(
                connect(replace(cluster.settings(role), servers=f"tls://127.0.0.1:{cluster.clients[server]}"))
            )
            for role, server in servers.items()
        ]
        stop, told = asyncio.Event(), asyncio.Event()
        await stack.enter_async_context(observer.subscribe(subjects.ALL_PROGRESS, lambda _: told.set()))
        await publish(cluster, "r1")
        async with aclosing(alpha.work(pod_queue("alpha"), stop=stop, at_once=1)) as work:
            delivery = await anext(work)
            answered = await alpha.publish_once(
                subjects.pod_result("r1", "alpha"), b"{}", message_id="a", headers={}, timeout_s=PATIENCE_S
            )
            await delivery.done()
        async with aclosing(coordinator.work(COORDINATORS, stop=stop, at_once=2)) as work:
            deliveries = [await anext(work), await anext(work)]
            read = await coordinator.record([subjects.ALL], including=deliveries[1].message)
            finished = await coordinator.publish_once(
                subjects.final("r1"), b"{}", message_id="f", headers={}, timeout_s=PATIENCE_S
            )
            for delivery in deliveries:
                await delivery.done()
        while not told.is_set():
            await coordinator.publish_transient(subjects.progress("r1"), b"{}")
            await asyncio.sleep(0.02)
        name = service_name(agent_role("alpha"))
        service = Service(
            name, "for a test", (Endpoint(MessageKind.REQUEST, subjects.ALL_REQUESTS, pod_queue("alpha")),)
        )
        async with alpha.answering(service):
            while not await operator.somebody_answers(name):  # noqa: ASYNC110 - the other server does not tell
                await asyncio.sleep(0.02)
        found = await requester.record([subjects.final("r1")])

    assert (answered, finished) == (Stored.NEW, Stored.NEW)
    assert [message.subject for message in read] == [subjects.request("r1"), subjects.pod_result("r1", "alpha")]
    assert [message.subject for message in found] == [subjects.final("r1")]


async def test_too_few_servers_for_a_stream_are_waited_for(cluster: Cluster) -> None:
    events, *_ = wanted_streams(replicas=5, max_bytes=None)
    async with asyncio.timeout(PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            # There never are five. A cluster that has just started says the same (10005) of three, until they have met.
            with pytest.raises(UnreachableError, match="no success within 2 s, try again"):
                await admin.ask_api(f"STREAM.CREATE.{EVENTS}", events, timeout_s=2)
