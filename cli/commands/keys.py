"""``podfolio keys``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.arguments import FOLDER, KEYS
from cli.running import run

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("folder", type=FOLDER, default=KEYS)
@click.option("--pod", "pods", multiple=True, help="A pod that gets a key, besides those that come with us.")
@click.option("--host", "hosts", multiple=True, help="Where clients find the server, if not on this machine.")
@click.option("--route", "routes", multiple=True, help="Where each server of a cluster finds the others; for each one.")
def keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...], routes: tuple[str, ...]) -> None:
    """Make keys, a development certificate and the server's users in FOLDER; what is there stays."""
    sys.exit(run(_keys(folder, pods, hosts, routes)))


async def _keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...], routes: tuple[str, ...]) -> int:
    from agents import mandates
    from cli.trust.keys import make_keys

    everybody = {*mandates.bundled(), *pods}
    for made in make_keys(folder, everybody, hosts=hosts, routes=routes, now=datetime.now(UTC)):
        click.echo(f"made {folder / made}")
    return 0
