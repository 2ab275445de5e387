"""``podfolio list``."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import parse_since
from cli.help import Command
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bus.transports.jetstream import Connection
    from cli.client.listing import Listed

_DAY = "1d"
# As in ``cli.client.listing``, which takes a second to import.
_STATE = click.Choice(["waiting", "optimised", "failed"])


@click.command(
    "list",
    cls=Command,
    examples=(
        "podfolio list",
        "podfolio list --state waiting --since 10m",
        "podfolio list --customer reference-customer --all --json",
    ),
)
@click.option("--state", "states", type=_STATE, multiple=True, help="Only requests in this state.")
@click.option("--customer", help="Only requests of this customer_id.")
@click.option("--market", help="Only requests in this market.")
@click.option("--since", default=_DAY, show_default=True, help="First time of publication: a time, or an age.")
@click.option("--all", "everything", is_flag=True, help="From the start of the stream.")
@click.option("--most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most requests to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@connection_options("podfolio-list", role=OBSERVER)
def list_command(  # noqa: PLR0913 - one argument an option
    states: tuple[str, ...],
    customer: str | None,
    market: str | None,
    since: str,
    most: int,
    settings: Connection,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """List the requests of the stream: state, times, customer.

    The newest request stands first. A state is waiting (no final event yet), optimised, or failed (shown by its
    reason).
    """
    from cli.running import run

    def chosen(row: Listed) -> bool:
        return (
            (not states or row.state in states)
            and row.customer_id == (customer or row.customer_id)
            and row.market == (market or row.market)
        )

    then = None if everything else parse_since(since)
    sys.exit(run(_list(settings, then, chosen, most, as_json=as_json)))


async def _list(
    settings: Connection, since: datetime | None, chosen: Callable[[Listed], bool], most: int, *, as_json: bool
) -> int:
    from bus.transports.jetstream import connect
    from cli.client.listing import list_requests

    async with connect(settings) as bus:
        rows, count = await list_requests(bus, since=since, chosen=chosen, most=most)
    for row in rows:
        click.echo(row.json if as_json else row.line)
    period = "in the stream" if since is None else f"since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"{len(rows)} of {counted(count, 'request')} {period}{_more(count - len(rows))}", err=True)
    return 0


def _more(left: int) -> str:
    return "; --most shows more, --state, --customer and --market choose" if left else ""
