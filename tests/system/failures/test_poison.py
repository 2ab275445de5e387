"""Requests that crash, hang or bloat whatever computes them, on real processes: each fails alone."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from support.processes import NOT_THOSE, TWO, log_lines
from support.requests_made import ROOT, data

from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason
from bus.process.workers import LOST

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

# Makes ``poison/sitecustomize.py`` part of every process: a library's fault, to them.
POISONED = {
    "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "system" / "failures" / "poison"), str(ROOT / "tests"))),
    "PODFOLIO_SOLVER_SECONDS": "5",
    "PODFOLIO_SOLVER_MIB": "512",
}
TOLD = {
    "segfault": (Reason.INTERNAL_ERROR, r"crashed \(signal SIGSEGV\)"),
    "deadlock": (Reason.SOLVER_FAILED, r"within the ([0-4](\.\d+)?|5) s"),
    "memory": (Reason.INTERNAL_ERROR, "it needs more memory"),
}


def attempts(folder: Path, name: str, request_id: str) -> list[int]:
    crashed = [line for line in log_lines(folder, name) if line["event"] == "delivery.crashed"]
    return [line["attempt"] for line in crashed if f".{request_id}" in line["subject"]]


PLACES = ("agents", "coordinator")


async def test_poison_fails_alone_after_a_bounded_number_of_attempts(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE, **POISONED)
    poison = {f"{kind}-in-{where}": told for where in PLACES for kind, told in TOLD.items()}
    for request_id in ("before", *poison, "after"):
        await site.publish(data(request_id, deadline_s=300, pod_weights=TWO), request_id)

    for request_id in ("before", "after"):
        assert isinstance(await site.final(request_id), MasterPortfolioOptimized)
    for request_id, (reason, told) in poison.items():
        event = await site.final(request_id)
        assert isinstance(event, MasterPortfolioFailed)
        assert event.reason is reason
        assert re.search(told, event.message)
    assert {process.returncode for process in running.values()} == {None}
    for where, name in zip(PLACES, ("agents-gamma", "coordinator"), strict=True):
        # A delivery that was given back in between, since another was in hand, crashes nothing and counts nothing.
        # On a busy machine, a coordinator gives a delivery back while another is in hand: 1, 2, 4 was seen.
        assert len(attempts(site.folder, name, f"segfault-in-{where}")) == 3
        assert attempts(site.folder, name, f"deadlock-in-{where}") == []  # it would take as long again


async def keep_running(site: Site, pod: str, deaths: list[int]) -> None:
    """Start an agent again whenever it ends, as a container's restart policy does."""
    while True:
        agent, _ = await site.launch("agents", pod, **POISONED)
        deaths.append(await agent.wait())


@pytest.mark.deep
async def test_what_kills_whole_agents_is_given_up_by_the_next_and_the_queue_goes_on(site: Site) -> None:
    await site.start_all(but=(*NOT_THOSE, "gamma"), **POISONED)
    await site.publish(data("parricide-in-gamma", deadline_s=300, pod_weights={"gamma": 1.0}), "parricide-in-gamma")

    deaths: list[int] = []
    keeping = asyncio.create_task(keep_running(site, "gamma", deaths))
    try:
        # Ten times, each missed after five seconds.
        event = await site.final("parricide-in-gamma", patience_s=200)
        await site.publish(data("after", deadline_s=300, pod_weights=TWO), "after")
        after = await site.final("after")
    finally:
        keeping.cancel()

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.INTERNAL_ERROR
    assert "to processes that did not live to answer it" in event.message
    assert 1 < len(deaths) <= LOST + 2
    assert set(deaths) == {-signal.SIGKILL}
    assert isinstance(after, MasterPortfolioOptimized)
