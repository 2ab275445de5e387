"""Tell what a run did: a page for the terminal, and a section for the documentation."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from chaos.load import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from chaos.fleet import End
    from chaos.outages import Outage
    from chaos.storm import Outcome

HEADING = "## The last long run"


def machine() -> str:
    """Describe the machine, and how many processes it had to run of late, also of others."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[-1]:.1f}"
    )


def meets_aim(outcome: Outcome) -> bool:
    """Whether 99 of 100 requests were answered within their deadlines, by the clock that nobody sets.

    Those count that could be: whose servers could store and be reached all the time.
    """
    prompt = outcome.judgement.prompt
    return 100 * len(prompt.broken_s) <= prompt.promised


def rows(outcome: Outcome) -> list[tuple[str, str]]:
    """Give the figures of a run, each with its name."""
    verdict, load = outcome.verdict, outcome.load
    told = [f"{count:,} {name}" for name, count in verdict.outcomes.items()]
    lost = sum(line.endswith(("not in the stream", "has 0 final events")) for line in outcome.wrong)
    return [
        ("Requests acknowledged", f"{len(load.acknowledged):,}"),
        ("Final events", f"{verdict.finals:,} ({', '.join(told)})"),
        ("Acknowledged and lost", f"{lost:,}"),
        (
            "Faults",
            f"{outcome.faults.total():,} in {outcome.took_s:.0f} s; processes started again {outcome.starts:,} times",
        ),
        *_history_rows(outcome),
        ("Stored to final, median", f"{verdict.latency_s(0.5):.3f} s"),
        (
            "Stored to final, 99 of 100",
            f"{verdict.latency_s(0.99):.2f} s; deadline {DEADLINE_S:g} s, of long requests more",
        ),
        ("Stored to final, longest", f"{verdict.latency_s(1.0):.2f} s"),
        ("Finals stored after their deadline, by the servers' clocks", _late(verdict.late_s)),
        ("Different portfolios, each checked", f"{verdict.different:,}"),
        ("Portfolios not proven in time", f"{verdict.unproven:,}"),
        ("Portfolios proven, but time cut figures of goals", f"{verdict.cut:,}"),
        ("Computed for nothing", ", ".join(f"{count:,} by {who}" for who, count in outcome.wasted.items())),
        ("Requests given up by their clients", f"{len(load.abandoned):,}"),
        ("Processes that ended by themselves", _ended(outcome.unasked)),
        ("Deliveries that wait for the time of a server's wrong clock", f"{outcome.waiting:,}"),
        ("Machine", machine()),
        ("Seed", str(outcome.storm.seed)),
    ]


def _history_rows(outcome: Outcome) -> list[tuple[str, str]]:
    """Give what the history shows."""
    judged = outcome.judgement
    tries = ", ".join(f"{count:,} {what}" for what, count in judged.tries.items())
    return [
        ("Tries to publish, by what the client was told", tries),
        ("Stored, and no client was told so", f"{judged.unknown_stored:,}"),
        ("Messages seen by observers and readers", f"{judged.sights:,}; {judged.final_readings:,} of them finals"),
        (
            "Acknowledged to final seen, longest",
            f"{max(judged.prompt.waited_s, default=0):.2f} s by the clients' clock",
        ),
        ("Finals seen after their deadline", _late(judged.prompt.late_s)),
        (
            "Of requests whose servers could be reached and store, with the right time, until the deadline",
            f"{_late(judged.prompt.broken_s)}; of {judged.prompt.promised:,}",
        ),
        ("Servers could not store, or not be reached, or had the wrong time", _outages(judged.prompt.outages)),
        ("Given up too early by a server's wrong clock", f"{judged.prompt.early:,}"),
    ]


def _late(late_s: tuple[float, ...]) -> str:
    return f"{len(late_s):,}, at most by {late_s[-1]:.1f} s" if late_s else "none"


def _outages(outages: tuple[Outage, ...]) -> str:
    lasted_s = [outage.end_s - outage.begin_s for outage in outages]
    if not lasted_s:
        return "never"
    return f"{len(outages):,} times, {sum(lasted_s):.0f} s in all, at most {max(lasted_s):.1f} s"


def _ended(unasked: Iterable[End]) -> str:
    counted = Counter(end.status for end in unasked)
    return ", ".join(f"{count:,} with status {status}" for status, count in counted.items()) or "none"


def page(outcome: Outcome) -> RenderableType:
    """Set a page for the terminal."""
    figures = Table("Figure", "Value", title="What became of the requests", title_justify="left")
    for name, value in rows(outcome):
        figures.add_row(name, value)
    kinds = Table("Fault", "Times", title="What went wrong", title_justify="left")
    for name, count in _kinds(outcome):
        kinds.add_row(name, count)
    parts: list[RenderableType] = [kinds, figures]
    if outcome.wrong:
        parts.append(Text("BROKEN:\n" + "\n".join(f"  {line}" for line in outcome.wrong), style="bold red"))
    else:
        parts.append(
            Text(
                "Every acknowledged request ended in exactly one final event, the same to everybody.",
                style="bold green",
            )
        )
    parts += [
        Text(f"{end.name} ended by itself with status {end.status}; its last words:\n{end.words}")
        for end in outcome.unasked
    ]
    if not meets_aim(outcome):
        told = "More than 1 of 100 took longer than their deadline, although servers could be reached and store."
        parts.append(Text(told, style="bold yellow"))
    return Group(*parts)


def _kinds(outcome: Outcome) -> list[tuple[str, str]]:
    done = [(kind.value, f"{count:,}") for kind, count in outcome.faults.most_common()]
    if outcome.missed:
        done.append(("hit nobody, who was just dead", f"{outcome.missed:,}"))
    return done + [(kind.value, f"not done: {why}") for kind, why in sorted(outcome.skipped.items())]


def write(path: Path, outcome: Outcome) -> None:
    """Replace the last section of the document by this run's figures."""
    text, heading, _ = path.read_text(encoding="utf-8").partition(HEADING)
    if not heading:
        message = f"{path} has no section {HEADING!r}"
        raise ValueError(message)
    storm = outcome.storm
    command = f"make chaos REQUESTS={storm.requests} SECONDS={storm.seconds:g} FAULTS={storm.faults} SEED={storm.seed}"
    broken = "".join(f"- {line}\n" for line in outcome.wrong) or "Nothing broke the promise.\n"
    section = f"\n\nWritten by `{command} WRITE=docs/reliability.md`.\n\n{broken}\n"
    section += _markdown(("", "measured"), rows(outcome)) + "\n" + _markdown(("fault", "times"), _kinds(outcome))
    path.write_text(text + HEADING + section, encoding="utf-8")


def _markdown(header: tuple[str, str], lines: list[tuple[str, str]]) -> str:
    return "".join(f"| {name} | {value} |\n" for name, value in [header, ("---", "---"), *lines])
