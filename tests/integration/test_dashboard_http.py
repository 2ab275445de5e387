"""The dashboard as browsers and others meet it over HTTP, on a real server."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.stream_made import conversation, send

from bus.administration.server import embedded_server
from bus.language import subjects
from bus.language.messages import Reason
from bus.port import BusError
from bus.topology.roles import OBSERVER
from bus.transports.jetstream import Connection, connect
from dashboard import patience
from dashboard.app import MOST_PAGES, MOST_REPLAYS, Dashboard, read_place, read_start
from dashboard.headers import POLICY
from dashboard.queues import Queues
from dashboard.serve import Place, serving
from dashboard.view import Start, View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
    from pathlib import Path

    from support.site import Site

PATIENCE_S = 240.0


@dataclass(frozen=True)
class Told:
    """One event of the stream that browsers hear."""

    kind: str
    place: str
    body: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.body["rows"]]


@pytest.fixture
async def page(jetstream_site: Site, server_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A dashboard that shows everything, and somebody who asks it."""
    del jetstream_site  # it makes the streams
    settings = Connection(servers=server_url, role=OBSERVER)
    async with serving(settings, Place(0), since=None) as url, client(url) as asking:
        yield asking


@asynccontextmanager
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, trust_env=False, limits=limits) as asking:
        yield asking


