"""Agents and optimisers in the process of the test: the processes are tested elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents import mandates
from agents.answer import answer
from agents.worker import Agent
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.messages import FinalEvent, OptimizationRequest, PodAnswer, PodResult
    from bus.port import Bus

PODS = ("alpha", "beta", "gamma", "delta")


async def inline(request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float) -> FinalEvent:
    """Optimise here and now."""
    assert seconds > 0
    return consolidate(request, results)


def agent(bus: Bus, pod: str) -> Agent:
    """Make an agent that answers here and now."""
    mandate = mandates.load(pod)

    async def at_once(request_id: str, data: bytes) -> PodAnswer | None:
        return answer(mandate, request_id, data)

    return Agent(bus, pod, at_once)
