"""Measure the time of processors per request, by process: ``python benchmarks/processors.py [--requests 400]``.

A whole system runs, with one replica of each process or more. The time comes from the kernel, so that it depends less
on other work of the machine than the time that passes: a parent and its child processes count apart. Times are in
milliseconds per request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

# As a child process has it: further threads of such small products only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from measurements import table
from running_system import answers, one, variation
from usage import CHILD, Use, used

from agents import answer as agent
from agents import mandate_files
from bus.language.messages import encode
from bus.language.packing import pack
from bus.transports.jetstream import Connection, connect
from cli.system.whole import whole_system
from coordinator import consolidation, solve_request
from portfolio.master import coordinated_portfolio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bus.language.messages import OptimizationRequest
    from bus.port import Bus

REQUESTS, IN_FLIGHT, WARM, REPLICAS = 400, 100, 40, (1, 2, 3)
_TOLD = {"in_msgs", "out_msgs", "in_bytes", "out_bytes"}
# The system itself does not wait for it.
_BESIDE = "challenger"
_START_S = 60.0

# The steps of the coordinator's child: a function as its caller finds it, and its work in words.
_STEPS = (
    (solve_request, "parse_request", "reads the request"),
    (solve_request, "parse_pod_answer", "reads the pods' answers"),
    (coordinated_portfolio, "find", "states the program, and searches its tree"),
    (coordinated_portfolio, "shadow_prices", "prices the targets"),
    (consolidation, "render_account", "describes the portfolio"),
    (consolidation, "standings", "puts it beside the separate pods"),
    (consolidation, "encode", "writes the event"),
    (consolidation, "findings", "checks the event"),
)


def report() -> str:
    """Measure everything, and write it as Markdown."""
    by_replicas = {number: asyncio.run(measured(REQUESTS, IN_FLIGHT, replicas=number)) for number in REPLICAS}
    first = by_replicas[REPLICAS[0]]
    processes = table(("process", "itself", "its children", "together", "memory (PSS)"), process_rows(first))
    steps = table(("step of the coordinator's child", "CPU time, median"), list(step_rows()))
    messages = table(("per request, at the server", "number"), message_rows(first))
    wide = table(
        ("replicas of each agent and of the coordinator", "requests a second", "CPU time per request"),
        [(str(n), f"{rate(found):.1f}", f"{together(found):.1f} ms") for n, found in by_replicas.items()],
    )
    head = f"{REQUESTS} requests of the reference customer, all different, {IN_FLIGHT} in flight. CPU time per request."
    return f"{head}\n\n{processes}\n\n{steps}\n\n{messages}\n\n{wide}"


async def measured(requests: int, in_flight: int, *, replicas: int = 1) -> dict[str, Any]:
    """Send *requests*, *in_flight* at once, to a system of its own, and say how much each process used."""
    asked = [variation(i) for i in range(WARM + requests)]
    with tempfile.TemporaryDirectory(prefix="podfolio-bench-") as folder, (Path(folder) / "log").open("wb") as logs:
        async with (
            whole_system(Path(folder), port=None, logs=logs, say=lambda _: None) as url,
            connect(Connection(servers=url, name="podfolio-bench")) as bus,
            further(url, replicas - 1),
        ):
            await _ask_all(bus, asked[:WARM], in_flight)
            own, before, server = _own_s(), used(apart=True), _server(Path(folder))
            began = time.perf_counter()
            await _ask_all(bus, asked[WARM:], in_flight)
            took_s = time.perf_counter() - began
            own, after, told = _own_s() - own, used(apart=True), _server(Path(folder))
    return {
        "requests": requests,
        "seconds": took_s,
        "client": own / requests * 1e3,
        "ms": {name: (after[name].cpu_s - before.get(name, Use()).cpu_s) / requests * 1e3 for name in after},
        "pss_mib": {name: use.shared_out_mib for name, use in after.items()},
        "server": {name: (told[name] - server[name]) / requests for name in told},
    }


@asynccontextmanager
async def further(url: str, number: int) -> AsyncIterator[None]:
    """Run so many further replicas of each agent and of the coordinator while the block lasts."""
    commands = [("coordinator",), *(("agents", pod) for pod in mandate_files.bundled())] * number
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, "--server", url, stderr=asyncio.subprocess.PIPE
        )
        for command in commands
    ]
    drains = []
    try:
        async with asyncio.timeout(_START_S):
            for process in started:
                assert process.stderr is not None  # noqa: S101 - it was started with a pipe
                while b"process.ready" not in await process.stderr.readline():
                    pass
                drains.append(asyncio.create_task(process.stderr.read()))
        yield
    finally:
        for process in started:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in started), *drains)


async def _ask_all(bus: Bus, asked: list[OptimizationRequest], in_flight: int) -> None:
    places = asyncio.Semaphore(in_flight)

    async def bounded(request: OptimizationRequest) -> None:
        async with places:
            await one(bus, pending, request)

    async with answers(bus) as pending:
        await asyncio.gather(*map(bounded, asked))


def _own_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _server(folder: Path) -> Counter[str]:
    """Count the server's messages and bytes so far, and the stored messages of each stream."""
    (ports,) = (json.loads(path.read_text()) for path in (folder / "jetstream").glob("*.ports"))
    (address,) = ports["monitoring"]
    told: Counter[str] = Counter()
    with urlopen(f"{address}/varz") as answer:  # noqa: S310 - the server of this benchmark
        told.update({name: value for name, value in json.load(answer).items() if name in _TOLD})
    with urlopen(f"{address}/jsz?streams=1") as answer:  # noqa: S310
        for account in json.load(answer)["account_details"]:
            for stream in account["stream_detail"]:
                told[f"{stream['name']} stored"] = stream["state"]["last_seq"]
                told[f"{stream['name']} bytes"] = stream["state"]["bytes"]
    return told


