"""The HTTP interface for browsers: the page, the stream as server-sent events, and one request in full.

Only GET, no cookies. The page is the same for all users; only the data differ. Text from messages never becomes part
of the page's HTML or of a script.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sse_starlette import EventSourceResponse, JSONServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bus.language.since import read_since
from bus.port import BusError
from dashboard.headers import OnlyOurs
from dashboard.opened import NotSeenError, opened, portfolio, stored
from dashboard.pictures import Pictures
from dashboard.view import Start, View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection

    from starlette.requests import Request

    from bus.transports.jetstream import JetStreamBus
    from dashboard.queues import Queues

    _Following = tuple[View, asyncio.Task[None] | None]

_STATIC = Path(__file__).parent / "static"
# Changes within this time go out together: short enough for smooth motion, and a burst becomes a few events.
_TICK_S = 0.1
_PING_S = 15
# A browser that reads no data for this long is disconnected; it reconnects by itself and gets the missed changes.
_SEND_S = 30.0
_RETRY_MS = 1_000
MOST_PAGES, MOST_REPLAYS = 64, 16
_SPEEDS = {"": None, "1": 1.0, "10": 10.0}


class Dashboard:
    """The pages over one connection.

    Args:
        bus: The connection to the stream.
        live: The view for browsers that ask for no start time; the caller keeps the view up to date.
        queues: The lengths of the work queues; the caller keeps them up to date.
    """

    def __init__(self, bus: JetStreamBus, live: View, queues: Queues) -> None:
        self._bus = bus
        self._live = live
        self._queues = queues
        self._pictures = Pictures()
        self._replays = 0
        self.stopping = asyncio.Event()

    def application(self, hosts: Collection[str]) -> Starlette:
        """Make the ASGI application, which answers only to the host names *hosts*."""
        return Starlette(
            routes=[
                Route("/", self._page, methods=["GET"]),
                Route("/events", self._stream, methods=["GET"]),
                Route("/requests/{id}", self._request, methods=["GET"]),
                Route("/requests/{id}/charts/{name}.svg", self._chart, methods=["GET"]),
                Route("/requests/{id}/messages/{file}", self._message, methods=["GET"]),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
            middleware=[
                Middleware(OnlyOurs),
                Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            ],
        )

    async def _page(self, _: Request) -> Response:
        return FileResponse(_STATIC / "page.html")

    async def _request(self, request: Request) -> Response:
        try:
            return JSONResponse(await opened(self._bus, request.path_params["id"]))
        except (NotSeenError, BusError) as error:
            return _none(error)

    async def _message(self, request: Request) -> Response:
        file = request.path_params["file"]
        try:
            body = await stored(self._bus, request.path_params["id"], file)
        except (NotSeenError, BusError) as error:
            return _none(error)
        # Of a message only: its name has no characters that a header would take for others.
        named = {"Content-Disposition": f'inline; filename="{file}"'}
        return Response(body, media_type="application/json", headers=named)

    async def _chart(self, request: Request) -> Response:
        theme = "dark" if request.query_params.get("theme") == "dark" else "light"
        try:
            event, identity = await portfolio(self._bus, request.path_params["id"])
        except (NotSeenError, BusError) as error:
            return _none(error)
        svg = await self._pictures.svg(event, identity, request.path_params["name"], theme)
        if svg is None:
            return _none(NotSeenError("There is no such chart."))
        return Response(svg, media_type="image/svg+xml")

    async def _stream(self, request: Request) -> Response:
        return EventSourceResponse(self._told(request), ping=_PING_S, send_timeout=_SEND_S)

    async def _told(self, request: Request) -> AsyncIterator[JSONServerSentEvent]:
        try:
            start = read_start(request.query_params.get("since", ""), request.query_params.get("speed", ""))
        except ValueError as error:
            yield _problem(str(error))
            return
        if self._queues.watchers >= MOST_PAGES or (start and self._replays >= MOST_REPLAYS):
            yield _problem("too many pages are open: close one, and reload this one")
            return
        token, seen = read_place(request.headers.get("last-event-id", ""))
        self._queues.watchers += 1
        try:
            async with self._view(start, from_sequence=seen) as (view, failed):
                async for event in self._changes(view, failed, after=seen if token == view.token else None):
                    yield event
        finally:
            self._queues.watchers -= 1

    @asynccontextmanager
    async def _view(
        self, start: Start | None, *, from_sequence: int
    ) -> AsyncIterator[tuple[View, asyncio.Task[None] | None]]:
        """Yield the live view, or a new view that replays from *start*."""
        if start is None:
            yield self._live, None
            return
        view = View(start)
        following = asyncio.create_task(view.follow(self._bus, from_sequence=from_sequence))
        self._replays += 1
        try:
            yield view, following
        finally:
            self._replays -= 1
            following.cancel()
            with suppress(asyncio.CancelledError, BusError):
                await following

    async def _changes(
        self, view: View, following: asyncio.Task[None] | None, *, after: int | None
    ) -> AsyncGenerator[JSONServerSentEvent, None]:
        told: dict[str, Any] | None = None
        token = view.token
        while not self.stopping.is_set():
            if following and following.done():
                yield _problem(str(following.exception() or "the replay has ended"))
                return
            if token != view.token:
                token, after = view.token, None
            status = {"connected": not self._bus.is_reconnecting, **self._queues.told}
            if after != view.board.sequence or status != told:
                told, sequence = status, view.board.sequence
                body = {**view.told(after=after), "status": status}
                yield JSONServerSentEvent(body, id=f"{view.token}.{sequence}", retry=_RETRY_MS)
                after = sequence
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self.stopping.wait()


def read_start(since: str, speed: str) -> Start | None:
    """Parse the start and the speed that a browser asks for; None means the live view.

    Raises:
        ValueError: If a value is invalid; the message says which values are valid.
    """
    if speed not in _SPEEDS:
        message = f"there is no such speed: give one of {', '.join(name for name in _SPEEDS if name)}, or none"
        raise ValueError(message)
    if not since:
        return None
    then = None if since == "all" else read_since(since, now=datetime.now(UTC))
    return Start(then, _SPEEDS[speed])


def read_place(last_event_id: str) -> tuple[str, int]:
    """Parse a browser's last event id: the view's token and the last sequence seen; ("", 0) if there is none."""
    known = re.fullmatch(r"([0-9a-f]{8})\.([0-9]{1,18})", last_event_id)
    return (known[1], int(known[2])) if known else ("", 0)


def _none(error: Exception) -> Response:
    return JSONResponse({"problem": str(error)}, status_code=404 if isinstance(error, NotSeenError) else 503)


def _problem(message: str) -> JSONServerSentEvent:
    return JSONServerSentEvent({"problem": message}, event="problem")
