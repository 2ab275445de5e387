"""More than the solver can do: refused at the cheapest moment, with figures, and never answered late."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator, inline
from support.requests_made import data
from test_flow import PATIENCE_S, final_of, publish

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, PodResult, Reason, parse_request
from bus.transports.memory import MemoryBus
from coordinator.consolidation import consolidate
from coordinator.finals import payload_of
from coordinator.load import size_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bus.language.messages import FinalEvent
    from bus.language.payload import Payload
    from coordinator.decisions import Optimise
    from coordinator.shell import Coordinator, Optimiser

THEN = datetime(2025, 11, 7, tzinfo=UTC)
REQUEST = parse_request(data(deadline_s=10), "r1")


@cache
def portfolio() -> FinalEvent:
    answers = {pod: answer(mandate_files.load(pod), "r1", data(deadline_s=10)) for pod in PODS}
    return consolidate(REQUEST, {pod: found for pod, found in answers.items() if isinstance(found, PodResult)})


def found(action: Optimise) -> Payload:
    """Answer with the same portfolio always: what it takes is told by moving the time."""
    assert set(action.results) == set(PODS)
    return payload_of(portfolio().model_copy(update={"request_id": action.request.request_id}))


@asynccontextmanager
async def coordinated(bus: MemoryBus, optimise: Optimiser) -> AsyncIterator[Coordinator]:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=64))
        made = coordinator(bus, optimise)
        group.create_task(made.run(stop, at_once=64))
        try:
            yield made
        finally:
            stop.set()


async def test_of_a_burst_each_is_answered_once_in_time_or_refused() -> None:
    portfolio()
    # Time is only moved, never passes; nobody is taken for dead meanwhile.
    bus = MemoryBus(PODS, ack_wait_s=1_000, clock=lambda: THEN)

    async def slow(action: Optimise, *, seconds: float) -> Payload:
        await asyncio.sleep(0.05)  # others come meanwhile
        bus.advance(min(4, seconds))
        return found(action)

    async with coordinated(bus, slow):
        for i in range(12):
            await publish(bus, data(f"r{i}", deadline_s=10), f"r{i}")
        events = [await final_of(bus, f"r{i}") for i in range(12)]

    finals = await bus.record([subjects.ALL_FINALS])
    assert len(finals) == 12
    # Two have their four seconds, the third what is left of the ten but for a second to publish it.
    assert sum(isinstance(event, MasterPortfolioOptimized) for event in events) == 3
    assert {event.reason for event in events if isinstance(event, MasterPortfolioFailed)} == {Reason.OVERLOADED}
    assert max(message.stored_at or THEN for message in finals) == THEN + timedelta(seconds=9)


async def test_a_request_that_nobody_can_meet_is_refused_before_any_pod_is_heard() -> None:
    bus = MemoryBus((*PODS, "epsilon"))
    go_on = asyncio.Event()

    async def slow(action: Optimise, *, seconds: float) -> Payload:
        assert seconds > 0
        await go_on.wait()
        return found(action)

    async with coordinated(bus, slow) as made:
        load = made._turns.load  # noqa: SLF001 - to have it know without a wait
        for _ in range(3):
            load.measured.note(size_of(REQUEST), 70.0, made._turns.clock())  # noqa: SLF001
        for i in range(2):
            await publish(bus, data(f"r{i}", deadline_s=200), f"r{i}")
        while len(load.waiting) + len(load.running) < 2:  # noqa: ASYNC110 - bounded by coordinated()
            await asyncio.sleep(0.005)
        # Nobody answers for epsilon: the coordinator decides on the request itself, when it was offered to others.
        weights = dict.fromkeys((*PODS, "epsilon"), 0.2)
        await publish(bus, data("late", deadline_s=201, pod_weights=weights), "late")
        event = await final_of(bus, "late")
        go_on.set()
        for i in range(2):
            assert isinstance(await final_of(bus, f"r{i}"), MasterPortfolioOptimized)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.OVERLOADED


async def test_what_waits_too_long_at_one_coordinator_is_given_to_another_and_lost_by_nobody() -> None:
    bus = MemoryBus(PODS)
    go_on = asyncio.Event()
    stop = asyncio.Event()

    async def hard(action: Optimise, *, seconds: float) -> Payload:
        assert seconds > 0
        await go_on.wait()
        return found(action)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=64))
        busy, idle = coordinator(bus, hard), coordinator(bus, inline)
        working = group.create_task(busy.run(stop, at_once=64))
        for _ in range(3):
            busy._turns.load.measured.note(size_of(REQUEST), 60.0, busy._turns.clock())  # noqa: SLF001
        await publish(bus, data("first", deadline_s=600), "first")
        while not busy._turns.load.running:  # noqa: ASYNC110, SLF001 - bounded by the timeout
            await asyncio.sleep(0.005)
        group.create_task(idle.run(stop, at_once=64))
        await asyncio.sleep(0)
        ids = [f"r{i}" for i in range(4)]
        for request_id in ids:
            await publish(bus, data(request_id, deadline_s=600), request_id)
        events = [await final_of(bus, request_id) for request_id in ids]
        assert not working.done()
        go_on.set()
        first = await final_of(bus, "first")
        stop.set()

    assert all(isinstance(event, MasterPortfolioOptimized) for event in (first, *events))


async def test_easy_work_passes_hard_work_which_is_finished_all_the_same() -> None:
    bus = MemoryBus(PODS)
    go_on = asyncio.Event()
    begun: list[str] = []

    async def mixed(action: Optimise, *, seconds: float) -> Payload:
        assert seconds > 0
        begun.append(action.request.request_id)
        if action.request.request_id.startswith("hard"):
            await go_on.wait()
        return found(action)

    hard, easy = [f"hard{i}" for i in range(3)], [f"easy{i}" for i in range(5)]
    async with coordinated(bus, mixed):
        for request_id in hard:
            await publish(bus, data(request_id, deadline_s=900), request_id)
        while not begun:  # noqa: ASYNC110 - bounded by coordinated()
            await asyncio.sleep(0.005)
        for request_id in easy:
            await publish(bus, data(request_id, deadline_s=30), request_id)
        events = [await final_of(bus, request_id) for request_id in easy]
        assert not go_on.is_set()
        go_on.set()
        finished = [await final_of(bus, request_id) for request_id in hard]

    assert all(isinstance(event, MasterPortfolioOptimized) for event in (*events, *finished))


async def test_what_waits_at_its_deadline_is_refused_then_and_not_when_its_turn_comes() -> None:
    bus = MemoryBus(PODS)
    go_on = asyncio.Event()
    begun: list[str] = []

    async def slow(action: Optimise, *, seconds: float) -> Payload:
        assert seconds > 0
        begun.append(action.request.request_id)
        await go_on.wait()
        return found(action)

    async with coordinated(bus, slow):
        await publish(bus, data("long", deadline_s=300), "long")
        while not begun:  # noqa: ASYNC110 - bounded by coordinated()
            await asyncio.sleep(0.005)
        await publish(bus, data("short", deadline_s=30), "short")
        while len(await bus.record([subjects.ALL_POD_RESULTS])) < 8:  # noqa: ASYNC110 - bounded by coordinated()
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        bus.advance(31)
        refused = await final_of(bus, "short")
        assert begun == ["long"]
        go_on.set()
        assert isinstance(await final_of(bus, "long"), MasterPortfolioOptimized)

    assert isinstance(refused, MasterPortfolioFailed)
    assert (refused.reason, "no time is left" in refused.message) == (Reason.OVERLOADED, True)
    assert begun == ["long"]


@pytest.mark.parametrize(("takes_s", "reason"), [(1.0, None), (20.0, Reason.DEADLINE_EXCEEDED)])
async def test_after_the_deadline_a_search_is_begun_only_if_its_like_is_quick(
    takes_s: float, reason: Reason | None
) -> None:
    bus = MemoryBus(PODS)
    begun: list[float] = []

    async def noted(action: Optimise, *, seconds: float) -> Payload:
        begun.append(seconds)
        return found(action)

    # The request is stored, and everybody is away until long after its deadline.
    await publish(bus, data("r1", deadline_s=30), "r1")
    bus.advance(60)
    async with coordinated(bus, noted) as made:
        load = made._turns.load  # noqa: SLF001 - to have it know without a wait
        for _ in range(3):
            load.measured.note(size_of(REQUEST), takes_s, made._turns.clock())  # noqa: SLF001
        event = await final_of(bus, "r1")

    assert getattr(event, "reason", None) is reason
    assert bool(begun) is (reason is None)
    if isinstance(event, MasterPortfolioFailed):
        assert "30 s passed while the request waited" in event.message
