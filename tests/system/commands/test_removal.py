"""An administrator removes stored messages, on a real server: what may go, what stays, and what is told of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import RawConnection
from support.commands import beside
from support.processes import podfolio

from bus.language import subjects
from bus.language.messages import MessageRemoved
from bus.port import COORDINATORS, Backlog, Stored, pod_queue
from cli.pages.stream import line

if TYPE_CHECKING:
    from support.processes import Site

    from bus.transports.jetstream import JetStreamBus

PATIENCE_S = 240.0
SECRET = b'{"customer": {"customer_id": "Jane Citizen"}}'


async def store(bus: JetStreamBus, *names: str, data: bytes = b"{}") -> None:
    for name in names:
        assert await bus.publish_once(name, data, message_id=name, headers={}) is Stored.NEW


async def settle(bus: JetStreamBus, queue: str, count: int) -> None:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), aclosing(bus.work(queue, stop=stop, at_once=count)) as deliveries:
        for _ in range(count):
            await (await anext(deliveries)).done()
        stop.set()


async def remove(server_url: str, sequence: int, *options: str) -> tuple[int, str]:
    status, out, errors = await beside(
        "remove", str(sequence), "--reason", "a test", "--yes", "--server", server_url, *options
    )
    return status, out + errors


@pytest.fixture
def bus(site: Site) -> JetStreamBus:
    return site.bus


@pytest.fixture
def server_url(site: Site) -> str:
    return site.url


async def test_a_poisoned_message_goes_and_the_stream_says_what_it_was(bus: JetStreamBus, server_url: str) -> None:
    async with RawConnection(int(server_url.rpartition(":")[2])) as raw:
        await raw.publish(b"podfolio.v1.request.caf\xe9", b"N", SECRET)

    status, out = await remove(server_url, 1)

    assert status == 0, out
    assert "45 bytes" in out
    assert "Jane" not in out
    assert await bus.read_message(1) is None
    (told,) = await bus.record([subjects.ALL])
    body = MessageRemoved.model_validate_json(told.data)
    assert (told.subject, body.sequence, body.size, body.reason) == (subjects.removed(1), 1, len(SECRET), "a test")
    assert body.subject.startswith("podfolio.v1.request.caf")
    assert body.stored_at < body.removed_at
    # No queue hands it out any more.
    assert await bus.backlog(pod_queue("alpha")) == await bus.backlog(COORDINATORS) == Backlog(0, 0)

    again, said = await remove(server_url, 1)
    assert (again, "removed before: podfolio.v1.removed.1 (message 2)" in said) == (1, True)
    missing, said = await remove(server_url, 99)
    assert (missing, "no message is stored as 99" in said) == (1, True)
    stays, said = await remove(server_url, 2)
    assert (stays, "is the record of a removal" in said) == (1, True)


async def test_of_a_request_nothing_goes_before_it_is_answered_and_settled(bus: JetStreamBus, server_url: str) -> None:
    await store(bus, subjects.request("r1"), subjects.pod_result("r1", "alpha"), data=SECRET)
    unanswered, said = await remove(server_url, 1)
    await store(bus, subjects.final("r1"), data=SECRET)
    unsettled, told = await remove(server_url, 1)
    await settle(bus, COORDINATORS, 2)
    first, because = await remove(server_url, 3)

    assert (unanswered, "has no final event yet" in said) == (1, True)
    assert (unsettled, "still have messages of its request in hand" in told) == (1, True)
    assert (first, "its request (message 1) is still there" in because) == (1, True)
    assert [message.sequence for message in await bus.record([subjects.ALL])] == [1, 2, 3]

    for sequence in (1, 2, 3):
        status, out = await remove(server_url, sequence)
        assert status == 0, out

    left = await bus.record([subjects.ALL])
    assert [message.subject for message in left] == [subjects.removed(sequence) for sequence in (1, 2, 3)]
    assert not any(b"Jane" in message.data for message in left)
    # Observers are not held up by what is missing.
    async with asyncio.timeout(PATIENCE_S), aclosing(bus.follow(everything=True)) as messages:
        assert [(await anext(messages)).sequence for _ in left] == [4, 5, 6]


async def test_one_that_nobody_can_answer_goes_if_that_is_said(bus: JetStreamBus, server_url: str) -> None:
    await store(bus, subjects.request("r1"), subjects.request("r2"))
    # A worker has it in hand, dies of it, and it is not handed out again.
    stop = asyncio.Event()
    async with aclosing(bus.work(COORDINATORS, stop=stop, at_once=1)) as deliveries:
        assert (await anext(deliveries)).message.sequence == 1
    status, out = await remove(server_url, 1, "--unanswered")

    assert status == 0, out
    async with asyncio.timeout(PATIENCE_S), aclosing(bus.work(COORDINATORS, stop=stop, at_once=2)) as deliveries:
        delivery = await anext(deliveries)
        assert delivery.message.sequence == 2
        await delivery.done()
        while await bus.backlog(COORDINATORS) != Backlog(0, 0):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_it_asks_before_and_is_told_in_the_stream_by_one_line(bus: JetStreamBus, server_url: str) -> None:
    await store(bus, "podfolio.v1.request.two.tokens")

    asked, out, _ = await podfolio("remove", "1", "--reason", "x", "--server", server_url)
    assert (asked, "Remove it for good?" in out) == (1, True)
    assert await bus.record([subjects.removed(1)]) == ()
    await remove(server_url, 1)
    (told,) = await bus.record([subjects.ALL])
    assert "podfolio.v1.request.two.tokens (message 1), by user" in str(line(told))
    assert str(line(told)).endswith(": a test")


async def test_a_stream_that_lets_nothing_be_deleted_is_told_of_before_anything_is_done(
    bus: JetStreamBus, server_url: str
) -> None:
    await store(bus, subjects.final("r1"))
    config = (await bus.ask_api("STREAM.INFO.PODFOLIO"))["config"]
    await bus.ask_api("STREAM.UPDATE.PODFOLIO", {**config, "deny_delete": True})

    status, said = await remove(server_url, 1)

    assert (status, "docs/operations.md" in said) == (1, True)
    assert len(await bus.record([subjects.ALL])) == 1
