"""``podfolio demo``."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.port import BusError
from cli.arguments import DASH, REQUEST, dashboard_option, json_option, read_request
from cli.help import Command

if TYPE_CHECKING:
    from bus.language.messages import OptimizationRequest

REFERENCE = Path(__file__).parents[2] / "examples" / "reference-customer.json"


@click.command(
    cls=Command,
    examples=(
        "podfolio demo",
        "podfolio demo examples/existing-investor.json --json EVENT.json",
        "podfolio demo --dashboard",
    ),
)
@click.argument("file", type=REQUEST, default=REFERENCE)
@click.option("--market", help="Market snapshot to use instead of the request's.")
@json_option
@dashboard_option
def demo(file: Path, market: str | None, json_file: Path | None, dashboard_port: int | None) -> None:
    """Run the whole system once, with one request.

    Starts a server, the agents and a coordinator, publishes the request in FILE (by default the reference customer's)
    and shows the portfolio. With --dashboard, an example request comes every two seconds, and a browser shows all of
    them, until interrupted.
    """
    from cli.running import run

    if dashboard_port is not None:
        sys.exit(run(_demo_in_a_browser(dashboard_port), interrupted=0))
    request = read_request(file, market=market)
    sys.exit(run(_demo(request, json_file, _on_history(request) if file == REFERENCE else "")))


def _on_history(request: OptimizationRequest) -> str:
    """Say why the reference customer is shown on history; empty where another market is asked for."""
    from portfolio.errors import DataError
    from portfolio.market import snapshot as markets

    try:
        basis = markets.load(request.market).basis
    except DataError:  # the answer says so
        return ""
    if basis.kind != "history":
        return ""
    return (
        f"The reference customer is shown on history, {basis.span}, because the published targets can only be met"
        " there; it is no forecast. On an outlook: podfolio demo --market asx-outlook-2025-12"
    )


async def _demo(request: OptimizationRequest, json_file: Path | None, why: str) -> int:
    from cli.client.answers import show_answer
    from cli.pages.final_event import make_console
    from cli.system.whole import whole_system

    console = make_console(stderr=json_file == DASH)
    say = partial(console.print, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="podfolio-") as folder:
        log = Path(folder) / "processes.log"
        with log.open("wb") as logs:
            if why:
                say(why)
            try:
                async with whole_system(Path(folder), port=None, logs=logs, say=say) as url:
                    from bus.transports.jetstream import Connection

                    settings = Connection(servers=url, name="podfolio-demo")
                    return await show_answer(settings, request, json_file, console, challenged=True)
            except BusError:
                console.print(log.read_text(encoding="utf-8", errors="replace")[-4_000:], markup=False)
                raise


async def _demo_in_a_browser(port: int) -> int:
    from bus.transports.jetstream import Connection, connect
    from cli.client.traffic import publish_examples
    from cli.pages.final_event import make_console
    from cli.system.browser import in_a_browser
    from cli.system.whole import whole_system

    say = partial(make_console().print, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="podfolio-") as folder, (Path(folder) / "processes.log").open("wb") as logs:
        async with (
            whole_system(Path(folder), port=None, logs=logs, say=say) as url,
            in_a_browser(url, port, say=say),
            connect(Connection(servers=url, name="podfolio-demo")) as bus,
        ):
            say("an example request comes every two seconds, until Ctrl-C")
            await publish_examples(bus)
    return 0
