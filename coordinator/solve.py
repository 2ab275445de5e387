"""The solver's process: ``python -m coordinator.solve`` reads questions and writes events, a line each.

Started by ``solver``; ends when its standard input ends.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from bus.messages import PodResult, encode, parse_request
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from typing import BinaryIO


def answer(line: bytes) -> bytes:
    """Answer one question: a request, the pods' results, and the seconds that may pass."""
    ends = perf_counter()
    question = json.loads(line)
    ends += question["seconds"]
    request = parse_request(json.dumps(question["request"]).encode(), question["request"]["request_id"])
    results = [PodResult.model_validate(result) for result in question["results"]]
    event = consolidate(request, {result.pod: result for result in results}, stop=lambda: perf_counter() > ends)
    return encode(event)


def main() -> None:
    """Say that all is loaded, with an empty line; then answer until there are no more questions."""
    # A solver's library may print: what it says must not come between the answers.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _write(answers, b"")
        for line in sys.stdin.buffer:
            _write(answers, answer(line))


def _write(answers: BinaryIO, line: bytes) -> None:
    answers.write(line + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
