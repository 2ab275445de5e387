"""How far a request is: told to whoever listens, and never in the way of what it tells of."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support.in_process import PODS
from support.requests_made import data
from test_flow import publish, system

from bus.language import subjects
from bus.language.messages import (
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    Progress,
    Reason,
    Stage,
    encode,
    parse_final,
    parse_progress,
    parse_request,
)
from bus.transports.memory import MemoryBus
from cli.pages.bar import bar
from coordinator import shell

if TYPE_CHECKING:
    from bus.language.messages import FinalEvent


async def told_of(body: bytes) -> tuple[list[Progress], FinalEvent]:
    """Have a request answered, and note what is told on the way."""
    bus, told, done = MemoryBus(PODS), [], asyncio.Event()

    def heard(note: bytes) -> None:
        told.append(parse_progress(note))
        if told[-1].stage is Stage.DONE:
            done.set()

    async with bus.subscribe(subjects.progress("r1"), heard), system(bus):
        await publish(bus, body)
        await done.wait()
        (final,) = await bus.record([subjects.final("r1")])  # it is there when it is told of
        return told, parse_final(final.data)


async def test_steps_are_told_in_order_and_the_last_one_agrees_with_the_final_event() -> None:
    told, event = await told_of(data())

    assert isinstance(event, MasterPortfolioOptimized)
    answered = [progress for progress in told if progress.stage is Stage.ANSWERED]
    assert [progress.stage for progress in told] == [Stage.ACCEPTED, *[Stage.ANSWERED] * len(answered), Stage.DONE]
    counts = [len(progress.pods) for progress in answered]
    assert counts == sorted(set(counts)), "answers that come together are told of together"
    assert set(answered[-1].pods) == set(PODS)
    assert (told[-1].gap, told[-1].reason) == (event.certificate.gap, None)


async def test_while_many_requests_wait_a_request_tells_of_its_pods_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_BUSY", 0)

    told, _ = await told_of(data())

    assert [progress.stage for progress in told] == [Stage.ACCEPTED, Stage.ANSWERED, Stage.DONE]
    assert set(told[1].pods) == set(PODS)


async def test_a_request_that_is_refused_is_done_at_once_with_the_reason() -> None:
    told, event = await told_of(data(market="nowhere"))

    assert isinstance(event, MasterPortfolioFailed)
    assert told == [Progress(request_id="r1", stage=Stage.DONE, reason=Reason.UNKNOWN_MARKET)]


REQUEST = parse_request(data(), "r1")


def step(stage: Stage, **facts: object) -> bytes:
    return encode(Progress.model_validate({"request_id": "r1", "stage": stage, **facts}))


async def shown(*notes: bytes, terminal: bool) -> str:
    bus, written = MemoryBus(PODS), io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    async with bar(bus, REQUEST, console):
        for note in notes:
            await bus.publish_transient(subjects.progress("r1"), note)
    return written.getvalue()


@pytest.mark.parametrize(
    ("notes", "last"),
    [
        ([], "published"),
        ([step(Stage.ACCEPTED)], "accepted"),
        ([step(Stage.ANSWERED, pods=["beta"]), step(Stage.ACCEPTED)], "1 of 4 pods have answered"),
        ([step(Stage.OPTIMISING, search=3)], "optimising, search 3 "),
        ([step(Stage.OPTIMISING, search=3, gap=0.0123)], "optimising, search 3, gap 1.2e-02"),
        ([step(Stage.DONE, gap=1e-5), step(Stage.OPTIMISING, search=3, gap=0.0123)], "done"),
        ([b"not json", b'{"request_id": "r1", "stage": "of a later version"}'], "published"),
    ],
)
async def test_the_bar_shows_the_furthest_step_and_is_gone_at_the_end(notes: list[bytes], last: str) -> None:
    text = await shown(*notes, terminal=True)

    assert last in text.rpartition("━")[2] + " "
    assert text.endswith("\x1b[1A\x1b[2K")


async def test_nothing_is_shown_into_a_pipe() -> None:
    assert await shown(step(Stage.ACCEPTED), terminal=False) == ""
