"""List the requests of the stream, with the state of each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import glance
from bus.language.plain_text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from datetime import datetime

    from bus.port import Message
    from bus.transports.jetstream import JetStreamBus

_LONGEST = 64


class State(StrEnum):
    """The state of a request."""

    WAITING = "waiting"
    OPTIMISED = "optimised"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listed:
    """One request of the stream.

    Attributes:
        request_id: The request's id.
        state: Whether there is a final event, and which.
        reason: Why there is no portfolio; empty with one, or without a final event.
        customer_id: The customer's key, as the request says; empty if it says none.
        market: The market, as the request says; empty if it says none.
        published: When the request was stored; UTC.
        answered: When the final event was stored; UTC, None without one.
    """

    request_id: str
    state: State
    reason: str
    customer_id: str
    market: str
    published: datetime
    answered: datetime | None

    @property
    def line(self) -> str:
        """The request as a line for people."""
        took = "" if self.answered is None else f" in {(self.answered - self.published).total_seconds():.1f} s"
        state = f"{self.reason or self.state}{took}"
        return (
            f"{self.published:%Y-%m-%d %H:%M:%S} UTC  {state:<28}  {self.request_id}"
            f"  (customer {self.customer_id or 'not said'}, market {self.market or 'not said'})"
        )

    @property
    def json(self) -> str:
        """The request as a line for programs."""
        return json.dumps(asdict(self), default=lambda at: at.isoformat())


async def list_requests(
    bus: JetStreamBus, *, since: datetime | None, chosen: Callable[[Listed], bool], most: int
) -> tuple[list[Listed], int]:
    """List the newest requests that are *chosen*, the newest first.

    Args:
        bus: The bus.
        since: The earliest time of publication; from the start of the stream by default.
        chosen: Chooses the requests.
        most: The most requests to list.

    Returns:
        The requests, and the number of all that were chosen.
    """
    asked = [message async for message in _facts(bus, subjects.ALL_REQUESTS, since)]
    finals = {request_id: (at, told) async for request_id, at, told in _facts(bus, subjects.ALL_FINALS, since)}
    rows = [_listed(request_id, at, told, finals.get(request_id)) for request_id, at, told in asked]
    found = [row for row in reversed(rows) if chosen(row)]
    return found[:most], len(found)


async def _facts(
    bus: JetStreamBus, pattern: str, since: datetime | None
) -> AsyncGenerator[tuple[str, datetime, Mapping[str, str]], None]:
    """Yield of each message the request's id, the time of storage and the few members that a list shows."""
    async for message in bus.stored(pattern, since=since):
        request_id = subjects.parse(message.subject).request_id
        if request_id and message.stored_at is not None:
            yield request_id, message.stored_at, _members(message)


def _members(message: Message) -> Mapping[str, str]:
    """Read what a list shows of a body, which may be anything: any client may publish a request."""
    body = glance(message.data)
    customer = body.get("customer")
    told = {**body, "customer_id": customer.get("customer_id") if isinstance(customer, dict) else None}
    names = ("type", "reason", "customer_id", "market")
    return {name: printable(said, longest=_LONGEST) for name in names if isinstance(said := told.get(name), str)}


def _listed(
    request_id: str, published: datetime, told: Mapping[str, str], final: tuple[datetime, Mapping[str, str]] | None
) -> Listed:
    answered, event = final or (None, {})
    state = State.WAITING if final is None else State.FAILED
    if event.get("type") == "MasterPortfolioOptimized":
        state = State.OPTIMISED
    reason = (event.get("reason") or "unreadable") if state is State.FAILED else ""
    return Listed(request_id, state, reason, told.get("customer_id", ""), told.get("market", ""), published, answered)
