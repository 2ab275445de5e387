"""Requests without an answer get their deadlines again, whatever became of those that were set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS
from support.requests_made import data
from test_flow import publish

from bus.language import subjects
from bus.transports.memory import MemoryBus
from coordinator import sweep
from coordinator.server_time import ServerTime
from coordinator.sweep import DeadlineSweep

if TYPE_CHECKING:
    from collections.abc import Callable

BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Scheduled(MemoryBus):
    """Notes what is scheduled, and lets nothing fall due."""

    def __init__(self, clock: Callable[[], datetime] = lambda: BEGAN) -> None:
        super().__init__(PODS, clock=clock)
        self.deadlines: list[tuple[str, float]] = []

    async def schedule(self, request_id: str, at: datetime) -> None:
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


async def test_a_request_stored_by_a_clock_that_was_ahead_has_its_time_from_when_it_was_seen() -> None:
    ahead = timedelta(hours=1)
    bus = Scheduled(lambda: BEGAN + ahead)
    await publish(bus, data(deadline_s=30.0))
    bus._clock = lambda: BEGAN  # noqa: SLF001 - the server's clock is set right
    mine = bus.sweep()

    assert await bus.looked(mine) == [("r1", pytest.approx(29.0, abs=1e-3))]
    bus.advance(20)
    assert await bus.looked(mine) == [("r1", pytest.approx(29.0, abs=1e-3))], "it does not move along"
    bus.advance(60)
    assert await bus.looked(mine) == [("r1", pytest.approx(80.0, abs=1e-3))]


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
