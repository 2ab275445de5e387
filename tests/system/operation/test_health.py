"""What orchestrators and operators see of real processes: started, at work, cut off, connected again, asked to stop."""

from __future__ import annotations

import asyncio
import re
import shlex
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.depth import some_of
from support.processes import NOT_THOSE, START_S, TWO, Site, podfolio, said
from support.requests_made import ROOT, data

from agents import mandate_files
from bus.administration.server import embedded_server
from bus.administration.setup import set_up
from bus.language.messages import MasterPortfolioOptimized
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path


EPSILON = ROOT / "examples" / "fifth-pod" / "epsilon.toml"


async def becomes(site: Site, process: Process, status: int) -> str:
    """Wait until the process says with *status* whether it is ready; returns its words."""
    async with asyncio.timeout(START_S):
        while (found := await site.page(process, "/ready"))[0] != status:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)
    return found[1]


async def samples(site: Site, process: Process) -> dict[tuple[str, ...], float]:
    """Read a process's metrics: by name and values of the labels, in the order of their names."""
    status, text = await site.page(process, "/metrics")
    assert status == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "command",
    [
        ("agents", "alpha"),
        *(pytest.param((each,), marks=pytest.mark.deep) for each in ("coordinator", "challenger", "reviewer")),
    ],
)
async def test_a_process_without_its_server_is_not_ready_but_lives_and_comes_back(
    tmp_path: Path, unused_tcp_port: int, command: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(AsyncExitStack())
        url = await running.enter_async_context(
            embedded_server(tmp_path / "store", port=unused_tcp_port, log=tmp_path / "log")
        )
        async with connect(Connection(servers=url)) as bus:
            await set_up(bus, ("alpha",))
            site = Site(url, bus, tmp_path)
            process = await site.start(*command)
            stack.push_async_callback(site.end_all)
        await running.aclose()
        why = await becomes(site, process, 503)
        live = await site.page(process, "/live")
        await stack.enter_async_context(embedded_server(tmp_path / "store", port=unused_tcp_port, log=tmp_path / "log"))
        await becomes(site, process, 200)
        status = await site.end(process)

    assert "the server" in why or "not connected" in why
    assert live == (200, "live\n")
    assert status == 0
    assert (await site.page(process, "/live"))[0] == 0


@pytest.mark.parametrize(
    ("command", "lacks"),
    some_of([("agents", "pod-zeta"), ("coordinator", "coord"), ("challenger", "challenger")], every=3),
)
async def test_a_process_that_waits_for_its_set_up_says_so_and_the_command_that_it_names_ends_the_wait(
    tmp_path: Path, command: str, lacks: str
) -> None:
    mandate = tmp_path / "zeta.toml"
    mandate.write_text(EPSILON.read_text(encoding="utf-8").replace('"epsilon"', '"zeta"'), encoding="utf-8")
    words = (command, str(mandate)) if command == "agents" else (command,)
    async with (
        embedded_server(tmp_path / "store", log=tmp_path / "log") as url,
        AsyncExitStack() as stack,
        connect(Connection(servers=url)) as bus,
    ):
        if command == "agents":
            await set_up(bus, tuple(mandate_files.bundled()))  # as `podfolio setup` does, which does not help zeta
        site = Site(url, bus, tmp_path)
        stack.push_async_callback(site.end_all)
        first, name = await site.launch(*words)
        log = tmp_path / f"{name}.log"
        waits = await waiting(site, first, log)
        status = await site.end(first)

        second, name = await site.launch(*words)
        hint = await waiting(site, second, tmp_path / f"{name}.log")
        typed = shlex.split(re.findall(r"`podfolio (.*?)`", hint)[0])
        ran = await podfolio(*typed)
        await becomes(site, second, 200)
        ended = await site.end(second)

    assert f"it waits: work queue {lacks}" in waits
    assert (status, ran[0], ended) == (0, 0, 0), ran
    assert not said(log, "process.ready")
    assert '"level": "error"' not in log.read_text(encoding="utf-8")


async def waiting(site: Site, process: Process, log: Path) -> str:
    """Wait until the log says that the process waits for its set-up; returns the words of its page."""
    async with asyncio.timeout(START_S):
        while not said(log, "process.waiting_for_setup"):  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)
    site.listens(process, said(log, "process.listens")[0]["http"])
    return await becomes(site, process, 503)


async def test_a_process_whose_queue_is_gone_is_not_ready(site: Site) -> None:
    agent = await site.start("agents", "alpha")
    await site.bus.ask_api("CONSUMER.DELETE.PODFOLIO.pod-alpha")

    assert (await becomes(site, agent, 503)).startswith(
        "it waits: work queue pod-alpha does not exist: run `podfolio setup"
    )


async def test_metrics_say_what_was_done_and_nothing_of_the_customer(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    idle = await samples(site, running["gamma"])
    await site.publish(data("a-request-of-somebody", pod_weights=TWO), "a-request-of-somebody")
    await site.publish(b"{}", "no-request")
    assert isinstance(await site.final("a-request-of-somebody"), MasterPortfolioOptimized)
    await site.final("no-request")
    async with asyncio.timeout(START_S):
        while (agent := await samples(site, running["gamma"]))[("podfolio_in_hand", "request", "pod-gamma")]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    coordinator = await samples(site, running["coordinator"])
    _, text = await site.page(running["coordinator"], "/metrics")

    work = ("request", "pod-gamma")
    assert idle["podfolio_deliveries_total", *work] == 0, "there before the first"
    assert agent["podfolio_deliveries_total", *work] == 2
    assert agent["podfolio_queue_age_seconds_count", *work] == 2
    assert agent["podfolio_handling_seconds_count", *work] == 2
    assert agent["podfolio_pod_results_total", "optimised", "gamma", "new"] == 1
    assert agent["podfolio_pod_solve_seconds_count", "gamma"] == 1
    assert agent["podfolio_publish_seconds_count", "pod"] == 1
    assert coordinator["podfolio_finals_total", "optimised", "new"] == 1
    assert coordinator["podfolio_finals_total", "invalid_request", "new"] == 1
    assert coordinator["podfolio_portfolios_total", "yes"] == 1
    assert coordinator["podfolio_gap_ratio_count",] == 1
    assert coordinator["podfolio_master_solve_seconds_count",] == 1
    assert coordinator["podfolio_publish_seconds_count", "final"] == 2
    assert coordinator["process_resident_memory_bytes",] > 0
    assert "somebody" not in text
