"""A process loads no module that it does not need: users, and hundreds of tests, wait for each start.

Facts about ``sys.modules``, not times. Each number beside a module is the CPU that its import took on one machine.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.requests_made import ROOT

# 0.2 s; 0.1 s, some of it at the first solution; 0.4 s.
SOLVERS = ("scipy", "clarabel", "numba", "portfolio.conic", "portfolio.pod.optimise", "portfolio.master")
# 0.1 s; 0.1 s; 0.05 s each.
CONVERSATION = ("structlog", "nats", "asyncio", "prometheus_client", "opentelemetry", "cryptography")
PAGES = ("rich", "jinja2", "pptx", "matplotlib", "vl_convert", "starlette", "report", "dashboard")
# The agent's own process reads no figure, so it needs no vectors either (0.13 s).
NEEDLESS = {
    "agents.__main__": ("numpy", *SOLVERS, "report", "dashboard", "cli"),
    "agents.solve_pod": ("scipy", "numba", "portfolio.master", *CONVERSATION, *PAGES, "cli"),
    "challenger.__main__": (*SOLVERS, "report", "dashboard", "cli"),
    "challenger.solve_challenge": ("scipy", "numba", *CONVERSATION, *PAGES, "cli"),
    # It compares accounts with markets, so it has vectors.
    "reviewer.__main__": (*SOLVERS, "jinja2", "matplotlib", "starlette", "dashboard", "cli"),
    "coordinator.__main__": (*SOLVERS, "report", "dashboard", "cli"),
    "coordinator.solve_request": ("scipy", "numba", *CONVERSATION, *PAGES, "cli"),
    # The help of a command, too: its module is loaded here, the modules of its work are not.
    "cli.__main__": ("numpy", "pydantic", *SOLVERS, *CONVERSATION, *PAGES, "agents", "challenger", "coordinator"),
}


@pytest.mark.parametrize("process", NEEDLESS)
def test_a_process_loads_nothing_that_it_does_not_need(process: str) -> None:
    told = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", f"import sys, {process}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(told.stdout.split())

    assert process in loaded
    assert loaded.isdisjoint(NEEDLESS[process])
