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
def keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Make keys, a development certificate and the server's users in FOLDER; what is there stays."""
    sys.exit(run(_keys(folder, pods, hosts)))


async def _keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...]) -> int:
    from agents import mandates
    from cli.keys import make_keys

    for made in make_keys(folder, {*mandates.bundled(), *pods}, hosts=hosts, now=datetime.now(UTC)):
        click.echo(f"made {folder / made}")
    return 0
