"""The three pages, asked by whoever likes: real sockets on the loopback, no server behind them."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support.pages import get

from bus.port import BusError
from bus.process import http
from bus.process.http import serving
from bus.process.settings import ListenAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 60.0


async def takes_work() -> str:
    return ""


async def lacks_a_queue() -> str:
    return "work queue pod-alpha does not exist"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serving(ListenAddress(0), unready=takes_work) as where:
        yield where


async def say(url: str, sent: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        writer.write_eof()
        heard = await reader.read()
        writer.close()
    return heard


async def test_it_listens_on_this_machine_only_unless_told() -> None:
    async with serving(ListenAddress(0), unready=takes_work) as here:
        assert here.startswith("http://127.0.0.1:")


async def test_a_process_that_takes_work_is_ready_and_one_that_does_not_says_why(url: str) -> None:
    async with serving(ListenAddress(0), unready=lacks_a_queue) as other:
        assert await asyncio.to_thread(get, f"{url}/ready") == (200, "ready\n")
        assert await asyncio.to_thread(get, f"{other}/ready") == (503, "work queue pod-alpha does not exist\n")
        assert await asyncio.to_thread(get, f"{other}/live") == (200, "live\n")


async def test_what_is_not_a_question_is_told_so_and_harms_nothing(url: str) -> None:
    assert (await say(url, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    assert (await say(url, b"GET /ready?verbose HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert (await say(url, b"POST /ready HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")).startswith(b"HTTP/1.1 405 ")
    head, _, body = (await say(url, b"HEAD /live HTTP/1.1\r\n\r\n")).partition(b"\r\n\r\n")
    assert (head.startswith(b"HTTP/1.1 200 "), b"Content-Length: 5" in head, body) == (True, True, b"")
    assert (await say(url, b"\xff\x00 nonsense\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
    for unfinished in (b"", b"GET /live", b"GET /live HTTP/1.1\r\n" + b"x: y\r\n" * 10_000):
        assert await say(url, unfinished) == b""

    assert await asyncio.to_thread(get, f"{url}/live") == (200, "live\n")


async def test_a_port_that_is_taken_is_said(url: str) -> None:
    with pytest.raises(BusError, match="give another --http"):
        async with serving(ListenAddress(int(url.rpartition(":")[2])), unready=takes_work):
            pass


def test_a_process_whose_event_loop_hangs_is_not_called_live() -> None:
    serves, hangs, hanging, goes_on = [threading.Event() for _ in range(4)]
    urls: list[str] = []

    async def serve() -> None:
        async with serving(ListenAddress(0), unready=takes_work) as url:
            urls.append(url)
            serves.set()
            while not hangs.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.001)
            hanging.set()
            goes_on.wait(PATIENCE_S)
            await asyncio.to_thread(get, f"{url}/live")

    process = threading.Thread(target=asyncio.run, args=(serve(),))
    process.start()
    try:
        assert serves.wait(PATIENCE_S)
        assert get(f"{urls[0]}/live") == (200, "live\n")
        hangs.set()
        assert hanging.wait(PATIENCE_S)
        host, _, port = urls[0].removeprefix("http://").partition(":")
        # The system still accepts connections; nobody answers them.
        with socket.create_connection((host, int(port)), PATIENCE_S) as asker:
            asker.sendall(b"GET /live HTTP/1.1\r\n\r\n")
            asker.settimeout(0.5)
            with pytest.raises(TimeoutError):
                asker.recv(1)
            goes_on.set()
            asker.settimeout(PATIENCE_S)
            assert asker.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        goes_on.set()
        process.join(PATIENCE_S)


@pytest.mark.parametrize("sent", [(b"GET /li",), (b"GET /live HTTP/1.1\r\n", *[b"x: y\r\n"] * 500), ()])
async def test_who_does_not_finish_a_request_is_cut(
    url: str, sent: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_REQUEST_S", 0.5)
    host, _, port = url.removeprefix("http://").partition(":")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):
            for part in sent:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)
            assert await reader.read() == b""
        writer.close()


async def test_an_answer_that_nobody_takes_is_not_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_REQUEST_S", 0.5)
    monkeypatch.setattr(http, "exposition", lambda: b"x" * 50_000_000)
    host, _, port = url.removeprefix("http://").partition(":")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, int(port), limit=2)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        await asyncio.sleep(1.0)
        heard = 0
        with suppress(ConnectionError):
            while part := await reader.read(2**20):
                heard += len(part)
        writer.close()

    assert heard < 50_000_000


async def test_of_too_many_connections_the_oldest_goes_and_the_newest_is_answered(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    async with asyncio.timeout(PATIENCE_S):
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(http._CONNECTIONS)]  # noqa: SLF001
        assert await asyncio.to_thread(get, f"{url}/live") == (200, "live\n")
        with suppress(ConnectionError):
            assert await idle[0][0].read() == b""
        assert not idle[-1][0].at_eof()
        for _, writer in idle:
            writer.close()
