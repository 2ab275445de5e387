"""``podfolio orders``."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import click

from cli.arguments import APPROVALS, DASH, EVENTS, FILLS, OUT
from cli.commands.fills import brokerage_option, orders_option, read_blocks, read_fills
from cli.help import Group
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from book.export import Placing
    from book.fills import Fill
    from book.fix import Session
    from book.instruction import Instruction
    from book.lines import Line

# FIX's names of the two ends: ASCII without a separator.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")


@click.group(cls=Group)
def orders() -> None:
    """Hand the orders of final events to a broker."""


@orders.command(
    examples=(
        "podfolio orders export EVENTS.jsonl -o orders-out.csv",
        "podfolio orders export EVENTS.jsonl --blocks -o blocks.csv",
        "podfolio orders export EVENTS.jsonl --day 2025-11-12 --fills fills.csv",
    )
)
@click.argument("events", type=EVENTS)
@click.option("-o", "--out", type=OUT, default=DASH, help="File to write; by default standard output.")
@click.option("--format", "form", type=click.Choice(["csv", "fix"]), default="csv", show_default=True, help="The form.")
@click.option(
    "--wave",
    type=click.Choice(["1", "2"]),
    default="1",
    show_default=True,
    help="1: sales, and purchases of accounts without sales; 2: the purchases that wait for the money of sales.",
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day of the orders; by default, the day of each event.")
@click.option(
    "--fills", "files", type=FILLS, multiple=True, help="Fills so far, CSV or FIX; may be given several times."
)
@brokerage_option
@orders_option
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 0.2),
    default=0.005,
    show_default=True,
    help="Largest distance of a limit from the last price, as a fraction of the price.",
)
@click.option(
    "--rest-cost",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Most brokerage of the rest of a partly filled order, as a fraction of the rest; a dearer rest is left out.",
)
@click.option(
    "--require-approval",
    "advisers",
    envvar="PODFOLIO_REQUIRE_APPROVAL",
    show_envvar=True,
    help="Export only what an adviser approved: the public key, a file with it, or a folder with adviser*.pub.",
)
@click.option("--approvals", type=APPROVALS, help="The decisions, as podfolio approvals writes them.")
@click.option("--blocks", is_flag=True, help="One order per code and side, with allocations to the accounts.")
@click.option(
    "--pooled-custody",
    is_flag=True,
    help="Cross purchases with sales of the same code at the last price, without the market; needs --blocks.",
)
@click.option("--sender", help="SenderCompID of FIX.")
@click.option("--target", help="TargetCompID of FIX.")
@click.option("--time", "at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="Time of the FIX messages, in UTC.")
@click.option("--lines", is_flag=True, help="One FIX message per line.")
def export(  # noqa: PLR0913, PLR0917 - one argument an option
    events: Path,
    out: Path,
    form: str,
    wave: str,
    day: datetime | None,
    files: tuple[Path, ...],
    brokerage: str | None,
    tables: tuple[Path, ...],
    tolerance: float,
    rest_cost: float,
    advisers: str | None,
    approvals: Path | None,
    *,
    blocks: bool,
    pooled_custody: bool,
    sender: str | None,
    target: str | None,
    at: datetime | None,
    lines: bool,
) -> None:
    """Write the orders of a run for a broker, as CSV or FIX 4.4.

    EVENTS is the events.jsonl of a run. An order that is filled in part is written with the rest of its units. A
    purchase takes no more than the money that is there on the day, at its limit; each purchase that is cut is told.
    """
    from book.approved import MEND
    from book.blocks import cross, in_blocks
    from book.export import Placing
    from book.fix import messages

    _refuse(wave, day, files, blocks=blocks, pooled_custody=pooled_custody)
    session = _session(form, sender, target, at, lines=lines)
    placing = Placing(tolerance, int(wave), None if day is None else day.date(), rest_cost)
    left_out: list[str] = []
    wanted = _approved(events, _advisers(advisers, approvals), approvals, left_out)
    placed = _placed(events, wanted, placing, read_fills(files, brokerage), tables)
    if left_out:
        click.echo("\n".join(["Not approved:", *left_out, MEND]), err=True)
    crosses: list[Instruction] = []
    if pooled_custody:
        crosses, placed = cross(placed)
        _tell(crosses)
    if blocks:
        placed = in_blocks(placed)
    if session is None:
        _write(out, _table([*crosses, *placed]).encode())
    else:
        _write(out, b"".join(one + b"\n" * lines for one in messages(placed, session)))


def _refuse(wave: str, day: datetime | None, files: tuple[Path, ...], *, blocks: bool, pooled_custody: bool) -> None:
    """Refuse options that need others."""
    if wave == "2" and not files:
        message = "--wave 2 needs --fills: give the fills of the sales whose money buys"
        raise click.UsageError(message)
    if files and day is None:
        message = "--fills needs --day: give the day on which the rest of the orders is placed"
        raise click.UsageError(message)
    if pooled_custody and not blocks:
        message = "--pooled-custody needs --blocks: give both"
        raise click.UsageError(message)


def _session(form: str, sender: str | None, target: str | None, at: datetime | None, *, lines: bool) -> Session | None:
    """Return the session of FIX; None for CSV."""
    from book.fix import Session

    given = [name for name, value in (("--sender", sender), ("--target", target), ("--time", at)) if value]
    if form == "csv":
        if given or lines:
            message = f"{(*given, '--lines')[0]} is of FIX: give --format fix, or leave it out"
            raise click.UsageError(message)
        return None
    if sender is None or target is None or at is None:
        message = "--format fix needs --sender, --target and --time: give all three"
        raise click.UsageError(message)
    for option, name in (("--sender", sender), ("--target", target)):
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name of FIX: give 1 to 32 letters, digits and . _ -"
            raise click.BadParameter(message, param_hint=option)
    return Session(sender, target, at)


def _approved(events: Path, keys: frozenset[str], approvals: Path | None, left_out: list[str]) -> Iterable[Line]:
    """Read the events that an adviser approved, where one must, and list the others."""
    from book import lines
    from book.approved import approved

    if not keys:
        return lines.read(events)
    decided = lines.read(approvals) if approvals and approvals.stat().st_size else ()
    return approved(lines.read(events), decided, keys, left_out.append)


def _advisers(given: str | None, approvals: Path | None) -> frozenset[str]:
    """Read the advisers' public keys; none where no approval is required."""
    from bus.language.adviser_keys import read_adviser_keys
    from bus.language.public_key import KeyFormError

    if given is None:
        if approvals:
            message = "--approvals has no effect without --require-approval (PODFOLIO_REQUIRE_APPROVAL): give both"
            raise click.UsageError(message)
        return frozenset()
    if approvals is None:
        message = "an approval is required: write the decisions (podfolio approvals -o FILE), and give --approvals FILE"
        raise click.UsageError(message)
    try:
        return read_adviser_keys(given)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--require-approval") from None


