"""Optimising in a process of its own: the event loop never waits for it, and it may crash or hang."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Self

from bus.child import MEMORY_MIB, SILENT_S, Child
from bus.messages import encode, parse_final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from bus.messages import FinalEvent, OptimizationRequest, PodResult

    Watch: TypeAlias = Callable[[str, bytes], Awaitable[None]]

# The search keeps to its time but for one node and the checks; what takes this much longer hangs.
_GRACE_S = 5.0


class Solver:
    """What optimises all pods together; use it with ``async with``.

    Args:
        memory_mib: What it may hold.
        silent_s: How long it may compute without a sign that it gets on.
        watch: Told, some times a second, whose request it is at and how far that is, as ``solve`` writes it.
    """

    def __init__(self, *, memory_mib: int = MEMORY_MIB, silent_s: float = SILENT_S, watch: Watch | None = None) -> None:
        self._watch = watch
        self._child = Child(("coordinator.solve",), memory_mib, silent_s)

    async def __aenter__(self) -> Self:
        await self._child.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._child.end()

    async def optimise(
        self, request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float
    ) -> FinalEvent:
        """Optimise all pods together, in at most *seconds*.

        Raises:
            ChildDiedError: If the process crashed or hung; the next call has a new one.
        """
        question = {
            "request": json.loads(encode(request)),
            "results": [json.loads(encode(result)) for result in results.values()],
            "seconds": seconds,
        }
        noted = partial(self._watch, request.request_id) if self._watch else None
        asked = json.dumps(question).encode()
        return parse_final(await self._child.ask(asked, seconds=seconds + _GRACE_S, noted=noted))
