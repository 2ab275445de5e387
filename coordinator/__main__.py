"""Run one replica of the coordinator: ``python -m coordinator``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.jetstream.roles import COORDINATOR
from bus.options import connection_options, replica_options
from bus.port import COORDINATORS
from bus.process import configure_logs, run
from coordinator.shell import Coordinator
from coordinator.solver import Solver

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from bus.jetstream import Connection
    from bus.port import Bus


@click.command()
@connection_options("podfolio-coordinator", role=COORDINATOR)
@replica_options
def main(settings: Connection, at_once: int, ready_file: Path | None, solver_mib: int, solver_seconds: float) -> None:
    """Run one replica of the coordinator."""
    configure_logs(process="coordinator")

    async def work(bus: Bus, stop: asyncio.Event, ready: asyncio.Event) -> None:
        async with Solver(memory_mib=solver_mib, silent_s=solver_seconds) as solver:
            ready.set()
            await Coordinator(bus, solver.optimise).run(stop, at_once=at_once)

    sys.exit(run(settings, work, queues=frozenset({COORDINATORS}), ready_file=ready_file))


if __name__ == "__main__":
    main()