def _placed(
    events: Path, wanted: Iterable[Line], placing: Placing, fills: Sequence[Fill], tables: Iterable[Path]
) -> list[Instruction]:
    """List the orders of *wanted*, less the filled units, and tell of purchases that are cut or that wait."""
    from collections import defaultdict

    from book import lines
    from book.export import orders_of, place, portfolios
    from book.fills import contracts

    blocks = read_blocks(tables)
    ordered: dict[str, int] = {}
    done = defaultdict(list)
    if fills:
        for event in portfolios(lines.read(events)):
            ordered |= {key: round(order.units) for key, order in orders_of(event).items()}
        for one in contracts(fills, blocks, ordered):
            done[one.order_id].append(one)
    made: list[Instruction] = []
    waiting = too_small = 0
    for event in portfolios(wanted):
        found = place(event, placing, [one for key in orders_of(event) for one in done.get(key, ())])
        made += found.orders
        waiting += found.waiting
        too_small += found.too_small
        for words in found.cut:
            click.echo(words, err=True)
    if too_small:
        they = "1 rest is left out, since its" if too_small == 1 else f"{too_small:,} rests are left out, since their"
        click.echo(f"{they} brokerage is more than {placing.rest_cost:.1%} of the value (--rest-cost)", err=True)
    if waiting:
        they = counted(waiting, "purchase waits", "purchases wait")
        click.echo(f"{they} for the money of sales: --wave 2 with --fills and --day", err=True)
    return made


def _tell(crosses: Sequence[Instruction]) -> None:
    """Tell of a cross and its conditions."""
    codes = sorted({one.code for one in crosses})
    if not codes:
        click.echo("no purchase meets a sale: nothing is crossed", err=True)
        return
    click.echo(
        f"{', '.join(codes)}: purchases and sales meet at the last price, outside the market (order_type cross, never"
        " in FIX). The custody must be pooled, and the customers' agreements and the licence must allow it; a sale"
        " remains a sale for tax. Ask a lawyer before the first cross.",
        err=True,
    )


def _table(orders: Iterable[Instruction]) -> str:
    from book.instruction import Instruction

    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Instruction.columns())
    table.writerows(order.cells() for order in orders)
    return text.getvalue()


def _write(out: Path, data: bytes) -> None:
    if out == DASH:
        click.echo(data, nl=False)
        return
    out.write_bytes(data)
    click.echo(f"the orders are in {out}")
