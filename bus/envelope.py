"""Headers of every message: CloudEvents 1.0 in binary mode, and the trace context (W3C).

The body stays plain JSON of its own type; who reads only bodies misses nothing that matters.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from bus import metrics, subjects
from bus.messages import encode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import BaseModel

    from bus.port import Bus, Stored

# Headers of the trace context, each with its largest length: what is longer is not one (W3C Trace
# Context 3.3.1.5 asks for 512 of the state), and is not repeated in every message of a request.
_TRACE = {"traceparent": 128, "tracestate": 512}


def new_id() -> str:
    """Make an id for one message; unique, so that an earlier try of our own is known for what it is."""
    return str(uuid.uuid4())


def headers(
    body: BaseModel, *, message_id: str, source: str, now: datetime, caused_by: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Describe a body; the trace context of the message that *caused* it is passed on.

    Args:
        body: What will be sent.
        message_id: Its id.
        source: Who sends it, such as ``/podfolio/agents/alpha``.
        now: When.
        caused_by: Headers of the message that this one answers.
    """
    passed_on = {name: value for name, value in (caused_by or {}).items() if len(value) <= _TRACE.get(name.lower(), -1)}
    return {
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-type": f"podfolio.v1.{type(body).__name__}",
        "ce-source": source,
        "ce-time": now.isoformat(),
        "content-type": "application/json",
        **passed_on,
    }


async def publish(
    bus: Bus, subject: str, body: BaseModel, *, source: str, now: datetime, caused_by: Mapping[str, str] | None = None
) -> Stored:
    """Publish *body* as the only message of *subject*."""
    message_id = new_id()
    described = headers(body, message_id=message_id, source=source, now=now, caused_by=caused_by)
    with metrics.PUBLISHING.labels(subjects.parse(subject).kind.value).time():
        return await bus.publish_once(subject, encode(body), message_id=message_id, headers=described)
