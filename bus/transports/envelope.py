"""Headers of every message: CloudEvents 1.0 in binary mode, and the trace context (W3C).

The body stays plain JSON of its own type; a reader of bodies alone misses no important fact.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from bus.language import subjects
from bus.language.payload import Payload
from bus.observability import metrics, tracing

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import BaseModel

    from bus.port import Bus, Stored


def new_id() -> str:
    """Make a unique id for one message, so that the bus can recognise an earlier try of our own."""
    return str(uuid.uuid4())


def headers(kind: str, *, message_id: str, source: str, now: datetime) -> dict[str, str]:
    """Describe a body in headers, with the current trace context.

    Args:
        kind: The name of the body's class.
        message_id: The message's id.
        source: The sender, such as ``/podfolio/agents/alpha``.
        now: The time of sending.
    """
    return {
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-type": f"podfolio.v1.{kind}",
        "ce-source": source,
        "ce-time": now.isoformat(),
        "content-type": "application/json",
        **tracing.passed_on(),
    }


async def publish(
    bus: Bus, subject: str, body: BaseModel | Payload, *, source: str, now: datetime, message_id: str = ""
) -> Stored:
    """Publish *body* as the only message of *subject*; a *message_id* recognises earlier tries of other processes."""
    payload = body if isinstance(body, Payload) else Payload.of(body)
    message_id, kind = message_id or new_id(), subjects.parse(subject).kind.value
    with metrics.PUBLISHING.labels(kind).time(), tracing.span(f"publish {kind}", kind=SpanKind.PRODUCER):
        described = headers(payload.kind, message_id=message_id, source=source, now=now)
        return await bus.publish_once(subject, payload.data, message_id=message_id, headers=described)
