"""``podfolio report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import DASH, EXTRAS, OUT
from cli.client.finals import fetch_final, read_file
from cli.help import Command
from cli.running import run

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection


@click.command(
    cls=Command,
    examples=(
        "podfolio report EVENT.json -o report.html",
        "podfolio report EVENT.json --deck -o report.pptx",
        "podfolio report reference-customer --key secure/coordinator.pub",
    ),
)
@click.argument("event")
@click.option("-o", "--out", type=OUT, help="File to write; - is standard output. By default REQUEST_ID.html or .pptx.")
@click.option("--deck", is_flag=True, help="Write slides (.pptx) in place of a page (.html).")
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
@connection_options("podfolio-report", role=OBSERVER)
def report(event: str, out: Path | None, key: str | None, settings: Connection, *, deck: bool) -> None:
    """Write a report for a customer, as a page or as slides.

    EVENT is the file of a final event (- is standard input), or the id of a request whose final event the server has.
    An event whose signature, rules or figures do not hold gets no report.
    """
    expected, data = _expected(key), read_file(event)
    if data is None:
        sys.exit(run(_from_server(settings, event, expected, out, deck=deck)))
    _write(data, expected, out, deck=deck)


def _expected(key: str | None) -> str | None:
    from bus.language.public_key import KeyFormError, read_key

    try:
        return None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None


async def _from_server(
    settings: Connection, request_id: str, expected: str | None, out: Path | None, *, deck: bool
) -> int:
    _write(await fetch_final(settings, request_id), expected, out, deck=deck)
    return 0


def _write(data: bytes, expected: str | None, out: Path | None, *, deck: bool) -> None:
    """Check an event and write its report."""
    from cli.trust.examination import RefusedError, examined

    try:
        from report.page.html import page
        from report.slides.deck import slides
    except ModuleNotFoundError as error:
        message = f"reports need {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    try:
        event, checked = examined(data, expected)
    except RefusedError as error:
        raise click.ClickException(str(error)) from None
    made = slides(event, checked=checked) if deck else page(event, checked=checked).encode()
    out = out or Path(f"{event.request_id}.{'pptx' if deck else 'html'}")
    if out == DASH:
        sys.stdout.buffer.write(made)
        return
    out.write_bytes(made)
    click.echo(f"the report is in {out}")
