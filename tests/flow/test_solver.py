"""The solver's process: answers like a call would, and may die without taking anything along."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS
from support.requests_made import ROOT, data
from support.signed import messages

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import (
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    Progress,
    Reason,
    Stage,
    encode,
    parse_final,
    parse_progress,
)
from bus.language.packing import pack
from bus.language.payload import Payload
from bus.process.child import ChildDiedError, SolverProcess
from coordinator import solve_request as solving
from coordinator.consolidation import consolidate
from coordinator.decisions import Optimise, decide, read_record
from coordinator.request_solver import RequestSolver
from coordinator.solve_request import answer as solve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coordinator.request_solver import OnRequestNote

SENT = data()


def asked(sent: bytes = SENT) -> Optimise:
    """Have all pods answer, and decide as a coordinator does."""
    answers = {pod: answer(mandate_files.load(pod), "r1", sent) for pod in PODS}
    told = {pod: encode(found) for pod, found in answers.items() if found is not None}
    action = decide(read_record(messages(sent, told)), due=False)
    assert isinstance(action, Optimise)
    return action


@asynccontextmanager
async def solver(most_s: float = 120.0, watch: OnRequestNote | None = None) -> AsyncIterator[RequestSolver]:
    async with SolverProcess(("coordinator.solve_request",), most_s=most_s, most=2) as process:
        await process.ready()
        yield RequestSolver(process, watch)


async def solved(solver: RequestSolver, *, seconds: float) -> FinalEvent:
    return parse_final((await solver.optimise(asked(), seconds=seconds)).data)


def pid(solver: RequestSolver) -> int:
    process = solver.process._children[0]._process  # noqa: SLF001 - to kill it
    assert process is not None
    return process.pid


async def test_the_process_answers_as_a_call_would() -> None:
    async with solver() as made:
        event = await solved(made, seconds=30)

    action = asked()
    expected = consolidate(action.request, action.results)
    assert event.model_dump(exclude={"elapsed_s"}) == expected.model_dump(exclude={"elapsed_s"})


async def test_a_process_that_is_killed_at_work_is_said_to_have_died_and_replaced() -> None:
    async with solver() as made:
        os.kill(pid(made), signal.SIGSTOP)
        working = asyncio.create_task(solved(made, seconds=30))
        await asyncio.sleep(0)
        os.kill(pid(made), signal.SIGKILL)
        with pytest.raises(ChildDiedError, match="killed"):
            await working
        event = await solved(made, seconds=30)

    assert isinstance(event, MasterPortfolioOptimized)


async def test_a_process_that_is_killed_at_rest_is_replaced_before_it_is_asked() -> None:
    async with solver() as made:
        resting = made.process._children[0]._process  # noqa: SLF001 - to kill it
        assert resting is not None
        resting.kill()
        await resting.wait()

        assert isinstance(await solved(made, seconds=30), MasterPortfolioOptimized)


async def test_a_process_that_hangs_is_ended_and_replaced_and_the_request_told_why() -> None:
    async with solver() as made:
        hanging = pid(made)
        os.kill(hanging, signal.SIGSTOP)
        event = await solved(made, seconds=0.01)
        with pytest.raises(ProcessLookupError):
            os.kill(hanging, 0)
        assert isinstance(await solved(made, seconds=30), MasterPortfolioOptimized)

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, "0.01 s were left" in event.message) == (Reason.DEADLINE_EXCEEDED, True)


async def test_a_search_that_the_limit_of_this_system_ended_says_so() -> None:
    async with solver(0.001) as made:
        event = await solved(made, seconds=30)

    assert isinstance(event, MasterPortfolioFailed)
    assert "--solver-seconds" in event.message


async def test_two_requests_are_optimised_at_a_time_each_in_a_process_of_its_own() -> None:
    async with solver() as made:
        first = pid(made)
        os.kill(first, signal.SIGSTOP)
        waiting = asyncio.create_task(solved(made, seconds=60))
        await asyncio.sleep(0)
        second = await solved(made, seconds=60)
        assert not waiting.done()
        os.kill(first, signal.SIGCONT)
        assert isinstance(await waiting, MasterPortfolioOptimized)

    assert isinstance(second, MasterPortfolioOptimized)


async def test_the_process_ends_when_whoever_started_it_is_gone() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "coordinator.solve_request",
        "2048",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(30):
        assert await process.wait() == 0


def unheard(_: bytes) -> None:
    pytest.fail("it has not searched long enough to tell of it")


def test_it_tells_how_far_the_search_is_and_nothing_that_is_not_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "_TOLD_EVERY_S", 0.0)
    action = asked()
    question = pack(
        {"request_id": "r1", "seconds": 30, "by": "deadline"}, action.request_data, *action.answer_data.values()
    )
    told: list[Progress] = []

    found = solve(question, lambda note: told.append(parse_progress(note)))
    event = parse_final(Payload.unpacked(found).data)

    assert isinstance(event, MasterPortfolioOptimized)
    assert {progress.stage for progress in told} == {Stage.OPTIMISING}
    searches = [progress.search or 0 for progress in told]
    assert searches == sorted(searches)
    first = [progress.gap for progress in told if progress.search == 1]
    assert len(first) > 1  # the objective's own search, which others follow
    assert (first[-1] or 0.0) == pytest.approx(event.certificate.gap, abs=1e-5)


async def test_what_it_tells_on_the_way_is_passed_on_with_the_request_it_is_about() -> None:
    heard: list[tuple[str, Progress]] = []

    async def watch(request_id: str, note: bytes) -> None:
        heard.append((request_id, parse_progress(note)))

    # Under the later law an owner's searches take a second and more: the first note is due after a quarter of one.
    owner = json.loads((ROOT / "examples" / "after-july-2027.json").read_text(encoding="utf-8"))
    slow = asked(json.dumps(owner | {"request_id": "r1"}).encode())
    async with solver(watch=watch) as made, asyncio.timeout(60):
        while not heard:
            await made.optimise(slow, seconds=30)

    assert {(about, progress.request_id, progress.stage) for about, progress in heard} == {
        ("r1", "r1", Stage.OPTIMISING)
    }


def test_a_search_without_time_says_what_it_has() -> None:
    action = asked(data(rules={"max_weight": 0.15}))
    question = pack(
        {"request_id": "r1", "seconds": -1, "by": "deadline"}, action.request_data, *action.answer_data.values()
    )

    event = parse_final(Payload.unpacked(solve(question, unheard)).data)

    assert not isinstance(event, MasterPortfolioOptimized)
    assert "more time" in event.message
