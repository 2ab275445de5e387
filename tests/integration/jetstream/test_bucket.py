"""Published markets on a real server: an id means one snapshot, whoever publishes, twice or at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bus.administration.setup import plan
from bus.port import NotSetUpError, RefusedError, Stored
from bus.topology.streams import MARKETS

if TYPE_CHECKING:
    from support.site import Site

    from bus.transports.jetstream import JetStreamBus

FIRST, SECOND = "1" * 64, "2" * 64


@pytest.fixture
def buses(jetstream_site: Site) -> tuple[JetStreamBus, JetStreamBus]:
    return jetstream_site.bus, jetstream_site.other  # type: ignore[return-value]


async def test_what_is_published_is_read_and_stays(buses: tuple[JetStreamBus, JetStreamBus]) -> None:
    bus, other = buses
    assert await other.published_market("house") is None
    assert await other.published_markets() == {}

    stored = [
        await bus.publish_market("house", FIRST, b"first"),
        await other.publish_market("house", FIRST, b"first"),
        await other.publish_market("house", SECOND, b"second"),
        await other.publish_market("same-content", FIRST, b"first"),
    ]

    assert stored == [Stored.NEW, Stored.SAME, Stored.TAKEN, Stored.NEW]
    assert await bus.published_market("house") == (FIRST, b"first")
    assert await bus.published_market("same-content") == (FIRST, b"first")
    assert await other.published_markets() == {"house": FIRST, "same-content": FIRST}


async def test_of_two_at_once_one_is_published(buses: tuple[JetStreamBus, JetStreamBus]) -> None:
    bus, other = buses
    for i in range(20):
        name = f"house-{i}"
        stored = await asyncio.gather(
            bus.publish_market(name, FIRST, b"first"), other.publish_market(name, SECOND, b"second")
        )

        assert sorted(each.value for each in stored) == ["new", "taken"]
        winner = (FIRST, b"first") if stored[0] is Stored.NEW else (SECOND, b"second")
        assert await bus.published_market(name) == await other.published_market(name) == winner


async def test_a_published_market_cannot_be_deleted(buses: tuple[JetStreamBus, JetStreamBus]) -> None:
    bus, _ = buses
    await bus.publish_market("house", FIRST, b"first")

    for question, body in ((f"STREAM.PURGE.{MARKETS}", {}), (f"STREAM.MSG.DELETE.{MARKETS}", {"seq": 1})):
        with pytest.raises(RefusedError):
            await bus.ask_api(question, body)
    assert await bus.published_market("house") == (FIRST, b"first")


async def test_without_a_bucket_it_is_said_what_to_do(buses: tuple[JetStreamBus, JetStreamBus]) -> None:
    bus, _ = buses
    await bus.ask_api(f"STREAM.DELETE.{MARKETS}")

    with pytest.raises(NotSetUpError, match="podfolio setup"):
        await bus.published_market("house")
    with pytest.raises(NotSetUpError, match="podfolio setup"):
        await bus.publish_market("house", FIRST, b"first")


async def test_the_bucket_is_kept_as_it_is_packed(buses: tuple[JetStreamBus, JetStreamBus]) -> None:
    bus, _ = buses
    info = await bus.ask_api(f"STREAM.INFO.{MARKETS}")

    assert info["config"]["compression"] == "none", "SECURITY.md says why"
    assert [step.is_needed for step in await plan(bus, ()) if step.name == MARKETS] == [False]
