"""The solver's process: ``python -m challenger.solve_challenge MIB`` answers the questions of ``challenge_solver``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bus.language.packing import unpack
from bus.process.answering import answer_all
from challenger.answer import answer
from challenger.payload import payload_of
from portfolio.published.robustness import Effort

if TYPE_CHECKING:
    from bus.process.answering import Note

# A challenge has time: on a machine that they share, whatever computes a final event goes first.
_NICE = 10


def solve(question: bytes, _note: Note) -> bytes:
    """Answer one question: the request's id, the hash of the final event, the effort, and the event's body."""
    head, (data,) = unpack(question)
    challenge = answer(head["request_id"], data, head["final_sha256"], Effort(head["effort"]))
    return payload_of(challenge).packed()


if __name__ == "__main__":
    os.nice(_NICE)
    answer_all(solve, memory_mib=int(sys.argv[1]))
