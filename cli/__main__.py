"""The command ``podfolio``."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import sys
import tempfile
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from bus.jetstream.roles import ADMIN, OBSERVER, REQUESTER
from bus.options import connection_options
from bus.port import BusError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.console import Console

    from bus.jetstream import Connection
    from bus.messages import OptimizationRequest
    from bus.port import Message

_REQUEST = click.Path(exists=True, dir_okay=False, path_type=Path)
_EVENT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_OUT = click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path)
_DASH = Path("-")
_FOLDER = click.Path(file_okay=False, writable=True, path_type=Path)
_KEYS = Path("secure")
_REFERENCE = Path(__file__).parent.parent / "examples" / "reference-customer.json"


_json = click.option(
    "--json",
    "json_file",
    type=_OUT,
    is_flag=False,
    flag_value=_DASH,
    help="Write the final event, as it went over the wire, to this file; without a name, to standard output.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def podfolio() -> None:
    """Coordinated portfolio optimisation: goal pods as agents on NATS, one proven master portfolio."""


@podfolio.command()
@click.argument("file", type=_REQUEST, default=_REFERENCE)
@click.option("--market", help="Market snapshot to use instead of the request's.")
@_json
def demo(file: Path, market: str | None, json_file: Path | None) -> None:
    """Run everything once: server, agents, coordinator, one request from FILE, its portfolio.

    Without FILE, the reference customer's request.
    """
    sys.exit(_run(_demo(_read_request(file, market=market), json_file)))


@podfolio.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=4222, show_default=True)
@click.option("--store", type=_FOLDER, help="Folder that keeps the streams.")
@click.option(
    "--secure",
    type=_FOLDER,
    is_flag=False,
    flag_value=_KEYS,
    help=f"With users and TLS, by the keys in this folder ({_KEYS} if none is named); made if missing.",
)
def up(port: int, store: Path | None, secure: Path | None) -> None:
    """Run the whole system on an embedded server until interrupted."""
    sys.exit(_run(_up(port, store, secure), interrupted=0))


@podfolio.command()
@click.argument("folder", type=_FOLDER, default=_KEYS)
@click.option("--pod", "pods", multiple=True, help="A pod that gets a key, besides those that come with us.")
@click.option("--host", "hosts", multiple=True, help="Where clients find the server, if not on this machine.")
def keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Make keys, a development certificate and the server's users in FOLDER; what is there stays."""
    sys.exit(_run(_keys(folder, pods, hosts)))


@podfolio.command()
@click.argument("file", type=_REQUEST)
@click.option("--request-id", help="Publish under this id instead of the file's.")
@_json
@connection_options("podfolio-request", role=REQUESTER)
def request(file: Path, request_id: str | None, json_file: Path | None, settings: Connection) -> None:
    """Publish the request in FILE, wait for its final event and show it.

    Exit status 0 with a portfolio, 1 without.
    """
    sys.exit(_run(_request(settings, _read_request(file, request_id=request_id), json_file)))


@podfolio.command()
@click.option("--since", help="Replay from then: a time (2025-11-07T09:00), or how long ago (90s, 10m, 2h, 1d).")
@click.option("--all", "everything", is_flag=True, help="Replay from the start of the stream.")
@click.option("--save", type=_FOLDER, help="Folder that gets a file of each final event, as it went over the wire.")
@connection_options("podfolio-watch", role=OBSERVER)
def watch(since: str | None, save: Path | None, settings: Connection, *, everything: bool) -> None:
    """Follow the event stream, a line a message, until interrupted."""
    sys.exit(_run(_watch(settings, _parse_since(since), save, everything=everything), interrupted=0))


@podfolio.command()
@click.argument("event", type=_EVENT)
@click.option("--key", help="The coordinator's public key, or the file with it, such as secure/coordinator.pub.")
def verify(event: Path, key: str | None) -> None:
    """Check the final event in the file EVENT (- is standard input): its signature, its rules and its figures.

    Asks no server. Exit status 0 if everything holds, 1 if anything is wrong, 3 if nothing is but nobody says whose
    signature it should be (no --key).
    """
    from cli.public_key import KeyFormError, read_key
    from cli.verify import EXIT_STATUS, conclude, describe, examine

    try:
        expected = None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None
    checks = examine(sys.stdin.buffer.read() if event == _DASH else event.read_bytes(), expected)
    click.echo(describe(checks))
    sys.exit(EXIT_STATUS[conclude(checks)])


@podfolio.command()
@click.option("--pod", "pods", multiple=True, help="A pod that gets a work queue; by default, all that come with us.")
@click.option("--replicas", type=click.IntRange(1, 5), help="Servers that keep each stream (3 in a cluster).")
@click.option(
    "--check", "--dry-run", "check", is_flag=True, help="Change nothing; exit status 1 if something would be."
)
@connection_options("podfolio-setup", role=ADMIN)
def setup(pods: tuple[str, ...], replicas: int | None, settings: Connection, *, check: bool) -> None:
    """Create the streams and work queues on a server, or bring them up to date; nothing is ever deleted.

    Agents and coordinators never do this themselves: they wait until it is done.
    """
    sys.exit(_run(_setup(settings, pods, replicas, check=check)))


