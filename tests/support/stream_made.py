"""Streams for tests: messages as they were once stored, under ids of the test's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.port import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bus.port import Bus

_STORED = Path(__file__).parent.parent / "contract" / "v1" / "messages"
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)
# Requests that ended with a portfolio, with all goals met or not, and without.
GOOD, BAD = ("reference", "account"), ("conflict", "unreachable")

Sent = tuple[str, bytes]


def conversation(name: str, request_id: str) -> list[Sent]:
    """Give the messages of a request in their order: subject and body; the pods' in that of their names."""
    told: dict[str, Sent] = {}
    for file in sorted(_STORED.glob(f"{name}.*.json")):
        body = json.loads(file.read_bytes()) | {"request_id": request_id}
        kind, pod = file.stem.rpartition(".")[2], file.stem.split(".")[1]
        subject = {
            "OptimizationRequest": subjects.request(request_id),
            "PodResult": subjects.pod_result(request_id, pod),
            "PodFailed": subjects.pod_result(request_id, pod),
        }.get(kind, subjects.final(request_id))
        told[subject] = (subject, json.dumps(body).encode())
    first, last = subjects.request(request_id), subjects.final(request_id)
    between = [sent for subject, sent in told.items() if subject not in {first, last}]
    return [told[first], *between, told[last]]


def stored(sent: Iterable[Sent], *, after: int = 0, apart_s: float = 0.01) -> list[Message]:
    """Number the messages as a stream does, from *after* on, and give them times so far apart."""
    return [
        Message(subject, data, {}, after + i, THEN + timedelta(seconds=apart_s * (after + i)))
        for i, (subject, data) in enumerate(sent, 1)
    ]


async def send(bus: Bus, sent: Iterable[Sent]) -> None:
    """Publish the messages."""
    for subject, data in sent:
        await bus.publish_once(subject, data, message_id=subject, headers={})
