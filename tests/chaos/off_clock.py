"""Run a process of ours whose clock is off by the seconds in a file: ``off_clock.py FILE MODULE [ARGUMENT...]``.

Only what our own code asks the clock is off. libfaketime would set off everything, and breaks Python's waits:
``time.sleep`` raises an error, and threads wait for each other much longer (0.9.10, Python 3.11).
"""

from __future__ import annotations

import importlib
import runpy
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

# Where our processes read the clock; a coordinator has the server's for all that matters.
_READERS = {
    "agents": ("agents.worker", "bus.process.observed_handler"),
    "challenger": ("bus.process.observed_handler",),
    "coordinator": ("bus.process.observed_handler",),
}


def off_by(file: Path) -> type[datetime]:
    """Make a clock that is off by as many seconds as *file* says when it is read."""

    class Off(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=float(file.read_text(encoding="ascii")))

    return Off


def main(file: Path, module: str) -> None:
    """Run *module* as ``python -m`` would."""
    for name in _READERS[module]:
        reader = importlib.import_module(name)
        assert reader.datetime is datetime, f"{name} reads the clock in some other way"
        vars(reader)["datetime"] = off_by(file)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[0] = ""  # as with -m, not this folder
    _, clock, name, *arguments = sys.argv
    sys.argv = [name, *arguments]
    main(Path(clock), name)
