"""A pod's answer as it is published, without the solver: an agent's own process loads none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import PodFailed
from bus.transports.envelope import Payload

if TYPE_CHECKING:
    from bus.language.messages import PodAnswer


def payload_of(found: PodAnswer) -> Payload:
    """Encode an answer, with its outcome for the metrics and the log."""
    return Payload.of(found, outcome=found.reason.value if isinstance(found, PodFailed) else "optimised")
