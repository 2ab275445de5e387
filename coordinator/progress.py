"""Tell whoever listens how far a request is: a small message a step, that nobody keeps and nobody waits for.

It never stands for what it tells of: what is lost, late or told twice changes nothing. See ``messages.Progress``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus import subjects
from bus.messages import MasterPortfolioFailed, Progress, Stage, encode
from coordinator.decisions import Wait

if TYPE_CHECKING:
    from collections.abc import Collection

    from bus.messages import FinalEvent
    from bus.port import Bus
    from coordinator.decisions import Action


async def accepted(bus: Bus, request_id: str) -> None:
    """Tell that a request is worked on."""
    await _tell(bus, Progress(request_id=request_id, stage=Stage.ACCEPTED))


async def answered(bus: Bus, request_id: str, pods: Collection[str], action: Action) -> None:
    """Tell which pods have answered so far, unless the request itself is at fault and they answer in vain."""
    if action == Wait("refused"):
        return
    await _tell(bus, Progress(request_id=request_id, stage=Stage.ANSWERED, pods=tuple(sorted(pods))))


async def optimising(bus: Bus, request_id: str, note: bytes) -> None:
    """Pass on how far the search is, as ``solve`` writes it."""
    await bus.mention(subjects.progress(request_id), note)


async def done(bus: Bus, event: FinalEvent) -> None:
    """Tell that there is a final event, and what it comes to."""
    if isinstance(event, MasterPortfolioFailed):
        told = Progress(request_id=event.request_id, stage=Stage.DONE, reason=event.reason)
    else:
        told = Progress(request_id=event.request_id, stage=Stage.DONE, gap=event.certificate.gap)
    await _tell(bus, told)


async def _tell(bus: Bus, progress: Progress) -> None:
    await bus.mention(subjects.progress(progress.request_id), encode(progress))
