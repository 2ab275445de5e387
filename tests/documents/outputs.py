"""Find the outputs of commands in the documents, and run the commands to see what they print now.

A page marks an output by a comment before the block: the command, and the part of its output that is shown::

    <!-- podfolio demo: How the money is spread -->

The part is the title of a table, or the word ``stream`` for the lines of the event stream.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from support.requests_made import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_MARKED = re.compile(r"<!-- podfolio (?P<command>[^:\n]+): (?P<part>[^\n]+?) -->\n```\n(?P<block>.*?)```\n", re.DOTALL)
_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC +\d+  "
_EVENT = re.compile(rf"{_TIME}podfolio\.", re.MULTILINE)
# More than any of these commands takes on a busy machine.
_PATIENCE_S = 300


@dataclass(frozen=True)
class Output:
    """A block of a document that shows a part of a command's output.

    Attributes:
        command: The arguments of ``podfolio``.
        part: The title of the table, or ``stream``.
        block: The text that the document shows.
    """

    command: str
    part: str
    block: str

    def printed(self) -> str:
        """Run the command and return the part of its output that belongs here, as it is now."""
        lines = _run(self.command).splitlines()
        if self.part == "stream":
            return "".join(f"{line.rstrip()}\n" for line in lines if _EVENT.match(line))
        at = next(number for number, line in enumerate(lines) if line.strip().startswith(self.part))
        table = takewhile(lambda line: line.startswith(("+", "|")), lines[at + 1 :])
        return "".join(f"{line.rstrip()}\n" for line in (lines[at], *table))

    def is_current(self) -> bool:
        """Return whether the document shows what the command prints; times and the order of pods may differ."""
        if self.part != "stream":
            return self.block == self.printed()
        return sorted(map(_without_times, self.block.splitlines())) == sorted(
            map(_without_times, self.printed().splitlines())
        )


def outputs(page: str) -> list[Output]:
    """Find the marked outputs of a page."""
    return [Output(found["command"], found["part"], found["block"]) for found in _MARKED.finditer(page)]


def documents() -> list[Path]:
    """All pages that people read, the decisions aside."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_outputs(page: str) -> str:
    """Put the present output into every marked block that differs."""
    for output in outputs(page):
        if not output.is_current():
            page = page.replace(output.block, output.printed(), 1)
    return page


@cache
def _run(command: str) -> str:
    run = subprocess.run(  # noqa: S603 - a command of ours, from a document of ours
        [sys.executable, "-m", "cli", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=True,
    )
    return run.stdout


def _without_times(line: str) -> str:
    """Keep what two runs have in common: not when and how fast it was, nor which pod answered first."""
    said = re.sub(_TIME, "", line)
    return re.sub(r"\d+(\.\d+)? ms", "ms", said)
