"""One browser, one system that works, and a stage for each test that needs one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from stage import Stage, Working
from support.programs import CHROMIUM

from bus.topology.roles import OBSERVER
from bus.transports.jetstream import Connection, connect
from cli.system.whole import whole_system
from dashboard.serve import Place, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# No sandbox, since tests may run as root; and nothing that asks somebody on the internet.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have all tests here share the browser's event loop."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    path = CHROMIUM.path()
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS) as launched,
    ):
        yield launched


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def working(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Working]:
    """Everything, as ``podfolio up --dashboard`` runs it."""
    folder = tmp_path_factory.mktemp("system")
    with (folder / "processes.log").open("wb") as logs:
        async with (
            whole_system(folder, port=None, logs=logs, say=lambda _: None) as url,
            serving(Connection(servers=url, role=OBSERVER), Place(0), since=None) as page,
            connect(Connection(servers=url, name="test")) as bus,
        ):
            yield Working(url, page, bus)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Stage]:
    """A server on which nobody works, and a dashboard: what moves there, the test has moved."""
    made = Stage(tmp_path, unused_tcp_port_factory(), unused_tcp_port_factory())
    await made.open()
    try:
        yield made
    finally:
        await made.close()
