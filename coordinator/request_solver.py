"""Optimise in child processes: the event loop never waits for them, and they may crash or hang."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bus.language.messages import StoppedBy
from bus.language.packing import pack
from bus.language.payload import Payload
from bus.process.child import TimeIsUpError
from coordinator.budget import Budget, out_of_time
from coordinator.finals import payload_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from bus.process.child import SolverProcess
    from coordinator.decisions import Optimise

    OnRequestNote: TypeAlias = Callable[[str, bytes], Awaitable[None]]

# Most searches have ended by then, or improve little afterwards.
MOST_S = 120.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestSolver:
    """Optimises all pods together.

    Attributes:
        process: Runs ``coordinator.solve_request``.
        on_note: Called, several times per second, with the request's id and a progress note of ``solve_request``.
    """

    process: SolverProcess
    on_note: OnRequestNote | None = None

    async def optimise(self, action: Optimise, *, seconds: float) -> Payload:
        """Make the final event, in at most *seconds*; at the time limit, a failure event for this reason.

        Raises:
            ChildDiedError: If the process crashed; the next call starts a new process.
        """
        request_id = action.request.request_id
        by = StoppedBy.SEARCH_LIMIT if self.process.most_s < seconds else StoppedBy.DEADLINE
        seconds = min(self.process.most_s, seconds)
        head = {"request_id": request_id, "seconds": seconds, "by": by}
        on_note = partial(self.on_note, request_id) if self.on_note else None
        try:
            question = pack(head, action.request_data, *action.answer_data.values())
            return Payload.unpacked(await self.process.ask(question, seconds=seconds, on_note=on_note))
        except TimeIsUpError as error:
            log.warning("solver.ended", request_id=request_id, error=str(error))
            return payload_of(out_of_time(action.request, Budget(error.seconds, by)))
