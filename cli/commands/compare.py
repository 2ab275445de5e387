"""``podfolio compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bus.process.given import GivenFile, Kind
from cli.help import Command

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.messages import FinalEvent, OptimizationRequest

_MIXED = "{event} is a final event and {request} a request: give two of a kind"
_JSON = GivenFile(Kind.REQUEST, Kind.EVENT)


@click.command(
    cls=Command,
    examples=(
        "podfolio compare examples/reference-customer.json examples/money-goals.json",
        "podfolio compare BEFORE.json AFTER.json",
    ),
)
@click.argument("first", type=_JSON)
@click.argument("second", type=_JSON)
def compare(first: Path, second: Path) -> None:
    """Compare two requests, or two final events, side by side."""
    from bus.language.messages import OptimizationRequest
    from cli.pages.final_event import make_console
    from cli.what_if.differences import differences
    from cli.what_if.side_by_side import show_side_by_side

    a, b = _read(first), _read(second)
    if isinstance(a, OptimizationRequest):
        if not isinstance(b, OptimizationRequest):
            raise click.ClickException(_MIXED.format(event=second, request=first))
        for sentence in differences(a, b) or ["They ask the same."]:
            click.echo(sentence)
        return
    if isinstance(b, OptimizationRequest):
        raise click.ClickException(_MIXED.format(event=first, request=second))
    show_side_by_side(make_console(), a, b)


def _read(file: Path) -> OptimizationRequest | FinalEvent:
    """Read a request or an event from a file; any other content ends the command."""
    from bus.language.messages import BadMessageError, glance, parse_final, parse_request
    from portfolio.files import read_bytes, skip_mark

    data = skip_mark(read_bytes(file), str(file))
    body = glance(data)
    try:
        return parse_final(data) if "type" in body else parse_request(data, str(body.get("request_id", "")))
    except BadMessageError as error:
        message = f"{file} is neither a request nor a final event: {error}"
        raise click.ClickException(message) from None
