"""A worker's promises: settled if handled, tried again if not, given up on when that is no use."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.deaths import die_with

from bus.language import subjects
from bus.port import COORDINATORS, FullError, RefusedError, UnreachableError
from bus.process.workers import CRASHES, LOST, work_off
from bus.transports.memory import MemoryBus

if TYPE_CHECKING:
    from pathlib import Path

    from bus.port import Delivery


@dataclass
class Failing:
    """A handler that raises what it is told, in turn, and then succeeds; it stops the work when it is settled."""

    errors: list[Exception]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    attempts: int = 0
    given_up: list[str] = field(default_factory=list)

    async def handle(self, delivery: Delivery) -> None:
        self.attempts = delivery.attempt
        if self.errors:
            raise self.errors.pop(0)
        self.stop.set()

    async def give_up(self, delivery: Delivery, error: Exception) -> None:  # noqa: ARG002
        self.given_up.append(str(error))
        self.stop.set()


@pytest.fixture(autouse=True)
def notes_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have a machine's folder for temporary files that nobody else uses."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


async def run(handler: Failing) -> Failing:
    bus = MemoryBus(("alpha",))
    await bus.publish_once(subjects.request("r1"), b"{}", message_id="m", headers={})
    working = asyncio.create_task(work_off(bus, COORDINATORS, handler, stop=handler.stop, at_once=4))
    async with asyncio.timeout(30):
        while not working.done():
            bus.advance(1)  # what is given back comes again after a second
            await asyncio.sleep(0.002)
    return handler


@dataclass
class Helpless(Failing):
    """One that cannot even answer that it cannot, at first."""

    helpless: int = 2

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        self.helpless -= 1
        if self.helpless >= 0:
            message = "what the message holds cannot be told"
            raise ValueError(message)
        await super().give_up(delivery, error)


async def test_what_cannot_even_be_given_up_comes_again_and_ends_nobody() -> None:
    done = await run(Helpless([ValueError("strange")] * (CRASHES + 2)))

    assert (done.attempts, done.given_up) == (CRASHES + 2, ["strange"])


async def test_what_is_handled_is_settled() -> None:
    done = await run(Failing([]))

    assert (done.attempts, done.given_up) == (1, [])


async def test_an_outage_of_the_bus_is_waited_out_however_long() -> None:
    done = await run(Failing([UnreachableError("gone")] * (2 * LOST)))

    assert (done.attempts, done.given_up) == (2 * LOST + 1, [])


async def test_a_full_stream_is_waited_out_and_no_reason_to_fail_what_was_acknowledged() -> None:
    done = await run(Failing([FullError("no room")] * (2 * CRASHES)))

    assert (done.attempts, done.given_up) == (2 * CRASHES + 1, [])


async def test_an_outage_does_not_count_as_a_crash() -> None:
    done = await run(Failing([UnreachableError("gone")] * CRASHES + [ValueError("crash")]))

    assert (done.attempts, done.given_up) == (CRASHES + 2, [])


async def test_a_crash_is_tried_again_and_then_given_up() -> None:
    done = await run(Failing([ValueError(f"crash {i}") for i in range(99)]))

    assert (done.attempts, done.given_up) == (CRASHES, [f"crash {CRASHES - 1}"])


async def test_what_the_server_refuses_for_good_is_given_up_at_once() -> None:
    done = await run(Failing([RefusedError("too large")]))

    assert (done.attempts, done.given_up) == (1, ["too large"])


async def handed_out(times: int, *, deaths: int = 0) -> Failing:
    """Work off a message that was handed out so often and never settled, and that so many processes died with."""
    bus = MemoryBus(("alpha",), clock=lambda: datetime.now(UTC) - timedelta(minutes=2))
    await bus.publish_once(subjects.request("r1"), b"{}", message_id="m", headers={})
    for _ in range(times):
        # Whoever has it now never settles it: to the bus, dying and a line that is cut look the same.
        lost = await anext(aiter(bus.work(COORDINATORS, stop=asyncio.Event(), at_once=1)))
        bus.advance(6)
    for _ in range(deaths):
        die_with(COORDINATORS, lost.message)
    handler = Failing([])
    async with asyncio.timeout(30):
        await work_off(bus, COORDINATORS, handler, stop=handler.stop, at_once=4)
    return handler


async def test_what_no_process_survives_is_given_up_by_the_next_and_not_handled_again() -> None:
    done = await handed_out(LOST, deaths=LOST)

    assert (done.attempts, done.given_up) == (
        0,
        ["it was handed out 10 times to processes that did not live to answer it; see their logs"],
    )


async def test_what_a_slow_line_lost_however_often_killed_nobody_and_is_handled() -> None:
    done = await handed_out(5 * LOST)

    assert (done.attempts, done.given_up) == (5 * LOST + 1, [])


async def test_what_some_processes_died_with_is_handled_until_they_are_too_many() -> None:
    done = await handed_out(5 * LOST, deaths=LOST - 1)

    assert (done.attempts, done.given_up) == (5 * LOST + 1, [])


async def test_crashes_with_a_message_of_a_stream_that_was_lost_are_not_those_of_another_under_its_number() -> None:
    bus = MemoryBus(("alpha",))
    handler = Failing([ValueError("crash")] * (2 * (CRASHES - 1)))
    working = asyncio.create_task(work_off(bus, COORDINATORS, handler, stop=handler.stop, at_once=4))
    async with asyncio.timeout(30):
        for left in (CRASHES - 1, 0):
            await bus.publish_once(subjects.request("r1"), b"{}", message_id="m", headers={})
            while len(handler.errors) > left:
                bus.advance(1)
                await asyncio.sleep(0.002)
            if left:
                bus.set_up()
        while not working.done():
            bus.advance(1)
            await asyncio.sleep(0.002)

    assert (handler.attempts, handler.given_up) == (CRASHES, [])


async def test_what_was_in_hand_when_a_process_died_is_not_handled_in_the_same_order_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = MemoryBus(("alpha",))
    for name in ("poison", "innocent"):
        await bus.publish_once(subjects.request(name), b"{}", message_id=name, headers={})
    dead = bus.work(COORDINATORS, stop=asyncio.Event(), at_once=2)
    held = [await anext(dead), await anext(dead)]
    die_with(COORDINATORS, *(delivery.message for delivery in held))
    bus.advance(6)
    chances = iter([0.9, 0.0])
    monkeypatch.setattr("random.random", lambda: next(chances))
    handled: list[str] = []
    stop = asyncio.Event()

    class Noting(Failing):
        async def handle(self, delivery: Delivery) -> None:
            handled.append(delivery.message.subject)
            if len(handled) == len(held):
                stop.set()

    async with asyncio.timeout(30):
        await work_off(bus, COORDINATORS, Noting([]), stop=stop, at_once=4)

    assert handled == [subjects.request("innocent"), subjects.request("poison")]
