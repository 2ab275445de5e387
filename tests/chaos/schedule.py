"""What goes wrong, to whom and when: a function of the seed. It touches nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

PODS = ("alpha", "beta", "gamma", "delta")
AGENTS = tuple(f"{pod}-{replica}" for pod in PODS for replica in (1, 2))
COORDINATORS = ("coordinator-1", "coordinator-2", "coordinator-3")
CHALLENGERS = ("challenger-1", "challenger-2")
NODES = ("n1", "n2", "n3")
# Their clocks can be set; the others show that it is not for everybody's clock being wrong alike.
CLOCKS = ("alpha-2", "beta-2", "gamma-2", "delta-2", "coordinator-3")
QUEUES = (*(f"pod-{pod}" for pod in PODS), "coord", "coord-due", "challenger")
STREAMS = ("PODFOLIO", "PODFOLIO_TIMERS")
# Between the servers and all of their clients.
LINES = (*NODES, "all")


class Kind(StrEnum):
    """What goes wrong."""

    AGENT_KILLED = "agent killed"
    AGENT_FROZEN = "agent frozen"
    COORDINATOR_KILLED = "coordinator killed"
    COORDINATOR_FROZEN = "coordinator frozen"
    CHALLENGER_KILLED = "challenger killed"
    CHALLENGER_FROZEN = "challenger frozen"
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
    SERVER_CLOCK_SET = "server's clock set"
    POWER_CUT = "power cut of all servers"
    MEMBER_REPLACED = "server replaced by an empty one"
    LINE_THIN = "line thin"
    LINE_LOSSY = "line lossy"
    LINE_STALLED = "line stalled"
    RAW_CONTENT = "raw content"
    ID_USED_AGAIN = "id used again"
    LONG_REQUEST = "long request"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at_s: When, counted from the first request.
        kind: What.
        target: Whom: a process, a node, a stream or a queue.
        lasts_s: For how long, where that says something.
        amount: Of a clock, by how many seconds it is off; else a number that chooses among what there is then.
    """

    at_s: float
    kind: Kind
    target: str
    lasts_s: float = 0.0
    amount: float = 0.0


# How often each is drawn, who may be hit, and how long it lasts. A freeze is longer than the ack wait of 5 s.
_Table = dict[Kind, tuple[int, tuple[str, ...], tuple[float, float]]]
_PROCESS: _Table = {
    Kind.AGENT_KILLED: (28, AGENTS, (0, 0)),
    Kind.AGENT_FROZEN: (10, AGENTS, (5.5, 9)),
    Kind.COORDINATOR_KILLED: (12, COORDINATORS, (0, 0)),
    Kind.COORDINATOR_FROZEN: (8, COORDINATORS, (5.5, 9)),
    Kind.CHALLENGER_KILLED: (8, CHALLENGERS, (0, 0)),
    Kind.CHALLENGER_FROZEN: (4, CHALLENGERS, (5.5, 9)),
    Kind.SOLVER_KILLED: (12, AGENTS + COORDINATORS + CHALLENGERS, (0, 0)),
    Kind.SOLVER_SLOWED: (8, AGENTS + COORDINATORS + CHALLENGERS, (2, 6)),
    Kind.CLOCK_SET: (6, CLOCKS, (2, 10)),
    Kind.STREAM_STEPS_DOWN: (5, STREAMS, (0, 0)),
    Kind.QUEUE_STEPS_DOWN: (9, QUEUES, (0, 0)),
    Kind.STREAM_FULL: (2, STREAMS[:1], (1, 4)),
    Kind.LINE_THIN: (4, LINES, (5, 15)),
    Kind.LINE_LOSSY: (4, LINES, (4, 20)),
    Kind.LINE_STALLED: (4, LINES, (2, 12)),
    Kind.RAW_CONTENT: (10, NODES, (0, 0)),
    Kind.ID_USED_AGAIN: (14, ("in flight", "answered", "repeated"), (0, 0)),
    Kind.LONG_REQUEST: (1, ("300 parcels",), (0, 0)),
}
_SERVER: _Table = {
    Kind.SERVER_KILLED: (10, NODES, (0, 6)),
    Kind.SERVER_FROZEN: (6, NODES, (5.5, 9)),
    Kind.PARTITION_SILENT: (4, NODES, (4, 15)),
    Kind.PARTITION_RESET: (3, NODES, (4, 15)),
    Kind.PARTITION_ONE_WAY: (3, NODES, (4, 12)),
    # Of the server that leads a stream: it says when a message is stored.
    Kind.SERVER_CLOCK_SET: (3, STREAMS, (1, 10)),
    Kind.DISK_FULL: (2, NODES, (4, 8)),
    Kind.MEMBER_REPLACED: (2, NODES, (0, 0)),
}
# Of all servers at once.
_OUTAGES: _Table = {
    Kind.POWER_CUT: (2, ("all",), (0, 4)),
    Kind.OUTAGE: (1, ("all",), (1, 4)),
}
SERVER_KINDS = frozenset({*_SERVER, *_OUTAGES})
_TABLES = {**_PROCESS, **_SERVER, **_OUTAGES}
ALL_KINDS = frozenset(Kind)

