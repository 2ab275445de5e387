"""A child process that computes: whatever happens to it, who asked is told, and the next question is answered."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.requests_made import ROOT

from bus.process import child as children
from bus.process.child import Child, ChildDiedError, SolverProcess, TimeIsUpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def child(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Child]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    made = Child(("support.computing",), memory_mib=256)
    yield made
    await made.end()


# What a busy machine needs to start a child, and what it can never start one in.
START_S, CHILD_LEAST_S = 30.0, 0.2


def pid(child: Child) -> int:
    assert child._process is not None  # noqa: SLF001 - to harm it
    return child._process.pid  # noqa: SLF001


def alive(number: int) -> bool:
    return Path("/proc", str(number)).exists()


@pytest.mark.parametrize("question", [b"", b"a\nb\x00\xff", b"x" * 2_000_000, b"print"])
async def test_questions_and_answers_are_any_bytes(child: Child, question: bytes) -> None:
    assert await child.ask(question, seconds=2) == question.upper()


async def test_notes_come_before_the_answer_in_their_order(child: Child) -> None:
    noted: list[bytes] = []

    async def note(data: bytes) -> None:
        noted.append(data)

    answers = [await child.ask(question, seconds=2, on_note=note) for question in (b"notes", b"q")]

    assert (answers, noted) == ([b"NOTES", b"Q"], [b"0\n", b"1\n", b"2\n"])


async def test_notes_that_nobody_wants_are_dropped(child: Child) -> None:
    assert await child.ask(b"notes", seconds=2) == b"NOTES"


async def test_questions_wait_for_their_turn_in_one_process(child: Child) -> None:
    answers = await asyncio.gather(*(child.ask(f"q{i}".encode(), seconds=2) for i in range(50)))

    assert answers == [f"Q{i}".encode() for i in range(50)]


async def test_a_segmentation_fault_is_told_and_the_next_question_answered(child: Child) -> None:
    with pytest.raises(ChildDiedError, match="SIGSEGV"):
        await child.ask(b"segfault", seconds=2)

    assert await child.ask(b"q", seconds=2) == b"Q"


async def test_those_who_wait_behind_a_crash_are_answered(child: Child) -> None:
    questions = [b"a", b"segfault", b"b", b"deadlock", b"c"]
    answers = await asyncio.gather(*(child.ask(question, seconds=2) for question in questions), return_exceptions=True)

    assert [answers[0], answers[2], answers[4]] == [b"A", b"B", b"C"]
    assert isinstance(answers[1], ChildDiedError)
    assert isinstance(answers[3], ChildDiedError)


@pytest.mark.parametrize("stays", [b"loop", b"deadlock"])
async def test_a_loop_that_never_comes_back_to_python_is_ended_when_its_time_is_over(
    child: Child, stays: bytes
) -> None:
    with pytest.raises(ChildDiedError, match="was ended"):
        await child.ask(stays, seconds=2)

    assert await child.ask(b"q", seconds=2) == b"Q"


async def test_what_is_silent_within_its_time_is_answered_and_what_goes_beyond_it_is_ended(child: Child) -> None:
    assert await child.ask(b"slow", seconds=30) == b"SLOW"
    with pytest.raises(TimeIsUpError, match=r"within 0\.1 s"):
        await child.ask(b"slow", seconds=0.1)


async def test_what_is_stopped_is_killed_when_its_time_is_over(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_GRACE_S", 0.0)
    await child.ready()
    stopped = pid(child)
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(ChildDiedError, match="was ended"):
        await child.ask(b"q", seconds=2)

    assert not alive(stopped)


async def test_more_memory_than_it_may_have_is_refused_to_it(child: Child) -> None:
    with pytest.raises(ChildDiedError, match="status 1"):  # Python's MemoryError, which computing.py lets pass
        await child.ask(b"memory", seconds=2)

    assert await child.ask(b"q", seconds=2) == b"Q"


async def test_a_loop_ends_though_its_parent_has_died(child: Child) -> None:
    # The parent's death looks to the child like this: nobody reads, and no more questions come.
    await child.ready()
    process = child._process  # noqa: SLF001 - to write to it directly
    assert process is not None
    assert process.stdin is not None
    process.stdin.write(b"4 1.0\nloop")
    process.stdin.close()
    async with asyncio.timeout(30):
        assert await process.wait() == -signal.SIGALRM


async def test_who_no_longer_waits_leaves_no_answer_behind_for_the_next(child: Child) -> None:
    waiting = asyncio.create_task(child.ask(b"deadlock", seconds=2))
    while not waiting.done() and child._process is None:  # noqa: ASYNC110, SLF001 - bounded by the start
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert await child.ask(b"q", seconds=2) == b"Q"


async def test_a_child_that_cannot_start_says_so() -> None:
    with pytest.raises(ChildDiedError, match="status 1"):
        await Child(("no_such_module",)).ask(b"q", seconds=2)


_ASKS = """
import asyncio
from bus.process.child import Child

async def main():
    child = Child(("support.computing",), memory_mib=256)
    asking = asyncio.create_task(child.ask(b"search", seconds=600))
    while child._process is None:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    print(child._process.pid, flush=True)
    await asking

asyncio.run(main())
"""


async def test_a_search_that_gets_on_ends_when_who_asked_was_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    asker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASKS, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert asker.stdout is not None
    number = int(await asker.stdout.readline())
    assert alive(number)
    asker.kill()
    await asker.wait()

    async with asyncio.timeout(20):
        while alive(number):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_a_question_waits_for_a_start_no_longer_than_its_time_and_the_start_goes_on(child: Child) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TimeIsUpError, match=r"within 0\.0 s"):
        await child.ask(b"q", seconds=0.01)
    assert loop.time() - began < 0.05 + CHILD_LEAST_S

    start = child._start_for_next  # noqa: SLF001 - nothing else shows it
    assert start is not None
    assert await child.ask(b"q", seconds=START_S) == b"Q"
    assert (child._start_for_next, start.result()) == (start, None)  # noqa: SLF001


async def test_a_question_is_answered_by_a_child_that_runs_while_another_starts(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SolverProcess(child.command, memory_mib=256, most=2) as process:
        answers = await asyncio.gather(*(process.ask(b"slow", seconds=START_S) for _ in range(2)))
        assert answers == [b"SLOW"] * 2
        with pytest.raises(TimeIsUpError):
            await process.ask(b"loop", seconds=0.2)
        monkeypatch.setattr(children, "_START_S", 0.0)  # no other child comes to start

        assert await process.ask(b"q", seconds=START_S) == b"Q"
