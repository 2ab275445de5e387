"""``podfolio report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.given import Kind
from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import CHALLENGE, DASH, EXTRAS, OUT, read_event
from cli.help import Command

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection

_SUFFIXES = (".html", ".pdf", ".pptx")


@click.command(
    cls=Command,
    examples=(
        "podfolio report EVENT.json -o report.html",
        "podfolio report EVENT.json --deck -o report.pptx",
        "podfolio report reference-customer --key secure/coordinator.pub",
    ),
)
@click.argument("event")
@click.option(
    "-o",
    "--out",
    type=OUT,
    help="File to write: .html, .pdf (printed by Chromium, Chrome or Edge) or .pptx (slides); - is standard output. By"
    " default REQUEST_ID.html.",
)
@click.option("--deck", is_flag=True, help="Write slides: REQUEST_ID.pptx, if there is no --out.")
@click.option("--challenge", type=CHALLENGE, help="The file of the event's challenge: how sure the suggestion is.")
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
@connection_options("podfolio-report", role=OBSERVER)
def report(
    event: str, out: Path | None, challenge: Path | None, key: str | None, settings: Connection, *, deck: bool
) -> None:
    """Write a report for a customer, as a page, as a PDF or as slides.

    EVENT is the file of a final event (- is standard input), or the id of a request whose final event the server has.
    The challenge is then read from the server, too. An event whose signature, rules or figures do not hold gets no
    report; a challenge that does not hold ends the command.
    """
    from cli.client.finals import read_file
    from cli.running import run

    suffix, expected, data = _suffix(out, deck=deck), _expected(key), read_file(event)
    if data is None:
        sys.exit(run(_from_server(settings, event, expected, out, suffix)))
    _write(data, expected, out, suffix, None if challenge is None else read_event(challenge, Kind.CHALLENGE))


def _suffix(out: Path | None, *, deck: bool) -> str:
    """Choose the format, by the name of the file to write."""
    usual = ".pptx" if deck else ".html"
    if out is None or out == DASH:
        return usual
    suffix = out.suffix.lower()
    if suffix not in _SUFFIXES:
        told = f"ends in {suffix}" if suffix else "has no suffix"
        message = f"{out} {told}: end it in one of {', '.join(_SUFFIXES)}"
        raise click.BadParameter(message, param_hint="--out")
    if deck and suffix != usual:
        message = f"--deck writes slides, and {out} ends in {suffix}: end it in {usual}, or leave --deck out"
        raise click.BadParameter(message, param_hint="--out")
    return suffix


def _expected(key: str | None) -> str | None:
    from bus.language.public_key import KeyFormError, read_key

    try:
        return None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None


async def _from_server(
    settings: Connection, request_id: str, expected: str | None, out: Path | None, suffix: str
) -> int:
    from cli.client.finals import fetch_challenge, fetch_final

    final, challenge = await fetch_final(settings, request_id), await fetch_challenge(settings, request_id)
    _write(final, expected, out, suffix, challenge)
    return 0


def _write(data: bytes, expected: str | None, out: Path | None, suffix: str, challenge: bytes | None) -> None:
    """Check an event and its challenge, and write the report."""
    from cli.trust.examination import RefusedError, examined, examined_challenge

    try:
        from report.page.html import page
        from report.page.pdf import PdfError, pdf
        from report.slides.deck import slides
    except ModuleNotFoundError as error:
        message = f"reports need {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    try:
        event, checked = examined(data, expected)
        sure = None if challenge is None else examined_challenge(challenge, data, event)
        if suffix == ".pptx":
            made = slides(event, checked=checked, challenge=sure)
        else:
            text = page(event, checked=checked, challenge=sure)
            made = pdf(text) if suffix == ".pdf" else text.encode()
    except (RefusedError, PdfError) as error:
        raise click.ClickException(str(error)) from None
    out = out or Path(f"{event.request_id}{suffix}")
    if out == DASH:
        sys.stdout.buffer.write(made)
        return
    out.write_bytes(made)
    click.echo(f"the report is in {out}")
