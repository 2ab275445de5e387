"""A process's identity in the NATS service API (ADR-32), shown by ``nats micro ls``, ``info`` and ``stats``.

The endpoints of a service are its work queues: clients publish a request to the stream and do not send it to a process.
This module sends and receives no messages; ``bus.transports.jetstream.discovery`` does.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bus.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bus.language.subjects import MessageKind

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of message that a process handles.

    Attributes:
        kind: The kind of the messages.
        subject: The subject of publication.
        queue: The work queue that delivers the messages.
    """

    kind: MessageKind
    subject: str
    queue: str

    @property
    def info(self) -> dict[str, Any]:
        """The endpoint's description."""
        return {"name": self.kind.value, "subject": self.subject, "queue_group": self.queue, "metadata": {}}

    @property
    def stats(self) -> dict[str, Any]:
        """The endpoint's counters."""
        labels = {"queue": self.queue, "kind": self.kind.value}
        deliveries = int(metrics.total(metrics.DELIVERIES, "_total", **labels))
        spent_ns = int(metrics.total(metrics.HANDLING, "_sum", **labels) * _NS)
        return {
            "name": self.kind.value,
            "subject": self.subject,
            "queue_group": self.queue,
            "num_requests": deliveries,
            "num_errors": int(metrics.total(metrics.FAILURES, "_total", **labels)),
            "last_error": metrics.last_failure(**labels),
            "processing_time": spent_ns,
            "average_processing_time": spent_ns // deliveries if deliveries else 0,
        }


@dataclass(frozen=True, slots=True)
class Service:
    """One replica of a service.

    Attributes:
        name: The common name of all replicas; letters, digits, ``-`` and ``_``.
        description: The purpose of the service, for people.
        endpoints: The kinds of messages that the service handles.
        id: This replica's own id.
        started: When the replica started; UTC.
        metadata: The replica's host and process id, to find one replica among many.
    """

    name: str
    description: str
    endpoints: tuple[Endpoint, ...]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    metadata: Mapping[str, str] = field(default_factory=lambda: {"host": socket.gethostname(), "pid": str(os.getpid())})

    @property
    def version(self) -> str:
        """The version of the product."""
        return version("podfolio")

    @property
    def queues(self) -> frozenset[str]:
        """The work queues that the service needs."""
        return frozenset(endpoint.queue for endpoint in self.endpoints)

    @property
    def subjects(self) -> dict[str, Callable[[], bytes]]:
        """The answering method per subject: for all services, for all replicas of this name, and for this replica."""
        verbs = {"PING": self.ping, "INFO": self.info, "STATS": self.stats}
        return {
            f"$SRV.{verb}{whom}": answer
            for verb, answer in verbs.items()
            for whom in ("", f".{self.name}", f".{self.name}.{self.id}")
        }

    def ping(self) -> bytes:
        """Answer that this replica is present."""
        return self._answer("ping")

    def info(self) -> bytes:
        """Describe the service's endpoints."""
        return self._answer(
            "info", description=self.description, endpoints=[endpoint.info for endpoint in self.endpoints]
        )

    def stats(self) -> bytes:
        """Report the counters so far."""
        started = self.started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._answer("stats", started=started, endpoints=[endpoint.stats for endpoint in self.endpoints])

    def _answer(self, verb: str, **more: object) -> bytes:
        answer = {
            "type": f"io.nats.micro.v1.{verb}_response",
            "name": self.name,
            "id": self.id,
            "version": self.version,
            "metadata": dict(self.metadata),
            **more,
        }
        return json.dumps(answer).encode()
