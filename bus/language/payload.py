"""A body before it is published, as the process that solves hands it over: no metrics, traces or transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from bus.language.messages import encode
from bus.language.packing import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


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
