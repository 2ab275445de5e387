"""Whatever frames a server stores, on every subject of ours, in the midst of real processes: see ``fuzz/frames.py``."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import BLOCKS, STRANGE, nasty_frames, throw
from support.commands import beside
from support.processes import ANSWER_S, connected, kept_open, log_lines, site_with_all
from support.requests_made import data

from agents import mandate_files
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason
from bus.language.plain_text import escaped
from bus.language.subjects import ID_PATTERN
from bus.port import COORDINATORS, DEADLINES, pod_queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fuzz.frames import Frame
    from support.processes import Site

QUEUES = (COORDINATORS, DEADLINES, *map(pod_queue, mandate_files.bundled()))


def port(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


async def observe(site: Site, seen: list[int]) -> None:
    async with aclosing(site.bus.follow(everything=True)) as messages:
        async for message in messages:
            seen.append(message.sequence)  # noqa: PERF401 - it never ends


async def stored(site: Site) -> list[int]:
    state = (await site.bus.ask_api("STREAM.INFO.PODFOLIO"))["state"]
    assert not state.get("num_deleted")
    return list(range(state["first_seq"], state["last_seq"] + 1))


async def settled(site: Site) -> None:
    """Wait until every queue is empty."""
    async with asyncio.timeout(ANSWER_S):
        for queue in QUEUES:
            while (length := await site.bus.backlog(queue)).waiting or length.in_hand:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_nothing_that_is_stored_ends_a_process_or_stays_in_a_queue(site: Site) -> None:
    running = await site.start_all()
    seen: list[int] = []
    observing = asyncio.create_task(observe(site, seen))

    frames = nasty_frames(Random(1), count=250)  # noqa: S311 - the same each time
    # Of a subject with the byte 0x7F, nats-server 2.15.1 sometimes says that it is not there: see docs/security.md.
    assert await throw(port(site), (frame for frame in frames if b"\x7f" not in frame[0])) > 100
    await site.publish(data("after"), "after")
    event = await site.final("after")
    await settled(site)

    assert isinstance(event, MasterPortfolioOptimized)
    assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(running)
    everything = await stored(site)
    async with asyncio.timeout(ANSWER_S):
        while len(seen) < len(everything):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    observing.cancel()
    assert seen == everything
    for name in running:
        lines = log_lines(site.folder, name)
        assert [line for line in lines if line["event"] in {"delivery.crashed", "bus.reconnected"}] == [], name


@pytest.fixture(scope="module")
def everything_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A system for the tests below, since what they store stays."""
    with kept_open(site_with_all(tmp_path_factory.mktemp("nasty"))) as made:
        yield made


@pytest.fixture
async def shared_here(everything_here: Site) -> AsyncIterator[Site]:
    async with connected(everything_here) as made:
        yield made


def poison(request: bytes) -> Iterator[Frame]:
    """Publish every strange subject and block of headers once, as a request."""
    for end in STRANGE:
        yield b"podfolio.v1.request." + end + b".", None, request
        yield b"podfolio.v1.request." + end, None, request
    for number, block in enumerate(BLOCKS):
        yield b"podfolio.v1.request.block-%d" % number, block, request


async def test_what_names_nobody_is_put_aside_and_whoever_is_named_is_answered(shared_here: Site) -> None:
    site = shared_here
    await throw(port(site), poison(data("block-6")))

    async with asyncio.timeout(ANSWER_S):
        event = await site.final("block-6")
        await settled(site)

    assert BLOCKS[6] == b"NATS/1.0"
    assert isinstance(event, MasterPortfolioOptimized), "its headers say nothing that is needed"
    for number in range(len(BLOCKS)):
        answer = await site.final(f"block-{number}")
        assert number == 6 or (isinstance(answer, MasterPortfolioFailed) and answer.reason is Reason.INVALID_REQUEST)
    told = {json.loads(message.data)["subject"] for message in await site.bus.record([subjects.ALL_REJECTED])}
    # The server itself refuses empty parts of a subject.
    nobody = [end for end in STRANGE if b".." not in end and not re.fullmatch(ID_PATTERN.encode(), end)]
    assert told == {f"podfolio.v1.request.{escaped(end)}" for end in nobody}
    status, out, _ = await beside("request", "examples/reference-customer.json", "--server", site.url)
    assert (status, "Proven optimal" in out) == (0, True)


async def test_markets_and_deadlines_that_are_none_stop_nobody(shared_here: Site) -> None:
    site = shared_here
    frames: list[Frame] = [
        (b"podfolio_timers.v1.due.caf\xe9", b"N", b""),
        (b"podfolio_timers.v1.due.block", b"NATS/1.0", b"x"),
        # The server may hand these to queues that filter them out, or not show them at all.
        (b"podfolio_timers.v1.timer.\x7f", None, b""),
        (b"podfolio.v1.final.\x7f", None, b"{}"),
        (b"podfolio.v1.rejected.\x7f", None, b"{}"),
        (b"$KV.podfolio_markets.id.empty", b"NATS/1.0\r\nKV-Operation: DEL\r\n\r\n", b""),
        (b"$KV.podfolio_markets.id.bytes", b"N", b"\xff\x00"),
        (b"$KV.podfolio_markets.id.elsewhere", None, b"* >"),
        (b"$KV.podfolio_markets.id.caf\xe9", None, b"x"),
        (b"$KV.podfolio_markets.id.hollow", None, b"0" * 64),
        (b"$KV.podfolio_markets.sha256." + b"0" * 64, b"NATS/1.0 404 Message Not Found\r\nX: y\r\n\r\n", b""),
    ]
    await throw(port(site), iter(frames))
    for name in ("empty", "bytes", "elsewhere", "hollow"):
        await site.publish(data(f"in-{name}", market=name), f"in-{name}")

    for name in ("empty", "bytes", "elsewhere", "hollow"):
        event = await site.final(f"in-{name}")
        assert isinstance(event, MasterPortfolioFailed)
        assert event.reason is Reason.UNKNOWN_MARKET, event.message
    await settled(site)
    assert [line for line in log_lines(site.folder, "coordinator") if line["event"] == "delivery.crashed"] == []
    status, out, errors = await beside("market", "list", "--server", site.url)
    assert (status, "caf\\xe9" in out) == (0, True), errors
