"""Compose the document of measurements from sections that can each be measured again alone."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_INTRO = """# Benchmarks

Written by `make bench`, `make bench-ladder` and `make bench-public`; every section says where and when it was
measured. Medians, with the range of all runs in brackets. Nothing here is a test.
"""


def compose(path: Path, order: Sequence[str], measured: Mapping[str, str]) -> None:
    """Replace the sections that were *measured*, by title; keep the others as they are, all in this *order*."""
    bodies = _sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    bodies.update({title: f"{machine()}\n\n{body.strip()}" for title, body in measured.items()})
    text = "\n".join([_INTRO, *(f"## {title}\n\n{bodies[title].strip()}\n" for title in order if title in bodies)])
    path.write_text(text, encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    parts = ("\n" + text).split("\n## ")[1:]
    return {title: body for title, _, body in (part.partition("\n") for part in parts)}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, its columns aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def machine() -> str:
    """Describe the machine."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}."
    )


def timed(work: Callable[[], object]) -> float:
    """Time one call, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def spread(seconds: Sequence[float]) -> str:
    """Write the median and the range."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{middle * 1e3:.1f} ms ({low * 1e3:.1f} to {high * 1e3:.1f}, {len(seconds)} runs)"
