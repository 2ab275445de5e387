"""A server and a dashboard of a test's own, and pages that say what went wrong on them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agents import mandate_files
from bus.administration.server import Server, launch
from bus.administration.setup import set_up
from bus.topology.roles import OBSERVER
from bus.transports.jetstream import Connection, JetStreamBus, connect
from dashboard.serve import Place, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Page

# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_MS = 90_000


@dataclass(frozen=True)
class Working:
    """A system whose agents and coordinator work, and its dashboard."""

    url: str
    page: str
    bus: JetStreamBus


@dataclass
class Stage:
    """A server, somebody who publishes there, and a dashboard; either can be stopped and started again.

    Attributes:
        folder: Of the server.
        nats_port: Its port.
        page_port: The dashboard's.
    """

    folder: Path
    nats_port: int
    page_port: int
    bus: JetStreamBus = field(init=False)
    server: Server = field(init=False)
    _open: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)
    _serving: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page_port}/"

    async def start_server(self) -> None:
        """Start the server, on what the last one has stored."""
        self.server = await launch(self.folder / "store", port=self.nats_port, log=self.folder / "log")

    async def start_dashboard(self) -> None:
        """Start a dashboard that shows everything."""
        settings = Connection(servers=f"nats://127.0.0.1:{self.nats_port}", role=OBSERVER)
        await self._serving.enter_async_context(serving(settings, Place(self.page_port), since=None))

    async def stop_dashboard(self) -> None:
        """Stop the dashboard."""
        await self._serving.aclose()

    async def open(self) -> None:
        """Start everything."""
        await self.start_server()
        publisher = connect(Connection(servers=f"nats://127.0.0.1:{self.nats_port}", name="test"))
        self.bus = await self._open.enter_async_context(publisher)
        await set_up(self.bus, tuple(mandate_files.bundled()))
        await self.start_dashboard()

    async def close(self) -> None:
        """Stop everything."""
        await self._serving.aclose()
        await self._open.aclose()
        await self.server.stop()


@asynccontextmanager
async def visiting(browser: Browser, url: str, *, forgiven: str = "", **how: object) -> AsyncIterator[Page]:
    """Have a page open while the block lasts; see that it complained of nothing and asked nobody else.

    Args:
        browser: Any.
        url: What to open.
        forgiven: A part of complaints that are expected.
        how: Of the browser's context.
    """
    complaints: list[str] = []
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})  # type: ignore[arg-type]
    try:
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if _host(asked.url) != _host(url) else None)
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert [said for said in complaints if not forgiven or forgiven not in said] == []


def _host(url: str) -> str:
    return urlsplit(url).netloc
