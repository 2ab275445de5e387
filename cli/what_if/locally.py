"""Answer a request in this process, as agents and a coordinator would: what-if questions need no server."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agents.answer import answer
from bus.language import subjects
from bus.language.messages import encode
from bus.port import Message
from coordinator.budget import Budget
from coordinator.consolidation import consolidate
from coordinator.decisions import Fail, Optimise, Record, admit, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bus.language.messages import FinalEvent, MasterPortfolioFailed, OptimizationRequest
    from portfolio.terms.mandate import Mandate

# The storage time matters only for the deadline; here, *stop* takes the place of the deadline.
_STORED = datetime(2000, 1, 1, tzinfo=UTC)


def refuse(request: OptimizationRequest, mandates: Mapping[str, Mandate]) -> MasterPortfolioFailed | None:
    """Return the final event of a request that a system with these *mandates* would not work on; None otherwise."""
    action = admit(_asked(request), mandates)
    return action.event if isinstance(action, Fail) else None


def solve(
    request: OptimizationRequest,
    mandates: Mapping[str, Mandate],
    *,
    stop: Callable[[], bool] = lambda: False,
    budget: Budget | None = None,
) -> FinalEvent:
    """Compute the final event of *request*.

    Args:
        request: The request.
        mandates: The mandates of all pods.
        stop: Called during the search; true ends the search with the incumbent.
        budget: The time for the answer, in place of *stop*.
    """
    if (refused := refuse(request, mandates)) is not None:
        return refused
    with _silent_libraries():
        return _solve(request, mandates, budget or Budget(also=stop))


def _solve(request: OptimizationRequest, mandates: Mapping[str, Mandate], budget: Budget) -> FinalEvent:
    asked = _asked(request)
    found = {pod: answer(mandate, request.request_id, asked.data) for pod, mandate in mandates.items()}
    answers = {
        pod: Message(subjects.pod_result(request.request_id, pod), encode(each), sequence=2, stored_at=_STORED)
        for pod, each in found.items()
        if each is not None
    }
    action = decide(Record(asked, answers, None), due=False)
    if isinstance(action, Fail):
        return action.event
    assert isinstance(action, Optimise)  # noqa: S101 - the request was admitted, and every pod has answered
    return consolidate(action.request, action.results, budget=budget)


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """Drop what a solver's library writes to standard output, where JSON goes: HiGHS has lines for its developers."""
    sys.stdout.flush()
    output, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)
        os.close(nothing)


def _asked(request: OptimizationRequest) -> Message:
    return Message(subjects.request(request.request_id), encode(request), sequence=1, stored_at=_STORED)
