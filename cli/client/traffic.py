"""Publish example requests one after another, to give the dashboard and ``watch`` some traffic."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import parse_request
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import OptimizationRequest
    from bus.port import Bus

_EXAMPLES = Path(__file__).parents[2] / "examples"
_EVERY_S = 2.0
# Variants of the reference customer: some goals are unreachable, or the rules allow no portfolio.
_VARIED: dict[str, dict[str, Any]] = {
    "goals-give-way": {"market": "asx-outlook-2025-12"},
    "no-goal-may-give-way": {"market": "asx-outlook-2025-12", "on_unreachable": "fail"},
    "too-few-etfs": {"rules": {"max_etfs": 4}},
}


async def publish_examples(bus: Bus) -> None:
    """Publish every example again and again, each time under a new id."""
    for number in itertools.count(1):
        for name, body in _examples():
            request = _request(body, f"{name}-{number}")
            subject = subjects.request(request.request_id)
            await publish(bus, subject, request, source="/podfolio/cli", now=datetime.now(UTC))
            await asyncio.sleep(_EVERY_S)


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    files = {file.stem: json.loads(file.read_bytes()) for file in sorted(_EXAMPLES.glob("*.json"))}
    # The README's example comes first.
    reference = files.pop("reference-customer")
    yield "reference-customer", reference
    yield from files.items()
    for name, changes in _VARIED.items():
        yield name, reference | changes


def _request(body: dict[str, Any], request_id: str) -> OptimizationRequest:
    return parse_request(json.dumps(body | {"request_id": request_id}).encode(), request_id)
