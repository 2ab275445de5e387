"""Publish a request, show the stream until the answer, then the page of the final event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bus.language.messages import BadMessageError, MasterPortfolioOptimized, parse_final
from bus.transports.jetstream import Connection, connect
from cli.arguments import DASH
from cli.client.requests import ask, challenge_of
from cli.pages.bar import bar
from cli.pages.final_event import show
from cli.pages.stream import line

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from bus.language.messages import OptimizationRequest
    from bus.port import Message

# The exit status for an unreadable final event: there is neither a portfolio nor a reason.
UNREADABLE = 3
AS_NEW = (
    "see that this podfolio is as new as the coordinators, else ask again under a new request_id and show an"
    " administrator that message (podfolio remove)"
)


async def show_answer(
    settings: Connection,
    request: OptimizationRequest,
    json_file: Path | None,
    console: Console,
    *,
    challenged: bool = False,
) -> int:
    """Publish the request, show the stream live, then the page; return the exit status.

    With *challenged* the line of the challenge follows, when the challenge is there.
    """

    def show_line(message: Message) -> None:
        console.print(line(message), soft_wrap=True)

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True)

    async with connect(settings) as bus:
        async with bar(bus, request, console):
            final = await ask(bus, request, show=show_line, say=say)
        console.print()
        name = f"{final.subject} (message {final.sequence} of the stream)"
        status = show_final(final.data, json_file, console, name=name, mend=AS_NEW)
        if challenged and (challenge := await challenge_of(bus, final)):
            console.print()
            show_line(challenge)
    return status


def show_final(data: bytes, json_file: Path | None, console: Console, *, name: str, mend: str) -> int:
    """Show the page of a final event, and keep its bytes; return the exit status.

    Args:
        data: The event as stored.
        json_file: The file that gets the bytes; none by default.
        console: Where the page is shown.
        name: The event's name in an error message.
        mend: What to do about an event that cannot be read.
    """
    try:
        event = parse_final(data)
    except BadMessageError as error:
        click.echo(f"podfolio: {name} is there and cannot be read ({error}): {mend}", err=True)
        _keep(data, json_file, console)
        return UNREADABLE
    show(console, event)
    _keep(data, json_file, console)
    return 0 if isinstance(event, MasterPortfolioOptimized) else 1


def _keep(data: bytes, json_file: Path | None, console: Console) -> None:
    """Write a final event to the file that the user named, or to standard output."""
    if json_file == DASH:
        click.echo(data, nl=False)
    elif json_file:
        json_file.write_bytes(data)
        console.print(f"the final event is in {json_file}")
