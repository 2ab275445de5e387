"""Run one replica of the coordinator: ``python -m coordinator``."""

from __future__ import annotations

import bus.process.starting  # noqa: F401 - first of all

# isort: split
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from bus.language.messages import Reason
from bus.language.pod_keys import PodKeys
from bus.language.public_key import KeyFormError
from bus.language.signing import FINAL, Signer
from bus.language.subjects import ALL_DUE, ALL_POD_RESULTS, ALL_REQUESTS, MessageKind
from bus.observability import metrics
from bus.observability.service import Endpoint, Service
from bus.port import COORDINATORS, DEADLINES
from bus.process.child import SolverProcess
from bus.process.frame import configure_logs, run
from bus.process.given import GivenFile, Kind
from bus.process.options import connection_options, replica_options
from bus.topology.roles import COORDINATOR, service_name
from bus.transports.snapshots import fetching
from coordinator import progress
from coordinator.load import MOST
from coordinator.provider import read_provider
from coordinator.request_solver import MOST_S, RequestSolver
from coordinator.shell import Coordinator
from portfolio.errors import DataError

if TYPE_CHECKING:
    import asyncio

    from bus.process.settings import ListenAddress
    from bus.transports.jetstream import Connection, JetStreamBus

log = structlog.get_logger()


@click.command()
@connection_options("podfolio-coordinator", role=COORDINATOR)
@replica_options(seconds=MOST_S)
@click.option(
    "--pod-keys",
    "folder",
    envvar="PODFOLIO_POD_KEYS",
    show_envvar=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the pods' public keys, pod-*.pub: no other answers are used.",
)
@click.option(
    "--provider",
    "provider_file",
    envvar="PODFOLIO_PROVIDER",
    show_envvar=True,
    type=GivenFile(Kind.PROVIDER),
    help="TOML file that says who provides the results: name, licence_number, contact. Every final event repeats it.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument an option
    settings: Connection,
    at_once: int,
    http: ListenAddress | None,
    solver_mib: int,
    solver_seconds: float,
    folder: Path | None,
    provider_file: Path | None,
) -> None:
    """Run one replica of the coordinator."""
    pod_keys = PodKeys(folder) if folder else None
    try:
        known = sorted(pod_keys.read()) if pod_keys else None
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--pod-keys") from None
    try:
        provider = read_provider(provider_file) if provider_file else None
    except DataError as error:
        raise click.BadParameter(str(error), param_hint="--provider") from None
    configure_logs(process="coordinator")
    metrics.expect_finals(("optimised", *Reason))
    service = Service(
        service_name(COORDINATOR),
        "Podfolio's coordinator",
        (
            Endpoint(MessageKind.REQUEST, ALL_REQUESTS, COORDINATORS),
            Endpoint(MessageKind.POD, ALL_POD_RESULTS, COORDINATORS),
            Endpoint(MessageKind.DUE, ALL_DUE, DEADLINES),
        ),
    )

    async def work(bus: JetStreamBus, stop: asyncio.Event, ready: asyncio.Event) -> None:
        secret = settings.nkey_seed or settings.credentials
        signer = Signer(secret, FINAL) if secret else None
        log.info("coordinator.signs", key=signer.key if signer else None)
        # An administrator with keys who upgrades without giving the pods' keys must not believe that forged results are
        # refused.
        tell = log.warning if secret and known is None else log.info
        tell("coordinator.checks", pods=known)
        on_note = partial(progress.optimising, bus)
        with fetching(bus) as provide:
            async with SolverProcess(("coordinator.solve_request",), solver_mib, solver_seconds, MOST) as process:
                await process.ready()
                ready.set()
                optimise = RequestSolver(process, on_note).optimise
                coordinator = Coordinator(bus, optimise, signer, provide=provide, pod_keys=pod_keys, provider=provider)
                await coordinator.run(stop, at_once=at_once)

    sys.exit(run(settings, work, service=service, http=http))


if __name__ == "__main__":
    main()
