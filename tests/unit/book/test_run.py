"""A run over the bus in memory, answered by a test: asked again, stopped, started again, never asked twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from support.requests_made import body

from book import requests
from book.lines import Line
from book.requests import Run
from book.run import MOST_TRIES, AdviceStoppedError, Asking
from book.window import Window
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, Reason, encode
from bus.language.subjects import MessageKind
from bus.transports.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from book.requests import Account

RUN = Run("night")


def book(*customers: str) -> list[Line]:
    made = []
    for number, customer_id in enumerate(customers, start=1):
        told = body()
        told["customer"] = {**told["customer"], "customer_id": customer_id}
        made.append(Line(number, f"line {number}", json.dumps(told).encode()))
    return made


def pairs(lines: Iterable[Line]) -> list[tuple[Line, Account]]:
    there = list(lines)
    return list(zip(there, requests.accounts(there, RUN), strict=True))


@asynccontextmanager
async def answering(bus: MemoryBus, reason: Callable[[str], Reason]) -> AsyncIterator[Counter[str]]:
    """Answer every request that has no final event; counts what was asked, by id."""
    asked: Counter[str] = Counter()

    async def answer() -> None:
        async for message in bus.follow(everything=True):
            address = subjects.parse(message.subject)
            if address.kind is MessageKind.REQUEST:
                asked[address.key] += 1
                event = MasterPortfolioFailed(request_id=address.key, reason=reason(address.key), message="m")
                subject = subjects.final(address.key)
                await bus.publish_once(subject, encode(event), message_id=subject, headers={})

    task = asyncio.create_task(answer())
    yield asked
    task.cancel()


def asking(bus: MemoryBus, most: int = 2) -> tuple[Asking, list[str], list[float]]:
    """Make a run that waits for no time to pass, with the customers that are done and the pauses it would make."""
    done: list[str] = []
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    made = Asking(bus, RUN, Window(most), lambda account: done.append(account.customer_id), pytest.fail, pause=pause)
    return made, done, pauses


async def test_a_request_that_was_refused_for_load_is_asked_again_under_another_id() -> None:
    bus = MemoryBus()
    busy = {"night_1_b": Reason.OVERLOADED, "night_2_b": Reason.DEADLINE_EXCEEDED}
    run, done, pauses = asking(bus)
    async with answering(bus, lambda key: busy.get(key, Reason.RULES_CONFLICT)) as asked:
        await run.ask_all(pairs(book("a", "b", "c")))

    assert run.asked == {1: "night_1_a", 2: "night_3_b", 3: "night_1_c"}
    assert sorted(done) == ["a", "b", "c"]
    assert pauses == [2.0, 4.0]
    assert asked == {"night_1_a": 1, "night_1_b": 1, "night_1_c": 1, "night_2_b": 1, "night_3_b": 1}


async def test_a_system_that_stays_overloaded_ends_a_request_after_the_last_try() -> None:
    bus = MemoryBus()
    run, done, pauses = asking(bus)
    async with answering(bus, lambda _: Reason.OVERLOADED) as asked:
        await run.ask_all(pairs(book("a")))

    assert run.asked == {1: f"night_{MOST_TRIES}_a"}
    assert done == ["a"]
    assert (sum(asked.values()), len(pauses)) == (MOST_TRIES, MOST_TRIES - 1)
    assert list(await run.read(["night_1_a"])) == ["night_1_a"]


async def test_a_run_that_is_started_again_reads_waits_and_asks_the_rest() -> None:
    bus = MemoryBus()
    first, _, _ = asking(bus)
    async with answering(bus, lambda _: Reason.RULES_CONFLICT):
        await first.ask_all(pairs(book("a")))
    # Asked by a run that died before the answer.
    waits = RUN.body(book("a", "b")[1], "night_1_b")
    await bus.publish_once(subjects.request("night_1_b"), waits, message_id="night_1_b", headers={})

    again, done, _ = asking(bus)
    async with answering(bus, lambda _: Reason.RULES_CONFLICT) as asked:
        await again.ask_all(pairs(book("a", "b", "c")))

    assert again.asked == {1: "night_1_a", 2: "night_1_b", 3: "night_1_c"}
    assert sorted(done) == ["a", "b", "c"]
    assert asked == {"night_1_a": 1, "night_1_b": 1, "night_1_c": 1}, "one request of each in the stream"


async def test_a_line_that_changed_since_the_run_began_is_a_fault_of_that_account_alone() -> None:
    bus = MemoryBus()
    await bus.publish_once(subjects.request("night_1_a"), b"{}", message_id="another", headers={})
    run, done, _ = asking(bus)
    async with answering(bus, lambda _: Reason.RULES_CONFLICT):
        await run.ask_all(pairs(book("a", "b")))

    assert run.asked == {2: "night_1_b"}
    assert list(run.faults) == [1]
    assert "the line changed since this run began; start a run under another name" in run.faults[1]
    assert sorted(done) == ["a", "b"]


async def test_no_more_are_in_flight_than_the_window_allows_and_none_where_a_queue_is_long() -> None:
    bus = MemoryBus()
    lengths = [101, 500, 100, 0]
    run, _, pauses = asking(bus, most=2)

    async def waiting() -> int:
        return lengths.pop(0)

    run.waiting = waiting
    most = 0

    def conflict(_: str) -> Reason:
        nonlocal most
        most = max(most, run.window.in_flight)
        return Reason.RULES_CONFLICT

    async with answering(bus, conflict):
        await run.ask_all(pairs(book(*"abcdef")))

    assert (most, run.window.in_flight) == (2, 0)
    assert pauses == [0.25, 0.25], "101 and 500 are more than 100"
    assert lengths == [0], "looked at again after 20 requests, not before"


async def test_a_stop_ends_the_run_with_the_reason_and_the_run_goes_on_after_the_stop() -> None:
    bus = MemoryBus()
    first, done, pauses = asking(bus)
    async with answering(bus, lambda key: Reason.RULES_CONFLICT if key.endswith("a") else Reason.STOPPED) as asked:
        with pytest.raises(AdviceStoppedError, match="start the run again, with the same book and name"):
            await first.ask_all(pairs(book(*"abcdef")))
    assert (done, pauses) == (["a"], [])
    assert len(asked) < len("abcdef") + 1, "it does not go on to ask"
    # Started again while the stop is in force: the next request of an account is refused as well.
    second, done, _ = asking(bus)
    async with answering(bus, lambda _: Reason.STOPPED):
        with pytest.raises(AdviceStoppedError):
            await second.ask_all(pairs(book(*"abcdef")))
    assert done == ["a"]

    third, done, pauses = asking(bus)
    async with answering(bus, lambda _: Reason.RULES_CONFLICT) as asked:
        await third.ask_all(pairs(book(*"abcdef")))

    assert sorted(done) == list("abcdef")
    assert third.asked[1] == "night_1_a"
    assert third.asked[2] == "night_3_b", "two requests were refused because of the stop"
    assert pauses == [], "no pause is for a stop"
    assert set(third.asked.values()) <= asked.keys()


async def test_requests_that_were_refused_because_of_a_stop_do_not_use_up_the_tries_for_load() -> None:
    bus = MemoryBus()
    for attempt in range(1, MOST_TRIES + 2):
        body = RUN.body(book("a")[0], f"night_{attempt}_a")
        await bus.publish_once(subjects.request(f"night_{attempt}_a"), body, message_id=str(attempt), headers={})
    async with answering(bus, lambda _: Reason.STOPPED):
        async with asyncio.timeout(60):
            while len(await bus.record([subjects.ALL_FINALS])) <= MOST_TRIES:  # noqa: ASYNC110
                await asyncio.sleep(0)
    run, _, pauses = asking(bus)
    async with answering(bus, lambda _: Reason.OVERLOADED):
        await run.ask_all(pairs(book("a")))

    assert run.asked == {1: f"night_{2 * MOST_TRIES + 1}_a"}
    assert len(pauses) == MOST_TRIES - 1
