"""``podfolio validate``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.arguments import MANDATE, REQUEST, read_body
from cli.help import Command

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "podfolio validate examples/existing-investor.json",
        "podfolio validate REQUEST.json --mandate examples/fifth-pod/epsilon.toml",
        "podfolio validate REQUEST.json --market markets/house-2025-11",
    ),
)
@click.argument("file", type=REQUEST)
@click.option("--market", "folder", type=_FOLDER, help="The folder of the request's market, unless bundled.")
@click.option("--mandate", "files", type=MANDATE, multiple=True, help="File of a pod of your own.")
def validate(file: Path, folder: Path | None, files: tuple[Path, ...]) -> None:
    """Check a request without a server, and say every error.

    FILE has the request as JSON. Checks the fields, and the names of pods, market and ETFs; solves nothing. Exit status
    0 if a system would work on the request, 1 if there is an error, 3 if there is no error but the request names a
    market or a pod that is not on this machine.
    """
    from cli.what_if.valid import EXIT_STATUS, conclude, describe, examine

    findings = examine(read_body(file), folder, files)
    click.echo(f"{file}: {describe(findings)}")
    sys.exit(EXIT_STATUS[conclude(findings)])