# One server at a time: until it is back and has caught up, the next must wait.
_SERVER_EVERY_S = 20.0
# All of them at once more rarely; a short run has no time for an outage and a recovery.
_OUTAGE_EVERY_S = 180.0
# Wrong by an hour, or by less than a deadline.
_CLOCK_ERRORS = (-3_600.0, -20.0, 20.0, 3_600.0)
_CHOICES = 1_000_000


def named(text: str) -> frozenset[Kind]:
    """Read a list of kinds: ``power-cut,raw-content`` for these, ``-disk-full`` for all others, ``all``.

    Raises:
        ValueError: If there is no such kind.
    """
    names = {kind.name.lower().replace("_", "-"): kind for kind in Kind}
    chosen: set[Kind] = set()
    for place, name in enumerate(part.strip() for part in text.split(",")):
        without = name.startswith("-")
        if name != "all" and name.removeprefix("-") not in names:
            message = f"there is no nemesis {name!r}: choose from all, {', '.join(names)}"
            raise ValueError(message)
        if name == "all" or (without and place == 0):
            chosen |= ALL_KINDS
        if without:
            chosen.discard(names[name.removeprefix("-")])
        elif name != "all":
            chosen.add(names[name])
    return frozenset(chosen)


def plan(seed: int, *, seconds: float, faults: int, nemeses: frozenset[Kind] = ALL_KINDS) -> tuple[Fault, ...]:
    """Draw the faults of a run, in the order of their times.

    Each kind comes before any comes twice, as far as there is room: no kind is left to chance.

    Args:
        seed: The same gives the same.
        seconds: How long the run is; the first and last tenth are left in peace.
        faults: How many; those of servers are among them, as many as there is time for.
        nemeses: The kinds to draw from.
    """
    draw = random.Random(seed)  # noqa: S311 - nobody guesses it to win
    begins, ends = 0.1 * seconds, 0.9 * seconds
    processes, servers, outages = (_only(table, nemeses) for table in (_PROCESS, _SERVER, _OUTAGES))
    slots = max(1, min(faults // 4 if processes else faults, int((ends - begins) / _SERVER_EVERY_S)))
    drawn = _kinds(draw, servers or outages, slots)
    if servers and outages:
        # Between the others, and the first one not at the begin.
        count = int(seconds / _OUTAGE_EVERY_S)
        for number, kind in enumerate(_kinds(draw, outages, count)):
            drawn[(2 * number + 1) * slots // (2 * count)] = kind
    width = (ends - begins) / slots
    made = [_draw(draw, kind, begins + width * (i + draw.uniform(0, 0.3))) for i, kind in enumerate(drawn)]
    kinds = _kinds(draw, processes, faults - len(drawn))
    made += [_draw(draw, kind, draw.uniform(begins, ends)) for kind in kinds]
    return tuple(sorted(made, key=lambda fault: fault.at_s))


def _only(table: _Table, nemeses: frozenset[Kind]) -> _Table:
    return {kind: row for kind, row in table.items() if kind in nemeses}


def _kinds(draw: random.Random, table: _Table, count: int) -> list[Kind]:
    """Choose *count* kinds: each once first, those drawn more often before the others, then by their shares."""
    if not table:
        return []
    first = sorted(table, key=lambda kind: -table[kind][0])[: max(0, count)]
    more = draw.choices(list(table), [share for share, _, _ in table.values()], k=max(0, count - len(first)))
    chosen = [*first, *more]
    draw.shuffle(chosen)
    return chosen


def _draw(draw: random.Random, kind: Kind, at_s: float) -> Fault:
    _, targets, lasts_s = _TABLES[kind]
    is_clock = kind in {Kind.CLOCK_SET, Kind.SERVER_CLOCK_SET}
    amount = draw.choice(_CLOCK_ERRORS) if is_clock else float(draw.randrange(_CHOICES))
    return Fault(round(at_s, 3), kind, draw.choice(targets), round(draw.uniform(*lasts_s), 1), amount)
