"""Optimise a pod in its own process, so that a crash or hang harms neither the agent nor its queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.payload import payload_of
from bus.language.messages import PodFailed, Reason
from bus.language.packing import pack
from bus.language.payload import Payload
from bus.process.child import TimeIsUpError

if TYPE_CHECKING:
    from agents.unchecked_request import UncheckedRequest
    from bus.process.child import SolverProcess

# A pod of 200 ETFs takes seconds on a busy machine; later requests wait meanwhile.
MOST_S = 20.0


@dataclass(frozen=True, slots=True)
class PodSolver:
    """Answers requests for one pod.

    Attributes:
        process: Runs ``agents.solve_pod``.
        pod: The pod's name.
    """

    process: SolverProcess
    pod: str

    async def answer(self, request: UncheckedRequest) -> Payload | None:
        """Optimise the pod as the request asks; return None if the request asks for no result of this pod.

        Also return None for a request that cannot be read: the coordinator answers such a request.

        Raises:
            ChildDiedError: If the process crashed; the next call starts a new process.
        """
        question = pack({"request_id": request.request_id}, request.data)
        try:
            answer = await self.process.ask(question, seconds=request.deadline_s)
        except TimeIsUpError:
            message = self._time_limit_message(min(self.process.most_s, request.deadline_s))
            failed = PodFailed(
                request_id=request.request_id, pod=self.pod, reason=Reason.SOLVER_FAILED, message=message
            )
            return payload_of(failed)
        return Payload.unpacked(answer) if answer else None

    def _time_limit_message(self, seconds: float) -> str:
        whom, setting = ("its agents", "--solver-seconds")
        if seconds < self.process.most_s:
            whom, setting = ("the request", "deadline_s")
        return (
            f"{self.pod}'s own portfolio was not found within the {seconds:.3g} s that it may take: allow {whom} "
            f"more time ({setting}), or name fewer ETFs in its mandate"
        )
