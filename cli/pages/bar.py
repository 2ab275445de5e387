"""Show the progress of a request as a bar on a terminal."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from bus.language import subjects
from bus.language.messages import BadMessageError, Stage, parse_progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

    from bus.language.messages import OptimizationRequest, Progress
    from bus.port import Bus


@asynccontextmanager
async def bar(bus: Bus, request: OptimizationRequest, console: Console) -> AsyncIterator[None]:
    """Show a progress bar below the output while the block lasts, if *console* is a terminal; then erase the bar."""
    if not console.is_terminal:
        yield
        return
    pods = request.asked()
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as shown:
        # One step for acceptance, one per pod, one for completion.
        task = shown.add_task("published", total=len(pods) + 2)
        reached = 0

        def heard(data: bytes) -> None:
            nonlocal reached
            try:
                progress = parse_progress(data)
            except BadMessageError:
                return  # perhaps from a later version
            # Messages may arrive out of order; the bar never moves back.
            if (step := _step(progress, len(pods))) >= reached:
                reached = step
                shown.update(task, completed=step, description=_words(progress, len(pods)))

        async with bus.subscribe(subjects.progress(request.request_id), heard):
            yield


def _step(progress: Progress, pods: int) -> int:
    steps = {
        Stage.ACCEPTED: 1,
        Stage.ANSWERED: 1 + len(progress.pods),
        Stage.OPTIMISING: 1 + pods,
        Stage.DONE: 2 + pods,
    }
    return steps[progress.stage]


def _words(progress: Progress, pods: int) -> str:
    gap = "" if progress.gap is None else f", gap {progress.gap:.1e}"
    words = {
        Stage.ACCEPTED: "accepted",
        Stage.ANSWERED: f"{len(progress.pods)} of {pods} pods have answered",
        Stage.OPTIMISING: f"optimising, search {progress.search}{gap}",
        Stage.DONE: "done",
    }
    return words[progress.stage]
