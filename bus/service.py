"""Who a process is, in the words of the NATS service API (ADR-32): what ``nats micro ls``, ``info`` and ``stats`` show.

Its endpoints are the work queues that it works: a request is not sent to a process but published to the
stream. Nothing here sends or hears anything; ``bus.jetstream.discovery`` does.
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

from bus import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bus.subjects import Kind

_NS = 1_000_000_000


def service_name(role: str) -> str:
    """Name the service of all who have *role*."""
    return f"podfolio-{role}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of message that a process works off.

    Attributes:
        kind: What comes.
        subject: Where it is published.
        queue: The work queue that it is taken from.
    """

    kind: Kind
    subject: str
    queue: str

    @property
    def info(self) -> dict[str, Any]:
        """Describe it."""
        return {"name": self.kind.value, "subject": self.subject, "queue_group": self.queue, "metadata": {}}

    @property
    def stats(self) -> dict[str, Any]:
        """Tell what was counted there."""
        labels = {"queue": self.queue, "kind": self.kind.value}
        taken = int(metrics.total(metrics.DELIVERIES, "_total", **labels))
        spent_ns = int(metrics.total(metrics.HANDLING, "_sum", **labels) * _NS)
        return {
            "name": self.kind.value,
            "subject": self.subject,
            "queue_group": self.queue,
            "num_requests": taken,
            "num_errors": int(metrics.total(metrics.FAILURES, "_total", **labels)),
            "last_error": metrics.last_failure(**labels),
            "processing_time": spent_ns,
            "average_processing_time": spent_ns // taken if taken else 0,
        }


@dataclass(frozen=True, slots=True)
class Service:
    """One replica of a service.

    Attributes:
        name: What all its replicas are called; letters, digits, ``-`` and ``_``.
        description: What it does, for people.
        endpoints: What it works off.
        id: This replica's own.
        started: When it was started; UTC.
        metadata: Where it runs, so that one replica can be found among many.
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
        """The work queues that it needs."""
        return frozenset(endpoint.queue for endpoint in self.endpoints)

    @property
    def subjects(self) -> dict[str, Callable[[], bytes]]:
        """What answers on which subject: for all services, for all of this name, and for this replica."""
        verbs = {"PING": self.ping, "INFO": self.info, "STATS": self.stats}
        return {
            f"$SRV.{verb}{whom}": answer
            for verb, answer in verbs.items()
            for whom in ("", f".{self.name}", f".{self.name}.{self.id}")
        }

    def ping(self) -> bytes:
        """Say that it is there."""
        return self._answer("ping")

    def info(self) -> bytes:
        """Say what it works off."""
        return self._answer(
            "info", description=self.description, endpoints=[endpoint.info for endpoint in self.endpoints]
        )

    def stats(self) -> bytes:
        """Say what it has done so far."""
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
