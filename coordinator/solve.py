"""The solver's process: ``python -m coordinator.solve MIB SECONDS`` answers what ``solver`` asks."""

from __future__ import annotations

import json
import sys
from time import perf_counter

from bus.answering import answer_all, still_working
from bus.messages import PodResult, encode, parse_request
from coordinator.consolidation import consolidate


def answer(question: bytes) -> bytes:
    """Answer one question: a request, the pods' results, and the seconds that may pass."""
    began = perf_counter()
    asked = json.loads(question)
    ends: float = began + asked["seconds"]
    request = parse_request(json.dumps(asked["request"]).encode(), asked["request"]["request_id"])
    results = [PodResult.model_validate(result) for result in asked["results"]]

    def stop() -> bool:
        still_working()
        return perf_counter() > ends

    return encode(consolidate(request, {result.pod: result for result in results}, stop=stop))


if __name__ == "__main__":
    answer_all(answer, memory_mib=int(sys.argv[1]), seconds=float(sys.argv[2]))
