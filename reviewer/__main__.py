"""Run one replica of the reviewer: ``python -m reviewer``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.observability import metrics
from bus.observability.service import Service
from bus.process.frame import configure_logs, run
from bus.process.options import connection_options, http_options
from bus.topology.roles import REVIEWER, service_name
from bus.transports.snapshots import fetching
from reviewer.review import OUTCOMES, PER_HOUR, Reviewer

if TYPE_CHECKING:
    import asyncio

    from bus.process.settings import ListenAddress
    from bus.transports.jetstream import Connection, JetStreamBus

_SECONDS_PER_HOUR = 3_600


@click.command()
@connection_options("podfolio-reviewer", role=REVIEWER)
@http_options
@click.option(
    "--per-hour",
    envvar="PODFOLIO_REVIEWS_PER_HOUR",
    show_envvar=True,
    type=click.IntRange(1, 10 * _SECONDS_PER_HOUR),
    default=PER_HOUR,
    show_default=True,
    help="Most requests per hour, of all reviewers together.",
)
def main(settings: Connection, http: ListenAddress | None, per_hour: int) -> None:
    """Run one replica of the reviewer."""
    configure_logs(process="reviewer")
    metrics.expect_reviews(OUTCOMES)
    service = Service(service_name(REVIEWER), "Podfolio's reviewer", ())

    async def work(bus: JetStreamBus, stop: asyncio.Event, ready: asyncio.Event) -> None:
        with fetching(bus) as provide:
            await Reviewer(bus, provide, per_hour).run(stop, ready)

    sys.exit(run(settings, work, service=service, http=http))


if __name__ == "__main__":
    main()
