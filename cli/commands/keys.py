"""``podfolio keys``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.arguments import FOLDER, KEYS
from cli.help import Command

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    cls=Command,
    examples=(
        "podfolio keys",
        "podfolio keys secure --pod epsilon --host nats.example",
    ),
)
@click.argument("folder", type=FOLDER, default=KEYS)
@click.option("--pod", "pods", multiple=True, help="A further pod that gets a key, besides the bundled ones.")
@click.option("--host", "hosts", multiple=True, help="Name of the server for clients, if not this machine's.")
@click.option("--route", "routes", multiple=True, help="Name of each server of a cluster, for the other servers.")
def keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...], routes: tuple[str, ...]) -> None:
    """Make keys, a certificate and the server's users.

    Writes into FOLDER a key for every role, a development certificate and the accounts of the server. Existing files
    stay.
    """
    from cli.running import run

    sys.exit(run(_keys(folder, pods, hosts, routes)))


async def _keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...], routes: tuple[str, ...]) -> int:
    from agents import mandate_files
    from cli.trust.keys import make_keys

    everybody = {*mandate_files.bundled(), *pods}
    for made in make_keys(folder, everybody, hosts=hosts, routes=routes, now=datetime.now(UTC)):
        click.echo(f"made {folder / made}")
    return 0
