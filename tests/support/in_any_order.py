"""Answer requests alone and one after the other, and say which answers differ.

``python -m support.in_any_order N SEED``. Alone is in a process that has answered nothing: a fork of one that has only
loaded the modules. The answers are those of the agents and of the coordinator, without the times that they took.
"""

from __future__ import annotations

import os
import random
import re
import sys
from typing import TYPE_CHECKING, Any

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import encode, parse_pod_answer, parse_request
from coordinator.consolidation import finish
from support.requests_made import data

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMES = re.compile(rb'"elapsed_s":[0-9.e-]+')


def requests(count: int, draw: random.Random) -> list[bytes]:
    """Make requests that share some of what the processes remember: the pods' portfolios, the market, the structure."""
    return [data(f"r{i}", **_changes(draw)) for i in range(count)]


def _changes(draw: random.Random) -> dict[str, Any]:
    pods = draw.sample(["alpha", "beta", "gamma", "delta"], draw.choice([2, 3, 4, 4, 4]))
    sizes = {pod: draw.uniform(0.2, 1.0) for pod in pods}
    tolerance = draw.choice([0.3, 0.5, 0.5, 0.7])
    return {
        "pod_weights": {pod: size / sum(sizes.values()) for pod, size in sizes.items()},
        "customer": {
            "customer_id": "c",
            "total_capital_aud": draw.choice([100_000.0, draw.uniform(30_000, 900_000)]),
            "risk_tolerance": tolerance,
        },
        "rules": {
            "max_etfs": draw.choice([8, 10, 12, 12]),
            "duplicates": draw.choices(["forbid", "penalise"], [5, 1])[0],
            "never_buy": draw.choice([[], [], ["VAS"], ["GOLD"]]),
        },
        "priorities": draw.choice([{}, {}, {"beta.grossed_up_yield": 1}]),
        "explain": draw.choices(["unmet", "all"], [30, 1])[0],
    }


def answered(number: int, body: bytes) -> bytes:
    """Answer a request as the processes do; every answer in one."""
    request = parse_request(body, f"r{number}")
    mandates = map(mandate_files.load, sorted(request.asked()))
    answers = [encode(found) for mandate in mandates if (found := answer(mandate, request.request_id, body))]
    event = finish(request, {each.pod: each for each in map(parse_pod_answer, answers)})[1]
    return _TIMES.sub(b"", b"\n".join([*answers, event]))


def alone(number: int, body: bytes) -> bytes:
    """Answer a request in a process that has answered no other."""
    reads, writes = os.pipe()
    if not os.fork():
        os.close(reads)
        with os.fdopen(writes, "wb") as out:
            out.write(answered(number, body))
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as told:
        found = told.read()
    os.wait()
    return found


def main(count: int, seed: int) -> None:
    """Compare."""
    draw = random.Random(seed)  # noqa: S311 - nothing is to be kept secret
    bodies = requests(count, draw)
    by_themselves = [alone(i, body) for i, body in enumerate(bodies)]
    order: Sequence[int] = draw.sample(range(count), count)
    differ = [i for i in order if answered(i, bodies[i]) != by_themselves[i]]
    optimised = sum(b"MasterPortfolioOptimized" in each for each in by_themselves)
    sys.stdout.write(f"{count} answered, {optimised} with a portfolio, differ: {differ}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
