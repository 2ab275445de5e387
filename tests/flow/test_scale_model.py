"""The simulation of a night, where its result is known: one bottleneck, and the rate that follows from it."""

from __future__ import annotations

import pytest
from scale_model import PODS, SOLVERS, Cost, Farm, simulate

COST = Cost(agent_s=0.005, coordinator_s=0.2, server_s=0.01, client_s=0.005)
MANY = 2_000


@pytest.mark.parametrize(
    ("farm", "cost", "per_second", "busy"),
    [
        # Two cores do nothing but work on customers.
        (Farm(2, replicas=2), COST, 2 / COST.cpu_s, "cores"),
        # Three solvers, and cores in plenty.
        (Farm(16, replicas=1), COST, SOLVERS / COST.coordinator_s, "solver"),
        # The server, whatever else there is; two partitions are two servers.
        (Farm(500, replicas=100, in_flight=1_000), COST, 1 / COST.server_s, "server"),
        (Farm(500, replicas=100, in_flight=1_000, partitions=2), COST, 2 / COST.server_s, "server"),
    ],
)
def test_the_rate_is_that_of_the_bottleneck(farm: Farm, cost: Cost, per_second: float, busy: str) -> None:
    made = simulate(farm, cost, MANY)

    assert made.per_second == pytest.approx(per_second, rel=0.07)
    assert made.busy[busy] == pytest.approx(1, abs=0.07)
    assert max(made.busy, key=lambda name: made.busy[name]) == busy


def test_one_request_in_flight_takes_its_own_time_and_never_waits() -> None:
    made = simulate(Farm(16, replicas=4, in_flight=1), COST, MANY)
    # The last of four exponential times takes 1 + 1/2 + 1/3 + 1/4 of their mean.
    alone = COST.server_s + COST.client_s + COST.coordinator_s + COST.agent_s * sum(1 / n for n in range(1, PODS + 1))

    assert 1 / made.per_second == pytest.approx(alone, rel=0.07)
    assert made.longest_queue == 1


def test_half_a_core_takes_twice_as_long_and_the_same_seed_gives_the_same_night() -> None:
    half, whole = (simulate(Farm(cores, replicas=1), COST, 200) for cores in (0.5, 1.0))

    assert half.elapsed_s == pytest.approx(2 * whole.elapsed_s)
    assert simulate(Farm(1, replicas=1), COST, 200) == whole
    assert simulate(Farm(1, replicas=1), COST, 200, seed=2) != whole
