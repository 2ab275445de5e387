"""Data of messages stands below the algorithms: whoever reads a message loads no solver."""

from __future__ import annotations

import subprocess
import sys

# Rooms of data, the law that says which kinds of gains there are, and the rules of text and of files.
DATA = {"counted", "errors", "files", "market", "names", "plain_text", "published", "tax", "terms"}
SOLVERS = {"clarabel", "numba", "pyscipopt", "scipy"}


def test_messages_load_data_alone() -> None:
    command = [sys.executable, "-c", "import sys, bus.language.messages; print(*sys.modules)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - ours
    loaded = set(printed.split())

    rooms = {name.split(".")[1] for name in loaded if name.startswith("portfolio.")}
    assert "bus.language.messages" in loaded
    assert rooms <= DATA
    assert not loaded & SOLVERS
    assert not {"portfolio.market.snapshot", "portfolio.tax.sale"} & loaded
