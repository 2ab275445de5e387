"""A coordinator reads the stream no more often than it must, and loses nothing by that."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator
from support.requests_made import data
from test_flow import PATIENCE_S, publish

from bus.language import subjects
from bus.language.messages import MasterPortfolioOptimized, Reason, parse_final
from bus.language.subjects import MessageKind
from bus.port import COORDINATORS, Stored, UnreachableError, pod_queue
from bus.transports.memory import MemoryBus
from coordinator import shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from bus.language.messages import FinalEvent
    from bus.port import Delivery, Message


class Counted(MemoryBus):
    """Counts how often it is read, and may refuse to take final events."""

    reads = 0
    refuses = 0

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        self.reads += 1
        return await super().record(subjects, including=including)

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        if self.refuses and subjects.parse(subject).kind is MessageKind.FINAL:
            self.refuses -= 1
            message = "no answer"
            raise UnreachableError(message)
        return await super().publish_once(subject, data, message_id=message_id, headers=headers, timeout_s=timeout_s)

    async def shows(self, pattern: str, count: int = 1) -> list[Message]:
        """Wait until so many messages are there, without counting."""
        while len(found := await super().record([pattern])) < count:  # noqa: ASYNC110 - bounded by whoever waits
            await asyncio.sleep(0.005)
        return list(found)


async def answered_by_all(bus: Counted) -> None:
    """Publish a request, and have every pod answer it."""
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        await publish(bus, data())
        await bus.shows(subjects.ALL_POD_RESULTS, len(PODS))
        stop.set()


@asynccontextmanager
async def coordinated(bus: Counted) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(coordinator(bus).run(stop, at_once=8))
        yield
        stop.set()


async def final(bus: Counted) -> FinalEvent:
    return parse_final((await bus.shows(subjects.final("r1")))[0].data)


async def test_a_coordinator_that_is_handed_everything_reads_nothing_again() -> None:
    bus = Counted(PODS)
    await answered_by_all(bus)

    async with coordinated(bus):
        assert isinstance(await final(bus), MasterPortfolioOptimized)

    assert bus.reads == 0


@pytest.mark.parametrize("elsewhere", range(1 + len(PODS)), ids=["the request", *PODS])
async def test_a_message_handed_to_another_process_is_read_with_the_last_one_in_hand(elsewhere: int) -> None:
    bus = Counted(PODS)
    await answered_by_all(bus)
    handed_first = await taken(bus, elsewhere + 1)
    for number, delivery in enumerate(handed_first):
        if number < elsewhere:
            await delivery.again(delay_s=0)
    await handed_first[elsewhere].done()

    async with coordinated(bus):
        if elsewhere < len(PODS):
            assert isinstance(await final(bus), MasterPortfolioOptimized)
        else:
            # The last answer went with the process that had it, and the deadline finds all.
            bus.advance(30)
            assert isinstance(await final(bus), MasterPortfolioOptimized)

    assert bus.reads >= 1


async def taken(bus: Counted, count: int) -> list[Delivery]:
    """Take the first deliveries of the coordinators, as another process."""
    async with aclosing(bus.work(COORDINATORS, stop=asyncio.Event(), at_once=count)) as deliveries:
        return [await anext(deliveries) for _ in range(count)]


async def test_what_was_finished_is_asked_of_the_stream_and_not_remembered() -> None:
    bus = Counted(PODS)

    async with coordinated(bus):
        await publish(bus, data(), "r1")
        for pod in PODS:
            await bus.publish_once(subjects.pod_result("r1", pod), b"{}", message_id=f"first-{pod}", headers={})
        first = await final(bus)
        bus.set_up()  # all that was stored is lost
        await publish(bus, b"{", "r1")
        second = await final(bus)

    assert (first.type, first.reason) == ("MasterPortfolioFailed", Reason.INTERNAL_ERROR)
    assert (second.type, second.reason) == ("MasterPortfolioFailed", Reason.INVALID_REQUEST)


async def test_a_pod_that_was_taken_away_is_soon_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_BELIEVED_S", 0.0)
    bus = Counted(PODS)

    async with coordinated(bus):
        await publish(bus, data("r0", pod_weights={"gamma": 1.0}), "r0")
        await asyncio.sleep(0.05)
        bus.remove(pod_queue("gamma"))
        await publish(bus, data(pod_weights={"gamma": 1.0}))
        event = await final(bus)

    assert (event.type, event.reason) == ("MasterPortfolioFailed", Reason.UNKNOWN_POD)


async def test_a_final_event_that_could_not_be_published_is_not_taken_for_there() -> None:
    bus = Counted(PODS)
    bus.refuses = 1
    await answered_by_all(bus)

    async with coordinated(bus):
        assert isinstance(await final(bus), MasterPortfolioOptimized)

    assert bus.refuses == 0
