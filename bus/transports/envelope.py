"""Headers of every message: CloudEvents 1.0 in binary mode, and the trace context (W3C).

The body stays plain JSON of its own type; a reader of bodies alone misses no important fact.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.trace import SpanKind

from bus.language import subjects
from bus.language.messages import encode
from bus.language.packing import pack, unpack
from bus.observability import metrics, tracing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic import BaseModel

    from bus.port import Bus, Stored


@dataclass(frozen=True, slots=True)
class Payload:
    """A body in JSON, with the facts that its sender needs: no process reads a body again to publish, count or log it.

    Attributes:
        kind: The name of the body's class, such as ``PodResult``.
        data: The body.
        facts: What the sender counts and logs; values that JSON has.
    """

    kind: str
    data: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: BaseModel, **facts: object) -> Self:
        """Encode a body."""
        return cls(type(body).__name__, encode(body), facts)

    def packed(self) -> bytes:
        """Write the payload as a child process's answer."""
        return pack({"kind": self.kind, "facts": self.facts}, self.data)

    @classmethod
    def unpacked(cls, answer: bytes) -> Self:
        """Read a child process's answer."""
        head, (data,) = unpack(answer)
        return cls(head["kind"], data, head["facts"])


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


async def publish(bus: Bus, subject: str, body: BaseModel | Payload, *, source: str, now: datetime) -> Stored:
    """Publish *body* as the only message of *subject*."""
    payload = body if isinstance(body, Payload) else Payload.of(body)
    message_id, kind = new_id(), subjects.parse(subject).kind.value
    with metrics.PUBLISHING.labels(kind).time(), tracing.span(f"publish {kind}", kind=SpanKind.PRODUCER):
        described = headers(payload.kind, message_id=message_id, source=source, now=now)
        return await bus.publish_once(subject, payload.data, message_id=message_id, headers=described)
