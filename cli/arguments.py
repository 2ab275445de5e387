"""Arguments that several commands share."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.language.since import read_since
from bus.process.given import GivenFile, Kind, expect

if TYPE_CHECKING:
    from bus.language.messages import OptimizationRequest

DASH = Path("-")
MANDATE = GivenFile(Kind.MANDATE)
REQUEST = GivenFile(Kind.REQUEST)
EVENT = GivenFile(Kind.EVENT, allow_dash=True)
CHALLENGE = GivenFile(Kind.CHALLENGE, allow_dash=True)
TABLE = GivenFile(Kind.TABLE)
FILLS = GivenFile(Kind.TABLE, Kind.FIX)
BOOK = GivenFile(Kind.BOOK, is_folder_too=True)
EVENTS = GivenFile(Kind.EVENTS)
APPROVAL = GivenFile(Kind.APPROVAL, allow_dash=True)
APPROVALS = GivenFile(Kind.APPROVALS)
OUT = click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path)
KEYS = Path("secure")
FOLDER = click.Path(file_okay=False, writable=True, path_type=Path)

json_option = click.option(
    "--json",
    "json_file",
    type=OUT,
    is_flag=False,
    flag_value=DASH,
    help="Write the bytes of the final event to this file; without a name, to standard output.",
)

# The packages are not published anywhere: an extra comes from a checkout, or from an image that is built with it.
EXTRAS = (
    "run `make setup` in the checkout, or make an image with it, `docker build --build-arg WITH=people --tag podfolio"
    " .`"
)

DASHBOARD_PORT = 8230

dashboard_option = click.option(
    "--dashboard",
    "dashboard_port",
    type=click.IntRange(0, 65_535),
    is_flag=False,
    flag_value=DASHBOARD_PORT,
    help=f"Show the event stream in a browser, on this port of 127.0.0.1 (by default {DASHBOARD_PORT}).",
)


def read_body(file: Path) -> bytes:
    """Read the body of a request from *file*, without a byte order mark.

    Raises:
        DataError: If the file cannot be read, is UTF-16, or is larger than any request.
    """
    from portfolio.files import read_bytes, skip_mark

    return skip_mark(read_bytes(file), str(file))


def read_request(file: Path, *, market: str | None = None, request_id: str | None = None) -> OptimizationRequest:
    """Read the request in *file*, with another market or id if given; an invalid request ends the command."""
    from bus.language.messages import BadMessageError, change_request, glance, parse_request
    from portfolio.errors import DataError

    try:
        sent = read_body(file)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    changes = {name: value for name, value in (("market", market), ("request_id", request_id)) if value}
    try:
        sent = change_request(sent, changes)
        return parse_request(sent, str(glance(sent).get("request_id", "")))
    except BadMessageError as error:
        message = f"{file} is not a valid request: {error}"
        raise click.ClickException(message) from None


def read_event(file: Path, kind: Kind = Kind.EVENT) -> bytes:
    """Read the bytes of *file*, or standard input if *file* is ``-``, without a byte order mark.

    Raises:
        DataError: If it is a folder, cannot be read, is recognised as another kind, or is larger than any event.
    """
    from portfolio.errors import DataError
    from portfolio.files import read_bytes, read_stream, skip_mark

    if file.is_dir():
        message = f"{file} is a folder: give {kind.words}"
        raise DataError(message)
    name = "standard input" if file == DASH else str(file)
    data = read_stream(sys.stdin.buffer, name) if file == DASH else read_bytes(file)
    expect(data, name, kind)
    return skip_mark(data, name)


def parse_since(text: str | None) -> datetime | None:
    """Parse a time or an age; None stays None."""
    try:
        return None if text is None else read_since(text, now=datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
