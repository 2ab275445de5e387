"""Run one replica of a pod's agent: ``python -m agents alpha``."""

from __future__ import annotations

import bus.process.starting  # noqa: F401 - first of all

# isort: split
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from agents import mandate_files
from agents.pod_solver import MOST_S, PodSolver
from agents.worker import Agent
from bus.language.plain_text import printable
from bus.language.signing import POD, Signer
from bus.language.subjects import ALL_REQUESTS, MessageKind
from bus.observability.service import Endpoint, Service
from bus.port import pod_queue
from bus.process.child import SolverProcess
from bus.process.frame import configure_logs, run
from bus.process.options import connection_options, replica_options
from bus.topology.roles import agent_role, service_name
from bus.transports.snapshots import fetching
from portfolio.errors import DataError

if TYPE_CHECKING:
    import asyncio

    from bus.process.settings import ListenAddress
    from bus.transports.jetstream import Connection, JetStreamBus


@click.command()
@click.argument("pod", envvar="PODFOLIO_POD")
@connection_options("podfolio-agent")
@replica_options(seconds=MOST_S)
def main(
    pod: str, settings: Connection, at_once: int, http: ListenAddress | None, solver_mib: int, solver_seconds: float
) -> None:
    """Run one replica of the agent of POD: the name of a bundled mandate, or the path of a .toml file."""
    try:
        mandate = mandate_files.load(pod)
    except DataError as error:
        raise click.BadParameter(printable(str(error)), param_hint="POD") from None
    configure_logs(process=f"agent.{mandate.pod}")
    settings = replace(settings, role=agent_role(mandate.pod))
    service = Service(
        service_name(settings.role),
        f"Podfolio's agent of the pod {mandate.pod}",
        (Endpoint(MessageKind.REQUEST, ALL_REQUESTS, pod_queue(mandate.pod)),),
    )

    async def work(bus: JetStreamBus, stop: asyncio.Event, ready: asyncio.Event) -> None:
        secret = settings.nkey_seed or settings.credentials
        signer = Signer(secret, POD) if secret else None
        with fetching(bus) as provide:
            async with SolverProcess(("agents.solve_pod", pod), solver_mib, solver_seconds) as process:
                ready.set()
                solver = PodSolver(process, mandate.pod)
                await Agent(bus, mandate.pod, solver.answer, provide, signer).run(stop, at_once=at_once)

    set_up_by = "podfolio setup" if mandate.pod in mandate_files.bundled() else f"podfolio setup --pod {mandate.pod}"
    sys.exit(run(settings, work, service=service, http=http, set_up_by=set_up_by))


if __name__ == "__main__":
    main()
