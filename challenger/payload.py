"""A challenge as it is published, without the solver: a challenger's own process loads none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import PortfolioChallenged
from bus.language.payload import Payload

if TYPE_CHECKING:
    from bus.language.messages import Challenge

CHALLENGED = "challenged"
NO_PORTFOLIO = "nothing to challenge: the final event has no portfolio; it says why, and the mend"


def payload_of(challenge: Challenge) -> Payload:
    """Encode a challenge, with its outcome for the metrics and the log."""
    if isinstance(challenge, PortfolioChallenged):
        found = challenge.robustness
        sure = found.worth.sure.value if found.worth else None
        return Payload.of(challenge, outcome=CHALLENGED, sure=sure, asked_again=found.asked_again)
    return Payload.of(challenge, outcome=challenge.reason.value)
