"""Agents and optimisers in the process of the test: the processes are tested elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents import mandate_files
from agents.answer import answer
from agents.payload import payload_of
from agents.worker import Agent
from coordinator import finals
from coordinator.consolidation import consolidate
from coordinator.server_time import ServerTime
from coordinator.shell import Coordinator, Optimiser

if TYPE_CHECKING:
    from agents.unchecked_request import UncheckedRequest
    from bus.language.messages import Provider
    from bus.language.payload import Payload
    from bus.language.pod_keys import PodKeys
    from bus.language.signing import Signer
    from bus.port import Bus
    from bus.transports.memory import MemoryBus
    from coordinator.decisions import Optimise

PODS = ("alpha", "beta", "gamma", "delta")


async def inline(action: Optimise, *, seconds: float) -> Payload:
    """Optimise here and now."""
    assert seconds > 0
    return finals.payload_of(consolidate(action.request, action.results))


def agent(bus: Bus, pod: str, signer: Signer | None = None) -> Agent:
    """Make an agent that answers here and now."""
    mandate = mandate_files.load(pod)

    async def at_once(asked: UncheckedRequest) -> Payload | None:
        found = answer(mandate, asked.request_id, asked.data)
        return None if found is None else payload_of(found)

    return Agent(bus, pod, at_once, signer=signer)


def coordinator(
    bus: MemoryBus,
    optimise: Optimiser = inline,
    signer: Signer | None = None,
    *,
    off_s: float = 0.0,
    pod_keys: PodKeys | None = None,
    provider: Provider | None = None,
) -> Coordinator:
    """Make a coordinator whose clock runs with the bus's, and is off by *off_s*."""
    time = ServerTime(lambda: bus.now().timestamp() + off_s)
    return Coordinator(bus, optimise, signer, time=time, pod_keys=pod_keys, provider=provider)
