"""Publish requests as a client would, remember what was acknowledged, and watch for the answers."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.requests_made import TRAILING

from bus import subjects
from bus.jetstream import Connection, connect
from bus.port import FullError, Stored, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bus.port import Bus

# One in so many requests is new; the others were asked before, by somebody else.
_EQUAL = 8
_CONNECTIONS = 3
_PAUSE_S = 0.5


def body(seed: int, number: int) -> dict[str, Any]:
    """Make a request; those of one seed and one quotient of *number* are equal but for their ids."""
    draw = random.Random(f"{seed}-{number // _EQUAL}")  # noqa: S311 - customers, not keys
    shares = {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10}
    drawn = {pod: share * draw.uniform(0.8, 1.2) for pod, share in shares.items()}
    return {
        "request_id": f"r{seed}-{number}",
        "customer": {
            "customer_id": f"c-{seed}-{number // _EQUAL}",
            "total_capital_aud": round(draw.uniform(50_000, 500_000), 2),
            "risk_tolerance": draw.choice((0.4, 0.5, 0.6, 0.7)),
        },
        "pod_weights": {pod: share / sum(drawn.values()) for pod, share in drawn.items()},
        "market": TRAILING,
    }


@dataclass
class Load:
    """All requests of a run.

    Attributes:
        acknowledged: Ids of those that the server took.
        answered: Ids of those whose final event was seen.
        seen: Sequences that the observer was shown, in its order.
        refused: How often a publication was refused since the stream was full.
        unknown: How often a publication ended without an answer, and was repeated.
        abandoned: Ids of those that were given up: whether they are stored is unknown.
    """

    seed: int
    requests: int
    rate: float
    in_flight: int
    acknowledged: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    seen: list[int] = field(default_factory=list)
    refused: int = 0
    unknown: int = 0
    abandoned: set[str] = field(default_factory=set)
    published: int = 0
    _waiting: dict[str, asyncio.Event] = field(default_factory=dict)

    async def run(self, buses: Sequence[Bus], *, until: float) -> None:
        """Publish all, at most so many unanswered and so many a second; stop at *until* by the loop's clock."""
        now = asyncio.get_running_loop().time
        began = now()
        places = asyncio.Semaphore(self.in_flight)
        async with asyncio.TaskGroup() as group:
            for number in range(self.requests):
                await asyncio.sleep(began + number / self.rate - now())
                await places.acquire()
                if now() > until:
                    places.release()
                    return
                self.published += 1
                bus = buses[number % len(buses)]
                task = group.create_task(self._one(bus, body(self.seed, number), until))
                task.add_done_callback(lambda _: places.release())

    async def _one(self, bus: Bus, request: dict[str, Any], until: float) -> None:
        request_id = request["request_id"]
        answered = self._waiting[request_id] = asyncio.Event()
        if not await self._publish(bus, request_id, json.dumps(request).encode(), until):
            self.abandoned.add(request_id)
            return
        self.acknowledged.add(request_id)
        # However late; who never gets an answer is found by the audit.
        try:
            async with asyncio.timeout_at(until):
                await answered.wait()
        except TimeoutError:
            return

    async def _publish(self, bus: Bus, request_id: str, data: bytes, until: float) -> bool:
        """Publish until it is acknowledged; always with the same id, so that it is stored once."""
        while asyncio.get_running_loop().time() < until:
            try:
                stored = await bus.publish_once(
                    subjects.request(request_id), data, message_id=f"load-{request_id}", headers={}
                )
            except UnreachableError:
                self.unknown += 1
            except FullError:
                self.refused += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                assert stored is not Stored.TAKEN, f"somebody else published {request_id}"
                return True
        return False

    async def observe(self, bus: Bus) -> None:
        """Watch the stream from its start, for ever."""
        async with aclosing(bus.follow(everything=True)) as messages:
            async for message in messages:
                self.seen.append(message.sequence)
                address = subjects.parse(message.subject)
                if address.kind is subjects.Kind.FINAL:
                    self.answered.add(address.key)
                    if waiting := self._waiting.pop(address.key, None):
                        waiting.set()

    async def settle(self, *, within_s: float) -> None:
        """Wait until the observer has seen the answers to all that was acknowledged, but not for ever."""
        now = asyncio.get_running_loop().time
        ends = now() + within_s
        while self.acknowledged - self.answered and now() < ends:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[list[Bus]]:
    """Connect several clients while the block lasts."""
    async with AsyncExitStack() as stack:
        settings = Connection(servers=url, name="chaos-load")
        yield [await stack.enter_async_context(connect(settings)) for _ in range(_CONNECTIONS)]
