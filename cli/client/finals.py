"""Find a final event and its challenge: in a file, on standard input, or in the stream by the id of its request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.language import subjects
from bus.language.subjects import ID_PATTERN, MessageKind
from bus.port import RefusedError
from bus.transports.jetstream import connect
from cli.arguments import DASH, read_event

if TYPE_CHECKING:
    from bus.port import Bus
    from bus.transports.jetstream import Connection


async def find_final(settings: Connection, event: str) -> bytes:
    """Read the final event *event*, the name of a file or the id of a request.

    Raises:
        RefusedError: If the stream has no final event of that id.
        UnreachableError: If the server did not answer in time.
    """
    data = read_file(event)
    return await fetch_final(settings, event) if data is None else data


def read_file(event: str) -> bytes | None:
    """Read the file of an event; None if *event* is a request's id. Any other text ends the command."""
    file = Path(event)
    if file == DASH or file.exists():
        return read_event(file)
    if not re.fullmatch(ID_PATTERN, event) or file.suffix == ".json":
        message = (
            f"there is no file {event}, and it is no request's id: give a final event's file, or the id of a request"
        )
        raise click.BadParameter(message, param_hint="EVENT")
    return None


async def fetch_final(settings: Connection, request_id: str) -> bytes:
    """Read the final event of a request from the stream; raises as ``find_final``."""
    async with connect(settings) as bus:
        return await read_final(bus, request_id)


async def read_final(bus: Bus, request_id: str) -> bytes:
    """Read the final event of a request over *bus*; raises as ``find_final``."""
    found = await bus.record((subjects.request(request_id), subjects.final(request_id)))
    stored = {subjects.parse(message.subject).kind: message for message in found}
    if final := stored.get(MessageKind.FINAL):
        return final.data
    if (asked := stored.get(MessageKind.REQUEST)) and asked.stored_at:
        message = (
            f"request {request_id} was published on {asked.stored_at:%d %B %Y, %H:%M:%S} UTC and has no final event"
            " yet: try again later"
        )
        raise RefusedError(message)
    message = (
        f"the server has no request {request_id}, and there is no file of that name: name a request that podfolio list"
        " shows, or give an event's file"
    )
    raise RefusedError(message)


async def fetch_challenge(settings: Connection, request_id: str) -> bytes | None:
    """Read the challenge of a request's final event from the stream; None if there is none (yet)."""
    async with connect(settings) as bus:
        found = await bus.record((subjects.challenge(request_id),))
    return found[0].data if found else None
