"""The solver's process: ``python -m agents.solve POD MIB`` answers the questions of ``solver``."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from agents import mandates
from agents.answer import answer
from bus.language.messages import encode
from bus.process.answering import answer_all

if TYPE_CHECKING:
    from bus.process.answering import Note
    from portfolio.terms.mandate import Mandate


def _answer(mandate: Mandate, question: bytes, _note: Note) -> bytes:
    """Answer one question: a request's id, a newline, and the request's body.

    Return empty bytes if the request asks for no result of this pod.
    """
    request_id, _, data = question.partition(b"\n")
    found = answer(mandate, request_id.decode(), data)
    return b"" if found is None else encode(found)


if __name__ == "__main__":
    answer_all(partial(_answer, mandates.load(sys.argv[1])), memory_mib=int(sys.argv[2]))
