"""Challenge in a process of its own, so that a crash or hang harms neither the challenger nor its queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.messages import PortfolioNotChallenged, Unchallenged
from bus.language.packing import pack
from bus.language.payload import Payload
from bus.process.child import TimeIsUpError
from challenger.payload import payload_of

if TYPE_CHECKING:
    from bus.process.child import SolverProcess
    from portfolio.published.robustness import Effort

# Bounds a challenge of an account, each draw of which takes some tenths of a second.
MOST_S = 120.0


@dataclass(frozen=True, slots=True)
class ChallengeSolver:
    """Challenges final events.

    Attributes:
        process: Runs ``challenger.solve_challenge``.
    """

    process: SolverProcess

    async def challenge(self, request_id: str, final: bytes, final_sha256: str, effort: Effort) -> Payload:
        """Challenge the body of a final event.

        Raises:
            ChildDiedError: If the process crashed; the next call starts a new process.
        """
        head = {"request_id": request_id, "final_sha256": final_sha256, "effort": effort.value}
        try:
            return Payload.unpacked(await self.process.ask(pack(head, final), seconds=self.process.most_s))
        except TimeIsUpError as error:
            message = (
                f"the challenge was not done within the {error.seconds:.3g} s that it may take: allow the challenger"
                " more time (--solver-seconds), or ask for a quick challenge"
            )
            reason = Unchallenged.SOLVER_FAILED
            return payload_of(
                PortfolioNotChallenged(request_id=request_id, final_sha256=final_sha256, reason=reason, message=message)
            )
