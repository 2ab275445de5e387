"""``podfolio fake``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from bus.process.given import GivenFile, Kind
from cli.help import Command

_EVENT = Path(__file__).parents[2] / "examples" / "messages" / "MasterPortfolioOptimized.json"


@click.command(
    cls=Command,
    examples=(
        "podfolio fake --port 4333",
        "podfolio fake --replay clients/recorded/stream.jsonl",
        "podfolio fake --event EVENT.json",
    ),
)
@click.option("--port", type=click.IntRange(1, 65_535), default=4222, show_default=True)
@click.option(
    "--event",
    type=GivenFile(Kind.EVENT),
    default=_EVENT,
    show_default="an example",
    help="Final event to answer with.",
)
@click.option(
    "--replay",
    "recordings",
    type=GivenFile(Kind.RECORDING),
    multiple=True,
    help="Recording to publish first (podfolio watch --record).",
)
def fake(port: int, event: Path, recordings: tuple[Path, ...]) -> None:
    """Run a server that answers every request at once with a recorded event, for the tests of a client.

    Runs a NATS server on this machine, without agents and coordinator, until interrupted. A request that the system
    would refuse is refused. Else the beginning of the request_id chooses: a reason, such as rules_conflict-1, gets that
    failure, silent no answer, unreadable an event of another version; every other request gets the recorded event.
    """
    from cli.running import run

    sys.exit(run(_fake(port, event, recordings), interrupted=0))


async def _fake(port: int, event: Path, recordings: tuple[Path, ...]) -> int:
    from agents import mandate_files
    from bus.administration.server import embedded_server
    from bus.administration.setup import set_up
    from bus.transports.jetstream import Connection, connect
    from cli.client import recording
    from cli.client.fake import Fake
    from portfolio.files import read_bytes

    pods = tuple(mandate_files.bundled())
    messages = [message for file in recordings for message in recording.read(file)]
    with tempfile.TemporaryDirectory(prefix="podfolio-") as folder:
        log = Path(folder) / "nats-server.log"
        async with (
            embedded_server(Path(folder) / "jetstream", port=port, log=log) as url,
            connect(Connection(servers=url, name="podfolio-fake")) as bus,
        ):
            await set_up(bus, pods)
            answers = Fake(bus, pods, read_bytes(event))
            if messages:
                click.echo(f"{await recording.publish(bus, messages)} recorded messages are in the stream")
            click.echo(f"a fake answers at {url}: no figure is computed")
            await answers.run()
    return 0
