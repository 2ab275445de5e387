"""The solver's process: ``python -m coordinator.solve_request MIB`` answers the questions of ``request_solver``."""

from __future__ import annotations

import math
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from bus.language.messages import Progress, Stage, StoppedBy, encode, parse_pod_answer, parse_request
from bus.language.packing import unpack
from bus.process.answering import answer_all
from coordinator.budget import Budget
from coordinator.consolidation import finish
from coordinator.finals import payload_of

if TYPE_CHECKING:
    from bus.process.answering import Note
    from portfolio.master.goal_programming import OnProgress

# The interval of progress notes: enough for a moving bar. Most requests take a tenth of this.
_TOLD_EVERY_S = 0.25


def answer(question: bytes, note: Note) -> bytes:
    """Answer one question: a request and the pods' answers, as they were published, and the time limit in seconds."""
    head, (request_data, *answer_data) = unpack(question)
    budget = Budget(head["seconds"], StoppedBy(head["by"]))
    request = parse_request(request_data, head["request_id"])
    results = {answer.pod: answer for answer in map(parse_pod_answer, answer_data)}
    event, data = finish(request, results, budget=budget, on_progress=_progress_notes(request.request_id, note))
    return payload_of(event, data).packed()


def _progress_notes(request_id: str, note: Note) -> OnProgress:
    """Send notes of the search's progress, several per second."""
    due = perf_counter() + _TOLD_EVERY_S

    def report(search: int, gap: float) -> None:
        nonlocal due
        if (now := perf_counter()) < due:
            return
        due = now + _TOLD_EVERY_S
        known_gap = gap if math.isfinite(gap) else None
        note(encode(Progress(request_id=request_id, stage=Stage.OPTIMISING, search=search, gap=known_gap)))

    return report


if __name__ == "__main__":
    answer_all(answer, memory_mib=int(sys.argv[1]))