def rate(found: dict[str, Any]) -> float:
    """Return the requests per second."""
    return float(found["requests"] / found["seconds"])


def together(found: dict[str, Any]) -> float:
    """Add up the time of all processes but the challenger, for which no final event waits."""
    return sum(ms for name, ms in found["ms"].items() if not name.startswith(_BESIDE))


def process_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Write one row per process, the largest first, and the sum."""
    ms, pss = found["ms"], found["pss_mib"]

    def whole(name: str, figures: dict[str, float]) -> float:
        return figures[name] + figures.get(name + CHILD, 0.0)

    names = sorted((name for name in ms if not name.endswith(CHILD)), key=lambda name: -whole(name, ms))
    each = [
        (
            name,
            f"{ms[name]:.2f} ms",
            f"{ms.get(name + CHILD, 0.0):.2f} ms",
            f"{whole(name, ms):.2f} ms",
            f"{whole(name, pss):.0f} MiB",
        )
        for name in names
    ]
    client = ("the client that asks", f"{found['client']:.2f} ms", "", "", "")
    return [*each, (f"all but the {_BESIDE}", "", "", f"{together(found):.2f} ms", ""), client]


def message_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Write the server's messages and bytes, where there are any."""
    return [(name, f"{number:,.1f}") for name, number in sorted(found["server"].items()) if number >= 0.05]  # noqa: PLR2004


def step_rows(requests: int = 100) -> Iterator[tuple[str, str]]:
    """Time the steps of the coordinator's child in this process."""
    asked = [variation(i) for i in range(requests)]
    mandates = {pod: mandate_files.load(pod) for pod in mandate_files.bundled()}
    questions = []
    for request in asked:
        data = encode(request)
        found = [agent.answer(mandates[pod], request.request_id, data) for pod in request.asked()]
        head = {"request_id": request.request_id, "seconds": 60.0, "by": "deadline"}
        questions.append(pack(head, data, *(encode(each) for each in found if each is not None)))
    solve_request.answer(questions[0], lambda _: None)
    spent = {(module, name): 0.0 for module, name, _ in _STEPS}
    originals = {key: getattr(*key) for key in spent}
    per_request: dict[object, list[float]] = {key: [] for key in (*spent, "whole")}
    for key, work in originals.items():
        setattr(*key, partial(_counted, work, spent, key))
    try:
        for question in questions:
            spent.update(dict.fromkeys(spent, 0.0))
            began = time.process_time()
            solve_request.answer(question, lambda _: None)
            per_request["whole"].append(time.process_time() - began)
            for key, seconds in spent.items():
                per_request[key].append(seconds)
    finally:
        for key, work in originals.items():
            setattr(*key, work)
    middle = {key: statistics.median(values) * 1e3 for key, values in per_request.items()}
    yield from ((words, f"{middle[module, name]:.2f} ms") for module, name, words in _STEPS)
    rest = middle["whole"] - sum(middle[module, name] for module, name, _ in _STEPS)
    yield ("the rest", f"{rest:.2f} ms")
    yield ("all of it", f"{middle['whole']:.2f} ms")


def _counted(work: Callable[..., Any], spent: dict[Any, float], key: object, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
    began = time.process_time()
    try:
        return work(*args, **kwargs)
    finally:
        spent[key] += time.process_time() - began


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = asyncio.run(measured(options.requests, options.in_flight, replicas=options.replicas))
    if options.json:
        print(json.dumps(found))
        return
    print(table(("process", "itself", "its children", "together", "memory (PSS)"), process_rows(found)))
    print(f"\n{rate(found):.1f} requests a second, {options.in_flight} in flight\n")
    print(table(("per request, at the server", "number"), message_rows(found)))


if __name__ == "__main__":
    main()
