"""``podfolio verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cli.arguments import DASH, EVENT

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("event", type=EVENT)
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
def verify(event: Path, key: str | None) -> None:
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
    checks = examine(sys.stdin.buffer.read() if event == DASH else event.read_bytes(), expected)
    click.echo(describe(checks))
    sys.exit(EXIT_STATUS[conclude(checks)])
