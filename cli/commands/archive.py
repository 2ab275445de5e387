"""``podfolio archive``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADMIN, ARCHIVIST
from cli.help import Group
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.transports.jetstream import Connection

_COPY = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW = click.Path(file_okay=False, path_type=Path)


@click.group(cls=Group)
def archive() -> None:
    """Seal, verify, export, restore and search the archive of all messages."""


@archive.command(examples=("podfolio archive seal", "podfolio archive seal --nkey-seed secure/archivist.nk"))
@connection_options("podfolio-archive-seal", role=ARCHIVIST)
def seal(settings: Connection) -> None:
    """Seal every message that no seal covers yet.

    Run it daily. A seal holds the hash of each message and of the seal before, signed with the archivist's key. Keep
    the printed hash in another place, such as a letter: archive verify --witness finds it again.
    """
    from cli.running import run

    sys.exit(run(_seal(settings)))


async def _seal(settings: Connection) -> int:
    from bus.language.signing import SEAL, Signer
    from bus.transports.jetstream import connect
    from cli.archive import sealing

    secret = settings.nkey_seed or settings.credentials
    signer = None if secret is None else Signer(secret, SEAL)
    async with connect(settings) as bus:
        made = await sealing.seal(bus, signer, lambda: datetime.now(UTC))
    for body, digest in made:
        click.echo(f"seal {body.number}, messages {body.first_sequence} to {body.last_sequence}: {digest}")
    click.echo("keep the last hash in another place" if made else "every message is sealed", err=True)
    return 0


@archive.command(
    examples=(
        "podfolio archive verify --key secure/archivist.pub",
        "podfolio archive verify FOLDER --witness HASH",
    )
)
@click.argument("folder", type=_COPY, required=False)
@click.option("--key", help="The archivist's public key, or the file with it, such as secure/archivist.pub.")
@click.option("--witness", metavar="HASH", help="The hash of a seal that must be there, as archive seal printed it.")
@connection_options("podfolio-archive-verify", role=ARCHIVIST)
def verify(folder: Path | None, key: str | None, witness: str | None, settings: Connection) -> None:
    """Prove that no archived message is missing, changed or out of order.

    FOLDER is an exported archive; without it, the server's archive is read. Exit status 0 if everything holds, 1 if
    there is a fault, 3 if there is no fault but the seals' author is not confirmed, or there is no seal.
    """
    from bus.language.public_key import KeyFormError, read_key
    from cli.running import run

    try:
        expected = None if key is None else read_key(key)
    except KeyFormError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None
    sys.exit(run(_verify(settings, folder, expected, witness)))


async def _verify(settings: Connection, folder: Path | None, key: str | None, witness: str | None) -> int:
    from bus.transports.jetstream import connect
    from cli.archive import folder as copies
    from cli.archive.verification import CONCLUSIONS, Verification
    from cli.archive.verification import verify as verify_all
    from cli.trust.verify import EXIT_STATUS, conclude, describe

    now = datetime.now(UTC)
    if folder is not None:
        begun, waiting = Verification(now, copies.kept(folder), key, witness), None
        with _progress(None) as told:
            await verify_all(copies.read(folder), begun, told=told)
    else:
        async with connect(settings) as bus:
            state = await bus.archive_state()
            begun, waiting = Verification(now, state.kept, key, witness), state.waiting
            with _progress(state.messages) as told:
                await verify_all(bus.archived(), begun, told=told)
    checks = begun.checks(waiting=waiting)
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(describe(checks, width=width, conclusions=CONCLUSIONS))
    return EXIT_STATUS[conclude(checks)]


@archive.command(examples=("podfolio archive export FOLDER",))
@click.argument("folder", type=_NEW)
@connection_options("podfolio-archive-export", role=ARCHIVIST)
def export(folder: Path, settings: Connection) -> None:
    """Write every archived message into FOLDER, or add the new ones.

    The copy also has the markets of all final events. archive verify, show and podfolio record read it without a
    server.
    """
    from cli.running import run

    sys.exit(run(_export(settings, folder)))


async def _export(settings: Connection, folder: Path) -> int:
    from bus.transports.jetstream import connect
    from cli.archive import folder as copies

    async with connect(settings) as bus:
        with _progress((await bus.archive_state()).messages) as told:
            done = await copies.export(bus, folder, told=told)
    markets = f", markets {', '.join(done.markets)}" if done.markets else ""
    click.echo(f"{counted(done.new, 'new message')}, up to {done.last_sequence}, in {folder}{markets}")
    return 0


@archive.command(examples=("podfolio archive restore FOLDER",))
@click.argument("folder", type=_COPY)
@connection_options("podfolio-archive-restore", role=ADMIN)
def restore(folder: Path, settings: Connection) -> None:
    """Load an exported archive into a server whose archive is empty.

    Every message gets its old place, with its old time and note, so that the seals prove it as before. Publishes the
    markets, too. On a server with users, a user of the streams' account who may do anything is needed. Verify
    afterwards.
    """
    from cli.running import run

    sys.exit(run(_restore(settings, folder)))


async def _restore(settings: Connection, folder: Path) -> int:
    from bus.transports.jetstream import connect
    from cli.archive import folder as copies
    from cli.archive import restoring

    async for _ in copies.read(folder):
        pass  # A damaged copy is refused before a message is written.
    async with connect(settings) as bus:
        with _progress(None) as told:
            done = await restoring.restore(bus, folder, told=told)
    markets = f", markets {', '.join(done.markets)}" if done.markets else ""
    click.echo(f"in the archive: {counted(done.messages, 'message')}, up to {done.last_sequence}{markets}")
    return 0


@archive.command(
    examples=(
        "podfolio archive show --customer reference-customer",
        "podfolio archive show --customer C-17 --from FOLDER",
        "podfolio archive show --request reference-customer",
    )
)
@click.option("--customer", help="The requests of this customer_id, with the final event of each.")
@click.option("--request", "request_id", help="Every message about this request.")
@click.option("--from", "folder", type=_COPY, help="An exported archive, in the place of the server.")
@connection_options("podfolio-archive-show", role=ARCHIVIST)
def show(customer: str | None, request_id: str | None, folder: Path | None, settings: Connection) -> None:
    """List the archived messages of a customer or of a request.

    A request's messages are found by their subjects. A customer's name stands in the bodies, so that all requests are
    read.
    """
    from cli.running import run

    if (customer is None) == (request_id is None):
        message = "say whose messages: give either --customer or --request"
        raise click.UsageError(message)
    sys.exit(run(_show(settings, folder, customer, request_id)))


async def _show(settings: Connection, folder: Path | None, customer: str | None, request_id: str | None) -> int:
    from cli.archive.finding import of_customer, of_request
    from cli.archive.source import archive_of
    from cli.pages.stream import line

    async with archive_of(settings, folder) as source:
        if request_id is not None:
            found = await of_request(source, request_id)
        else:
            with _progress(source.messages) as told:
                found = await of_customer(source, customer or "", told=told)
    from cli.pages.final_event import make_console

    console = make_console()
    for archived in found:
        console.print(line(archived.message), soft_wrap=True)
    click.echo(counted(len(found), "message"), err=True)
    return int(not found)


@archive.command(examples=('podfolio archive remove 17 --reason "of another person, published by mistake"',))
@click.argument("sequence", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Reason; the streams keep the text, so name no person.")
@click.option("--yes", is_flag=True, help="Remove without a question.")
@connection_options("podfolio-archive-remove", role=ADMIN)
def remove(sequence: int, reason: str, settings: Connection, *, yes: bool) -> None:
    """Remove a message from the archive for good, with a record.

    SEQUENCE is the number that archive show tells. Only for a message that no law asks to be kept: records of advice
    are kept for seven years, whoever asks for their removal. Exit status 0 if the message is gone, 1 if it stays.
    """
    from cli.running import run

    sys.exit(run(_remove(settings, sequence, reason, yes=yes)))


async def _remove(settings: Connection, sequence: int, reason: str, *, yes: bool) -> int:
    from bus.transports.jetstream import connect
    from cli.client import removal

    async with connect(settings) as bus:
        message = await removal.find_in_archive(bus, sequence)
        click.echo(removal.described(message))
        if not yes and not click.confirm("Remove it from the archive for good?"):
            return 1
        await removal.remove_from_archive(bus, message, reason=reason, by=removal.who(settings))
    click.echo(f"removed; podfolio.v1.removed.archive-{sequence} keeps the reason")
    return 0


@contextmanager
def _progress(messages: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar with rate and time left while the block lasts, if standard error is a terminal."""
    from cli.pages.book import progress
    from cli.pages.final_event import make_console

    with progress(make_console(stderr=True), messages) as shown:
        yield lambda: shown.bars.advance(shown.task)
