"""Publish requests as clients would, watch for the answers, read them again; all of it goes into the history."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.requests_made import TRAILING

from bus.language import subjects
from bus.port import BusError, FullError, RefusedError, Stored, UnreachableError
from bus.transports.jetstream import Connection, connect
from chaos.cases import key_of
from chaos.frames import frame
from chaos.history import History, What
from chaos.raw import raw_client
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bus.port import Bus

# One in so many requests is new; the others were asked before, by somebody else.
_EQUAL = 8
_CONNECTIONS = 3
_PARCELS = 300
# One client in so many tries once, and gives up at a refusal or at silence.
_IMPATIENT = 16
# Of a request that names none.
DEADLINE_S = 30.0
_PAUSE_S = 0.5
# One request in so many asks for a challenge.
_CHALLENGED = 40


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
        # A challenge takes as long as thirty portfolios; the message beside the final event is the same for all.
        "challenge": "none" if number % _CHALLENGED else "quick",
    }


def long_body(number: int) -> dict[str, Any]:
    """Make a request that takes half a minute: 300 parcels, each with a tax of its own."""
    draw = random.Random(number)  # noqa: S311 - customers, not keys
    tickers = markets.load(TRAILING).tickers
    owned: dict[str, list[dict[str, Any]]] = {ticker: [] for ticker in tickers}
    for place in range(_PARCELS):
        units = draw.randrange(1, 60)
        cost_aud = round(units * draw.uniform(20, 200), 2)
        acquired = f"{draw.randrange(2022, 2026)}-03-09"
        parcel = {"acquired": acquired, "units": units, "cost_base_aud": cost_aud}
        owned[tickers[place % len(tickers)]].append(parcel)
    holdings = [
        {"ticker": ticker, "units": sum(parcel["units"] for parcel in parcels), "parcels": parcels}
        for ticker, parcels in owned.items()
    ]
    return {
        "request_id": f"long-{number}",
        "customer": {"customer_id": f"c-long-{number}", "marginal_tax_rate": 0.32},
        "pod_weights": {"alpha": 0.2, "beta": 0.3, "gamma": 0.3, "delta": 0.2},
        "market": TRAILING,
        "deadline_s": 2 * DEADLINE_S,
        "explain": "all",
        "account": {"as_of": "2025-11-07", "cash_aud": 5_000.0, "holdings": holdings},
    }


@dataclass
class Load:
    """All requests of a run.

    Attributes:
        history: What all clients did, were told and saw.
        acknowledged: Ids of those that the server took.
        answered: Ids of those whose final event was seen.
        strange: Ids of messages that were made to be unreadable.
        refused: How often a publication was refused since the stream was full.
        unknown: How often a publication ended without an answer.
        published: How many requests clients tried to publish, those without success included.
        seen: Which message each observer was shown last.
        broken: Why an observer or another part of the run ended before its time.
        until: When to stop, by the loop's clock.
        abandoned: Ids of those that were given up: by clients that try only once, and at the end of the run.
    """

    seed: int
    requests: int
    rate: float
    in_flight: int
    history: History = field(default_factory=History)
    acknowledged: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    refused: int = 0
    unknown: int = 0
    abandoned: set[str] = field(default_factory=set)
    published: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    until: float = float("inf")
    _waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    _bodies: dict[str, bytes] = field(default_factory=dict)

    async def run(self, buses: Sequence[Bus]) -> None:
        """Publish all, at most so many unanswered and so many a second; stop at ``until`` by the loop's clock."""
        now = asyncio.get_running_loop().time
        began = now()
        places = asyncio.Semaphore(self.in_flight)
        async with asyncio.TaskGroup() as group:
            for number in range(self.requests):
                await asyncio.sleep(began + number / self.rate - now())
                await places.acquire()
                if now() > self.until:
                    places.release()
                    return
                bus = buses[number % len(buses)]
                once = number % _IMPATIENT == _IMPATIENT - 1
                task = group.create_task(self.ask(bus, body(self.seed, number), once=once))
                task.add_done_callback(lambda _: places.release())

    async def ask(self, bus: Bus, request: dict[str, Any], *, once: bool = False) -> None:
        """Publish a request, until it is acknowledged or only *once*, and wait for its final."""
        request_id = request["request_id"]
        self.published += 1
        answered = self._waiting[request_id] = asyncio.Event()
        self._bodies[request_id] = json.dumps(request).encode()
        if not await self._insist(bus, request_id, request.get("deadline_s", DEADLINE_S), once=once):
            self.abandoned.add(request_id)
            return
        self.acknowledged.add(request_id)
        # However late; a request that never gets an answer is found by the audit.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self.until):
                await answered.wait()

    async def _insist(self, bus: Bus, request_id: str, deadline_s: float, *, once: bool) -> bool:
        """Publish until it is acknowledged; always with the same id, so that it is stored once."""
        while asyncio.get_running_loop().time() < self.until:
            told = await self._publish(bus, request_id, self._bodies[request_id], "load", deadline_s=deadline_s)
            if told is What.ACKNOWLEDGED:
                return True
            if once or told is What.TAKEN:
                return False
            if told is What.REFUSED:
                await asyncio.sleep(_PAUSE_S)
        return False

    async def _publish(self, bus: Bus, request_id: str, data: bytes, client: str, *, deadline_s: float = 0.0) -> What:
        """Try to publish once, and note what was told."""
        subject = subjects.request(request_id)
        tried = self.history.invoke(client, subject, data, deadline_s=deadline_s)
        told, error = What.ACKNOWLEDGED, ""
        try:
            stored = await bus.publish_once(subject, data, message_id=f"{client}-{request_id}", headers={})
        except UnreachableError as silence:
            told, error = What.UNKNOWN, str(silence)
            self.unknown += 1
        except (FullError, RefusedError) as refusal:
            told, error = What.REFUSED, str(refusal)
            self.refused += 1
        else:
            told = What.TAKEN if stored is Stored.TAKEN else told
        self.history.outcome(tried, told, told=error)
        return told

    async def use_again(self, bus: Bus, which: str, number: int) -> bool:
        """Publish under an id that is in use; whether there is one.

        Args:
            bus: A connection.
            which: ``in flight`` or ``answered``: another request under an id whose first one is; ``repeated``: the
                same one again, as a client does that has forgotten that it was acknowledged.
            number: Chooses the id.
        """
        own = self.acknowledged - self.strange
        ids = sorted(
            own & self.answered if which == "answered" else own - self.answered if which == "in flight" else own
        )
        if not ids:
            return False
        request_id = ids[number % len(ids)]
        if which == "repeated":
            await self._publish(bus, request_id, self._bodies[request_id], "load")
        else:
            other = body(self.seed + 1, number) | {"request_id": request_id}
            await self._publish(bus, request_id, json.dumps(other).encode(), f"again{number}")
        return True

    async def ask_strangely(self, port: int, number: int) -> None:
        """Store something that is hard to read, by a connection of its own to the server at *port*."""
        odd = frame(number)
        subject = odd.subject.decode(errors="backslashreplace")
        if key := key_of(subject):
            self.strange.add(key)
        tried = self.history.invoke("raw", subject, odd.body, strange=True)
        answer: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            async with raw_client(port) as client:
                answer = await client.ask(odd)
        told = What.REFUSED if "error" in answer else What.ACKNOWLEDGED if "seq" in answer else What.UNKNOWN
        self.history.outcome(tried, told, told=f"{odd.headers!r} {json.dumps(answer)}"[:300])

    async def observe(self, bus: Bus, who: str) -> None:
        """Watch the stream from its start, for ever."""
        self.history.note(who, What.FOLLOWS, sequence=1)
        self.seen[who] = 0
        async with aclosing(bus.follow(everything=True)) as messages:
            async for message in messages:
                self.history.show(who, What.SEEN, message)
                self.seen[who] = message.sequence
                address = subjects.parse(message.subject)
                if address.kind is subjects.MessageKind.FINAL and message.sequence:
                    self.answered.add(address.key)
                    if waiting := self._waiting.pop(address.key, None):
                        waiting.set()

    async def read_again(self, bus: Bus) -> None:
        """Read finals that were seen, one after the other, for ever: each again and again."""
        draw = random.Random(self.seed)  # noqa: S311 - nobody guesses it to win
        while True:
            await asyncio.sleep(_PAUSE_S)
            if answered := sorted(self.answered - self.strange - {""}):
                with contextlib.suppress(BusError):
                    for message in await bus.record([subjects.final(draw.choice(answered))]):
                        self.history.show("reader", What.READ, message)

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
