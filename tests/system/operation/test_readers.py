"""Readers of final events at scale, and of the markets: each event goes to one of the replicas, and none is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest
from support.clients import CLIENTS, launched, run
from support.depth import some_of
from support.line import line_to
from support.processes import START_S
from support.requests_made import OUTLOOK, ROOT, body

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, Reason, encode
from bus.topology.roles import OBSERVER, REQUESTER
from bus.transports.jetstream import connect
from bus.transports.snapshots import pack
from portfolio.market import folders
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from support.processes import SecureSystem, Site

EVENTS = 30


async def store(site: Site, *numbers: int) -> None:
    for number in numbers:
        failed = MasterPortfolioFailed(request_id=f"n{number}", reason=Reason.OVERLOADED, message="m")
        await site.bus.publish_once(subjects.final(f"n{number}"), encode(failed), message_id=f"n{number}", headers={})


async def lines(reader: Process, count: int) -> list[str]:
    assert reader.stdout is not None
    async with asyncio.timeout(START_S):
        return [(await reader.stdout.readline()).decode().strip() for _ in range(count)]


async def until_readers_wait(site: Site, count: int) -> None:
    """Wait until so many readers wait for events: one that is still being started dies of SIGINT with a traceback."""
    async with asyncio.timeout(START_S):
        while (await site.bus.ask_api("CONSUMER.INFO.PODFOLIO.finals"))["num_waiting"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def end(reader: Process, number: signal.Signals = signal.SIGINT) -> list[str]:
    """End a reader; returns what it had still to say."""
    reader.send_signal(number)
    async with asyncio.timeout(START_S):
        out, errors = await reader.communicate()
    assert b"Traceback" not in errors
    return out.decode().splitlines()


@pytest.mark.parametrize("language", CLIENTS)
async def test_replicas_take_each_event_once_and_go_on_where_they_stopped(site: Site, language: str) -> None:
    await store(site, *range(EVENTS))
    first = await launched(language, site.url, program="finals")
    before = await lines(first, EVENTS)
    before += await end(first)
    await store(site, EVENTS)
    await site.bus.publish_once(subjects.final("strange"), b"[no event", message_id="x", headers={})

    two = [await launched(language, site.url, program="finals") for _ in range(2)]
    await until_readers_wait(site, 2)
    await store(site, *range(EVENTS + 1, 2 * EVENTS))
    async with asyncio.timeout(START_S):
        while (await site.bus.backlog("finals")).waiting or (await site.bus.backlog("finals")).in_hand:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    after = [line for reader in two for line in await end(reader)]

    assert before == [f"n{number} overloaded" for number in range(EVENTS)]
    assert sorted(after) == sorted(f"n{number} overloaded" for number in range(EVENTS, 2 * EVENTS))
    assert len(await site.bus.record([subjects.final("*")])) == 2 * EVENTS + 1, "all are still there"


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_reader_that_dies_leaves_its_event_to_another(site: Site, language: str) -> None:
    await store(site, 1)
    taken = await site.bus.ask_api("CONSUMER.INFO.PODFOLIO.finals")
    assert taken["config"]["ack_wait"] == 30e9
    reader = await launched(language, site.url, program="finals")
    assert await lines(reader, 1) == ["n1 overloaded"]
    await end(reader, signal.SIGKILL)
    await store(site, 2)

    another = await launched(language, site.url, program="finals")

    assert "n2 overloaded" in await lines(another, 1)
    await end(another)


# Longer than the libraries wait for an acknowledgement unless told: a busy server takes as long.
SLOW_S = {"python": 1.5, "javascript": 6.0}


@pytest.mark.parametrize("language", some_of(CLIENTS, every=2, first=1))
async def test_a_slow_acknowledgement_ends_no_reader(site: Site, language: str) -> None:
    acknowledged, passes = asyncio.Event(), asyncio.Event()

    async def hold(some: bytes) -> bool:
        if b"PUB $JS.ACK." in some:
            acknowledged.set()
            await passes.wait()
        return True

    async with line_to(site.url, passes=hold) as url:
        reader = await launched(language, url, program="finals")
        await store(site, 1)
        async with asyncio.timeout(START_S):
            await acknowledged.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.wait(), SLOW_S[language])
        passes.set()
        await store(site, 2)

        assert await lines(reader, 2) == ["n1 overloaded", "n2 overloaded"]
        await end(reader)


@pytest.mark.parametrize("language", CLIENTS)
async def test_the_markets_of_a_server_are_listed(site: Site, language: str) -> None:
    assert await run(language, site.url, program="markets") == (0, "", "")
    market = markets.load(OUTLOOK)
    folder = ROOT / "portfolio" / "markets" / OUTLOOK
    packed = pack({name: (folder / name).read_bytes() for name in folders.FILES})
    for name in ("house-1", "house-2"):
        await site.bus.publish_market(name, market.sha256, packed)

    status, out, errors = await run(language, site.url, program="markets")

    assert (status, errors) == (0, "")
    assert out.splitlines() == [f"house-1 {market.sha256}", f"house-2 {market.sha256}"]


@pytest.mark.deep
@pytest.mark.parametrize("language", CLIENTS)
async def test_one_interrupt_ends_a_reader_whenever_it_comes(site: Site, language: str) -> None:
    # It comes while the acknowledgement is on its way: 3 of 40 readers in Python went on, since wait_for of 3.11 loses
    # a cancellation that meets the answer.
    for number in range(40):
        reader = await launched(language, site.url, program="finals")
        await store(site, number)
        assert await lines(reader, 1) == [f"n{number} overloaded"]
        assert await end(reader) == []


async def test_an_observer_s_key_is_enough_and_a_requester_s_is_not(secure: SecureSystem) -> None:
    key = (str(secure.keys.seed(OBSERVER)), str(secure.keys.ca))
    other = (str(secure.keys.seed(REQUESTER)), str(secure.keys.ca))
    async with connect(secure.connection(REQUESTER)) as bus:
        for language in CLIENTS:
            name = f"for-{language}"
            await bus.publish_once(subjects.request(name), json.dumps(body(name)).encode(), message_id=name, headers={})
            reader = await launched(language, secure.url, *key, program="finals")
            assert reader.stdout is not None
            told = ""
            async with asyncio.timeout(START_S):
                while name not in told:
                    told = (await reader.stdout.readline()).decode()
                    assert told
            await end(reader)
            assert "ETFs" in told
            assert (await run(language, secure.url, *key, program="markets"))[0] == 0
            assert (await run(language, secure.url, *other, program="markets"))[0] == 1
