"""``podfolio verify``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.arguments import EVENT, read_event

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("event", type=EVENT)
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
@click.option("--market", "folder", type=_FOLDER, help="The snapshot of the event's market, if it is not one of ours.")
def verify(event: Path, key: str | None, folder: Path | None) -> None:
    """Check the final event in the file EVENT (- is standard input): its signature, its rules and its figures.

    Asks no server. Exit status 0 if everything holds, 1 if anything is wrong, 3 if nothing is but nobody says whose
    signature it should be (no --key).
    """
    from cli.public_key import KeyFormError, read_key
    from cli.verify import EXIT_STATUS, conclude, describe, examine

    try:
        expected = None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None
    checks = examine(read_event(event), expected, folder)
    click.echo(describe(checks))
    sys.exit(EXIT_STATUS[conclude(checks)])
