"""``podfolio setup``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADMIN
from cli.help import Command

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection


_NEW = """
The streams are new and empty. If this server had some before its users had accounts, they are still there and not lost:
stop the server now, and move them as docs/operations.md says (Upgrade to accounts)."""


@click.command(
    cls=Command,
    examples=(
        "podfolio setup",
        "podfolio setup --check",
        "podfolio setup --pod epsilon",
    ),
)
@click.option("--pod", "pods", multiple=True, help="A pod that gets a work queue; by default, all bundled pods.")
@click.option("--replicas", type=click.IntRange(1, 5), help="Servers that keep each stream (3 in a cluster).")
@click.option(
    "--max-mib",
    type=click.IntRange(min=1),
    help="Largest event stream before requests are refused; by default unchanged, without a limit at first.",
)
@click.option(
    "--archive-years",
    type=click.IntRange(1, 100),
    help="Years for which the archive keeps each message; by default unchanged, 7 at first.",
)
@click.option("--check", "--dry-run", "check", is_flag=True, help="Only list changes; exit status 1 if there are any.")
@connection_options("podfolio-setup", role=ADMIN)
def setup(
    pods: tuple[str, ...],
    replicas: int | None,
    max_mib: int | None,
    archive_years: int | None,
    settings: Connection,
    *,
    check: bool,
) -> None:
    """Create the streams and work queues, or bring them up to date.

    Deletes no stream, queue or message. Agents and coordinators wait for this command: they never create streams.
    """
    from cli.running import run

    sys.exit(run(_setup(settings, pods, replicas, max_mib, archive_years, check=check)))


async def _setup(
    settings: Connection,
    pods: tuple[str, ...],
    replicas: int | None,
    max_mib: int | None,
    archive_years: int | None,
    *,
    check: bool,
) -> int:
    from agents import mandate_files
    from bus.administration.setup import plan, set_up
    from bus.transports.jetstream import connect
    from cli.pages.steps import describe

    async with connect(settings) as bus:
        steps = await (plan if check else set_up)(
            bus,
            pods or tuple(mandate_files.bundled()),
            replicas=replicas,
            max_bytes=None if max_mib is None else max_mib * 2**20,
            archive_years=archive_years,
        )
    click.echo(describe(steps, done=not check))
    if settings.nkey_seed and all(step.missing for step in steps):
        click.echo(_NEW)
    return int(check and any(step.is_needed for step in steps))
