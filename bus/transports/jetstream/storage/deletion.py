"""Read one stored message and delete it; only an administrator may do this."""

from __future__ import annotations

import base64
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bus.port import COORDINATORS, Message, RefusedError
from bus.topology.streams import EVENTS
from bus.transports.jetstream.connection.asking import ask_api
from bus.transports.jetstream.connection.protocol import read_headers
from bus.transports.jetstream.connection.server_errors import NoMessageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.transports.jetstream.connection.wire import Wire


async def read_message(wire: Wire, query: Mapping[str, Any], *, stream: str = EVENTS) -> Message | None:
    """Read the message that *query* names from the leader of *stream*; None if the message does not exist.

    Raises:
        RefusedError: If this user has no permission.
        UnreachableError: If the server did not answer in time.
    """
    try:
        stored = (await ask_api(wire, f"STREAM.MSG.GET.{stream}", query))["message"]
    except NoMessageError:
        return None
    # The server's JSON omits empty fields.
    headers = read_headers(base64.b64decode(stored.get("hdrs", "")))
    data, stored_at = base64.b64decode(stored.get("data", "")), datetime.fromisoformat(stored["time"])
    return Message(stored["subject"], data, headers, stored["seq"], stored_at)


async def settled(wire: Wire) -> int:
    """Return the sequence up to which the coordinators have acknowledged all requests and results."""
    answer = await ask_api(wire, f"CONSUMER.INFO.{EVENTS}.{COORDINATORS}")
    return int(answer["ack_floor"]["stream_seq"])


async def require_removable(wire: Wire) -> None:
    """Check that the event stream allows the deletion of messages.

    Raises:
        RefusedError: If the stream denies deletion; the message names the remedy.
    """
    if (await ask_api(wire, f"STREAM.INFO.{EVENTS}"))["config"].get("deny_delete"):
        message = (
            f"the stream {EVENTS} was set up so that no message can be deleted, and no server takes that back:"
            " docs/operations.md says how to set it up anew without losing anything"
        )
        raise RefusedError(message)


async def delete(wire: Wire, sequence: int, *, stream: str = EVENTS) -> None:
    """Delete a message and overwrite the stored bytes; do not fail if the message is already gone.

    Raises:
        RefusedError: If the server refuses.
        UnreachableError: If the server did not answer in time; try again.
    """
    # The message is missing if an earlier attempt deleted it and the answer was lost.
    with contextlib.suppress(NoMessageError):
        await ask_api(wire, f"STREAM.MSG.DELETE.{stream}", {"seq": sequence})
