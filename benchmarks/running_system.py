"""Measure the whole system: requests through a real server, memory, and how long things take to start."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from measurements import spread, timed
from reference import REFERENCE, Row
from usage import used

from bus.language import subjects
from bus.language.messages import BadMessageError, OptimizationRequest, encode, parse_final, parse_request
from bus.transports.jetstream import Connection, connect
from cli.system.whole import whole_system

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from usage import Use

    from bus.port import Bus

SEQUENTIAL, FLOOD, IN_FLIGHT = 100, 800, 200
TIMEOUT_S = 180


def measure() -> list[Row]:
    """Measure it."""
    return [*asyncio.run(system()), *imports()]


async def system() -> list[Row]:
    """Time requests through the whole system, and weigh an agent at rest."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="podfolio-bench-") as folder:
        with (Path(folder) / "log").open("wb") as logs:
            began = time.perf_counter()
            async with whole_system(Path(folder), port=None, logs=logs, say=print) as url:
                rows.append(("everything started, with the server", f"{time.perf_counter() - began:.2f} s", ""))
                at_rest = used()
                largest = max(use.resident_mib for name, use in at_rest.items() if name.startswith("agents "))
                rows.append(("an agent at rest with its child, resident", f"{largest:.0f} MiB", "150 MB"))
                rows.append(("memory at rest (PSS): coordinator, an agent, server", held(at_rest), ""))
                async with connect(Connection(servers=url, name="podfolio-bench")) as bus, answers(bus) as pending:
                    rows.extend(await load(bus, pending))
        rows.append(await start_to_ready(Path(folder)))
    return rows


def held(use: dict[str, Use]) -> str:
    """Write what the coordinator, the largest agent and the server hold, with what they share divided among them."""
    agent = max(each.shared_out_mib for name, each in use.items() if name.startswith("agents "))
    return f"{use['coordinator'].shared_out_mib:.0f}, {agent:.0f}, {use['nats-server'].shared_out_mib:.0f} MiB"


Pending = dict[str, asyncio.Future[str]]


@asynccontextmanager
async def answers(bus: Bus) -> AsyncIterator[Pending]:
    """Watch the stream as a client would; resolves a future for every final event."""
    pending: Pending = {}

    async def watch() -> None:
        async for message in bus.follow():
            address = subjects.parse(message.subject)
            if address.kind is subjects.MessageKind.FINAL and address.key in pending:
                pending.pop(address.key).set_result(parse_final(message.data).type)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    try:
        yield pending
    finally:
        watching.cancel()


async def load(bus: Bus, pending: Pending) -> list[Row]:
    """Publish one request after the other, then many at once, all different."""
    async with asyncio.timeout(TIMEOUT_S):
        alone = [await one(bus, pending, variation(i)) for i in range(SEQUENTIAL)]
        places = asyncio.Semaphore(IN_FLIGHT)

        async def bounded(i: int) -> float:
            async with places:
                return await one(bus, pending, variation(SEQUENTIAL + i))

        before = used()
        began = time.perf_counter()
        await asyncio.gather(*(bounded(i) for i in range(FLOOD)))
        rate = FLOOD / (time.perf_counter() - began)
        after = used()
    took = {name: (after[name].cpu_s - before[name].cpu_s) / FLOOD * 1e3 for name in after}
    agents = [ms for name, ms in took.items() if name.startswith("agents ")]
    each = f"{took['coordinator']:.1f}, {min(agents):.1f} to {max(agents):.1f}, {took['nats-server']:.1f} ms"
    return [
        ("request published to final event, one at a time", spread(alone), "60 ms"),
        (f"requests a second, {IN_FLIGHT} in flight, one replica of each", f"{rate:.1f} ({FLOOD} requests)", "40"),
        ("processors' time a request: coordinator, an agent, server", each, ""),
        ("memory after that (PSS): coordinator, an agent, server", held(after), ""),
    ]


async def one(bus: Bus, pending: Pending, request: OptimizationRequest) -> float:
    """Publish a request and wait for its portfolio; the time in seconds."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    pending[request.request_id] = answered
    began = time.perf_counter()
    subject = subjects.request(request.request_id)
    await bus.publish_once(subject, encode(request), message_id=request.request_id, headers={})
    kind = await answered
    if kind != "MasterPortfolioOptimized":
        message = f"{request.request_id} ended in {kind}: nothing was measured"
        raise BadMessageError(message)
    return time.perf_counter() - began


def variation(seed: int) -> OptimizationRequest:
    """Vary the reference customer's shares and capital, so that no two requests are the same."""
    draw = random.Random(seed)  # noqa: S311 - a benchmark's customers
    body = json.loads(REFERENCE.read_text(encoding="utf-8"))
    shares = {pod: share * draw.uniform(0.8, 1.2) for pod, share in body["pod_weights"].items()}
    body["pod_weights"] = {pod: share / sum(shares.values()) for pod, share in shares.items()}
    body["customer"]["total_capital_aud"] = draw.uniform(50_000, 500_000)
    body["request_id"] = f"bench-{seed}"
    body["explain"] = "unmet"
    return parse_request(json.dumps(body).encode(), body["request_id"])


async def start_to_ready(folder: Path) -> Row:
    """Time an agent from its start to being ready, with a server that is there already."""
    times: list[float] = []
    with (folder / "log").open("ab") as logs:
        async with whole_system(folder / "again", port=None, logs=logs, say=lambda _: None) as url:
            for _ in range(5):
                began = time.perf_counter()
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "agents", "alpha", "--server", url, stderr=asyncio.subprocess.PIPE
                )
                assert process.stderr is not None  # noqa: S101 - it was started with a pipe
                async with asyncio.timeout(TIMEOUT_S):
                    while b"process.ready" not in await process.stderr.readline():
                        pass
                times.append(time.perf_counter() - began)
                process.terminate()
                await process.wait()
    return ("an agent from start to ready", spread(times), "3 s")


def imports() -> list[Row]:
    """Time the imports of the two processes, each in a fresh interpreter."""
    rows = []
    for module in ("agents.__main__", "coordinator.__main__"):
        command = [sys.executable, "-c", f"import {module}"]
        base = [timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True)) for _ in range(5)]
        took = [timed(lambda c=command: subprocess.run(c, check=True)) for _ in range(5)]  # noqa: S603
        rows.append((f"import {module}", f"{(statistics.median(took) - statistics.median(base)) * 1e3:.0f} ms", ""))
    return rows
