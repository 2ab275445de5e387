"""``podfolio record``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ARCHIVIST
from cli.arguments import EXTRAS
from cli.help import Command

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection
    from cli.archive.record import Trust

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW = click.Path(file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "podfolio record reference-customer -o RECORD",
        "podfolio record reference-customer -o RECORD --from FOLDER --keys secure",
    ),
)
@click.argument("request_id", metavar="ID")
@click.option("-o", "--out", type=_NEW, required=True, help="Folder to write; an existing file stays if it differs.")
@click.option("--from", "folder", type=_FOLDER, help="An exported archive, in the place of the server.")
@click.option("--keys", type=_FOLDER, help="The folder with the public keys, such as secure.")
@click.option("--pdf", "as_pdf", is_flag=True, help="Also print the pages as PDF (Chromium, Chrome or Edge).")
@connection_options("podfolio-record", role=ARCHIVIST)
def record(
    request_id: str, out: Path, folder: Path | None, keys: Path | None, settings: Connection, *, as_pdf: bool
) -> None:
    """Write the file that a licensee keeps of one request, from the archive.

    ID is the id of a request. The folder gets every message about it, the market, the seals, the customer's report, a
    page that puts them in order, and a manifest with the hash of each file; the same archive gives the same bytes. Exit
    status 0 if every check holds, 1 if one fails, 3 if there is no fault but an author is not confirmed.
    """
    from cli.running import run

    sys.exit(run(_record(settings, request_id, out, folder, _trust(keys), as_pdf=as_pdf)))


def _trust(keys: Path | None) -> Trust:
    from bus.language.adviser_keys import read_adviser_keys
    from bus.language.pod_keys import PodKeys
    from bus.language.public_key import KeyFormError, read_key
    from bus.topology.roles import CHALLENGER, COORDINATOR

    try:
        from cli.archive.record import Trust
    except ModuleNotFoundError as error:
        message = f"reports need {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    if keys is None:
        return Trust()
    try:
        coordinator, challenger = (read_key(str(keys / f"{role}.pub")) for role in (COORDINATOR, CHALLENGER))
        return Trust(coordinator, PodKeys(keys).read(), challenger, read_adviser_keys(str(keys)))
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--keys") from None


async def _record(
    settings: Connection, request_id: str, out: Path, folder: Path | None, trust: Trust, *, as_pdf: bool
) -> int:
    from cli.archive.record import RECORD, REPORT, compile_record
    from cli.archive.source import archive_of
    from cli.trust.verify import EXIT_STATUS, conclude, describe
    from report.page.pdf import PdfError, pdf

    async with archive_of(settings, folder) as source:
        made = await compile_record(source, request_id, trust)
    for name, content in made.files.items():
        _write(out / name, content)
    if as_pdf:
        for name in (RECORD, REPORT):
            if name in made.files:
                try:
                    (out / name).with_suffix(".pdf").write_bytes(pdf(made.files[name].decode()))
                except PdfError as error:
                    raise click.ClickException(str(error)) from None
    click.echo(describe(list(made.checks)))
    click.echo(f"the record is in {out}")
    return EXIT_STATUS[conclude(list(made.checks))]


def _write(file: Path, content: bytes) -> None:
    """Write a file; keep one that is there, and end the command if its content differs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("xb") as opened:
            opened.write(content)
    except FileExistsError:
        if file.read_bytes() != content:
            message = f"{file} is there with another content, and stays: give another folder (-o)"
            raise click.ClickException(message) from None
