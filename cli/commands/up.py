"""``podfolio up``."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from bus.topology.roles import REQUESTER
from cli.arguments import FOLDER, KEYS, dashboard_option
from cli.help import Command


@click.command(
    cls=Command,
    examples=(
        "podfolio up",
        "podfolio up --store STORE --dashboard",
        "podfolio up --secure",
        "podfolio up --store STORE --review 30",
    ),
)
@click.option("--port", type=click.IntRange(1, 65_535), default=4222, show_default=True)
@click.option("--store", type=FOLDER, help="Folder that keeps the streams.")
@click.option(
    "--secure",
    type=FOLDER,
    is_flag=False,
    flag_value=KEYS,
    help=f"With users and TLS, from the keys in this folder (by default {KEYS}); made if missing.",
)
@click.option(
    "--review",
    metavar="N",
    type=click.IntRange(1, 36_000),
    help="Run a reviewer, too: a published market makes it ask for customers that are due, at most N per hour.",
)
@dashboard_option
def up(port: int, store: Path | None, secure: Path | None, review: int | None, dashboard_port: int | None) -> None:
    """Run the whole system on this machine until interrupted.

    Starts a server, the agents and a coordinator. A process that dies is started again.
    """
    from cli.running import run

    sys.exit(run(_up(port, store, secure, review, dashboard_port), interrupted=0))


async def _up(
    port: int, store: Path | None, secure: Path | None, review: int | None, dashboard_port: int | None
) -> int:
    import asyncio

    from cli.pages.final_event import make_console
    from cli.system.browser import in_a_browser
    from cli.system.whole import whole_system

    console = make_console()
    say = partial(console.print, soft_wrap=True)
    known, given = None, ""
    if secure:
        from agents import mandate_files
        from cli.trust.keys import Keys, make_keys

        for made in make_keys(secure, mandate_files.bundled(), hosts=(), now=datetime.now(UTC)):
            click.echo(f"made {secure / made}")
        known = Keys(secure)
        given = f" --nkey-seed {known.seed(REQUESTER)} --ca {known.ca}"
    with tempfile.TemporaryDirectory(prefix="podfolio-") as temporary:
        folder = store or Path(temporary)
        async with whole_system(folder, port=port, logs=None, say=say, keys=known, reviews_per_hour=review) as url:
            kept = f"kept in {store}" if store else "kept only while this runs (--store FOLDER keeps them)"
            say(f"the streams are {kept}")
            if known is None:
                say(f"without users, every program that reaches {url} may do anything: --secure adds users")
            async with in_a_browser(url, dashboard_port, say=say, keys=known):
                say(f"try: podfolio request examples/reference-customer.json --server {url}{given}")
                await asyncio.Event().wait()
    return 0
