"""What every process holds from its start: a library that only some requests need stays out until one does."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["agents.__main__", "agents.solve_pod", "coordinator.__main__", "coordinator.solve_request"]
)
def test_no_process_starts_with_scipy(module: str) -> None:
    # It is 24 MiB in each, and a third of a second.
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own

    assert module.removesuffix(".__main__") in loaded.stdout.split()
    assert "scipy" not in loaded.stdout.split()
