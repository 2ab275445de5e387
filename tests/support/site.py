"""A bus of either kind, and what a test needs around it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.port import Bus
    from bus.transports.memory import MemoryBus

PODS = ("alpha", "beta")
# Short, since tests wait for it; long enough for a busy machine to send a heartbeat in.
ACK_WAIT_S = 1.5


@dataclass
class Site:
    """A bus, and what a test needs around it.

    Attributes:
        bus: A bus with nothing on it and queues for ``PODS``.
        other: The same bus, as another process has it.
        ack_wait_s: After this, it hands out again what nobody has settled.
    """

    bus: Bus
    other: Bus
    ack_wait_s: float = ACK_WAIT_S
    memory: MemoryBus | None = field(default=None, repr=False)

    async def let_pass(self, seconds: float) -> None:
        """Let the bus's time pass."""
        if self.memory is not None:
            self.memory.advance(seconds)
        else:
            await asyncio.sleep(seconds)
