"""What goes wrong, to whom and when: a function of the seed. It touches nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

PODS = ("alpha", "beta", "gamma", "delta")
AGENTS = tuple(f"{pod}-{replica}" for pod in PODS for replica in (1, 2))
COORDINATORS = ("coordinator-1", "coordinator-2", "coordinator-3")
NODES = ("n1", "n2", "n3")
# Their clocks can be set; the others show that it is not for everybody's clock being wrong alike.
CLOCKS = ("alpha-2", "beta-2", "gamma-2", "delta-2", "coordinator-3")
# Whose disk can be filled up.
SMALL_DISK = "n3"
QUEUES = (*(f"pod-{pod}" for pod in PODS), "coord", "coord-due")
STREAMS = ("PODFOLIO", "PODFOLIO_TIMERS")


class Kind(StrEnum):
    """What goes wrong."""

    AGENT_KILLED = "agent killed"
    AGENT_FROZEN = "agent frozen"
    COORDINATOR_KILLED = "coordinator killed"
    COORDINATOR_FROZEN = "coordinator frozen"
    SOLVER_KILLED = "solver killed"
    SOLVER_SLOWED = "solver slowed"
    CLOCK_SET = "clock set"
    STREAM_STEPS_DOWN = "stream leader steps down"
    QUEUE_STEPS_DOWN = "queue leader steps down"
    STREAM_FULL = "stream full"
    SERVER_KILLED = "server killed"
    SERVER_FROZEN = "server frozen"
    PARTITION_SILENT = "partition, silent"
    PARTITION_RESET = "partition, connections reset"
    PARTITION_ONE_WAY = "partition, one way"
    DISK_FULL = "disk full"
    OUTAGE = "all servers killed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at_s: When, counted from the first request.
        kind: What.
        target: Whom: a process, a node, a stream or a queue.
        lasts_s: For how long, where that says something.
        amount: Of a clock, by how many seconds it is off.
    """

    at_s: float
    kind: Kind
    target: str
    lasts_s: float = 0.0
    amount: float = 0.0


# How often each is drawn, who may be hit, and how long it lasts. A freeze is longer than the ack wait of 5 s.
_PROCESS: dict[Kind, tuple[int, tuple[str, ...], tuple[float, float]]] = {
    Kind.AGENT_KILLED: (28, AGENTS, (0, 0)),
    Kind.AGENT_FROZEN: (10, AGENTS, (5.5, 9)),
    Kind.COORDINATOR_KILLED: (12, COORDINATORS, (0, 0)),
    Kind.COORDINATOR_FROZEN: (8, COORDINATORS, (5.5, 9)),
    Kind.SOLVER_KILLED: (12, AGENTS + COORDINATORS, (0, 0)),
    Kind.SOLVER_SLOWED: (8, AGENTS + COORDINATORS, (2, 6)),
    Kind.CLOCK_SET: (6, CLOCKS, (2, 10)),
    Kind.STREAM_STEPS_DOWN: (5, STREAMS, (0, 0)),
    Kind.QUEUE_STEPS_DOWN: (9, QUEUES, (0, 0)),
    Kind.STREAM_FULL: (2, STREAMS[:1], (1, 4)),
}
_SERVER: dict[Kind, tuple[int, tuple[str, ...], tuple[float, float]]] = {
    Kind.SERVER_KILLED: (10, NODES, (0, 6)),
    Kind.SERVER_FROZEN: (6, NODES, (5.5, 9)),
    Kind.PARTITION_SILENT: (4, NODES, (4, 15)),
    Kind.PARTITION_RESET: (3, NODES, (4, 15)),
    Kind.PARTITION_ONE_WAY: (3, NODES, (4, 12)),
    Kind.DISK_FULL: (2, (SMALL_DISK,), (4, 8)),
}
SERVER_KINDS = frozenset({*_SERVER, Kind.OUTAGE})

# One server at a time: until it is back and has caught up, the next must wait.
_SERVER_EVERY_S = 20.0
# Wrong by an hour, or by less than a deadline.
_CLOCK_ERRORS = (-3_600.0, -20.0, 20.0, 3_600.0)
# A short run has no time for an outage and a recovery.
_OUTAGE_FROM_S = 180.0


def plan(seed: int, *, seconds: float, faults: int) -> tuple[Fault, ...]:
    """Draw the faults of a run, in the order of their times.

    Each kind comes before any comes twice, as far as there is room: no kind is left to chance.

    Args:
        seed: The same gives the same.
        seconds: How long the run is; the first and last tenth are left in peace.
        faults: How many; those of servers are among them, as many as there is time for.
    """
    draw = random.Random(seed)  # noqa: S311 - nobody guesses it to win
    begins, ends = 0.1 * seconds, 0.9 * seconds
    slots = max(1, min(faults // 4, int((ends - begins) / _SERVER_EVERY_S)))
    width = (ends - begins) / slots
    servers = [
        _draw(draw, kind, _SERVER, begins + width * (i + draw.uniform(0, 0.3)))
        for i, kind in enumerate(_kinds(draw, _SERVER, slots))
    ]
    if seconds >= _OUTAGE_FROM_S:
        middle = slots // 2
        servers[middle] = Fault(servers[middle].at_s, Kind.OUTAGE, "all", round(draw.uniform(1, 4), 1))
    kinds = _kinds(draw, _PROCESS, faults - slots)
    processes = [_draw(draw, kind, _PROCESS, draw.uniform(begins, ends)) for kind in kinds]
    return tuple(sorted([*servers, *processes], key=lambda fault: fault.at_s))


def _kinds(
    draw: random.Random, table: dict[Kind, tuple[int, tuple[str, ...], tuple[float, float]]], count: int
) -> list[Kind]:
    """Choose *count* kinds: each once first, those drawn more often before the others, then by their shares."""
    first = sorted(table, key=lambda kind: -table[kind][0])[: max(0, count)]
    more = draw.choices(list(table), [share for share, _, _ in table.values()], k=max(0, count - len(first)))
    chosen = [*first, *more]
    draw.shuffle(chosen)
    return chosen


def _draw(
    draw: random.Random, kind: Kind, table: dict[Kind, tuple[int, tuple[str, ...], tuple[float, float]]], at_s: float
) -> Fault:
    _, targets, lasts_s = table[kind]
    amount = draw.choice(_CLOCK_ERRORS) if kind is Kind.CLOCK_SET else 0.0
    return Fault(round(at_s, 3), kind, draw.choice(targets), round(draw.uniform(*lasts_s), 1), amount)
