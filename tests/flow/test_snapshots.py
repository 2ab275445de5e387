"""Markets on their way: what is packed comes out as it was, and what is not what its hash says is not used."""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.builders import OUTLOOK, write_market
from support.in_process import PODS, coordinator
from support.requests_made import TRAILING, data

from agents.unchecked_request import UncheckedRequest
from agents.worker import Agent
from bus.language import subjects
from bus.language.messages import Reason
from bus.language.subjects import MessageKind
from bus.port import COORDINATORS, Message, NotSetUpError, RefusedError, UnreachableError, pod_queue
from bus.transports.memory import MemoryBus
from bus.transports.snapshots import fetching, pack, unpack
from coordinator.decisions import Fail, admit
from portfolio.errors import DataError
from portfolio.market.folders import FILES, VARIABLE, bundled, digest, known
from portfolio.market.snapshot import read

if TYPE_CHECKING:
    from bus.port import BusError


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


class Shelf:
    """Published markets in memory."""

    def __init__(self, **published: tuple[str, bytes] | BusError) -> None:
        self.published = published
        self.asked: list[str] = []

    async def published_market(self, market_id: str) -> tuple[str, bytes] | None:
        self.asked.append(market_id)
        found = self.published.get(market_id)
        if isinstance(found, Exception):
            raise found
        return found


def test_what_is_packed_comes_out_as_it_was(tmp_path: Path) -> None:
    files = files_of(write_market(tmp_path / "mine"))

    assert unpack(pack(files), digest(files)) == files


def test_what_a_server_cannot_take_is_refused(tmp_path: Path) -> None:
    files = files_of(write_market(tmp_path / "mine"))

    with pytest.raises(DataError, match="can be published: leave out ETFs"):
        pack({**files, "etfs.csv": os.urandom(2_000_000).hex().encode()})


def test_what_is_not_what_its_hash_says_is_refused(tmp_path: Path) -> None:
    files = files_of(write_market(tmp_path / "mine"))
    changed = pack({**files, "moments.csv": files["moments.csv"].replace(b"0.09", b"0.19")})

    for packed in (
        changed,
        b"",
        b"no zlib",
        pack(files)[:-20],
        zlib.compress(b"[]"),
        zlib.compress(b"{}"),
        zlib.compress(b'{"etfs.csv": ' + b" " * 20_000_000 + b'"x"}'),
        zlib.compress(b"[" * 1_000_000),
    ):
        with pytest.raises(DataError, match="the content under the hash"):
            unpack(packed, digest(files))


async def test_a_market_is_fetched_once_into_a_folder_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    files = files_of(write_market(tmp_path / "mine"))
    shelf = Shelf(house=(digest(files), pack(files)))

    with fetching(shelf) as provide:
        for _ in range(2):
            await provide("house")
            await provide(OUTLOOK)
        folder = known()["house"]
        fetched = read(folder)
        assert os.environ[VARIABLE].startswith(str(tmp_path / "own") + os.pathsep)

    assert shelf.asked == ["house"]
    assert (fetched.id, fetched.sha256) == ("house", digest(files))
    assert os.environ[VARIABLE] == str(tmp_path / "own")
    assert isinstance(folder, Path)
    assert not folder.exists()


async def test_a_market_that_an_older_version_published_is_fetched_and_refused_with_the_mend(tmp_path: Path) -> None:
    files = files_of(write_market(tmp_path / "mine"))
    old = {name: files[name] for name in ("etfs.csv", "moments.csv", "correlations.csv")}
    packed = zlib.compress(json.dumps({name: text.decode() for name, text in old.items()}).encode())

    with fetching(Shelf(before=(digest(old), packed))) as provide:
        await provide("before")
        refused = admit(Message(subjects.request("r1"), data(market="before")), PODS)

    assert digest(old) != digest(files)
    assert isinstance(refused, Fail)
    assert refused.event.reason is Reason.UNKNOWN_MARKET
    assert "market before cannot be read: there is no market.csv" in refused.event.message
    assert "build it again under a new id" in refused.event.message


async def test_what_is_unknown_is_looked_for_each_time_since_it_may_be_published_any_moment(tmp_path: Path) -> None:
    files = files_of(write_market(tmp_path / "mine"))
    shelf = Shelf()

    with fetching(shelf) as provide:
        await provide("house")
        assert "house" not in known()
        shelf.published["house"] = (digest(files), pack(files))
        await provide("house")
        assert "house" in known()

    assert sorted(known()) == sorted(bundled())
    assert VARIABLE not in os.environ


@pytest.mark.parametrize("broken", [NotSetUpError("no bucket"), RefusedError("not permitted"), ("0" * 64, b"x")])
async def test_a_server_without_the_bucket_and_a_broken_market_are_as_if_there_were_none(
    broken: tuple[str, bytes] | BusError,
) -> None:
    with fetching(Shelf(house=broken)) as provide:
        await provide("house")
        assert sorted(known()) == sorted(bundled())


async def test_silence_of_the_server_is_an_error_so_that_the_request_is_tried_again() -> None:
    with fetching(Shelf(house=UnreachableError("no answer"))) as provide, pytest.raises(UnreachableError):
        await provide("house")


@pytest.mark.parametrize(
    "sent", [b"", b"[1]", b"{}", b"[" * 100_000, b'{"market": 7}', b'{"market": "../../x"}', b'{"market": "*"}']
)
async def test_what_names_no_market_asks_for_none(sent: bytes) -> None:
    shelf = Shelf()

    with fetching(shelf) as provide:
        await provide(UncheckedRequest.glimpse("r1", sent).market)
        # Nor is there anything that a process could leave behind.
        assert not Path(os.environ[VARIABLE].rpartition(os.pathsep)[2]).exists()

    assert shelf.asked == []


async def test_a_coordinator_that_has_not_seen_the_request_fetches_its_market_for_a_result_too() -> None:
    # Another replica may have admitted it: one that called the market unknown here would lose the request.
    bus = MemoryBus(PODS)
    asked: list[object] = []

    async def provide(market_id: object) -> None:
        asked.append(market_id)

    for subject, sent in ((subjects.request("r1"), data("r1")), (subjects.pod_result("r1", "alpha"), b"{}")):
        await bus.publish_once(subject, sent, message_id=subject, headers={})
    replica = replace(coordinator(bus), provide=provide)
    replica.time.update(bus.now(), asked_at=replica.time.ticks())
    async with aclosing(bus.work(COORDINATORS, stop=asyncio.Event(), at_once=2)) as work:
        for kind in (MessageKind.REQUEST, MessageKind.POD):
            delivery = await anext(work)
            assert subjects.parse(delivery.message.subject).kind is kind
            await replica.handle(delivery)
            assert asked == [TRAILING]
            asked.clear()


async def test_an_agent_fetches_the_market_before_it_answers() -> None:
    bus = MemoryBus(PODS)
    done: list[str] = []

    async def provide(market_id: object) -> None:
        assert market_id == TRAILING
        done.append("provided")

    async def answer(asked: UncheckedRequest) -> None:
        done.append(f"answered {asked.request_id}")

    await bus.publish_once(subjects.request("r1"), data("r1"), message_id="x", headers={})
    async with aclosing(bus.work(pod_queue("alpha"), stop=asyncio.Event(), at_once=1)) as work:
        await Agent(bus, "alpha", answer, provide).handle(await anext(work))

    assert done == ["provided", "answered r1"]
