"""Report a request's progress to listeners: one small message per step, without storage or acknowledgement.

A progress message never replaces the event it reports: a lost, late or repeated message changes no result. See
``messages.Progress``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import Progress, Reason, Stage, encode
from coordinator.decisions import Wait
from coordinator.finals import OPTIMISED

if TYPE_CHECKING:
    from collections.abc import Collection

    from bus.language.payload import Payload
    from bus.port import Bus
    from coordinator.decisions import Action


async def accepted(bus: Bus, request_id: str) -> None:
    """Report that the coordinators work on a request."""
    await _publish(bus, Progress(request_id=request_id, stage=Stage.ACCEPTED))


async def answered(bus: Bus, request_id: str, pods: Collection[str], action: Action) -> None:
    """Report which pods have answered so far, unless the request itself is invalid and the answers are useless."""
    if action == Wait("refused"):
        return
    await _publish(bus, Progress(request_id=request_id, stage=Stage.ANSWERED, pods=tuple(sorted(pods))))


async def optimising(bus: Bus, request_id: str, note: bytes) -> None:
    """Forward a progress note of the search, as ``solve_request`` writes notes."""
    await bus.publish_transient(subjects.progress(request_id), note)


async def done(bus: Bus, request_id: str, event: Payload) -> None:
    """Report the final event, and its gap or its reason."""
    outcome = event.facts["outcome"]
    reason = None if outcome == OPTIMISED else Reason(outcome)
    await _publish(bus, Progress(request_id=request_id, stage=Stage.DONE, gap=event.facts.get("gap"), reason=reason))


async def _publish(bus: Bus, progress: Progress) -> None:
    await bus.publish_transient(subjects.progress(progress.request_id), encode(progress))
