"""A pod's answer as it is published, without the solver: an agent's own process loads none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import PodFailed
from bus.language.payload import Payload

if TYPE_CHECKING:
    from bus.language.messages import PodAnswer


def payload_of(answer: PodAnswer) -> Payload:
    """Encode an answer, with its outcome for the metrics and the log."""
    return Payload.of(answer, outcome=answer.reason.value if isinstance(answer, PodFailed) else "optimised")
