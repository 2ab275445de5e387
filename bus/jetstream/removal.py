"""Look at one stored message, and delete it: what an administrator may do, and nobody else."""

from __future__ import annotations

import base64
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bus.jetstream.asking import ask_api
from bus.jetstream.errors import NoMessageError
from bus.jetstream.protocol import read_headers
from bus.jetstream.streams import EVENTS
from bus.port import COORDINATORS, Message, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.jetstream.wire import Wire


async def look(wire: Wire, query: Mapping[str, Any]) -> Message | None:
    """Read the message that *query* names, by the leader's account; None if there is none.

    Raises:
        RefusedError: If we may not.
        UnreachableError: If the server did not answer in time.
    """
    try:
        found = (await ask_api(wire, f"STREAM.MSG.GET.{EVENTS}", query))["message"]
    except NoMessageError:
        return None
    # JSON leaves out what is empty.
    headers = read_headers(base64.b64decode(found.get("hdrs", "")))
    data, stored_at = base64.b64decode(found.get("data", "")), datetime.fromisoformat(found["time"])
    return Message(found["subject"], data, headers, found["seq"], stored_at)


async def settled(wire: Wire) -> int:
    """Say up to which sequence the coordinators have settled all requests and results."""
    answer = await ask_api(wire, f"CONSUMER.INFO.{EVENTS}.{COORDINATORS}")
    return int(answer["ack_floor"]["stream_seq"])


async def require_removable(wire: Wire) -> None:
    """See that the stream lets messages be deleted.

    Raises:
        RefusedError: If it does not; says what to do.
    """
    if (await ask_api(wire, f"STREAM.INFO.{EVENTS}"))["config"].get("deny_delete"):
        message = (
            f"the stream {EVENTS} was set up so that no message can be deleted, and no server takes that back:"
            " docs/operations.md says how to set it up anew without losing anything"
        )
        raise RefusedError(message)


async def delete(wire: Wire, sequence: int) -> None:
    """Delete a message, and overwrite where it was; nothing if it is gone already.

    Raises:
        RefusedError: If the server will not.
        UnreachableError: If it did not answer in time; do it again.
    """
    # It is not there if an earlier try of ours deleted it, whose answer was lost.
    with contextlib.suppress(NoMessageError):
        await ask_api(wire, f"STREAM.MSG.DELETE.{EVENTS}", {"seq": sequence})
