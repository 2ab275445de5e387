"""More than the solver can do: refused at the cheapest moment, with figures, and never answered late."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator
from support.requests_made import data
from test_flow import PATIENCE_S, final_of, publish

from agents import mandates
from agents.answer import answer
from bus import subjects
from bus.memory import MemoryBus
from bus.messages import MasterPortfolioFailed, MasterPortfolioOptimized, PodResult, Reason, parse_request
from coordinator.consolidation import consolidate
from coordinator.load import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bus.messages import FinalEvent, OptimizationRequest
    from coordinator.shell import Optimiser

THEN = datetime(2025, 11, 7, tzinfo=UTC)
REQUEST = parse_request(data(deadline_s=10), "r1")


@cache
def portfolio() -> FinalEvent:
    answers = {pod: answer(mandates.load(pod), "r1", data(deadline_s=10)) for pod in PODS}
    return consolidate(REQUEST, {pod: found for pod, found in answers.items() if isinstance(found, PodResult)})


def found(request: OptimizationRequest, results: Mapping[str, PodResult]) -> FinalEvent:
    """Answer with the same portfolio always: what it takes is told by moving the time."""
    assert set(results) == set(PODS)
    return portfolio().model_copy(update={"request_id": request.request_id})


def busy(waiting: int, typical_s: float) -> Load:
    load = Load(waiting=Counter(f"before-{i}" for i in range(waiting)))
    load.held_up_s.append(typical_s)
    return load


@pytest.mark.parametrize(
    ("load", "left_s", "refused"),
    [
        (Load(), 5.0, False),
        (Load(), -5.0, False),  # nobody is before it: what can still be done is done
        (busy(0, 9.0), 1.0, False),
        (busy(4, 1.0), 6.25, False),  # five seconds are planned, and a quarter of that is kept
        (busy(4, 1.0), 6.2, True),
        (busy(1, 0.01), -1.0, True),
        (Load(waiting=Counter("abc")), 1.0, False),  # nothing is known yet
    ],
)
def test_a_request_is_refused_if_those_before_it_leave_too_little_time(
    load: Load, left_s: float, *, refused: bool
) -> None:
    assert (load.refuse(REQUEST, left_s=left_s) is not None) == refused


def test_the_refusal_says_how_long_the_queue_is_and_what_to_do() -> None:
    event = busy(40, 0.25).refuse(REQUEST, left_s=3)

    assert event is not None
    assert (event.reason, event.customer_id) == (Reason.OVERLOADED, REQUEST.customer.customer_id)
    for told in ("40 long", "0.25 s", "3 s of its 10 s", "deadline_s", "more coordinators"):
        assert told in event.message


def test_what_requests_take_is_learnt_within_tens_of_them() -> None:
    load = busy(0, 0.02)
    load.held_up_s.extend([0.4] * 10)
    assert load.typical_s > 0.3
    load.held_up_s.extend([0.02] * 20)
    assert load.typical_s < 0.021


def test_one_outage_says_nothing_of_what_requests_take() -> None:
    load = busy(100, 0.02)
    load.held_up_s.extend([0.02, 9.0, 0.02])

    assert load.refuse(REQUEST, left_s=5) is None


def test_a_message_that_comes_twice_does_not_stand_in_its_own_way() -> None:
    load = busy(4, 1.0)
    with load.waits("r1"):
        assert load.refuse(REQUEST, left_s=1) is None  # it has its place, and its turn will tell
        assert load.refuse(REQUEST, left_s=-1) is not None
        with load.waits("r1"):
            assert len(load.waiting) == 5
        load.running = "r1"
        assert load.refuse(REQUEST, left_s=-1) is None
        assert len(load.waiting) == 5
    assert len(load.waiting) == 4


@asynccontextmanager
async def coordinated(bus: MemoryBus, optimise: Optimiser, *, pods: tuple[str, ...] = PODS) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in pods:
            group.create_task(agent(bus, pod).run(stop, at_once=64))
        group.create_task(coordinator(bus, optimise).run(stop, at_once=64))
        try:
            yield
        finally:
            stop.set()


async def test_of_a_burst_each_is_answered_once_in_time_or_refused() -> None:
    portfolio()
    # Time is only moved, never passes; nobody is taken for dead meanwhile.
    bus = MemoryBus(PODS, ack_wait_s=1_000, clock=lambda: THEN)

    async def slow(request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float) -> FinalEvent:
        await asyncio.sleep(0.05)  # others come meanwhile
        bus.advance(min(4, seconds))
        return found(request, results)

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


async def test_a_request_that_cannot_be_met_is_refused_before_any_pod_is_heard() -> None:
    bus = MemoryBus((*PODS, "epsilon"))
    go_on = asyncio.Event()
    begun: list[str] = []

    async def slow(request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float) -> FinalEvent:
        assert seconds > 0
        begun.append(request.request_id)
        if len(begun) == 1:
            await asyncio.sleep(0.2)  # what one takes
        else:
            await go_on.wait()
        return found(request, results)

    async with coordinated(bus, slow):
        await publish(bus, data("first", deadline_s=300), "first")
        await final_of(bus, "first")
        for i in range(10):
            await publish(bus, data(f"r{i}", deadline_s=300), f"r{i}")
        while len(await bus.record([subjects.ALL_POD_RESULTS])) < 44:  # noqa: ASYNC110 - bounded by coordinated()
            await asyncio.sleep(0.005)
        # Nobody answers for epsilon: the coordinator decides on the request itself.
        await publish(bus, data("late", deadline_s=1, pod_weights={"epsilon": 1.0}), "late")
        event = await final_of(bus, "late")
        go_on.set()
        for i in range(10):
            assert isinstance(await final_of(bus, f"r{i}"), MasterPortfolioOptimized)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.OVERLOADED


async def test_what_waits_at_its_deadline_is_refused_then_and_not_when_its_turn_comes() -> None:
    bus = MemoryBus(PODS)
    go_on = asyncio.Event()
    begun: list[str] = []

    async def slow(request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float) -> FinalEvent:
        assert seconds > 0
        begun.append(request.request_id)
        await go_on.wait()
        return found(request, results)

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