async def hear(page: httpx.AsyncClient, query: str = "", *, place: str = "") -> AsyncGenerator[Told, None]:
    """Listen, as a browser does that has come to *place*."""
    headers = {"Last-Event-ID": place} if place else {}
    async with page.stream("GET", f"/events?{query}", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                yield Told(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
                fields = {}


async def until_told(heard: AsyncGenerator[Told, None], of: int) -> Told:
    """Listen until so many final events are told of; gives the event that tells of the last."""
    async with asyncio.timeout(PATIENCE_S):
        async for told in heard:
            summary = told.body["summary"]
            if summary["optimised"] + summary["failed"] >= of:
                return told
    message = "it ended before"
    raise AssertionError(message)


async def test_a_browser_is_told_what_is_there_and_then_what_comes(
    page: httpx.AsyncClient, jetstream_site: Site
) -> None:
    await send(jetstream_site.bus, conversation("reference", "r1"))
    async with aclosing(hear(page)) as heard:
        first = await until_told(heard, 1)
        await send(jetstream_site.bus, conversation("conflict", "r2"))
        later = await until_told(heard, 2)

    assert "r1" in first.ids
    assert later.ids == ["r2"]
    assert later.body["reset"] is False
    assert later.body["summary"]["reasons"] == [[Reason.RULES_CONFLICT.words, 1]]
    assert later.body["status"]["connected"] is True


async def test_a_browser_that_comes_back_is_told_what_it_missed(page: httpx.AsyncClient, jetstream_site: Site) -> None:
    await send(jetstream_site.bus, conversation("reference", "r1"))
    async with aclosing(hear(page)) as heard:
        left = await until_told(heard, 1)
    await send(jetstream_site.bus, conversation("reference", "r2"))
    async with aclosing(hear(page, place=left.place)) as heard:
        back = await until_told(heard, 2)
    async with aclosing(hear(page, place="00000000.6")) as heard:
        elsewhere = await until_told(heard, 2)

    assert (back.body["reset"], back.ids) == (False, ["r2"])
    assert (elsewhere.body["reset"], elsewhere.ids) == (True, ["r1", "r2"]), "of another dashboard it knows nothing"


async def test_a_replay_begins_where_it_is_asked_to(page: httpx.AsyncClient, jetstream_site: Site) -> None:
    await send(jetstream_site.bus, [*conversation("reference", "r1"), *conversation("conflict", "r2")])
    record = await jetstream_site.bus.record([subjects.request("r2")])
    assert record[0].stored_at is not None
    async with aclosing(hear(page, f"since={record[0].stored_at.isoformat().replace('+00:00', 'Z')}")) as heard:
        later = await until_told(heard, 1)
    async with aclosing(hear(page, "since=all&speed=10")) as heard:
        all_told = await until_told(heard, 2)

    assert later.ids == ["r2"]
    assert later.body["summary"]["requests"] == 1
    assert all_told.body["summary"]["requests"] == 2
    assert all_told.body["summary"]["speed"] == 10


@pytest.mark.parametrize("query", ["since=yesterday", "since=all&speed=3", "since=999999d"])
async def test_what_cannot_be_replayed_is_said(page: httpx.AsyncClient, query: str) -> None:
    async with asyncio.timeout(PATIENCE_S), aclosing(hear(page, query)) as heard:
        told = await anext(heard)

    assert told.kind == "problem"
    assert "give" in told.body["problem"]


async def test_only_so_many_pages_are_open_at_a_time(page: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
        for query, room in (("since=all", MOST_REPLAYS), ("", MOST_PAGES - MOST_REPLAYS)):
            for _ in range(room):
                heard = await stack.enter_async_context(aclosing(hear(page, query)))
                assert (await anext(heard)).kind == "message"
            refused = await stack.enter_async_context(aclosing(hear(page, "since=all")))
            assert "too many pages are open" in (await anext(refused)).body["problem"]
        refused = await stack.enter_async_context(aclosing(hear(page)))
        assert "too many pages are open" in (await anext(refused)).body["problem"]


async def test_the_queues_lengths_are_told_while_somebody_looks(page: httpx.AsyncClient, jetstream_site: Site) -> None:
    await send(jetstream_site.bus, conversation("reference", "r1")[:1])
    expected = [
        {"name": "alpha", "waiting": 1, "in_hand": 0, "running": 0},
        {"name": "beta", "waiting": 1, "in_hand": 0, "running": 0},
        {"name": "challenger", "waiting": 0, "in_hand": 0, "running": 0},
        {"name": "coordinator", "waiting": 1, "in_hand": 0, "running": 0},
    ]
    async with asyncio.timeout(PATIENCE_S), aclosing(hear(page)) as heard:
        async for told in heard:
            if told.body["status"]["queues"] == expected:
                break

    assert told.body["status"]["queues_problem"] == ""


async def test_one_request_is_told_in_full(page: httpx.AsyncClient, jetstream_site: Site) -> None:
    await send(jetstream_site.bus, conversation("reference", "r1"))

    told = (await page.get("/requests/r1")).json()
    missing = await page.get("/requests/r2")
    strange = await page.get("/requests/*")

    assert told["id"] == "r1"
    assert [row["cells"][0] for row in told["sections"][-1]["tables"][0]["rows"]] == [
        "alpha",
        "beta",
        "delta",
        "gamma",
        "coordinator",
    ]
    saved = await page.get("/requests/r1/messages/r1.final.json")
    nothing = await page.get("/requests/r1/messages/r1.other.json")
    assert saved.content == conversation("reference", "r1")[-1][1]
    assert saved.headers["content-type"] == "application/json"
    assert saved.headers["content-disposition"] == 'inline; filename="r1.final.json"'
    assert (missing.status_code, strange.status_code, nothing.status_code) == (404, 404, 404)
    assert "holds no request 'r2'" in missing.json()["problem"]


async def test_every_answer_has_the_policy(page: httpx.AsyncClient) -> None:
    for path in ("/", "/static/page.js", "/requests/none", "/nowhere", "/static/../app.py"):
        answer = await page.get(path)
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert part in POLICY
    assert "unsafe" not in POLICY


async def test_the_page_has_no_script_and_no_style_of_its_own(page: httpx.AsyncClient) -> None:
    told = (await page.get("/")).text

    assert "<style" not in told
    assert " style=" not in told
    assert told.count("<script") == told.count('<script type="module" src="/static/page.js"></script>') == 1
    assert "//" not in told.replace("<!doctype html>", ""), "nothing comes from elsewhere"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_only_reading_is_possible(page: httpx.AsyncClient, method: str) -> None:
    for path in ("/", "/events", "/requests/r1", "/static/page.js"):
        assert (await page.request(method, path)).status_code == 405, path


async def test_who_calls_it_by_another_name_is_refused(page: httpx.AsyncClient) -> None:
    for name, status in (("evil.example", 400), ("127.0.0.1.evil.example", 400), ("localhost:1", 200)):
        assert (await page.get("/", headers={"Host": name})).status_code == status, name


async def test_pages_of_other_sites_are_told_nothing(page: httpx.AsyncClient) -> None:
    for path in ("/events", "/requests/r1"):
        for site in ("cross-site", "same-site"):
            assert (await page.get(path, headers={"Sec-Fetch-Site": site})).status_code == 403
    assert (await page.get("/", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


async def test_a_slow_browser_is_told_less_often_and_no_less(jetstream_site: Site, server_url: str) -> None:
    view, queues = View(Start(None)), Queues()
    async with connect(Connection(servers=server_url, role=OBSERVER)) as bus, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(view.follow(bus))
        dashboard = Dashboard(bus, view, queues)
        taken: list[bytes] = []
        ready, begun = asyncio.Event(), asyncio.Event()

        async def take(message: MutableMapping[str, Any]) -> None:
            if message.get("body", b"").startswith(b"id"):
                begun.set()
                await ready.wait()
                taken.append(message["body"])

        async def never() -> MutableMapping[str, Any]:
            return await asyncio.Future()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/events",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        asking = tasks.create_task(dashboard.application(["localhost"])(scope, never, take))
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
            for i in range(40):
                await send(jetstream_site.bus, conversation("reference", f"r{i}"))
            while view.board.sequence < 240:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
            ready.set()
            while len(taken) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            dashboard.stopping.set()
            await asking
        following.cancel()

    events = [json.loads(line[6:]) for body in taken for line in body.decode().splitlines() if line[:5] == "data:"]
    assert [row["id"] for row in events[1]["rows"]] == [f"r{i}" for i in range(40)], "all that it missed, at once"


async def test_a_place_that_is_taken_is_said(page: httpx.AsyncClient, server_url: str) -> None:
    port = page.base_url.port
    assert port is not None

    with pytest.raises(BusError, match="give another --port"):
        async with serving(Connection(servers=server_url), Place(port), since=None):
            pass


async def test_a_server_that_is_not_set_up_is_said(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        with pytest.RaisesGroup(pytest.RaisesExc(BusError, match="podfolio setup")):
            async with serving(Connection(servers=url, role=OBSERVER), Place(0), since=None):
                await asyncio.Event().wait()


def test_a_place_in_the_stream_is_read_strictly() -> None:
    assert read_place("0123abcd.17") == ("0123abcd", 17)
    for strange in ("", "17", "0123abcd.", "0123abcd.-1", "0123abcd.1\n", "x" * 100):
        assert read_place(strange) == ("", 0), strange


def test_a_start_is_read_or_refused() -> None:
    assert read_start("", "10") is None
    assert read_start("all", "10") == Start(None, 10.0)
    with pytest.raises(ValueError, match="give a time"):
        read_start("soon", "")


UNFINISHED = {
    "nothing": (),
    "half a line": (b"GET / HT",),
    "headers that drip": (b"GET / HTTP/1.1\r\n", *[b"x: y\r\n"] * 1_000),
    "a body that is never sent": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",),
    "a body to the stream of events": (b"GET /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",),
    "half of a second request": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        *[b"GET / HTTP/1.1\r\nx", *[b"x"] * 1_000],
    ),
    "an answer that nobody takes": (b"GET /static/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000,),
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=list(UNFINISHED))
async def test_who_does_not_finish_a_request_or_take_its_answer_is_cut(
    page: httpx.AsyncClient, sent: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", 0.5)
    monkeypatch.setattr(patience, "ANSWER_S", 0.5)
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(page.base_url.host, page.base_url.port)
        with suppress(ConnectionError):
            for part in sent:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.05 if len(sent) > 1 else 0)
        if len(sent) == 1 and len(sent[0]) > 10_000:
            await asyncio.sleep(1.5)
        with suppress(ConnectionError):
            while await reader.read(2**20):
                pass
        writer.close()

    assert (await page.get("/")).status_code == 200


async def test_who_listens_to_the_stream_is_not_cut(page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", 0.2)
    async with asyncio.timeout(PATIENCE_S), page.stream("GET", "/events") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await asyncio.sleep(1.0)
        assert not answer.is_closed
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0.5)
        assert not waiting.done() or waiting.exception() is None
        waiting.cancel()


async def test_connections_are_bounded(page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MOST_CONNECTIONS", 5)
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
        ends = []
        for _ in range(9):
            reader, writer = await asyncio.open_connection(page.base_url.host, page.base_url.port)
            stack.callback(writer.close)
            ends.append(asyncio.create_task(reader.read()))
        while sum(end.done() for end in ends) < 4:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
        assert sum(end.done() for end in ends) == 4
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
