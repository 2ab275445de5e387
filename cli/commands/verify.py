"""``podfolio verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size

import click

from cli.arguments import EVENT, read_event
from cli.help import Command

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "podfolio verify EVENT.json",
        "podfolio verify EVENT.json --key secure/coordinator.pub --pod-keys secure",
    ),
)
@click.argument("event", type=EVENT)
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
@click.option("--pod-keys", type=_FOLDER, help="A folder with the pods' public keys, pod-*.pub, such as secure.")
@click.option("--market", "folder", type=_FOLDER, help="The snapshot of the event's market, unless bundled.")
def verify(event: Path, key: str | None, pod_keys: Path | None, folder: Path | None) -> None:
    """Check a final event: signatures, rules and figures.

    EVENT is a file (- is standard input); no server is asked. Exit status 0 if everything holds, 1 if there is a fault,
    3 if there is no fault but the author is not confirmed (no --key, no --pod-keys for an event with pods' signatures,
    or an unsigned event).
    """
    from bus.language.pod_keys import PodKeys
    from bus.language.public_key import KeyFormError, read_key
    from cli.trust.verify import EXIT_STATUS, conclude, describe, examine

    try:
        expected = None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None
    try:
        pods = None if pod_keys is None else PodKeys(pod_keys).read()
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--pod-keys") from None
    checks = examine(read_event(event), expected, folder, pod_keys=pods)
    # Lines of a pipe are for programs, which cut and join them as they need.
    click.echo(describe(checks, width=get_terminal_size().columns if sys.stdout.isatty() else None))
    sys.exit(EXIT_STATUS[conclude(checks)])
