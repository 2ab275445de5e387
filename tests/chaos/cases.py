"""What a history says of each request: the tries to publish it, and the messages that were seen of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.subjects import MessageKind
from chaos.history import Event, What

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OUTCOMES = frozenset({What.ACKNOWLEDGED, What.TAKEN, What.REFUSED, What.UNKNOWN})
SIGHTS = frozenset({What.SEEN, What.READ})


@dataclass(slots=True)
class Try:
    """One try to publish, and what the client was told of it."""

    invoked: Event
    outcome: What = What.UNKNOWN
    told_at_s: float | None = None


@dataclass(slots=True)
class Case:
    """Whatever is known of one request id."""

    tries: list[Try] = field(default_factory=list)
    requests: list[Event] = field(default_factory=list)  # first sights, one a message, in stream order
    results: list[Event] = field(default_factory=list)
    finals: list[Event] = field(default_factory=list)
    challenges: list[Event] = field(default_factory=list)

    def acknowledged_s(self, request: Event) -> float | None:
        """Say when a client was first told that *request* is stored, if any was."""
        times = [
            attempt.told_at_s
            for attempt in self.tries
            if attempt.outcome is What.ACKNOWLEDGED
            and attempt.invoked.sha256 == request.sha256
            and attempt.told_at_s is not None
        ]
        return min(times, default=None)

    @property
    def is_unknown_and_stored(self) -> bool:
        """Whether a request is stored although its client was never told so."""
        return any(
            self.acknowledged_s(request) is None
            and any(
                attempt.outcome is What.UNKNOWN for attempt in self.tries if attempt.invoked.sha256 == request.sha256
            )
            for request in self.requests
        )


def kind_of(event: Event) -> MessageKind:
    """Say what a message is."""
    return subjects.parse(event.subject).kind


def key_of(subject: str) -> str:
    """Name the request that a subject is about; empty if it is about none."""
    try:
        return subjects.parse(subject).key
    except ValueError:
        return ""


def first_sights(sights: Iterable[Event]) -> dict[int, Event]:
    """Give the first sight of each message, in stream order."""
    first: dict[int, Event] = {}
    for event in sights:
        first.setdefault(event.sequence, event)
    return dict(sorted(first.items()))


def cases_of(history: Sequence[Event], first: Mapping[int, Event]) -> dict[str, Case]:
    """Sort the tries of a history, and the first sight of each message, by the ids of the requests."""
    cases: defaultdict[str, Case] = defaultdict(Case)
    tries: dict[int, Try] = {}
    for event in history:
        if event.what is What.INVOKED:
            tries[event.operation] = Try(event)
            if key := key_of(event.subject):
                cases[key].tries.append(tries[event.operation])
        elif event.what in OUTCOMES:
            tries[event.operation].outcome = event.what
            tries[event.operation].told_at_s = event.at_s
    for event in first.values():
        address = subjects.parse(event.subject)
        if address.key and address.kind is not MessageKind.REJECTED:
            case = cases[address.key]
            {
                MessageKind.REQUEST: case.requests,
                MessageKind.POD: case.results,
                MessageKind.FINAL: case.finals,
                MessageKind.CHALLENGE: case.challenges,
            }[address.kind].append(event)
    return dict(cases)
