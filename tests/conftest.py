"""What several test suites share: real servers on the loopback, and a bus of either kind."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from support import depth, kept
from support.by_file import ByFile, longest_first, name_groups
from support.ports import free_ports
from support.programs import left_out
from support.site import ACK_WAIT_S, PODS, Site

from bus.administration.server import launch
from bus.administration.setup import set_up
from bus.port import NotSetUpError
from bus.topology.streams import EVENTS, MARKETS, STOPS, TIMERS
from bus.transports.jetstream import Connection, JetStreamBus, connect
from bus.transports.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from xdist.remote import Producer
    from xdist.scheduler.protocol import Scheduling

# No test times what it runs, and an example that takes long on a busy machine is no fault.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let more cases be tried than a person waits for."""
    parser.addoption("--ladder-seeds", type=int, help="seeds of the ladder certified by brute force")
    parser.addoption("--deep", action="store_true", help="all cases of each promise, in place of some")


def pytest_configure(config: pytest.Config) -> None:
    """Say how many cases there are to be, before decorators of tests ask, and let Ctrl-C reach what tests start."""
    depth.dive(deep=config.getoption("deep"))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has its background jobs ignore Ctrl-C, and what a test starts would ignore it, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected: whatever is made then stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Leave the tests marked ``deep`` to ``--deep``, and begin with those that wait longest."""
    config.stash[depth.COLLECTED] = {
        item.nodeid: frozenset(mark.name for mark in item.iter_markers()) for item in items
    }
    yield  # to those that mark tests, and to -m
    if not config.getoption("deep"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("deep")])
        items[:] = [item for item in items if not item.get_closest_marker("deep")]
    longest_first(items)
    if getattr(config.option, "loadgroup", False):  # as pytest-xdist tells its workers
        name_groups(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Keep the tests of a file in one worker, since they share what they computed; a group may leave its file."""
    return ByFile(config, log) if config.option.dist == "loadgroup" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which tests were left out, and how to have them."""
    for missing, tests in left_out(terminalreporter.getreports("skipped")).items():
        terminalreporter.write_line(f"{tests} tests were left out: {missing}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _kept(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """Share what was computed with the other workers, whose folders lie side by side."""
    mine = tmp_path_factory.getbasetemp()
    kept.keep_in((mine.parent if hasattr(request.config, "workerinput") else mine) / "kept")


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
    for stream in (EVENTS, TIMERS, MARKETS, STOPS):
        try:
            await bus.ask_api(f"STREAM.DELETE.{stream}")
        except NotSetUpError:
            continue
    await set_up(bus, PODS, ack_wait_s=ACK_WAIT_S)
