"""Whatever a process is at, and whatever became of its server: SIGTERM ends it within the time that is stated."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from support.depth import some_of
from support.processes import NOT_THOSE, START_S, TWO, Site, children, said
from support.requests_made import ROOT, data

from agents import mandate_files
from bus.administration.server import launch
from bus.administration.setup import set_up
from bus.language import subjects
from bus.process.frame import END_S, LEAVE_S
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from bus.administration.server import Server

# What a machine that is busy needs to run a signal's handler, and to tear a process down. Whoever did not end by
# himself has another status (1) from ``LEAVE_S`` on, so that "at once" is told by the status and not by a clock.
_SLACK_S = 30.0


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Server, Site]]:
    """A server that a test may harm, with all queues and nothing running on it."""
    server = await launch(tmp_path / "store", log=tmp_path / "server.log")
    async with connect(Connection(servers=server.url, name="test")) as bus:
        await set_up(bus, tuple(mandate_files.bundled()))
        site = Site(server.url, bus, tmp_path)
        try:
            yield server, site
        finally:
            # A solver that a test has stopped, and that nobody killed since the test failed, would stay for ever.
            solvers = [pid for process in site._running if process.returncode is None for pid in children(process)]  # noqa: SLF001 - to end what they leave
            await site.end_all()
            await server.kill()
            for pid in solvers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def _stopped(*processes: Process) -> dict[int, tuple[int, float]]:
    """Ask for the end of all; say of each with what status it ended, and after how many seconds."""
    began = time.monotonic()

    async def end(process: Process) -> tuple[int, float]:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_S + START_S):
            return await process.wait(), time.monotonic() - began

    ends = await asyncio.gather(*(end(process) for process in processes))
    return {process.pid: found for process, found in zip(processes, ends, strict=True)}


async def _burst(site: Site, requests: int) -> None:
    for i in range(requests):
        await site.publish(data(f"r{i}", deadline_s=600, pod_weights=TWO), f"r{i}")


async def test_idle_processes_whose_server_was_killed_end_at_once(place: tuple[Server, Site]) -> None:
    server, site = place
    running = await site.start_all(but=NOT_THOSE)
    await server.kill()

    ends = await _stopped(*running.values())

    assert {status for status, _ in ends.values()} == {0}


@pytest.mark.deep
async def test_processes_that_pull_as_their_server_is_killed_end_at_once(place: tuple[Server, Site]) -> None:
    server, site = place
    running = await site.start_all(but=NOT_THOSE)
    stopping = asyncio.create_task(_stopped(*running.values()))
    await server.kill()

    ends = await stopping

    assert {status for status, _ in ends.values()} == {0}


@pytest.mark.parametrize("harm", some_of([signal.SIGKILL, signal.SIGSTOP], every=2))
async def test_processes_with_work_in_hand_end_in_time_without_their_server(
    place: tuple[Server, Site], harm: signal.Signals
) -> None:
    server, site = place
    running = await site.start_all(but=NOT_THOSE)
    publishing = asyncio.create_task(_burst(site, 120))
    # Some read, some solve, some publish, some set a deadline.
    while len(said(next(site.folder.glob("*coordinator.log")), "request.finished")) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    server.process.send_signal(harm)
    publishing.cancel()

    ends = await _stopped(*running.values())

    assert max(seconds for _, seconds in ends.values()) < END_S + _SLACK_S, ends


async def test_a_search_that_does_not_end_is_left_to_others_and_its_process_goes_too(
    place: tuple[Server, Site],
) -> None:
    server, site = place
    running = await site.start_all(but=NOT_THOSE)
    coordinator = running["coordinator"]
    (solver,) = children(coordinator)
    stopped = await asyncio.create_subprocess_exec("kill", "-STOP", str(solver))
    assert await stopped.wait() == 0
    await site.publish(data("long", deadline_s=900, pod_weights=TWO), "long")
    # Its last answer is in hand, and stays so: the solver has it.
    in_hand = re.compile(r'podfolio_in_hand\{[^}]*"pod"[^}]*\} 1\.0')
    async with asyncio.timeout(START_S):
        while len(await site.bus.record([subjects.pod_result("long", "*")])) < len(running) - 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while not in_hand.search((await site.page(coordinator, "/metrics"))[1]):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    await server.kill()

    ends = await _stopped(coordinator)

    status, seconds = ends[coordinator.pid]
    assert status == 1
    assert LEAVE_S - 1 < seconds < END_S + _SLACK_S
    log = next(site.folder.glob("*coordinator.log"))
    assert f"{LEAVE_S:g} s after the signal" in said(log, "process.failed")[0]["error"]
    assert not Path(f"/proc/{solver}").exists()


async def test_processes_that_wait_for_a_set_up_end_at_once(place: tuple[Server, Site]) -> None:
    server, site = place
    await site.bus.ask_api("CONSUMER.DELETE.PODFOLIO.pod-alpha")
    process, name = await site.launch("agents", "alpha")
    async with asyncio.timeout(START_S):
        while not said(site.folder / f"{name}.log", "process.waiting_for_setup"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await server.kill()

    ends = await _stopped(process)

    assert {status for status, _ in ends.values()} == {0}


async def test_processes_that_start_while_no_server_runs_wait_for_it_and_work_when_it_runs(
    place: tuple[Server, Site], tmp_path: Path
) -> None:
    server, site = place
    await server.kill()
    started = {name: await site.launch(*name.split()) for name in ("agents alpha", "coordinator")}
    async with asyncio.timeout(START_S):
        while not all(said(site.folder / f"{log}.log", "process.waiting_for_server") for _, log in started.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert {process.returncode for process, _ in started.values()} == {None}

    again = await launch(tmp_path / "store", port=urlsplit(server.url).port, log=tmp_path / "server.log")
    try:
        async with asyncio.timeout(START_S):
            while not all(said(site.folder / f"{log}.log", "process.ready") for _, log in started.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await again.kill()


async def test_processes_that_wait_for_a_server_end_at_once(place: tuple[Server, Site]) -> None:
    server, site = place
    await server.kill()
    process, name = await site.launch("coordinator")
    async with asyncio.timeout(START_S):
        while not said(site.folder / f"{name}.log", "process.waiting_for_server"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    ends = await _stopped(process)

    assert {status for status, _ in ends.values()} == {0}


_HANGS = """
import asyncio, time
from bus.process import frame as process
from bus.transports.jetstream import Connection
from bus.observability.service import Service

process.LEAVE_S, process.END_S = 0.5, 2.0

async def main(bus, stop, ready):
    print("runs", flush=True)
    await stop.wait()
    await asyncio.sleep(0)
    time.sleep(600)

process.configure_logs()
raise SystemExit(process.run(Connection(servers="{url}"), main, service=Service("s", "", ())))
"""


async def test_a_process_whose_event_loop_hangs_is_ended_and_says_where(place: tuple[Server, Site]) -> None:
    program = _HANGS.replace("{url}", place[0].url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"runs\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(START_S):
        _, told = await process.communicate()

    assert process.returncode == 1
    assert time.monotonic() - began < 2 + _SLACK_S
    assert b"in main" in told
