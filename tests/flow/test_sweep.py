"""Requests without an answer get their deadlines again, whatever became of those that were set."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator, inline
from support.requests_made import data
from test_flow import publish

from bus.language import subjects
from bus.port import COORDINATORS, DEADLINES, pod_queue
from bus.transports.memory import MemoryBus
from coordinator import sweep
from coordinator.server_time import ServerTime
from coordinator.sweep import DeadlineSweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.payload import Payload
    from bus.port import Delivery
    from coordinator.decisions import Optimise
    from coordinator.shell import Coordinator, Optimiser

BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Scheduled(MemoryBus):
    """Notes what is scheduled."""

    def __init__(self, clock: Callable[[], datetime] = lambda: BEGAN) -> None:
        super().__init__(PODS, clock=clock)
        self.deadlines: list[tuple[str, float]] = []

    async def schedule(self, request_id: str, at: datetime, *, keep: bool = False) -> None:
        await super().schedule(request_id, at, keep=keep)
        self.deadlines.append((request_id, (at - BEGAN).total_seconds()))

    def sweep(self) -> DeadlineSweep:
        time = ServerTime(lambda: self.now().timestamp())
        time.update(self.now(), asked_at=time.ticks())
        return DeadlineSweep(self, time)

    async def looked(self, with_: DeadlineSweep | None = None) -> list[tuple[str, float]]:
        """Look once; gives what was scheduled."""
        self.deadlines = []
        await (with_ or self.sweep()).sweep_once()
        return sorted(self.deadlines)


async def test_what_has_no_answer_gets_the_deadline_that_it_should_have() -> None:
    bus = Scheduled()
    for name in ("r1", "r2", "answered"):
        await publish(bus, data(name, deadline_s=30.0), name)
        bus.advance(1)
    await bus.publish_once(subjects.final("answered"), b"{}", message_id="f", headers={})

    assert await bus.looked() == [("r1", 29.0), ("r2", 30.0)]


async def test_a_deadline_that_has_passed_is_set_for_now_once_nobody_can_be_at_it_any_more() -> None:
    bus = Scheduled()
    await publish(bus, data(deadline_s=5.0))

    bus.advance(7)
    assert await bus.looked() == []
    bus.advance(60)
    assert await bus.looked() == [("r1", 67.0)]


async def test_what_has_no_deadline_is_left_to_its_own_message() -> None:
    bus = Scheduled()
    await publish(bus, b"{")
    marker = "podfolio.v1.request.no_id!"
    await bus.publish_once(marker, data(), message_id=marker, headers={})

    assert await bus.looked() == []


def set_right(bus: Scheduled) -> None:
    bus._clock = lambda: BEGAN  # noqa: SLF001 - the server's clock


async def due(bus: Scheduled) -> str | None:
    """Take the next deadline that has fallen due by now."""
    stop = asyncio.Event()
    async with aclosing(bus.work(DEADLINES, stop=stop, at_once=1)) as deliveries:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                delivery = await anext(deliveries)
                await delivery.done()
                return subjects.parse(delivery.message.subject).key
    return None


async def test_a_request_stored_by_a_clock_that_was_ahead_has_its_time_from_when_it_was_first_seen() -> None:
    bus = Scheduled(lambda: BEGAN + timedelta(hours=1))
    await publish(bus, data(deadline_s=30.0))
    set_right(bus)

    # Seen first at 0 s, and by coordinators that were started after that at 20 s and 28 s: 30 s less the second in
    # which an answer is published end at 29 s, not at 49 s or 57 s.
    assert await bus.looked() == [("r1", pytest.approx(29.0, abs=1e-3))]
    for seconds in (20, 8):
        bus.advance(seconds)
        await bus.looked()
    assert await due(bus) is None
    bus.advance(1.5)
    assert await due(bus) == "r1"
    # Should that have gone for nothing, the request has its time once more.
    bus.advance(10.5)
    assert await bus.looked() == [("r1", pytest.approx(69.0, abs=1e-3))]
    assert await due(bus) is None


async def take(bus: Scheduled, queue: str) -> Delivery:
    async with aclosing(bus.work(queue, stop=asyncio.Event(), at_once=1)) as deliveries:
        return await anext(deliveries)


def restarted(bus: Scheduled, optimise: Optimiser = inline) -> Coordinator:
    """Start a coordinator, which knows nothing but the server's time."""
    made = coordinator(bus, optimise)
    made.time.update(bus.now(), asked_at=made.time.ticks())
    return made


async def test_a_coordinator_that_is_given_the_request_again_postpones_nothing() -> None:
    bus = Scheduled(lambda: BEGAN + timedelta(hours=1))
    await publish(bus, data(deadline_s=30.0))
    set_right(bus)

    # The first dies before it has settled the request, and the second is given the request 20 s after that.
    for _ in range(2):
        await restarted(bus).handle(await take(bus, COORDINATORS))
        bus.advance(20)
    # At 40 s the first one's deadline of 29 s has come; the 49 s of the second do not count.
    assert await due(bus) == "r1"


async def test_a_search_that_begins_at_such_a_deadline_has_no_time_of_its_own_again() -> None:
    bus = Scheduled(lambda: BEGAN + timedelta(hours=1))
    await publish(bus, data(deadline_s=30.0, pod_weights={"alpha": 0.5, "beta": 0.5}))
    for pod in ("alpha", "beta"):
        await agent(bus, pod).handle(await take(bus, pod_queue(pod)))
    set_right(bus)
    allowed: list[float] = []

    async def noted(action: Optimise, *, seconds: float) -> Payload:
        allowed.append(seconds)
        return await inline(action, seconds=seconds)

    await bus.schedule("r1", BEGAN, keep=True)
    await restarted(bus, noted).handle(await take(bus, DEADLINES))

    # Half of the second in which an answer is published; 29 s if the request's time began anew.
    assert allowed == [0.5]
    assert await bus.holds(subjects.final("r1"))


async def test_of_very_many_some_are_seen_to_at_a_time_and_all_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_AT_ONCE", 8)
    monkeypatch.setattr(sweep, "_READ_TOGETHER", 3)
    bus = Scheduled()
    names = {f"r{i}" for i in range(30)}
    for name in names:
        await publish(bus, data(name), name)
    seen: set[str] = set()
    for _ in range(100):
        looked = [name for name, _ in await bus.looked()]
        assert len(looked) == 8
        seen |= {*looked}

    assert seen == names
