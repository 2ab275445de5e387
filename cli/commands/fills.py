"""``podfolio fills``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import DESK
from cli.arguments import BOOK, EVENTS, OUT, TABLE
from cli.help import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from book.fills import Fill
    from bus.language.messages import MasterPortfolioOptimized
    from bus.transports.jetstream import Connection


@click.group(cls=Group)
def fills() -> None:
    """Take over what a broker filled."""


@fills.command(
    "import",
    examples=("podfolio fills import fills.csv --book BOOK.jsonl --events EVENTS.jsonl",),
)
@click.argument("file", metavar="FILLS", type=TABLE)
@click.option("--book", required=True, type=BOOK, help="The book that was asked.")
@click.option("--events", required=True, type=EVENTS, help="The events.jsonl of the run.")
@click.option(
    "-o",
    "--out",
    type=OUT,
    default=Path("next.jsonl"),
    show_default=True,
    help="File to write: the book of the next run.",
)
@click.option(
    "--publish", is_flag=True, help="Store each contract in the event stream, too; with users, the desk's key."
)
@connection_options("podfolio-fills", role=DESK)
def import_command(file: Path, book: Path, events: Path, out: Path, settings: Connection, *, publish: bool) -> None:
    """Make the next book: cash and parcels after the fills.

    FILLS is a CSV with the columns order_id, day, units, price_aud and brokerage_aud, one row per contract; units are 0
    for a rejection. Tells the rest of every order that is not filled. With --publish, the same file again stores no
    contract a second time.
    """
    from book import lines
    from book.export import portfolios
    from book.fills import next_book, read
    from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes

    filled = read(decode(read_bytes(file, most=MOST_TABLE_BYTES), file.name))
    by_customer = {event.customer_id: event for event in portfolios(lines.read(events))}
    written = []
    for line, unfilled in next_book(lines.read(book), by_customer, filled):
        written.append(line + b"\n")
        for one in unfilled:
            click.echo(one.words)
    out.write_bytes(b"".join(written))
    click.echo(f"the next book is in {out}")
    if publish:
        from cli.running import run

        sys.exit(run(_publish(settings, filled, by_customer.values())))


async def _publish(settings: Connection, filled: Sequence[Fill], events: Iterable[MasterPortfolioOptimized]) -> int:
    from book.contracts import messages
    from bus.transports.jetstream import connect
    from cli.client.fills import publish_fills

    async with connect(settings) as bus:
        new, before = await publish_fills(bus, messages(filled, events))
    click.echo(f"contracts stored: {new}, stored before: {before}")
    return 0
