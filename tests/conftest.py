"""What several test suites share: real servers on the loopback, and a bus of either kind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from support.ports import free_ports
from support.programs import left_out

from bus.administration.server import launch
from bus.administration.setup import set_up
from bus.port import NotSetUpError
from bus.topology.streams import EVENTS, MARKETS, TIMERS
from bus.transports.jetstream import Connection, JetStreamBus, connect
from bus.transports.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bus.port import Bus

PODS = ("alpha", "beta")
# Short, since tests wait for it; long enough for a busy machine to send a heartbeat in.
ACK_WAIT_S = 1.5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the ladder be certified on more seeds than the suite has time for."""
    parser.addoption("--ladder-seeds", type=int, default=2, help="seeds of the ladder certified by brute force")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which tests were left out, and how to have them."""
    for missing, tests in left_out(terminalreporter.getreports("skipped")).items():
        terminalreporter.write_line(f"{tests} tests were left out: {missing}", yellow=True)


@dataclass
class Site:
    """A bus, and what a test needs around it.

    Attributes:
        bus: A bus with nothing on it and queues for ``PODS``.
        other: The same bus, as another process has it.
        ack_wait_s: After this, it hands out again what nobody has settled.
    """

    bus: Bus
    other: Bus
    ack_wait_s: float = ACK_WAIT_S
    memory: MemoryBus | None = field(default=None, repr=False)

    async def let_pass(self, seconds: float) -> None:
        """Let the bus's time pass."""
        if self.memory is not None:
            self.memory.advance(seconds)
        else:
            await asyncio.sleep(seconds)


@pytest.fixture
def unused_tcp_port() -> int:
    """In the place of pytest-asyncio's, whose ports may be given away while the server that had them is down."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one server for the whole session."""
    directory = tmp_path_factory.mktemp("nats")
    with asyncio.Runner() as runner:
        server = runner.run(launch(directory / "store", log=directory / "log"))
        yield server.url
        runner.run(server.stop())


@pytest.fixture
def memory_site() -> Site:
    """A bus in memory."""
    bus = MemoryBus(PODS, ack_wait_s=ACK_WAIT_S)
    return Site(bus, bus, memory=bus)


@pytest.fixture
async def jetstream_site(server_url: str) -> AsyncIterator[Site]:
    """The real bus, with new streams: to delete and create them takes 10 ms."""
    async with AsyncExitStack() as stack:
        bus, other = [await stack.enter_async_context(connect(Connection(servers=server_url))) for _ in range(2)]
        await renew(bus)
        yield Site(bus, other)


@pytest.fixture(params=["memory_site", "jetstream_site"])
def site(request: pytest.FixtureRequest) -> Site:
    """A bus of each kind, in turn."""
    made: Site = request.getfixturevalue(request.param)
    return made


async def renew(bus: JetStreamBus) -> None:
    """Delete the streams and create them anew."""
    for stream in (EVENTS, TIMERS, MARKETS):
        try:
            await bus.ask_api(f"STREAM.DELETE.{stream}")
        except NotSetUpError:
            continue
    await set_up(bus, PODS, ack_wait_s=ACK_WAIT_S)
