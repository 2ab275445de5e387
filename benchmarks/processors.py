"""Measure the time of processors per request, by process: ``python benchmarks/processors.py [--requests 400]``.

A whole system runs, with one replica of each process. The time comes from the kernel, so that it depends little on other
work of the machine: a parent and its child processes count apart. Times are in milliseconds per request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from measurements import table
from running_system import answers, one, variation
from usage import CHILD, Use, used

from bus.transports.jetstream import Connection, connect
from cli.system.whole import whole_system

if TYPE_CHECKING:
    from bus.language.messages import OptimizationRequest
    from bus.port import Bus

REQUESTS, IN_FLIGHT, WARM = 400, 100, 40
HEADER = ("process", "itself", "its children", "together", "memory (PSS), MiB")


async def measured(requests: int, in_flight: int, warm: int = WARM) -> dict[str, Any]:
    """Send *requests*, *in_flight* at once, to a system of its own, and say what each process used."""
    asked = [variation(i) for i in range(warm + requests)]
    with tempfile.TemporaryDirectory(prefix="podfolio-bench-") as folder, (Path(folder) / "log").open("wb") as logs:
        async with (
            whole_system(Path(folder), port=None, logs=logs, say=lambda _: None) as url,
            connect(Connection(servers=url, name="podfolio-bench")) as bus,
        ):
            await _ask_all(bus, asked[:warm], in_flight)
            own, before, server = _own_s(), used(apart=True), _server(Path(folder))
            began = time.perf_counter()
            await _ask_all(bus, asked[warm:], in_flight)
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


_TOLD = {"in_msgs", "out_msgs", "in_bytes", "out_bytes"}


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Write one row per process, the largest first, and one for all."""
    ms, pss = found["ms"], found["pss_mib"]
    names = sorted((name for name in ms if not name.endswith(CHILD)), key=lambda n: -ms[n] - ms.get(n + CHILD, 0.0))
    each = [
        (
            n,
            f"{ms[n]:.2f}",
            f"{ms.get(n + CHILD, 0.0):.2f}",
            f"{ms[n] + ms.get(n + CHILD, 0.0):.2f}",
            f"{pss[n] + pss.get(n + CHILD, 0.0):.0f}",
        )
        for n in names
    ]
    apart = ms.get("challenger", 0.0) + ms.get("challenger" + CHILD, 0.0)
    client = ("this client", f"{found['client']:.2f}", "", "", "")
    return [*each, ("all but challenger", "", "", f"{sum(ms.values()) - apart:.2f}", ""), client]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = asyncio.run(measured(options.requests, options.in_flight))
    if options.json:
        print(json.dumps(found))
        return
    print(table(HEADER, rows(found)))
    print(f"\n{found['requests'] / found['seconds']:.1f} requests a second, {options.in_flight} in flight")
    print("per request, at the server: " + ", ".join(f"{name} {n:.1f}" for name, n in sorted(found["server"].items())))


if __name__ == "__main__":
    main()
