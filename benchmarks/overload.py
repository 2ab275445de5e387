"""Ask the whole system for twice what it can do, for a minute: what is answered, refused, late or lost."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from running_system import answers, one, variation
from usage import used

from bus.language import subjects
from bus.language.messages import encode, parse_final
from bus.port import Stored
from bus.transports.jetstream import Connection, connect
from cli.system.whole import whole_system

if TYPE_CHECKING:
    from datetime import datetime

    from reference import Row

    from bus.port import Bus, Message

# What the system does at its best is measured first, with so many requests.
CALIBRATION, IN_FLIGHT = 400, 50
SECONDS = 60.0
TIMES = 2.0
DEADLINE_S = 10.0
# The last request's deadline, and what a coordinator may add to it.
PATIENCE_S = DEADLINE_S + 20.0


@dataclass(frozen=True, slots=True)
class End:
    """How one request ended: its outcome, when it was asked and when answered, by the server's clock."""

    outcome: str
    asked_at: datetime
    answered_at: datetime

    @property
    def seconds(self) -> float:
        """Time from the request to its final event."""
        return (self.answered_at - self.asked_at).total_seconds()


def measure() -> list[Row]:
    """Measure it."""
    return asyncio.run(overloaded())


async def overloaded() -> list[Row]:
    """Find the rate that can be sustained, and ask for more."""
    with tempfile.TemporaryDirectory(prefix="podfolio-bench-") as folder, (Path(folder) / "log").open("wb") as logs:
        async with (
            whole_system(Path(folder), port=None, logs=logs, say=print) as url,
            connect(Connection(servers=url, name="podfolio-bench")) as bus,
        ):
            rate = await sustainable(bus)
            sent, ends, sizes = await flood(bus, TIMES * rate)
            return report(rate, sent, ends, sizes)


async def sustainable(bus: Bus) -> float:
    """Count requests a second with so many in flight that nothing rests."""
    async with answers(bus) as pending:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def bounded(i: int) -> None:
            async with places:
                await one(bus, pending, variation(i).model_copy(update={"deadline_s": 300.0}))

        began = time.perf_counter()
        await asyncio.gather(*(bounded(i) for i in range(CALIBRATION)))
        return CALIBRATION / (time.perf_counter() - began)


async def flood(bus: Bus, rate: float) -> tuple[int, dict[str, End], list[float]]:
    """Publish at *rate* whatever becomes of it; returns how many, each one's end, and the memory every five seconds."""
    ends: dict[str, End] = {}
    sizes = [held_mib()]
    beside = [asyncio.create_task(watch(bus, ends)), asyncio.create_task(weigh(sizes))]
    await asyncio.sleep(0.2)
    began, sent = time.perf_counter(), 0
    async with asyncio.TaskGroup() as group:
        while (now := time.perf_counter() - began) < SECONDS:
            while sent < now * rate:
                group.create_task(ask(bus, sent))
                sent += 1
            await asyncio.sleep(0.005)
    waited_until = time.perf_counter() + PATIENCE_S
    while len(ends) < sent and time.perf_counter() < waited_until:  # noqa: ASYNC110 - one look a tenth of a second
        await asyncio.sleep(0.1)
    for task in beside:
        task.cancel()
    return sent, ends, sizes


async def watch(bus: Bus, ends: dict[str, End]) -> None:
    """Note how each request ends."""
    asked: dict[str, Message] = {}
    async for message in bus.follow():
        address = subjects.parse(message.subject)
        if address.kind is subjects.MessageKind.REQUEST:
            asked[address.key] = message
        elif address.kind is subjects.MessageKind.FINAL and address.key in asked:
            ends[address.key] = ended(asked[address.key], message)


async def weigh(sizes: list[float]) -> None:
    """Note every five seconds what all processes hold."""
    while True:
        await asyncio.sleep(5)
        sizes.append(held_mib())


def held_mib() -> float:
    """Sum what the agents, the coordinator and their children hold, with what they share counted once."""
    return sum(use.shared_out_mib for name, use in used().items() if name.startswith(("agents ", "coordinator")))


async def ask(bus: Bus, number: int) -> None:
    """Publish one request."""
    request_id = f"flood-{number}"
    changes = {"request_id": request_id, "deadline_s": DEADLINE_S}
    sent = encode(variation(CALIBRATION + number).model_copy(update=changes))
    stored = await bus.publish_once(
        subjects.request(request_id), sent, message_id=request_id, headers={}, timeout_s=PATIENCE_S
    )
    assert stored is not Stored.TAKEN  # noqa: S101 - each has an id of its own


def ended(request: Message, final: Message) -> End:
    """Say how a request ended."""
    event = parse_final(final.data)
    outcome = "optimised" if event.type == "MasterPortfolioOptimized" else event.reason.value
    assert request.stored_at is not None  # noqa: S101 - both come from the stream
    assert final.stored_at is not None  # noqa: S101
    return End(outcome, request.stored_at, final.stored_at)


def report(rate: float, sent: int, ends: dict[str, End], sizes: list[float]) -> list[Row]:
    """Put the figures together."""
    outcomes = Counter(end.outcome for end in ends.values())
    late = [end.seconds for end in ends.values() if end.answered_at > end.asked_at + timedelta(seconds=DEADLINE_S)]
    optimised = [end for end in ends.values() if end.outcome == "optimised"]
    refused = [end.seconds for end in ends.values() if end.outcome == "overloaded"]
    first = min(end.asked_at for end in ends.values())
    tenths = [
        [end.seconds for end in optimised if low <= (end.asked_at - first).total_seconds() < low + 10]
        for low in (0, SECONDS - 10)
    ]
    told = [f"{statistics.median(seconds):.2f} s" if seconds else "none" for seconds in tenths]
    return [
        ("sustained, requests a second", f"{rate:.1f}", ""),
        (f"asked for {SECONDS:.0f} s, requests a second", f"{sent / SECONDS:.1f} ({sent})", f"{TIMES:.0f} x"),
        ("ended in one final event", f"{len(ends)}", f"{sent}"),
        ("with a portfolio", f"{outcomes.pop('optimised', 0)}, {len(optimised) / SECONDS:.1f} a second", ""),
        *((reason, f"{count}", "") for reason, count in outcomes.most_common()),
        (
            f"answered after the deadline of {DEADLINE_S:.0f} s",
            f"{len(late)}" + (f", the worst {max(late):.2f} s" if late else ""),
            "0",
        ),
        ("time to a portfolio, asked in the first / last 10 s", " / ".join(told), ""),
        ("time to a refusal", f"{statistics.median(refused):.2f} s" if refused else "none", ""),
        (
            "memory of all processes, before / most / after",
            f"{sizes[0]:.0f} / {max(sizes):.0f} / {sizes[-1]:.0f} MiB",
            "bounded",
        ),
    ]
