"""``podfolio book``."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import REQUESTER
from cli.arguments import BOOK, EVENTS, EXTRAS, FOLDER
from cli.help import Group
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from book.due import Thresholds
    from book.files import Sink
    from book.lines import Line
    from book.look import Events, Looked
    from book.requests import Account, Run
    from bus.transports.jetstream import Connection

_SHARE = click.FloatRange(0, 1)
# As in ``book.due``, which takes half a second to import.
_DRIFT, _CASH, _RULE = 0.03, 0.01, 0.03

events_option = click.option(
    "--events",
    type=EVENTS,
    help="Final events of earlier runs, one per line: events.jsonl of a run.",
)


@click.group(cls=Group)
def book() -> None:
    """Ask for every account of a book, and see which accounts need a look."""


@book.command(
    "run",
    examples=(
        "podfolio book run BOOK.jsonl",
        "podfolio book run BOOK.jsonl --run 2026-11-30 -o NIGHT",
    ),
)
@click.argument("file", metavar="BOOK", type=BOOK)
@click.option("--run", "name", help="Name of the run, part of each request's id; by default, made of the book's bytes.")
@click.option("--market", help="Market of all requests; by default, the market that each names.")
@click.option("-o", "--out", type=FOLDER, help="Folder for the results; by default book-NAME.")
@click.option(
    "--in-flight", type=click.IntRange(1, 1_000), default=48, show_default=True, help="Most requests in flight."
)
@click.option("--only", type=click.Choice(["due"]), help="Ask only for accounts that podfolio book due names.")
@events_option
@click.option("--parquet", is_flag=True, help="Write events and orders as Parquet, too; needs the extra book.")
@connection_options("podfolio-book", role=REQUESTER)
def run_command(  # noqa: PLR0913, PLR0917 - one argument an option
    file: Path,
    name: str | None,
    market: str | None,
    out: Path | None,
    only: str | None,
    events: Path | None,
    in_flight: int,
    settings: Connection,
    *,
    parquet: bool,
) -> None:
    """Ask for every account of BOOK, and write a report.

    BOOK is a file with one request per line, or a folder with one file per request. Each account fails alone. A run
    that was interrupted goes on when it is started again. Exit status 0 when every account is accounted for.
    """
    from book import lines, requests
    from cli.running import run

    if name is not None and not re.fullmatch(requests.RUN_PATTERN, name):
        message = f"{name!r} cannot be part of an id: give 1 to 24 letters, digits and hyphens"
        raise click.BadParameter(message, param_hint="--run")
    made = requests.Run(name or requests.name_of(lines.read(file), market), market)
    folder = out or Path(f"book-{made.name}")
    chosen = None if only is None else _due(file, events, market)
    sys.exit(run(_run(settings, file, made, folder, chosen, in_flight, parquet=parquet)))


@book.command(
    examples=(
        "podfolio book due BOOK.jsonl --events EVENTS.jsonl",
        "podfolio book due BOOK.jsonl --events EVENTS.jsonl --drift 0.05 --json",
    )
)
@click.argument("file", metavar="BOOK", type=BOOK)
@events_option
@click.option("--market", help="Today's market of all accounts; by default, the market that each request names.")
@click.option(
    "--drift", type=_SHARE, default=_DRIFT, show_default=True, help="Largest drift, as a share of the account."
)
@click.option("--cash", type=_SHARE, default=_CASH, show_default=True, help="Largest change of cash, likewise.")
@click.option(
    "--rule",
    type=_SHARE,
    default=_RULE,
    show_default=True,
    help="Largest distance beyond a rule or a target, as a share of its limit.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per account.")
def due(  # noqa: PLR0913 - one argument an option
    file: Path,
    events: Path | None,
    market: str | None,
    drift: float,
    cash: float,
    rule: float,
    *,
    as_json: bool,
) -> None:
    """Say which accounts of BOOK need a look, and why, without solving.

    Compares each account with the last suggestion in --events: drift, cash in or out, another market, a rule or a
    target that drift broke, a parcel that reached 12 months, a pension that is behind. Without --events, only what the
    book itself says. Exit status 0.
    """
    from book.due import Thresholds
    from report.facts.percentages import spaced

    count = looked = 0
    with _events(events) as opened:
        for one in _look(file, opened, market, Thresholds(drift, cash, rule)):
            looked += 1
            if one.why:
                count += 1
                # Without the flush of each line, which takes longer than the look.
                sys.stdout.write(f"{one.json if as_json else spaced(one.line, ' ')}\n")
    click.echo(f"{count:,} of {counted(looked, 'account')} due", err=True)


def _events(file: Path | None) -> AbstractContextManager[Events | None]:
    """Map a file of events while the block lasts."""
    from book.look import opened

    return nullcontext() if file is None else opened(file)


def _look(file: Path, events: Events | None, market: str | None, thresholds: Thresholds) -> Iterator[Looked]:
    from book import lines
    from book.look import Look

    return Look(market, events, thresholds).through(lines.read(file))


def _due(file: Path, events: Path | None, market: str | None) -> set[int]:
    """Number the lines that are due; a line with a fault is one, so that a run tells of it."""
    from book.due import Thresholds

    with _events(events) as opened:
        return {one.number for one in _look(file, opened, market, Thresholds()) if one.why}


async def _run(  # noqa: PLR0913 - the options of the run
    settings: Connection, file: Path, run: Run, folder: Path, chosen: set[int] | None, in_flight: int, *, parquet: bool
) -> int:
    from book import files, lines, requests
    from book.run import Asking
    from book.window import Window
    from bus.transports.jetstream import connect
    from cli.client.queues import longest_queue
    from cli.pages.book import progress, told
    from cli.pages.final_event import make_console

    try:
        from book.page import page
    except ModuleNotFoundError as error:
        message = f"the report needs {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    tables = _tables() if parquet else None
    asked = (line for line in lines.read(file) if chosen is None or line.number in chosen)
    accounts = requests.accounts(asked, run)
    by_number = {account.number: account for account in accounts}
    console = make_console(stderr=True)
    folder.mkdir(parents=True, exist_ok=True)
    async with connect(settings) as bus:
        with progress(console, len(accounts)) as shown:
            asking = Asking(bus, run, Window(in_flight), shown.done, shown.say, longest_queue(bus))
            await asking.ask_all(_to_ask(file, by_number, shown.done))
        with ExitStack() as stack:
            sinks: list[Sink] = [stack.enter_context(files.texts(folder))]
            if tables is not None:
                sinks.append(stack.enter_context(tables(folder)))
            rows = await files.gather(asking, accounts, sinks)
    files.write_summary(folder, run, rows)
    with files.Whole(folder / files.PAGE) as opened:
        opened.write(page(run, rows))
    click.echo(told(run, rows, folder))
    return 0


def _to_ask(
    file: Path, by_number: dict[int, Account], done: Callable[[Account], None]
) -> Iterator[tuple[Line, Account]]:
    """Read the book again for the lines that can be asked, and count the others."""
    from book import lines

    for line in lines.read(file):
        if (account := by_number.get(line.number)) is None:
            continue
        if account.fault:
            done(account)
        else:
            yield line, account


def _tables() -> Callable[[Path], AbstractContextManager[Sink]]:
    """Load the writer of Parquet, which needs the extra ``book``."""
    try:
        from book.parquet import tables
    except ModuleNotFoundError as error:
        message = f"--parquet needs {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    return tables
