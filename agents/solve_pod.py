"""The solver's process: ``python -m agents.solve_pod POD MIB`` answers the questions of ``pod_solver``."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from agents import mandate_files
from agents.answer import answer
from agents.payload import payload_of
from bus.language.packing import unpack
from bus.process.answering import answer_all

if TYPE_CHECKING:
    from bus.process.answering import Note
    from portfolio.terms.mandate import Mandate


def solve(mandate: Mandate, question: bytes, _note: Note) -> bytes:
    """Answer a request's id and body; return empty bytes if the request asks for no result of this pod."""
    head, (data,) = unpack(question)
    pod_answer = answer(mandate, head["request_id"], data)
    return b"" if pod_answer is None else payload_of(pod_answer).packed()


if __name__ == "__main__":
    answer_all(partial(solve, mandate_files.load(sys.argv[1])), memory_mib=int(sys.argv[2]))
