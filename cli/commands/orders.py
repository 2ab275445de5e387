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
@click.option(
    "--require-approval",
    "advisers",
    envvar="PODFOLIO_REQUIRE_APPROVAL",
    show_envvar=True,
    help="Export only what an adviser approved: the public key, a file with it, or a folder with adviser*.pub.",
)
@click.option("--approvals", type=_EVENTS, help="The decisions, as podfolio approvals writes them.")
def export(events: Path, out: Path, tolerance: float, advisers: str | None, approvals: Path | None) -> None:
    """Write the orders of a run as CSV: limits, waves and order ids.

    EVENTS is the events.jsonl of a run. Sales are wave 1; purchases of an account with sales are wave 2, and wait for
    the day on which the money of the sales is there.
    """
    from book import lines
    from book.approved import MEND, approved
    from book.export import Instruction, instructions, missing_aud, portfolios

    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Instruction.columns())
    left_out: list[str] = []
    wanted = lines.read(events)
    if keys := _advisers(advisers, approvals):
        decided = lines.read(approvals) if approvals and approvals.stat().st_size else ()
        wanted = approved(wanted, decided, keys, left_out.append)
    for event in portfolios(wanted):
        table.writerows(order.cells() for order in instructions(event, tolerance=tolerance))
        if missing := missing_aud(event, tolerance=tolerance):
            click.echo(f"{event.customer_id} lacks {missing:,} AUD if every order is filled at the limit", err=True)
    if left_out:
        click.echo("\n".join(["Not approved:", *left_out, MEND]), err=True)
    if out == DASH:
        click.echo(text.getvalue(), nl=False)
        return
    out.write_text(text.getvalue(), encoding="utf-8", newline="")
    click.echo(f"the orders are in {out}")


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
