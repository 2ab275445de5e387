"""What the server held is lost, ages, or is handed out again while real processes run: none believes the past."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.depth import some_of
from support.processes import NOT_THOSE, TWO, connected, kept_open, site_with_all
from support.requests_made import data

from agents import mandate_files
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason
from bus.port import COORDINATORS, pod_queue
from bus.topology.streams import EVENTS, SECOND, TIMERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from support.processes import Site

    from bus.port import Message

PODS = tuple(mandate_files.bundled())
# One runs here, the other does not.
HALF = {"beta": 0.5, "alpha": 0.5}


@pytest.fixture(scope="module")
def two_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a system of two pods, from which each test below takes something that the next has again."""
    with kept_open(site_with_all(tmp_path_factory.mktemp("lost"), but=NOT_THOSE)) as made:
        yield made


@pytest.fixture
async def site(two_here: Site) -> AsyncIterator[Site]:
    async with connected(two_here) as made:
        yield made


async def asked(site: Site, name: str, **body: object) -> MasterPortfolioOptimized:
    """Publish a request that can be answered, and wait for its portfolio."""
    await site.publish(data(name, pod_weights=TWO, **body), name)
    event = await site.final(name)
    assert isinstance(event, MasterPortfolioOptimized)
    return event


async def lose(site: Site, stream: str) -> None:
    """Lose a stream with all it holds, and set everything up again."""
    await site.bus.ask_api(f"STREAM.DELETE.{stream}")
    await set_up(site.bus, PODS)


async def timers(site: Site, name: str) -> int:
    """Count the deadlines that are set for a request."""
    told = await site.bus.ask_api(f"STREAM.INFO.{TIMERS}", {"subjects_filter": subjects.timer(name)})
    return len(told["state"].get("subjects", {}))


async def finals_seen(site: Site, names: set[str], count: int, seen: list[Message] | None = None) -> Sequence[Message]:
    """Follow the stream until so many final events of requests of these names were *seen*."""
    seen = [] if seen is None else seen
    async with aclosing(site.bus.follow(everything=True)) as messages:
        async for message in messages:
            if message.subject in map(subjects.final, names):
                seen.append(message)
            if len(seen) == count:
                break
    return seen


async def test_ids_that_were_finished_before_the_stream_was_lost_are_answered_again(site: Site) -> None:
    seen: list[Message] = []
    observer = asyncio.create_task(finals_seen(site, {"r0", "r1", "r2", "new"}, 6, seen))
    # An observer that falls behind may miss what is lost, or see the new stream's end before its beginning.
    async with asyncio.timeout(60):
        for name in ("r0", "r1", "r2"):
            await asked(site, name)
        while len(seen) < 3:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        await lose(site, EVENTS)
        for name in ("r0", "r1"):
            await asked(site, name)
        while len(seen) < 5:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        await asked(site, "new")
        await observer

    assert [message.subject.rpartition(".")[2] for message in seen] == ["r0", "r1", "r2", "r0", "r1", "new"]
    assert seen[3].sequence < seen[2].sequence


async def test_an_id_that_is_used_again_after_it_aged_is_a_new_request(site: Site) -> None:
    config = (await site.bus.ask_api(f"STREAM.INFO.{EVENTS}"))["config"]
    short = {**config, "max_age": 5 * SECOND, "duplicate_window": 4 * SECOND}
    await site.bus.ask_api(f"STREAM.UPDATE.{EVENTS}", short)
    try:
        await asked(site, "monthly")
        async with asyncio.timeout(30):
            while await site.bus.record([subjects.ALL_REQUESTS, subjects.ALL_FINALS]):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

        await asked(site, "monthly")
    finally:
        await site.bus.ask_api(f"STREAM.UPDATE.{EVENTS}", config)


@pytest.mark.parametrize("how", some_of(["lost", "purged"], every=2))
async def test_a_deadline_that_was_lost_is_set_again(site: Site, how: str) -> None:
    name = f"late-{how}"
    await site.publish(data(name, deadline_s=5, pod_weights=HALF), name)
    async with asyncio.timeout(30):
        while not await timers(site, name):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    if how == "lost":
        await lose(site, TIMERS)
    else:
        await site.bus.ask_api(f"STREAM.PURGE.{TIMERS}")
    event = await site.final(name, patience_s=40)

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, event.missing_pods) == (Reason.DEADLINE_EXCEEDED, ("alpha",))


async def test_a_queue_that_was_lost_and_set_up_again_hands_out_everything_again_and_that_changes_nothing(
    site: Site,
) -> None:
    names = [f"held{i}" for i in range(5)]
    for name in names:
        await asked(site, name, deadline_s=3)
    before = await site.bus.record([subjects.ALL])
    for queue in (COORDINATORS, pod_queue("beta")):
        await site.bus.ask_api(f"CONSUMER.DELETE.{EVENTS}.{queue}")
    await set_up(site.bus, PODS)
    await asked(site, "after")
    async with asyncio.timeout(60):
        for queue in (COORDINATORS, pod_queue("beta")):
            while (backlog := await site.bus.backlog(queue)).waiting or backlog.in_hand:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    held = [message for message in await site.bus.record([subjects.ALL]) if ".after" not in message.subject]
    assert [replace(message, data=b"") for message in held] == [replace(message, data=b"") for message in before]
