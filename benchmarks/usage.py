"""What the processes that a benchmark has started use: processors and memory, each with its children."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024

CHILD = "'s child"


@dataclass(frozen=True, slots=True)
class Use:
    """What a process and its children use.

    Attributes:
        cpu_s: Time of processors so far.
        resident_mib: Resident memory; what several share counts for each.
        shared_out_mib: Memory with what is shared divided among those who share it (PSS).
    """

    cpu_s: float = 0.0
    resident_mib: float = 0.0
    shared_out_mib: float = 0.0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.cpu_s + other.cpu_s,
            self.resident_mib + other.resident_mib,
            self.shared_out_mib + other.shared_out_mib,
        )


def used(*, apart: bool = False) -> dict[str, Use]:
    """Say what each uses, by name: ``agents alpha``, ``coordinator``, ``nats-server``.

    With *apart*, what the children of a process use has a name of its own: ``coordinator's child``.
    """
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(_after_name(stat)[1])
    found: dict[str, Use] = {}
    for pid in parents:
        top = pid
        while parents.get(top, os.getpid()) != os.getpid():
            top = parents[top]
        if top not in parents:
            continue  # nobody whom we started
        with suppress(OSError):  # it has ended
            name = _name(Path(f"/proc/{top}"))
            if apart and pid != top:
                name += CHILD
            found[name] = found.get(name, Use()) + _use(Path(f"/proc/{pid}"))
    return found


def _name(process: Path) -> str:
    """Name a process by its command: what follows ``-m``, else the program."""
    words = (process / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
    program = Path(words[0]).name
    return " ".join(word for word in words[2:4] if not word.startswith("-")) if words[1:2] == ["-m"] else program


def _use(process: Path) -> Use:
    user, system = map(int, _after_name(process / "stat")[11:13])
    sizes = dict(line.split(":") for line in (process / "smaps_rollup").read_text().splitlines()[1:])
    return Use((user + system) / _TICKS, int(sizes["Rss"].split()[0]) / _KIB, int(sizes["Pss"].split()[0]) / _KIB)


def _after_name(stat: Path) -> list[str]:
    # A process's name may hold anything, also blanks.
    return stat.read_text().rpartition(")")[2].split()