@podfolio.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/schemas"), show_default=True
)
def schema(out: Path) -> None:
    """Write the JSON Schema of every message, one file each."""
    from bus.messages import BODIES

    out.mkdir(parents=True, exist_ok=True)
    for name, body in BODIES.items():
        file = out / f"{name}.json"
        file.write_text(json.dumps(body.model_json_schema(), indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {file}")


def main() -> None:
    """Run the command."""
    # People read pages here; what the bus has to say of its connections goes into the processes' logs.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    podfolio(prog_name="podfolio")


def _run(work: Coroutine[None, None, int], *, interrupted: int = 130) -> int:
    """Run one command's coroutine; an interruption ends it in order, an error of the bus in one line."""
    try:
        return asyncio.run(_interruptible(work, interrupted))
    except BusError as error:
        click.echo(f"podfolio: {error}", err=True)
    except BaseExceptionGroup as errors:
        if not (known := errors.subgroup(BusError)):
            raise
        for each in known.exceptions:
            click.echo(f"podfolio: {each}", err=True)
    return 1


async def _interruptible(work: Coroutine[None, None, int], interrupted: int) -> int:
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return interrupted


def _read_request(file: Path, *, market: str | None = None, request_id: str | None = None) -> OptimizationRequest:
    from bus.messages import BadMessageError, parse_request

    try:
        body = json.loads(file.read_bytes())
        body.update({"market": market} if market else {})
        body.update({"request_id": request_id} if request_id else {})
        return parse_request(json.dumps(body).encode(), body.get("request_id", ""))
    except (ValueError, RecursionError, AttributeError, BadMessageError) as error:
        message = f"{file} is not a valid request: {error}"
        raise click.ClickException(message) from None


async def _demo(request: OptimizationRequest, json_file: Path | None) -> int:
    from cli.page import make_console
    from cli.system import whole_system

    console = make_console(stderr=json_file == _DASH)
    with tempfile.TemporaryDirectory(prefix="podfolio-") as folder:
        log = Path(folder) / "processes.log"
        with log.open("wb") as logs:
            try:
                async with whole_system(Path(folder), port=None, logs=logs, say=console.print) as url:
                    from bus.jetstream import Connection

                    return await _ask(Connection(servers=url, name="podfolio-demo"), request, json_file, console)
            except BusError:
                console.print(log.read_text(encoding="utf-8", errors="replace")[-4_000:], markup=False)
                raise


async def _up(port: int, store: Path | None, secure: Path | None) -> int:
    from cli.page import make_console
    from cli.system import whole_system

    console = make_console()
    known, given = None, ""
    if secure:
        from cli.keys import Keys

        await _keys(secure, (), ())
        known = Keys(secure)
        given = f" --nkey-seed {known.seed(REQUESTER)} --ca {known.ca}"
    with tempfile.TemporaryDirectory(prefix="podfolio-") as temporary:
        folder = store or Path(temporary)
        async with whole_system(folder, port=port, logs=None, say=console.print, keys=known) as url:
            kept = f"kept in {store}" if store else "kept only while this runs (--store FOLDER keeps them)"
            console.print(f"the streams are {kept}")
            console.print(
                f"try: podfolio request examples/reference-customer.json --server {url}{given}", soft_wrap=True
            )
            await asyncio.Event().wait()
    return 0


async def _keys(folder: Path, pods: tuple[str, ...], hosts: tuple[str, ...]) -> int:
    from agents import mandates
    from cli.keys import make_keys

    for made in make_keys(folder, {*mandates.bundled(), *pods}, hosts=hosts, now=datetime.now(UTC)):
        click.echo(f"made {folder / made}")
    return 0


async def _request(settings: Connection, request: OptimizationRequest, json_file: Path | None) -> int:
    from cli.page import make_console

    # The page must not come between the event and whoever reads it.
    return await _ask(settings, request, json_file, make_console(stderr=json_file == _DASH))


async def _ask(settings: Connection, request: OptimizationRequest, json_file: Path | None, console: Console) -> int:
    """Publish, show the stream as it happens, then the page."""
    from bus.jetstream import connect
    from bus.messages import MasterPortfolioOptimized
    from cli.page import show
    from cli.requests import ask
    from cli.stream import line

    def show_line(message: Message) -> None:
        console.print(line(message), soft_wrap=True)

    async with connect(settings) as bus:
        event, data = await ask(bus, request, show=show_line)
    console.print()
    show(console, event)
    if json_file == _DASH:
        click.echo(data, nl=False)
    elif json_file:
        json_file.write_bytes(data)
        console.print(f"the final event is in {json_file}")
    return 0 if isinstance(event, MasterPortfolioOptimized) else 1


async def _watch(settings: Connection, since: datetime | None, save: Path | None, *, everything: bool) -> int:
    from bus.jetstream import connect
    from cli.page import make_console
    from cli.stream import keep_final, line

    console = make_console()
    async with connect(settings) as bus, aclosing(bus.follow(since=since, everything=everything)) as messages:
        async for message in messages:
            console.print(line(message), soft_wrap=True)
            if save and (note := keep_final(save, message)):
                console.print(note, soft_wrap=True)
    return 0


async def _setup(settings: Connection, pods: tuple[str, ...], replicas: int | None, *, check: bool) -> int:
    from agents import mandates
    from bus.jetstream import connect
    from bus.jetstream.setup import plan, set_up
    from cli.steps import describe

    async with connect(settings) as bus:
        steps = await (plan if check else set_up)(bus, pods or tuple(mandates.bundled()), replicas=replicas)
    click.echo(describe(steps, done=not check))
    return int(check and any(step.is_needed for step in steps))


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _parse_since(text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d+)([smhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        message = "give a time such as 2025-11-07T09:00, or how long ago: 90s, 10m, 2h, 1d"
        raise click.BadParameter(message, param_hint="--since") from None
    return then if then.tzinfo else then.astimezone()


if __name__ == "__main__":
    main()
