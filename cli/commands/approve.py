"""``podfolio approve`` and ``podfolio approvals``."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADVISER, OBSERVER
from cli.arguments import DASH, OUT, parse_since
from cli.help import Command

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bus.language.signing import Signer
    from bus.transports.jetstream import Connection


@click.command(
    cls=Command,
    examples=(
        "podfolio approve ID --nkey-seed secure/adviser.nk",
        'podfolio approve ID --decline --note "moved" --nkey-seed secure/adviser.nk',
    ),
)
@click.argument("request_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--decline", is_flag=True, help="Refuse the orders.")
@click.option("--note", help="Your own words; the stream keeps them.")
@connection_options("podfolio-approve", role=ADVISER)
def approve(request_ids: tuple[str, ...], note: str | None, settings: Connection, *, decline: bool) -> None:
    """Approve the orders of final events, signed by your key.

    Each ID is a request whose final event has a portfolio. The first decision about a final event stays. Exit status 0
    if all decisions are stored, 1 if one is not.
    """
    from bus.language.signing import APPROVAL, Signer
    from bus.language.subjects import ID_PATTERN
    from cli.running import run

    if wrong := next((one for one in request_ids if not re.fullmatch(ID_PATTERN, one)), None):
        message = f"{wrong!r} is no request id: give 1 to 64 of A-Z a-z 0-9 _ -, as podfolio list shows them"
        raise click.BadParameter(message, param_hint="ID")
    secret = settings.nkey_seed or settings.credentials
    if secret is None:
        message = "an approval is signed by a person's key: give --nkey-seed, such as secure/adviser.nk"
        raise click.UsageError(message)
    sys.exit(run(_approve(settings, request_ids, Signer(secret, APPROVAL), note, declined=decline)))


async def _approve(
    settings: Connection, request_ids: tuple[str, ...], signer: Signer, note: str | None, *, declined: bool
) -> int:
    from bus.port import RefusedError
    from bus.transports.jetstream import connect
    from cli.client.approvals import decide

    status = 0
    async with connect(settings) as bus:
        for request_id in request_ids:
            try:
                click.echo(f"{request_id}: {await decide(bus, request_id, signer, declined=declined, note=note)}")
            except RefusedError as error:
                click.echo(f"podfolio: {error}", err=True)
                status = 1
    return status


@click.command(
    cls=Command,
    examples=("podfolio approvals -o approvals.jsonl", "podfolio approvals --since 1d -o approvals.jsonl"),
)
@click.option("-o", "--out", type=OUT, default=DASH, help="File to write; by default standard output.")
@click.option("--since", help="First time of storage: a time in UTC (2025-11-07T09:00) or an age (90s, 10m, 2h, 1d).")
@connection_options("podfolio-approvals", role=OBSERVER)
def approvals(out: Path, since: str | None, settings: Connection) -> None:
    """Write the decisions of the stream, one per line, for podfolio orders export."""
    from cli.running import run

    sys.exit(run(_approvals(settings, out, parse_since(since))))


async def _approvals(settings: Connection, out: Path, since: datetime | None) -> int:
    from bus.language import subjects
    from bus.transports.jetstream import connect

    async with connect(settings) as bus:
        # A line feed in JSON is never part of a text.
        lines = [
            message.data.replace(b"\n", b" ") + b"\n"
            async for message in bus.stored(subjects.ALL_APPROVALS, since=since)
        ]
    if out == DASH:
        click.echo(b"".join(lines), nl=False)
        return 0
    out.write_bytes(b"".join(lines))
    click.echo(f"the decisions ({len(lines)}) are in {out}")
    return 0
