"""The solver's process: answers like a call would, and may die without taking anything along."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from requests_made import data

from agents import mandates
from agents.answer import answer
from bus import child
from bus.child import ChildDiedError
from bus.messages import MasterPortfolioOptimized, PodResult, encode, parse_final, parse_request
from coordinator import solver as solvers
from coordinator.consolidation import consolidate
from coordinator.solve import answer as solve
from coordinator.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST = parse_request(data(), "r1")


def results() -> Mapping[str, PodResult]:
    found = {pod: answer(mandates.load(pod), "r1", data()) for pod in ("alpha", "beta", "gamma", "delta")}
    return {pod: result for pod, result in found.items() if isinstance(result, PodResult)}


def pid(solver: Solver) -> int:
    assert solver._child._process is not None  # noqa: SLF001 - to kill it
    return solver._child._process.pid  # noqa: SLF001


async def test_the_process_answers_as_a_call_would() -> None:
    async with Solver() as solver:
        event = await solver.optimise(REQUEST, results(), seconds=30)

    expected = consolidate(REQUEST, results())
    assert event.model_dump(exclude={"elapsed_s"}) == expected.model_dump(exclude={"elapsed_s"})


async def test_a_process_that_is_killed_at_work_is_said_to_have_died_and_replaced() -> None:
    async with Solver() as solver:
        os.kill(pid(solver), signal.SIGSTOP)
        working = asyncio.create_task(solver.optimise(REQUEST, results(), seconds=30))
        await asyncio.sleep(0)
        os.kill(pid(solver), signal.SIGKILL)
        with pytest.raises(ChildDiedError, match="killed"):
            await working
        event = await solver.optimise(REQUEST, results(), seconds=30)

    assert isinstance(event, MasterPortfolioOptimized)


async def test_a_process_that_is_killed_at_rest_is_replaced_before_it_is_asked() -> None:
    async with Solver() as solver:
        resting = solver._child._process  # noqa: SLF001 - to kill it
        assert resting is not None
        resting.kill()
        await resting.wait()

        assert isinstance(await solver.optimise(REQUEST, results(), seconds=30), MasterPortfolioOptimized)


async def test_a_process_that_hangs_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (solvers, child):
        monkeypatch.setattr(module, "_GRACE_S", 0.0)
    async with Solver(silent_s=0.01) as solver:
        hanging = pid(solver)
        os.kill(hanging, signal.SIGSTOP)
        with pytest.raises(ChildDiedError, match="too long"):
            await solver.optimise(REQUEST, results(), seconds=0.01)
        with pytest.raises(ProcessLookupError):
            os.kill(hanging, 0)
        monkeypatch.undo()
        solver._child.silent_s = 30  # noqa: SLF001 - the new one is not to be in a hurry
        assert isinstance(await solver.optimise(REQUEST, results(), seconds=30), MasterPortfolioOptimized)


async def test_the_process_ends_when_whoever_started_it_is_gone() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "coordinator.solve",
        "2048",
        "8",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(30):
        assert await process.wait() == 0


def test_a_search_without_time_says_what_it_has() -> None:
    question = {
        "request": json.loads(encode(REQUEST)),
        "results": [json.loads(encode(result)) for result in results().values()],
        "seconds": -1,
    }

    event = parse_final(solve(json.dumps(question).encode()))

    assert not isinstance(event, MasterPortfolioOptimized)
    assert "more time" in event.message
