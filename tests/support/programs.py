"""Programs that some tests need besides Python: find them, or leave those tests out and say so at the end.

With ``PODFOLIO_LEAVE_NOTHING_OUT=1``, as CI sets it, a missing program is a failure.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import pytest

STRICT = "PODFOLIO_LEAVE_NOTHING_OUT"
_LEFT_OUT = "left out: "


@dataclass(frozen=True)
class Program:
    """A program of the system.

    Attributes:
        name: Its file's name.
        to_get_it: How to install it.
    """

    name: str
    to_get_it: str

    def path(self) -> str:
        """Return its path; without it, the calling test is left out (or fails, where nothing may be)."""
        if found := shutil.which(self.name):
            return found
        missing = f"{self.name} is not installed: {self.to_get_it}"
        if os.environ.get(STRICT):
            pytest.fail(missing, pytrace=False)
        pytest.skip(_LEFT_OUT + missing)


CHROMIUM = Program("chromium", "on Debian, apt-get install chromium")
KUBECTL = Program("kubectl", "install 1.27 or newer, as the documentation of Kubernetes says")
NODE = Program("node", "install Node.js 20 or newer; on Debian, apt-get install nodejs")
NPM = Program("npm", "install Node.js 20 or newer; on Debian, apt-get install npm")
PROMTOOL = Program("promtool", "on Debian, apt-get install prometheus")
PROMETHEUS = Program("prometheus", "on Debian, apt-get install prometheus")


def left_out(reports: list[pytest.TestReport]) -> dict[str, int]:
    """Count the tests that were left out, by the reason."""
    counts: dict[str, int] = {}
    for report in reports:
        if isinstance(report.longrepr, tuple) and _LEFT_OUT in (reason := str(report.longrepr[2])):
            missing = reason.partition(_LEFT_OUT)[2]
            counts[missing] = counts.get(missing, 0) + 1
    return counts
