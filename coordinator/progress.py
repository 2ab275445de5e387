"""Report a request's progress to listeners: one small message per step, without storage or acknowledgement.

A progress message never replaces the event it reports: a lost, late or repeated message changes no result. See
``messages.Progress``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, Progress, Stage, encode
from coordinator.decisions import Wait

if TYPE_CHECKING:
    from collections.abc import Collection

    from bus.language.messages import FinalEvent
    from bus.port import Bus
    from coordinator.decisions import Action


async def accepted(bus: Bus, request_id: str) -> None:
    """Report that the coordinators work on a request."""
    await _tell(bus, Progress(request_id=request_id, stage=Stage.ACCEPTED))


async def answered(bus: Bus, request_id: str, pods: Collection[str], action: Action) -> None:
    """Report which pods have answered so far, unless the request itself is invalid and the answers are useless."""
    if action == Wait("refused"):
        return
    await _tell(bus, Progress(request_id=request_id, stage=Stage.ANSWERED, pods=tuple(sorted(pods))))


async def optimising(bus: Bus, request_id: str, note: bytes) -> None:
    """Forward a progress note of the search, as ``solve`` writes notes."""
    await bus.mention(subjects.progress(request_id), note)


async def done(bus: Bus, event: FinalEvent) -> None:
    """Report the final event, and its gap or its reason."""
    if isinstance(event, MasterPortfolioFailed):
        told = Progress(request_id=event.request_id, stage=Stage.DONE, reason=event.reason)
    else:
        told = Progress(request_id=event.request_id, stage=Stage.DONE, gap=event.certificate.gap)
    await _tell(bus, told)


async def _tell(bus: Bus, progress: Progress) -> None:
    await bus.mention(subjects.progress(progress.request_id), encode(progress))
