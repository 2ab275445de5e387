"""``podfolio fills``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import DESK
from cli.arguments import BOOK, EVENTS, FILLS, OUT, TABLE
from cli.help import Group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from book.blocks import Block
    from book.fills import Fill
    from bus.language.messages import OrderFilled
    from bus.transports.jetstream import Connection

orders_option = click.option(
    "--orders",
    "tables",
    type=TABLE,
    multiple=True,
    help="CSV of an export with --blocks that the fills are of; may be given several times.",
)


brokerage_option = click.option(
    "--brokerage",
    metavar="AUD",
    help="Brokerage per order (or block) and day, of trades in FIX that state no commission.",
)


@click.group(cls=Group)
def fills() -> None:
    """Take over what a broker filled."""


@fills.command(
    "import",
    examples=(
        "podfolio fills import fills.csv --book BOOK.jsonl --events EVENTS.jsonl",
        "podfolio fills import fills.fix --book BOOK.jsonl --events EVENTS.jsonl",
    ),
)
@click.argument("files", metavar="FILLS...", type=FILLS, nargs=-1, required=True)
@click.option("--book", required=True, type=BOOK, help="The book that was asked.")
@click.option("--events", required=True, type=EVENTS, help="The events.jsonl of the run.")
@orders_option
@brokerage_option
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
def import_command(  # noqa: PLR0913, PLR0917 - one argument an option
    files: tuple[Path, ...],
    book: Path,
    events: Path,
    tables: tuple[Path, ...],
    brokerage: str | None,
    out: Path,
    settings: Connection,
    *,
    publish: bool,
) -> None:
    """Make the next book: cash, parcels and gains of the year after the fills.

    FILLS are CSV with the columns order_id, day, units, price_aud and brokerage_aud, and fill_id if the broker numbers
    its contracts; one row per contract; units are 0 for a rejection. Or they are execution reports of FIX 4.4. Give
    all fills since the run. Tells the rest of every order that is not filled. With --publish, the same files again
    store no contract a second time.
    """
    from book import lines
    from book.export import orders_of, portfolios
    from book.fills import contracts
    from book.next_book import next_book

    by_customer = {event.customer_id: event for event in portfolios(lines.read(events))}
    ordered = {key: round(order.units) for event in by_customer.values() for key, order in orders_of(event).items()}
    filled = read_fills(files, brokerage)
    done = contracts(filled, read_blocks(tables), ordered)
    written = []
    for one in next_book(lines.read(book), by_customer, done):
        written.append(one.line + b"\n")
        for rest in one.unfilled:
            click.echo(rest.words)
        for words in one.person:
            click.echo(words, err=True)
    out.write_bytes(b"".join(written))
    click.echo(f"the next book is in {out}")
    if publish:
        from book.contracts import messages
        from cli.running import run

        sys.exit(run(_publish(settings, messages(filled, done, by_customer.values()))))


async def _publish(settings: Connection, contracts: Iterable[OrderFilled]) -> int:
    from bus.transports.jetstream import connect
    from cli.client.fills import publish_fills

    async with connect(settings) as bus:
        new, before = await publish_fills(bus, contracts)
    click.echo(f"contracts stored: {new}, stored before: {before}")
    return 0


def read_fills(files: Iterable[Path], brokerage: str | None) -> list[Fill]:
    """Read the fills of several files, each a table or messages of FIX.

    Args:
        files: The files.
        brokerage: Brokerage per order and day, AUD, where FIX states none.

    Raises:
        DataError: If a file cannot be read, or a line or a message is wrong.
    """
    from book import executions
    from book.fills import read
    from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes

    contents = [(file.name, read_bytes(file, most=MOST_TABLE_BYTES)) for file in files]
    reports = [(name, data) for name, data in contents if executions.is_fix(data)]
    rows = [(name, data) for name, data in contents if not executions.is_fix(data)]
    charged = None if brokerage is None else executions.read_brokerage(brokerage)
    tables = [fill for name, data in rows for fill in read(decode(data, name), name)]
    return [*tables, *executions.read(reports, charged)]


def read_blocks(files: Iterable[Path]) -> dict[str, Block]:
    """Read the blocks of several exports.

    Raises:
        DataError: If a file cannot be read, or a line is wrong.
    """
    from book.blocks import read, together

    return together(read(_text(file), file.name) for file in files)


def _text(file: Path) -> str:
    from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes

    return decode(read_bytes(file, most=MOST_TABLE_BYTES), file.name)
