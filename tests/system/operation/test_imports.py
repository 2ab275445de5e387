"""What every process holds from its start: a library that only some requests need stays out until one does."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

PROCESSES = ("agents.__main__", "coordinator.__main__", "challenger.__main__")
# Imports, says so, and begins to work.
CODE = """
import gc, json, sys, {module}
loaded, before = list(sys.modules), [gc.isenabled(), gc.get_stats()[2]["collections"]]
from bus.process.starting import started
started()
import rich.console, structlog
after = [gc.isenabled(), gc.get_freeze_count() > 10_000, structlog.dev.rich]
print(json.dumps(dict(loaded=loaded, before=before, after=after)))
"""


@cache
def start_of(module: str) -> dict[str, Any]:
    command = [sys.executable, "-c", CODE.format(module=module)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.mark.parametrize("module", [*PROCESSES, "agents.solve_pod", "coordinator.solve_request"])
def test_no_process_starts_with_scipy(module: str) -> None:
    # It is 24 MiB in each, and a third of a second.
    loaded = start_of(module)["loaded"]

    assert module.removesuffix(".__main__") in loaded
    assert "scipy" not in loaded


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_starts_without_colours_and_rounds_of_the_collector(module: str) -> None:
    # A fifth of its start. Afterwards garbage is collected, and whoever needs rich has it.
    found = start_of(module)

    assert "rich" not in found["loaded"]
    assert found["before"] == [False, 0]
    assert found["after"] == [True, True, None]
