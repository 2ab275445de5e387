"""``podfolio request``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import REQUESTER
from cli.arguments import DASH, REQUEST, json_option, read_request
from cli.help import Command

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.messages import OptimizationRequest
    from bus.transports.jetstream import Connection


@click.command(
    cls=Command,
    examples=(
        "podfolio request examples/reference-customer.json",
        "podfolio request examples/existing-investor.json --request-id second-try",
        "podfolio request examples/tax-budget.json --server nats://nats.example:4222",
    ),
)
@click.argument("file", type=REQUEST)
@click.option("--request-id", help="Publish under this id instead of the file's.")
@json_option
@connection_options("podfolio-request", role=REQUESTER)
def request(file: Path, request_id: str | None, json_file: Path | None, settings: Connection) -> None:
    """Publish a request, wait for the answer, and show it.

    FILE has the request as JSON. Exit status 0 with a portfolio, 1 without, 3 if the final event cannot be read.
    """
    from cli.running import run

    sys.exit(run(_request(settings, read_request(file, request_id=request_id), json_file)))


async def _request(settings: Connection, request: OptimizationRequest, json_file: Path | None) -> int:
    from cli.client.answers import show_answer
    from cli.pages.final_event import make_console

    # The page must not come between the event and whoever reads it.
    return await show_answer(settings, request, json_file, make_console(stderr=json_file == DASH))
