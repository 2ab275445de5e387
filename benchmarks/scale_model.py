"""Simulate a night: requests through a server, agents and coordinators on some cores, event by event. Pure.

A customer is a request to the server, a task of an agent of each pod, a task of a coordinator's solver, and the final
event through the server and the client. A task has a station with so many places, and needs a core while it is worked
on; what waits is served in the order of its coming. The model knows no network, no disk and no failure.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = 4
SOLVERS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """The mean CPU time that one customer takes, seconds, and the bytes that the event stream keeps of it.

    Attributes:
        agent_s: Of the agent of one pod, with its solver.
        coordinator_s: Of a coordinator, with its solvers.
        server_s: Of the server.
        client_s: Of the run of the book.
        stream_bytes: Bytes of all messages.
    """

    agent_s: float
    coordinator_s: float
    server_s: float
    client_s: float
    stream_bytes: float = 0.0

    @property
    def cpu_s(self) -> float:
        """CPU time of a customer in all processes, seconds."""
        return PODS * self.agent_s + self.coordinator_s + self.server_s + self.client_s


@dataclass(frozen=True, slots=True)
class Farm:
    """The machines and processes.

    Attributes:
        cores: Cores, each of which does one task at a time.
        replicas: Replicas of each agent, and of the coordinator.
        in_flight: Requests that a client has in flight.
        partitions: Event streams, each with a server and a client of its own.
    """

    cores: float
    replicas: int
    in_flight: int = 48
    partitions: int = 1


@dataclass(frozen=True, slots=True)
class Night:
    """The result of a simulation.

    Attributes:
        elapsed_s: Time from the first request to the last final event, seconds.
        customers: Customers.
        busy: The part of the time in which a core, the server, the client and a place of the solvers was busy.
        longest_queue: The most requests that waited for a coordinator.
    """

    elapsed_s: float
    customers: int
    busy: dict[str, float]
    longest_queue: int

    @property
    def per_second(self) -> float:
        """Customers per second."""
        return self.customers / self.elapsed_s


def simulate(farm: Farm, cost: Cost, customers: int, seed: int = 1) -> Night:
    """Simulate a night; the times of agents and solvers are exponential, and a seed always gives the same night."""
    return _Simulation(farm, cost, seed).run(customers)


class _Simulation:
    def __init__(self, farm: Farm, cost: Cost, seed: int) -> None:
        self.farm, self.cost = farm, cost
        self.draw = random.Random(seed)  # noqa: S311 - a simulation
        self.places = {f"agent {pod}": farm.replicas for pod in range(PODS)}
        self.places |= {"solver": SOLVERS * farm.replicas, "server": farm.partitions, "client": farm.partitions}
        self.free = Counter(self.places)
        # Part of a core makes every task slower: cores that others use for a part of the time.
        self.cores = max(int(farm.cores), 1)
        self.slower = self.cores / farm.cores
        self.waiting: dict[str, deque[tuple[int, float, Callable[[], None]]]] = {name: deque() for name in self.places}
        self.ends: list[tuple[float, int, str, Callable[[], None]]] = []
        self.order, self.now, self.longest = count(), 0.0, 0
        self.worked: Counter[str] = Counter()

    def run(self, customers: int) -> Night:
        asked = done = 0

        def ask() -> None:
            nonlocal asked
            if asked < customers:
                asked += 1
                self._customer(finished)

        def finished() -> None:
            nonlocal done
            done += 1
            ask()

        for _ in range(min(self.farm.in_flight * self.farm.partitions, customers)):
            ask()
        self._start()
        while self.ends:
            self.now, _, station, then = heapq.heappop(self.ends)
            self.free[station] += 1
            self.cores += 1
            then()
            self._start()
        assert done == customers  # noqa: S101 - every customer leaves
        busy = {name: self.worked[name] / self.now / self.places[name] for name in ("server", "client", "solver")}
        whole = sum(self.worked.values()) / self.now / max(int(self.farm.cores), 1)
        return Night(self.now, customers, busy | {"cores": whole}, self.longest)

    def _customer(self, finished: Callable[[], None]) -> None:
        left = PODS

        def answered() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._task("solver", self.draw.expovariate(1 / self.cost.coordinator_s), solved)

        def stored() -> None:
            for pod in range(PODS):
                self._task(f"agent {pod}", self.draw.expovariate(1 / self.cost.agent_s), answered)

        def solved() -> None:
            self._task("server", self.cost.server_s / 2, published)

        def published() -> None:
            self._task("client", self.cost.client_s, finished)

        self._task("server", self.cost.server_s / 2, stored)

    def _task(self, station: str, seconds: float, then: Callable[[], None]) -> None:
        self.waiting[station].append((next(self.order), seconds * self.slower, then))
        self.longest = max(self.longest, len(self.waiting["solver"]))

    def _start(self) -> None:
        """Start what has a place and a core, first come, first served."""
        while self.cores:
            ready = [(queue[0][0], name) for name, queue in self.waiting.items() if queue and self.free[name]]
            if not ready:
                return
            _, station = min(ready)
            _, seconds, then = self.waiting[station].popleft()
            self.free[station] -= 1
            self.cores -= 1
            self.worked[station] += seconds
            heapq.heappush(self.ends, (self.now + seconds, next(self.order), station, then))
