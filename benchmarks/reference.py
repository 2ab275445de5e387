"""Measure stage 1 and stage 2 of the reference customer, side by side with SCIP."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import scip_model
from measurements import spread, timed
from solver import minimise

from agents import answer as agent
from agents import mandate_files
from bus.language.messages import parse_request
from portfolio.case.case import Case
from portfolio.market import snapshot as markets
from portfolio.master.statement.formulation import Formulation
from portfolio.pod.optimise import optimise_sleeve

if TYPE_CHECKING:
    from bus.language.messages import OptimizationRequest

REFERENCE = Path(__file__).parent.parent / "examples" / "reference-customer.json"
Row = tuple[str, str, str]

SOLVES, SCIP_SOLVES, REQUESTS = 40, 5, 20


def measure() -> list[Row]:
    """Measure both stages."""
    return [*agents(), *stages()]


def request() -> OptimizationRequest:
    """Read the reference customer's request."""
    return parse_request(REFERENCE.read_bytes(), "reference-customer")


def agents() -> list[Row]:
    """Time what an agent does with a request: a question it was never asked, and the same question again.

    Stage 1 depends on the market, the mandate and what the customer refuses, and on nothing else of a request.
    """
    data, rows = REFERENCE.read_bytes(), []
    for pod in sorted(request().pod_weights or {}):
        mandate, first, again = mandate_files.load(pod), [], []
        for _ in range(REQUESTS):
            agent._optimise_alone.cache_clear()  # noqa: SLF001 - as if the process were new
            first.append(timed(lambda m=mandate: agent.answer(m, "reference-customer", data)))
            again.append(timed(lambda m=mandate: agent.answer(m, "reference-customer", data)))
        rows.append((f"stage 1, agent {pod}: a request never seen", spread(first), ""))
        rows.append((f"stage 1, agent {pod}: one like it again", spread(again), ""))
    return rows


def stages() -> list[Row]:
    """Time stage 2 of the reference customer, and the same through SCIP, in turn."""
    asked = request()
    market = markets.load(asked.market)
    shares, terms = asked.shares() or {}, asked.terms()
    pods = {pod: mandate_files.load(pod) for pod in sorted(shares)}
    alone = [timed(lambda p=p: optimise_sleeve(market, pods[p], shares[p])) for p in pods for _ in range(SOLVES)]
    sleeves = [optimise_sleeve(market, mandate, shares[pod]) for pod, mandate in pods.items()]
    ours, scip, value = [], [], 0.0
    solution = minimise(Formulation(Case(market, sleeves, terms)).program)
    for i in range(SOLVES):
        ours.append(timed(lambda: minimise(Formulation(Case(market, sleeves, terms)).program)))
        if i % (SOLVES // SCIP_SOLVES) == 0:
            began = time.perf_counter()
            answer = scip_model.solve(market, sleeves, terms)
            scip.append(time.perf_counter() - began)
            value = answer.value
    return [
        ("stage 1, one pod alone, without the agent", spread(alone), ""),
        ("stage 2, gap 1e-4", spread(ours), "20 ms"),
        ("the same through SCIP", spread(scip), ""),
        ("SCIP over ours", f"{statistics.median(scip) / statistics.median(ours):.1f} times", "at least 5"),
        ("objective: ours, SCIP's", f"{-solution.value:.6f}, {value:.6f}", "equal within the gap"),
        ("nodes, gap reached", f"{solution.nodes}, {solution.gap:.1e}", ""),
    ]
