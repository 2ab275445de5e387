"""Measure speed and size, side by side with SCIP, and write them down with the machine's description.

``python benchmarks/run.py [--only SECTION ...] [--write docs/benchmarks.md]``. The sections are

- ``reference``: both stages of the reference customer; half a minute
- ``answers``: the whole answer of a coordinator, step by step, in CPU time; a minute
- ``system``: requests through the whole system, memory, start-up; a minute
- ``processors``: the time of processors per request by process and step, and one to three replicas; two minutes
- ``overload``: twice what the system can do, for a minute; two minutes
- ``trading``: customers who own 12 to 400 parcels; half a minute
- ``limits``: how long after its limit a search answers; a minute
- ``ladder``: synthetic instances up to 400 ETFs and 16 pods (``ladder.py``); hours, or its ``--budget``
- ``public``: public instances of one portfolio, from the files in ``--data DIR``; minutes

By default ``reference``, ``answers``, ``system``, ``processors`` and ``trading``. What is written replaces these
sections of the document and keeps the others.
Nothing here is a test: a number depends on the machine, and says so.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import answers
import ladder
import limits
import overload
import processors
import reference
import running_system
import trading
from measurements import compose, machine, table

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = ("what", "measured", "aim")

TITLES = {
    "reference": "The reference customer",
    "answers": "The whole answer",
    "system": "The whole system",
    "processors": "Where the time of processors goes",
    "overload": "Twice what it can do",
    "trading": "Trading what is owned",
    "limits": "Time limits",
    "ladder": "The ladder",
    "public": "Public instances",
}

DEFAULT = ["reference", "answers", "system", "processors", "trading"]


def main() -> None:
    """Measure what was asked for; print it, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TITLES, default=DEFAULT, help="what to measure")
    parser.add_argument("--write", type=Path, help="write the sections into this Markdown file")
    parser.add_argument("--data", type=Path, help="where the public instances are")
    ladder.add_options(parser.add_argument_group("the ladder"))
    options = parser.parse_args()
    if "public" in options.only and options.data is None:
        parser.error("the public instances need --data DIR")
    print(machine())
    for key in options.only:
        body = section(key, options)
        print(f"\n## {TITLES[key]}\n\n{body}")
        if options.write:
            compose(options.write, list(TITLES.values()), {TITLES[key]: body})


def section(key: str, options: argparse.Namespace) -> str:
    """Measure one section; its Markdown."""
    measures: dict[str, Callable[[], str]] = {
        "reference": lambda: table(_HEADER, reference.measure()),
        "answers": lambda: table(answers.HEADER, answers.measure()),
        "system": lambda: table(_HEADER, running_system.measure()),
        "processors": processors.report,
        "overload": lambda: table(_HEADER, overload.measure()),
        "trading": lambda: table(trading.HEADER, trading.measure()),
        "limits": lambda: table(_HEADER, limits.measure()),
        "ladder": lambda: ladder.measure(options),
        # Loaded when asked for: it compiles its loops on import.
        "public": lambda: import_module("public_instances").measure(options.data),
    }
    return measures[key]()


if __name__ == "__main__":
    main()
