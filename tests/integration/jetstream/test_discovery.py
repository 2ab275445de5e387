"""The NATS service API as the standard has it (ADR-32), asked by nats-py alone and read by its own classes."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import pytest
from nats.micro.service import ServiceConfig, ServiceInfo, ServicePing, ServiceStats

from bus.language import subjects
from bus.language.subjects import MessageKind
from bus.observability.service import Endpoint, Service
from bus.port import UnreachableError, pod_queue
from bus.process.workers import work_off
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client
    from support.site import Site

    from bus.port import Delivery

PATIENCE_S = 240.0
QUEUE = pod_queue("alpha")


def replica(name: str = "podfolio-pod-alpha") -> Service:
    return Service(name, "an agent", (Endpoint(MessageKind.REQUEST, subjects.ALL_REQUESTS, QUEUE),))


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Client]:
    client = await nats.connect(url)
    try:
        yield client
    finally:
        await client.close()


async def answers(client: Client, subject: str, count: int) -> list[dict[str, Any]]:
    """Ask, and take *count* answers, each from another replica."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    await client.publish(subject, b"", reply=inbox)
    found = [json.loads((await subscription.next_msg(PATIENCE_S)).data) for _ in range(count)]
    await subscription.unsubscribe()
    return found


async def test_each_replica_answers_for_all_for_its_name_and_for_itself(server_url: str) -> None:
    first, second, other = replica(), replica(), replica("podfolio-pod-beta")
    async with (
        connect(Connection(servers=server_url)) as bus,
        bus.answering(first),
        bus.answering(second),
        bus.answering(other),
        asking(server_url) as client,
    ):
        await bus.somebody_answers(other.name)
        for verb in ("PING", "INFO", "STATS"):
            everybody = await answers(client, f"$SRV.{verb}", 3)
            of_name = await answers(client, f"$SRV.{verb}.{first.name}", 2)
            itself = await answers(client, f"$SRV.{verb}.{first.name}.{first.id}", 1)

            assert {answer["id"] for answer in everybody} == {first.id, second.id, other.id}
            assert {answer["id"] for answer in of_name} == {first.id, second.id}
            assert {answer["id"] for answer in itself} == {first.id}
            assert {answer["type"] for answer in everybody} == {f"io.nats.micro.v1.{verb.lower()}_response"}


async def test_the_answers_are_what_the_standard_s_client_reads(jetstream_site: Site, server_url: str) -> None:
    service, stop = replica(), asyncio.Event()
    handled: list[int] = []

    class Failing:
        """It fails once, and stops when it has not."""

        async def handle(self, delivery: Delivery) -> None:
            handled.append(delivery.attempt)
            if delivery.attempt == 1:
                text = "words of a customer's"
                raise UnreachableError(text)
            stop.set()

        async def give_up(self, delivery: Delivery, error: Exception) -> None:
            raise NotImplementedError

    async with connect(Connection(servers=server_url)) as bus, bus.answering(service), asking(server_url) as client:
        (before,) = await answers(client, f"$SRV.STATS.{service.name}", 1)
        await jetstream_site.bus.publish_once(subjects.request("r1"), b"{}", message_id="m", headers={})
        await work_off(bus, QUEUE, Failing(), stop=stop, at_once=1)
        ping, info, after = [
            (await answers(client, f"$SRV.{verb}.{service.name}", 1))[0] for verb in ("PING", "INFO", "STATS")
        ]

    answered = ServicePing.from_dict(ping)
    ServiceConfig(name=answered.name, version=answered.version)  # which refuses what the standard does
    assert answered.name == "podfolio-pod-alpha"
    described = ServiceInfo.from_dict(info)
    (endpoint,) = described.endpoints
    assert (described.description, endpoint.subject, endpoint.queue_group) == (
        "an agent",
        "podfolio.v1.request.>",
        "pod-alpha",
    )
    with_data = [{**stats, "data": None} for stats in after["endpoints"]]  # this client wants what is optional
    counted = ServiceStats.from_dict({**after, "endpoints": with_data})
    (earlier,), (stats,) = before["endpoints"], counted.endpoints
    assert handled == [1, 2]
    assert stats.num_requests - earlier["num_requests"] == 2
    assert stats.num_errors - earlier["num_errors"] == 1
    assert stats.last_error == "UnreachableError"
    assert stats.processing_time > earlier["processing_time"]
    assert stats.average_processing_time == stats.processing_time // stats.num_requests


async def test_nobody_answers_when_nobody_is_there(server_url: str) -> None:
    async with connect(Connection(servers=server_url)) as bus:
        assert not await bus.somebody_answers("podfolio-pod-gamma")
        async with bus.answering(replica("podfolio-pod-gamma")):
            assert await bus.somebody_answers("podfolio-pod-gamma")
        assert not await bus.somebody_answers("podfolio-pod-gamma")


@pytest.mark.parametrize("reply", ["", "podfolio.v1.final.r1", "podfolio.v1.request.r2"])
async def test_what_is_not_an_inbox_gets_no_answer(jetstream_site: Site, server_url: str, reply: str) -> None:
    service = replica()
    async with connect(Connection(servers=server_url)) as bus, bus.answering(service), asking(server_url) as client:
        await client.publish(f"$SRV.PING.{service.name}", b"", reply=reply)
        await answers(client, f"$SRV.PING.{service.name}", 1)
        await bus.has_queue(QUEUE)
        async with aclosing(jetstream_site.bus.follow(everything=True)) as stored:
            await jetstream_site.bus.publish_once(subjects.request("last"), b"{}", message_id="m", headers={})
            first = await anext(stored)

    assert first.subject == subjects.request("last")
