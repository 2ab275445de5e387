"""The solver's process: ``python -m coordinator.solve MIB`` answers the questions of ``solver``."""

from __future__ import annotations

import json
import math
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from bus.language.messages import PodResult, Progress, Stage, StoppedBy, encode, parse_request
from bus.process.answering import answer_all
from coordinator.budget import Budget
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from bus.process.answering import Note
    from portfolio.master.goal_programming import Watch

# The interval of progress notes: enough for a moving bar. Most requests take a tenth of this.
_TOLD_EVERY_S = 0.25


def answer(question: bytes, note: Note) -> bytes:
    """Answer one question: a request, the pods' results, and the time limit in seconds."""
    asked = json.loads(question)
    budget = Budget(asked["seconds"], StoppedBy(asked["by"]))
    request = parse_request(json.dumps(asked["request"]).encode(), asked["request"]["request_id"])
    results = [PodResult.model_validate(result) for result in asked["results"]]

    watch = _telling(request.request_id, note)
    return encode(consolidate(request, {result.pod: result for result in results}, budget=budget, watch=watch))


def _telling(request_id: str, note: Note) -> Watch:
    """Send notes of the search's progress, several per second."""
    due = perf_counter() + _TOLD_EVERY_S

    def watch(search: int, gap: float) -> None:
        nonlocal due
        if (now := perf_counter()) < due:
            return
        due = now + _TOLD_EVERY_S
        found = gap if math.isfinite(gap) else None
        note(encode(Progress(request_id=request_id, stage=Stage.OPTIMISING, search=search, gap=found)))

    return watch


if __name__ == "__main__":
    answer_all(answer, memory_mib=int(sys.argv[1]))
