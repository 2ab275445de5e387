"""Real processes with more to do than they can, or replaced while they work: nothing is lost or answered twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.processes import ANSWER_S, NOT_THOSE, TWO
from support.requests_made import data

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, parse_final

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from support.processes import Site

# What a record holds in one go is bounded, however slow the machine is.
MOST = 200


async def test_of_a_burst_with_short_deadlines_each_ends_once(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    await site.publish(data("first", pod_weights=TWO), "first")
    await site.final("first")
    asked = {f"r{i}": 1.0 + i / 50 for i in range(150)}
    for request_id, deadline_s in asked.items():
        await site.publish(data(request_id, deadline_s=deadline_s, pod_weights=TWO), request_id)

    async with asyncio.timeout(ANSWER_S):
        while len(await site.bus.record([subjects.ALL_FINALS])) < 1 + len(asked):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.05)

    # When each was stored is told by the benchmark, and by tests/flow with a clock that waits for a busy machine.
    finals = {subjects.parse(m.subject).key: parse_final(m.data) for m in await site.bus.record([subjects.ALL_FINALS])}
    ends = Counter(
        event.reason if isinstance(event, MasterPortfolioFailed) else "optimised"
        for request_id, event in finals.items()
        if request_id in asked
    )
    assert set(ends) <= {"optimised", Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED}
    assert ends.total() == len(asked)
    # Refused by what is known, or late where the machine is busier than was known: tests/flow tells these apart.
    assert ends["optimised"] < len(asked)
    assert {process.returncode for process in running.values()} == {None}
    # It recovers at once.
    await site.publish(data("last", deadline_s=60, pod_weights=TWO), "last")
    assert isinstance(await site.final("last"), MasterPortfolioOptimized)


@pytest.mark.deep
async def test_every_process_is_replaced_in_turn_under_load_and_no_request_fails(site: Site) -> None:
    shares = {"beta": 0.5, "gamma": 0.5}
    commands = [*(("agents", pod) for pod in shares), ("coordinator",)] * 2
    running = [await site.start(*command) for command in commands]
    published: list[str] = []
    stop = asyncio.Event()

    async def ask() -> None:
        while not stop.is_set() and len(published) < MOST:
            published.append(f"r{len(published)}")
            sent = data(published[-1], deadline_s=300, explain="unmet", pod_weights=shares)
            await site.publish(sent, published[-1])
            await asyncio.sleep(0.1)

    async def replace(old: Process, command: tuple[str, ...]) -> int:
        await site.start(*command)
        return await site.end(old)

    asking = asyncio.create_task(ask())
    statuses = [await replace(old, command) for old, command in zip(running, commands, strict=True)]
    stop.set()
    await asking
    events = [await site.final(request_id) for request_id in published]

    assert statuses == [0] * len(commands)
    assert len(published) > len(commands)
    assert all(isinstance(event, MasterPortfolioOptimized) for event in events)
    assert len(await site.bus.record([subjects.ALL_FINALS])) == len(published)
    assert len(await site.bus.record([subjects.ALL_POD_RESULTS])) == 2 * len(published)
