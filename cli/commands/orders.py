"""``podfolio orders``."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import click

from cli.arguments import DASH, EVENTS, OUT
from cli.help import Group

if TYPE_CHECKING:
    from pathlib import Path


@click.group(cls=Group)
def orders() -> None:
    """Hand the orders of final events to a broker."""


@orders.command(
    examples=(
        "podfolio orders export EVENTS.jsonl -o orders-out.csv",
        "podfolio orders export EVENTS.jsonl --tolerance 0.01",
    )
)
@click.argument("events", type=EVENTS)
@click.option("-o", "--out", type=OUT, default=DASH, help="File to write; by default standard output.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 0.2),
    default=0.005,
    show_default=True,
    help="Largest distance of a limit from the last price, as a fraction of the price.",
)
def export(events: Path, out: Path, tolerance: float) -> None:
    """Write the orders of a run as CSV: limits, waves and order ids.

    EVENTS is the events.jsonl of a run. Sales are wave 1; purchases of an account with sales are wave 2, and wait for
    the day on which the money of the sales is there.
    """
    from book import lines
    from book.export import Instruction, instructions, missing_aud, portfolios

    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Instruction.columns())
    for event in portfolios(lines.read(events)):
        table.writerows(order.cells() for order in instructions(event, tolerance=tolerance))
        if missing := missing_aud(event, tolerance=tolerance):
            click.echo(f"{event.customer_id} lacks {missing:,} AUD if every order is filled at the limit", err=True)
    if out == DASH:
        click.echo(text.getvalue(), nl=False)
        return
    out.write_text(text.getvalue(), encoding="utf-8", newline="")
    click.echo(f"the orders are in {out}")
