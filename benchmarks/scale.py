"""Measure the CPU time of a customer by process, check the simulation against it, and reckon a million customers.

``PYTHONPATH=. python benchmarks/scale.py [--write docs/operations.md]``: customers with 0, 12 and 60 parcels, on one,
two and three replicas of each agent and of the coordinator, asked by a run of a book on a real server. CPU time is true
on a machine that others use as well; the rate is compared at the cores that the processes really got.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measurements import machine, table
from scale_model import PODS, Cost, Farm, simulate
from usage import used

from agents import mandate_files
from book import requests
from book.lines import Line
from book.requests import Run
from book.run import Asking
from book.window import Window
from bus.administration.server import embedded_server, ending_with_parent
from bus.administration.setup import set_up
from bus.transports.jetstream import Connection, connect
from cli.client.queues import longest_queue
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from usage import Use

    from bus.transports.jetstream import JetStreamBus

HEADING = "## Scale"
MARKET, AS_OF = "asx-outlook-2025-12", date(2025, 11, 10)
PARCELS, REPLICAS = (0, 12, 60), (1, 2, 3)
MILLION, NIGHT_H = 1_000_000, 8
_READY_S, _POLL_S = 180.0, 0.2
# A look at the queues costs the client and the server some milliseconds.
_LOOK_S = 2.0
_TICKERS = ("VAS", "VGS", "VAF", "GOLD", "VHY", "BILL")


@dataclass(frozen=True, slots=True)
class Measured:
    """One cell of the table: customers with so many parcels on so many replicas.

    Attributes:
        cost: CPU time and bytes of a customer.
        elapsed_s: Time of the run, seconds.
        customers: Customers.
        longest_queue: The most messages seen to wait in a queue.
    """

    cost: Cost
    elapsed_s: float
    customers: int
    longest_queue: int

    @property
    def cores(self) -> float:
        """The cores that the processes got."""
        return self.cost.cpu_s * self.customers / self.elapsed_s


def book(parcels: int, number: int, seed: int) -> list[Line]:
    """Make customers with so many parcels, over four or six ETFs; with none, cash."""
    draw = random.Random(seed)  # noqa: S311 - invented customers
    return [_line(at, parcels, draw) for at in range(1, number + 1)]


def _line(number: int, parcels: int, draw: random.Random) -> Line:
    prices = {etf.ticker: etf.price_aud or 0.0 for etf in load(MARKET).etfs}
    chosen = _TICKERS[: 4 if parcels < len(_TICKERS) ** 2 else 6] if parcels else ()
    holdings = []
    for ticker in chosen:
        made = []
        for _ in range(parcels // len(chosen)):
            units = max(1, round(300_000 / parcels / prices[ticker] * draw.uniform(0.5, 1.5)))
            day = AS_OF - timedelta(days=draw.randint(30, 2_500))
            cost = round(units * prices[ticker] * draw.uniform(0.5, 1.1), 2)
            made.append({"acquired": day.isoformat(), "units": units, "cost_base_aud": cost})
        holdings.append({"ticker": ticker, "units": sum(one["units"] for one in made), "parcels": made})
    cash = draw.uniform(2_000, 10_000) if parcels else draw.uniform(50_000, 400_000)
    request: dict[str, Any] = {
        "customer": {"customer_id": f"p{parcels}-{number}", "marginal_tax_rate": draw.choice((0.18, 0.32, 0.39, 0.47))},
        "pod_weights": {"alpha": 0.15, "beta": 0.25, "gamma": 0.5, "delta": 0.1},
        "market": MARKET,
        "account": {"as_of": AS_OF.isoformat(), "cash_aud": round(cash, 2), "holdings": holdings},
        "challenge": "none",
        "deadline_s": 600,
    }
    return Line(number, f"line {number}", json.dumps(request).encode())


async def measure(replicas: int, numbers: dict[int, int]) -> dict[int, Measured]:
    """Measure so many customers by parcels, on so many replicas of each process."""
    async with _running(replicas) as bus:
        await _ask(bus, book(0, 2 * replicas, seed=0), f"warm-{replicas}")
        found = {}
        for parcels, number in numbers.items():
            found[parcels] = await _cell(bus, book(parcels, number, seed=1), f"r{replicas}-p{parcels}")
            print(f"{replicas} replicas, {parcels} parcels: {found[parcels]}", file=sys.stderr)
        return found


async def _cell(bus: JetStreamBus, lines: list[Line], name: str) -> Measured:
    before, own, began = used(), time.process_time(), time.perf_counter()
    stored, longest = await _ask(bus, lines, name)
    elapsed, own = time.perf_counter() - began, time.process_time() - own
    after, number = used(), len(lines)

    def took(name: str) -> float:
        return _cpu(after, name) - _cpu(before, name)

    each = (took("agents") / PODS, took("coordinator"), took("nats-server"), own, stored)
    return Measured(Cost(*(amount / number for amount in each)), elapsed, number, longest)


def _cpu(use: dict[str, Use], name: str) -> float:
    return sum(each.cpu_s for process, each in use.items() if process.startswith(name))


async def _ask(bus: JetStreamBus, lines: list[Line], name: str) -> tuple[int, int]:
    """Ask as a run of a book does; returns the bytes of the messages, and the most that waited in a queue."""
    run = Run(name)
    accounts = requests.accounts(lines, run)
    waiting = longest_queue(bus)
    seen = {"bytes": 0, "longest": 0}

    async def look() -> None:
        while True:
            seen["longest"] = max(seen["longest"], await waiting())
            await asyncio.sleep(_LOOK_S)

    async def hear() -> None:
        async with aclosing(bus.follow(since=since)) as messages:
            async for message in messages:
                seen["bytes"] += len(message.data) * (f".{name}_" in message.subject)

    since = (await bus.stream_state()).at
    beside = [asyncio.create_task(look()), asyncio.create_task(hear())]
    await Asking(bus, run, Window(48), lambda _: None, print, waiting).ask_all(zip(lines, accounts, strict=True))
    await asyncio.sleep(_POLL_S)
    for task in beside:
        task.cancel()
    return seen["bytes"], seen["longest"]


@asynccontextmanager
async def _running(replicas: int) -> AsyncIterator[JetStreamBus]:
    """Run a server, and so many replicas of each agent and of the coordinator."""
    pods = tuple(mandate_files.bundled())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podfolio-scale-")))
        url = await stack.enter_async_context(embedded_server(folder / "store", log=folder / "log"))
        bus = await stack.enter_async_context(connect(Connection(servers=url, name="podfolio-scale")))
        await set_up(bus, pods)
        commands = [("agents", pod) for pod in pods] + [("coordinator",)]
        for number, command in enumerate(commands * replicas):
            log = folder / f"{number}.log"
            with log.open("wb") as opened:
                process = await asyncio.create_subprocess_exec(
                    *ending_with_parent(sys.executable, "-m", *command),
                    env={**os.environ, "PODFOLIO_NATS_URL": url},
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=opened,
                )
            stack.push_async_callback(process.wait)
            stack.callback(process.terminate)
            async with asyncio.timeout(_READY_S):
                while b"process.ready" not in log.read_bytes():  # noqa: ASYNC110 - no event
                    await asyncio.sleep(_POLL_S)
        yield bus


def section(cells: dict[int, dict[int, Measured]]) -> str:
    """Write the section of the document."""
    return "\n\n".join(
        [
            _INTRODUCTION.strip().format(machine=machine()),
            _measured(cells),
            _CHECK,
            _checked(cells),
            _MILLION,
            _reckoned(cells),
            _LIMITS,
        ]
    )


def _measured(cells: dict[int, dict[int, Measured]]) -> str:
    rows = []
    for replicas, parcels, one in _each(cells):
        cost = one.cost
        ms = [1e3 * s for s in (cost.coordinator_s, cost.agent_s, cost.server_s, cost.client_s)]
        row = (f"{ms[0]:.0f}", *(f"{each:.1f}" for each in ms[1:]), f"{1e3 * cost.cpu_s:.0f}", f"{1 / cost.cpu_s:.1f}")
        rows.append((f"{parcels}", f"{replicas}", *row))
    head = ("coordinator, ms", "an agent, ms", "server, ms", "client, ms", "all, ms", "customers a second a core")
    return table(("parcels", "replicas", *head), rows)


def _checked(cells: dict[int, dict[int, Measured]]) -> str:
    """Predict every cell from those of one replica."""
    rows = []
    for replicas, parcels, one in _each(cells):
        known = cells[1][parcels].cost
        made = [simulate(Farm(one.cores, replicas), known, one.customers, seed) for seed in range(_SEEDS)]
        rates = (
            f"{_SEEDS * one.customers / sum(night.elapsed_s for night in made):.2f}",
            f"{one.customers / one.elapsed_s:.2f}",
        )
        sizes = (f"{known.stream_bytes / 1_024:.1f}", f"{one.cost.stream_bytes / 1_024:.1f}")
        rows.append((f"{parcels}", f"{replicas}", f"{one.cores:.2f}", *rates, *sizes, f"{made[0].longest_queue}"))
    head = ("cores got", "a second, simulated", "measured", "KiB a customer, simulated", "measured", "most that wait")
    return table(("parcels", "replicas", *head), rows)


def mixture(cells: dict[int, dict[int, Measured]]) -> Cost:
    """Mix half of the customers with cash, four tenths with 12 parcels, and one tenth with 60."""
    parts = [(share, cells[1][parcels].cost) for parcels, share in zip(PARCELS, (0.5, 0.4, 0.1), strict=True)]
    names = ("agent_s", "coordinator_s", "server_s", "client_s", "stream_bytes")
    return Cost(*(sum(share * getattr(cost, name) for share, cost in parts) for name in names))


def _reckoned(cells: dict[int, dict[int, Measured]]) -> str:
    cost, rows = mixture(cells), []
    for cores, replicas, in_flight, partitions in _FARMS:
        made = simulate(Farm(cores, replicas, in_flight, partitions), cost, 4_000)
        hours = f"{MILLION / made.per_second / 3_600:.1f}"
        first = max(made.busy, key=lambda name: made.busy[name])
        limit = f"{first} ({made.busy[first]:.0%} busy)" if made.busy[first] > _FULL else "requests in flight"
        farm = (f"{cores}", f"{replicas}", f"{in_flight}", f"{partitions}")
        rows.append((*farm, f"{made.per_second:.1f}", hours, limit, f"{made.longest_queue}"))
    head = ("cores", "replicas", "in flight, each", "partitions")
    head += ("customers a second", "hours for a million", "limit", "most that wait")
    hours, disk = cost.cpu_s * MILLION / 3_600, cost.stream_bytes * MILLION / 2**30
    told = (
        f"A million customers take {hours:,.0f} hours of a core, so {hours / NIGHT_H:.0f} cores for a night of"
        f" {NIGHT_H} hours. Their messages are {disk:.0f} GiB a night in the event stream, for seven days, and in the"
        " archive, for seven years."
    )
    return f"{told}\n\n{table(head, rows)}"


_FULL = 0.9
# A few customers are too few for one draw of their times.
_SEEDS = 50
# Cores, replicas of each process, requests in flight, partitions.
_FARMS = (
    (2, 1, 48, 1),
    (8, 3, 48, 1),
    (32, 11, 48, 1),
    (32, 11, 200, 1),
    (128, 43, 400, 1),
    (128, 43, 100, 4),
    (512, 171, 100, 16),
)
_INTRODUCTION = """Written by `benchmarks/scale.py`. CPU time per customer of a run of a book without challenges, on
{machine}
Other work ran on it, so that only CPU time counts, and that is longer on a full machine than on a calm one: the server
alone takes 9.8 ms for a reference customer who does not wait ([Sizing](#sizing)), since each message that waits in a
process is kept alive by further messages. "Customers a second a core" is one divided by the CPU time of all processes.
"""
_CHECK = """The simulation (`benchmarks/scale_model.py`) knows the CPU times of one replica and the cores that the
processes really got, so that two and three replicas are predictions. Where they got less than one core, the check of
the rate is one of costs that stay the same, and of little else: repeat it on a calm machine. A test holds the rates of
bottlenecks whose result is known (`tests/flow/test_scale_model.py`). No message ever waited in a work queue, since a
coordinator takes up to 256 in hand: requests wait there, as the simulation counts them."""
_MILLION = """Reckoned with the simulation for a book with one half of cash, four tenths with 12 parcels and one tenth
with 60:"""
_LIMITS = """What stops first, in this order:

1. **The event stream.** A stream has one leader, which stores one message after the other. The simulation takes all of
   the server's CPU time for that, so the true limit is higher; beyond it, more cores change nothing. Then divide the
   customers by a hash of their key over several event streams (servers, or accounts of a cluster), each with agents,
   coordinators and a run of its own. Nothing that Podfolio decides needs two customers, so that partitions never speak
   with each other. Their `events.jsonl`, one after the other, are one file for `podfolio orders export`.
2. **Requests in flight.** One run has 48: enough for some 20 cores. Give a larger system `--in-flight`, two for each
   core.
3. **The client of a run**, a single process, which takes half as long as the server: each partition has its own.
4. **Coordinators and agents** share no state: any number of them takes from one queue."""


def _each(cells: dict[int, dict[int, Measured]]) -> Iterator[tuple[int, int, Measured]]:
    for replicas, found in cells.items():
        for parcels, one in found.items():
            yield replicas, parcels, one


def main() -> None:
    """Measure, simulate, print, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="the document whose section is replaced")
    parser.add_argument("--customers", type=int, default=24, help="customers with cash; half as many have 12 parcels")
    asked = parser.parse_args()
    numbers = {parcels: max(asked.customers // part, 2) for parcels, part in zip(PARCELS, (1, 2, 3), strict=True)}
    cells = {replicas: asyncio.run(measure(replicas, numbers)) for replicas in REPLICAS}
    made = section(cells)
    print(made)
    if asked.write:
        text = asked.write.read_text(encoding="utf-8")
        before, _, rest = text.partition(f"{HEADING}\n")
        _, mark, after = rest.partition("\n## ")
        asked.write.write_text(f"{before}{HEADING}\n\n{made}\n{mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
