"""A stop of advice, on the in-memory bus: every requester is told, once, and no portfolio is published meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.in_process import PODS, agent, coordinator, inline
from support.requests_made import data

from bus.language import subjects
from bus.language.messages import (
    AdviceResumed,
    AdviceStopped,
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    Reason,
    encode,
    parse_final,
)
from bus.transports.memory import MemoryBus
from cli.pages.stream import line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bus.language.payload import Payload
    from coordinator.decisions import Optimise
    from coordinator.shell import Optimiser

PATIENCE_S = 300  # for a machine that is busy; nothing here waits for time to pass
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)


async def stop(bus: MemoryBus, number: str, why: str) -> None:
    body = AdviceStopped(number=number, why=why, by="UADVISER", stopped_at=THEN)
    await bus.publish_once(subjects.stop(number), encode(body), message_id=f"stop-{number}", headers={})


async def resume(bus: MemoryBus, number: str) -> None:
    body = AdviceResumed(number=number, by="UADMIN", resumed_at=THEN)
    await bus.publish_once(subjects.resume(number), encode(body), message_id=f"resume-{number}", headers={})


async def ask(bus: MemoryBus, request_id: str) -> None:
    await bus.publish_once(subjects.request(request_id), data(request_id), message_id=request_id, headers={})


async def final(bus: MemoryBus, request_id: str) -> FinalEvent:
    while not (found := await bus.record([subjects.final(request_id)])):  # noqa: ASYNC110 - bounded by system()
        await asyncio.sleep(0.005)
    return parse_final(found[0].data)


@asynccontextmanager
async def system(
    bus: MemoryBus, *, pods: tuple[str, ...] = PODS, coordinators: int = 1, optimise: Optimiser = inline
) -> AsyncIterator[None]:
    ended = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in pods:
            group.create_task(agent(bus, pod).run(ended, at_once=8))
        for _ in range(coordinators):
            made = coordinator(bus, optimise)
            # No time passes: whatever a coordinator may believe for a while, it believes to the end of the test.
            made._stops.ticks = lambda: 0.0  # noqa: SLF001 - the processes have the clock of the machine
            group.create_task(made.run(ended, at_once=8))
        try:
            yield
        finally:
            ended.set()


async def test_every_requester_is_told_why_and_gets_one_final_event() -> None:
    bus = MemoryBus(PODS)
    await stop(bus, "1", "the prices of VAS are wrong")
    # No agent runs: what is refused at once waits for no pod.
    async with system(bus, pods=(), coordinators=2):
        for number in range(5):
            await ask(bus, f"r{number}")
        events = [await final(bus, f"r{number}") for number in range(5)]

    stored = await bus.record([subjects.ALL_FINALS])
    assert [event.reason for event in events if isinstance(event, MasterPortfolioFailed)] == [Reason.STOPPED] * 5
    assert all("by UADVISER): the prices of VAS are wrong." in event.message for event in events)  # type: ignore[union-attr]
    assert all("Ask again under a new request_id when the stop is lifted" in event.message for event in events)  # type: ignore[union-attr]
    assert len(stored) == 5
    assert "stopped: new advice is stopped since" in line(stored[0]).plain


async def test_a_portfolio_that_was_being_optimised_is_not_published() -> None:
    bus, began = MemoryBus(PODS), []

    async def stopped_meanwhile(action: Optimise, *, seconds: float) -> Payload:
        began.append(action.request.request_id)
        await stop(bus, "1", "the solver is wrong")
        return await inline(action, seconds=seconds)

    async with system(bus, optimise=stopped_meanwhile):
        await ask(bus, "r1")
        event = await final(bus, "r1")

    assert began == ["r1"]
    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.STOPPED
    assert event.customer_id == "reference-customer"


async def test_a_coordinator_that_starts_later_knows_of_the_stop_and_of_its_end() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await ask(bus, "before")
        before = await final(bus, "before")
    await stop(bus, "1", "a fault")
    await stop(bus, "2", "another fault")
    async with system(bus, pods=()):
        await ask(bus, "stopped")
        stopped = await final(bus, "stopped")
    await resume(bus, "1")
    async with system(bus, pods=()):
        await ask(bus, "half")
        half = await final(bus, "half")
    await resume(bus, "2")
    async with system(bus):
        await ask(bus, "after")
        after = await final(bus, "after")

    assert isinstance(before, MasterPortfolioOptimized)
    assert isinstance(stopped, MasterPortfolioFailed)
    assert "a fault; since" in stopped.message
    assert isinstance(half, MasterPortfolioFailed)
    assert "another fault" in half.message
    assert "a fault; since" not in half.message
    assert isinstance(after, MasterPortfolioOptimized)


async def test_a_stop_that_cannot_be_read_stops_all_the_same() -> None:
    bus = MemoryBus(PODS)
    await bus.publish_once(subjects.stop("1"), b"\xff", message_id="1", headers={})
    async with system(bus, pods=()):
        await ask(bus, "r1")
        event = await final(bus, "r1")

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.STOPPED
    assert "by podfolio.v1.stop.1, whose reason cannot be read" in event.message
