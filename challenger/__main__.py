"""Run one replica of the challenger: ``python -m challenger``."""

from __future__ import annotations

import bus.process.starting  # noqa: F401 - first of all

# isort: split
import sys
from typing import TYPE_CHECKING

import click

from bus.language.messages import Unchallenged
from bus.language.signing import CHALLENGE, Signer
from bus.language.subjects import ALL_FINALS, MessageKind
from bus.observability import metrics
from bus.observability.service import Endpoint, Service
from bus.port import CHALLENGERS
from bus.process.child import SolverProcess
from bus.process.frame import configure_logs, run
from bus.process.options import connection_options, replica_options
from bus.topology.roles import CHALLENGER, service_name
from bus.transports.snapshots import fetching
from challenger.challenge_solver import MOST_S, ChallengeSolver
from challenger.payload import CHALLENGED
from challenger.worker import AT_A_TIME, Challenger

if TYPE_CHECKING:
    import asyncio

    from bus.process.settings import ListenAddress
    from bus.transports.jetstream import Connection, JetStreamBus

# A message in hand is kept from the other challengers, and each takes seconds of computing: 256 would wait for ten
# minutes here while a challenger that was started to help had nothing to do.
_AT_ONCE = 8


@click.command()
@connection_options("podfolio-challenger", role=CHALLENGER)
@replica_options(seconds=MOST_S, at_once=_AT_ONCE)
def main(
    settings: Connection, at_once: int, http: ListenAddress | None, solver_mib: int, solver_seconds: float
) -> None:
    """Run one replica of the challenger."""
    configure_logs(process="challenger")
    metrics.expect_challenges((CHALLENGED, *Unchallenged))
    service = Service(
        service_name(CHALLENGER),
        "Podfolio's challenger",
        (Endpoint(MessageKind.FINAL, ALL_FINALS, CHALLENGERS),),
    )

    async def work(bus: JetStreamBus, stop: asyncio.Event, ready: asyncio.Event) -> None:
        command = ("challenger.solve_challenge",)
        secret = settings.nkey_seed or settings.credentials
        signer = Signer(secret, CHALLENGE) if secret else None
        with fetching(bus) as provide:
            async with SolverProcess(command, solver_mib, solver_seconds, AT_A_TIME) as process:
                ready.set()
                challenge = ChallengeSolver(process).challenge
                await Challenger(bus, challenge, provide, signer).run(stop, at_once=at_once)

    sys.exit(run(settings, work, service=service, http=http))


if __name__ == "__main__":
    main()
