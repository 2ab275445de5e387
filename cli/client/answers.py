"""Publish a request, show the stream until the answer, then the page of the final event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bus.language.messages import MasterPortfolioOptimized
from bus.transports.jetstream import Connection, connect
from cli.arguments import DASH
from cli.client.requests import UnreadableFinalError, ask
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


async def show_answer(
    settings: Connection, request: OptimizationRequest, json_file: Path | None, console: Console
) -> int:
    """Publish the request, show the stream live, then the page; return the exit status."""

    def show_line(message: Message) -> None:
        console.print(line(message), soft_wrap=True)

    try:
        async with connect(settings) as bus, bar(bus, request, console):
            event, data = await ask(bus, request, show=show_line)
    except UnreadableFinalError as error:
        click.echo(f"podfolio: {error}", err=True)
        _keep(error.data, json_file, console)
        return UNREADABLE
    console.print()
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
