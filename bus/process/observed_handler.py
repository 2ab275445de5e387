"""Wrap a handler: count the work, time it, and trace it as part of a request."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from opentelemetry.trace import SpanKind

from bus.language import subjects
from bus.observability import metrics, tracing
from bus.port import LaterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.port import Delivery


class Handler(Protocol):
    """The work on a delivery, and the answer when the work cannot be done."""

    async def handle(self, delivery: Delivery) -> None:
        """Do the work; returning settles the delivery."""

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer the waiting sender that the work cannot be done; returning settles the delivery."""


@dataclass(frozen=True, slots=True)
class ObservedHandler:
    """A handler that calls another handler and records metrics and traces.

    Attributes:
        handler: The wrapped handler.
        queue: The work queue of the deliveries.
    """

    handler: Handler
    queue: str

    async def handle(self, delivery: Delivery) -> None:
        """Handle the delivery, counted, timed and traced."""
        work = self.queue, _kind(delivery)
        _count(work, delivery)
        with (
            metrics.IN_HAND.labels(*work).track_inprogress(),
            metrics.HANDLING.labels(*work).time(),
            self.traced("handle", delivery),
        ):
            try:
                await self.handler.handle(delivery)
            except LaterError:
                raise
            except Exception as error:
                metrics.failed(*work, error)
                raise

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Give the delivery up, traced."""
        with self.traced("give up", delivery):
            await self.handler.give_up(delivery, error)

    @contextmanager
    def traced(self, what: str, delivery: Delivery) -> Iterator[None]:
        """Put the block into the trace of the message."""
        message = delivery.message
        facts = {
            "request_id": subjects.parse(message.subject).key,
            "queue": self.queue,
            "attempt": str(delivery.attempt),
        }
        with tracing.span(f"{what} {_kind(delivery)}", message.headers, kind=SpanKind.CONSUMER, **facts):
            yield


def _kind(delivery: Delivery) -> str:
    return subjects.parse(delivery.message.subject).kind.value


def _count(work: tuple[str, str], delivery: Delivery) -> None:
    metrics.DELIVERIES.labels(*work).inc()
    if delivery.attempt > 1:
        metrics.REDELIVERIES.labels(*work).inc()
    elif delivery.message.stored_at is not None:
        # The difference between two clocks, the server's and the local one.
        waited_s = (datetime.now(UTC) - delivery.message.stored_at).total_seconds()
        metrics.QUEUE_AGE.labels(*work).observe(max(0.0, waited_s))
