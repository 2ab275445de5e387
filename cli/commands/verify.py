"""``podfolio verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size

import click

from bus.process.given import Kind
from cli.arguments import APPROVAL, CHALLENGE, EVENT, read_event
from cli.help import Command

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "podfolio verify EVENT.json",
        "podfolio verify EVENT.json --key secure/coordinator.pub --pod-keys secure",
        "podfolio verify EVENT.json --challenge CHALLENGE.json",
        "podfolio verify EVENT.json --approval APPROVAL.json --adviser-key secure",
    ),
)
@click.argument("event", type=EVENT)
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
@click.option("--pod-keys", type=_FOLDER, help="A folder with the pods' public keys, pod-*.pub, such as secure.")
@click.option("--challenge", type=CHALLENGE, help="The file of the event's challenge, to be checked too.")
@click.option("--challenger-key", help="The challenger's public key, or the file with it, secure/challenger.pub.")
@click.option("--approval", type=APPROVAL, help="The file of the event's approval, to be checked too.")
@click.option(
    "--adviser-key", help="The adviser's public key, the file with it, or a folder with adviser*.pub, such as secure."
)
@click.option("--market", "folder", type=_FOLDER, help="The snapshot of the event's market, unless bundled.")
def verify(  # noqa: PLR0913, PLR0917 - one argument an option
    event: Path,
    key: str | None,
    pod_keys: Path | None,
    challenge: Path | None,
    challenger_key: str | None,
    approval: Path | None,
    adviser_key: str | None,
    folder: Path | None,
) -> None:
    """Check a final event: signatures, rules and figures; and its challenge and approval.

    EVENT is a file (- is standard input); no server is asked. podfolio watch --save keeps events, challenges and
    approvals. Exit status 0 if everything holds, 1 if there is a fault, 3 if there is no fault but an author is not
    confirmed: no key is given (--key, --pod-keys for an event with pods' signatures, --challenger-key, --adviser-key),
    or a message is unsigned.
    """
    from bus.language.pod_keys import PodKeys
    from bus.language.public_key import KeyFormError
    from cli.trust.approval import examine_approval
    from cli.trust.verify import EXIT_STATUS, conclude, describe, examine, examine_both

    expected, challenger = _key(key, "--key"), _key(challenger_key, "--challenger-key")
    try:
        pods = None if pod_keys is None else PodKeys(pod_keys).read()
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--pod-keys") from None
    data = read_event(event)
    if challenge is None:
        checks = examine(data, expected, folder, pod_keys=pods)
    else:
        told = read_event(challenge, Kind.CHALLENGE)
        checks = examine_both(data, expected, folder, pod_keys=pods, challenge=told, challenger=challenger)
    if approval is not None:
        checks += examine_approval(read_event(approval, Kind.APPROVAL), data, _advisers(adviser_key))
    # Lines of a pipe are for programs, which cut and join them as they need.
    click.echo(describe(checks, width=get_terminal_size().columns if sys.stdout.isatty() else None))
    sys.exit(EXIT_STATUS[conclude(checks)])


def _key(given: str | None, option: str) -> str | None:
    from bus.language.public_key import KeyFormError, read_key

    try:
        return None if given is None else read_key(given)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _advisers(given: str | None) -> frozenset[str] | None:
    from bus.language.adviser_keys import read_adviser_keys
    from bus.language.public_key import KeyFormError

    try:
        return None if given is None else read_adviser_keys(given)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--adviser-key") from None
