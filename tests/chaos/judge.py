"""Judge a run by its history: what clients were told and saw must fit one stream that keeps the promise.

Pure: it is shown events, and reads no clock, file or server.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus import subjects
from bus.messages import Reason
from bus.subjects import Kind
from chaos.history import Event, What
from chaos.schedule import Kind as Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DAY_S = 86_400.0
# What a stream keeps a message for.
KEPT_S = 7 * _DAY_S
# After a deadline, or the end of the last fault on the way: an election, work handed out again, a busy machine.
_GRACE_S = 15.0
# Between the clocks of the client and the server, both on one machine: the way there.
_EARLY_S = 1.0
# So few at once are no load, whatever died.
_FEW = 5
# Those that take nothing away excuse nothing.
_HARMLESS = frozenset({Fault.RAW_CONTENT, Fault.ID_USED_AGAIN, Fault.LONG_REQUEST})
_TOLD = 20
_OUTCOMES = frozenset({What.ACKNOWLEDGED, What.TAKEN, What.REFUSED, What.UNKNOWN})
_SIGHTS = frozenset({What.SEEN, What.READ})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the history shows.

    Attributes:
        wrong: What broke the promise; empty if nothing did.
        tries: How many tries to publish there were, by what the client was told; those without an answer are unknown.
        unknown_stored: Requests of which no client was told, and which are stored.
        sights: How many messages observers and readers were shown.
        final_readings: How many of them were finals.
        waited_s: From the acknowledgement to the first sight of the final, by the clients' clock, sorted.
        late_s: By how much finals came too late by the clients' clock, sorted.
        early: Requests that were given up before their deadlines after a server's clock had been wrong.
    """

    wrong: tuple[str, ...]
    tries: Mapping[What, int]
    unknown_stored: int
    sights: int
    final_readings: int
    waited_s: tuple[float, ...]
    late_s: tuple[float, ...]
    early: int


@dataclass(slots=True)
class _Try:
    """One try to publish, and what the client was told of it."""

    invoked: Event
    outcome: What = What.UNKNOWN
    told_at_s: float | None = None


@dataclass(slots=True)
class _Case:
    """Whatever is known of one request id."""

    tries: list[_Try] = field(default_factory=list)
    requests: list[Event] = field(default_factory=list)  # first sights, one a message, in stream order
    results: list[Event] = field(default_factory=list)
    finals: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a client waited, by its clock."""

    invoked_s: float
    acknowledged_s: float
    deadline_s: float
    seen_s: float

    @property
    def due_s(self) -> float:
        """The latest time by which the client may expect the final."""
        return self.acknowledged_s + self.deadline_s


@dataclass(frozen=True, slots=True)
class _Fault:
    """When a fault began, and when the system had recovered from it."""

    begin_s: float
    end_s: float
    told: str


def judge(history: Sequence[Event], held: Sequence[Event] = (), *, kept_s: float = KEPT_S) -> Judgement:
    """Say whether the history fits the promise.

    Args:
        history: All events, in the order of their times.
        held: The stream's messages at the end of the run, as readings; empty if it was not read.
        kept_s: How long the stream keeps a message, by the server's clock.
    """
    sights = [event for event in (*history, *held) if event.what in _SIGHTS and event.sequence]
    first = _first_sights(sights)
    cases = _cases(history, first)
    faults = _faults(history)
    wrong = _changed(sights, first)
    wrong += _occupied_twice(first, kept_s)
    wrong += _observers(history, held)
    waited_s, late_s, early = [], [], 0
    spans = _in_flight(cases)
    for request_id, case in sorted(cases.items()):
        wrong += [f"{request_id}: {fault}" for fault in (*_told(case), *_answered(case), *_in_time_order(case))]
        for asked, final in zip(case.requests, case.finals, strict=False):
            waits = _waits(case, asked, final)
            if waits is None:
                continue
            waited_s.append(waits.seen_s - waits.acknowledged_s)
            if waits.seen_s > waits.due_s:
                late_s.append(waits.seen_s - waits.due_s)
            if told := _too_late(waits, faults) or _refused_in_calm(waits, final, spans, faults):
                wrong.append(f"{request_id}: {told}")
            if (early_s := _early_s(waits, final)) and _clock_was_wrong(waits, faults):
                early += 1
            elif early_s:
                wrong.append(f"{request_id}: given up {early_s:.1f} s before its deadline")
    tries = [attempt for case in cases.values() for attempt in case.tries]
    return Judgement(
        wrong=tuple(wrong[:_TOLD] + ([f"and {len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else [])),
        tries={what: sum(attempt.outcome is what for attempt in tries) for what in sorted(_OUTCOMES)},
        unknown_stored=sum(_is_unknown_and_stored(case) for case in cases.values()),
        sights=len(sights),
        final_readings=sum(_kind(event) is Kind.FINAL for event in sights),
        waited_s=tuple(sorted(waited_s)),
        late_s=tuple(sorted(late_s)),
        early=early,
    )


def _kind(event: Event) -> Kind:
    return subjects.parse(event.subject).kind


def _first_sights(sights: Iterable[Event]) -> dict[int, Event]:
    """Give the first sight of each message, in stream order."""
    first: dict[int, Event] = {}
    for event in sights:
        first.setdefault(event.sequence, event)
    return dict(sorted(first.items()))


def _cases(history: Sequence[Event], first: Mapping[int, Event]) -> dict[str, _Case]:
    cases: defaultdict[str, _Case] = defaultdict(_Case)
    tries: dict[int, _Try] = {}
    for event in history:
        if event.what is What.INVOKED:
            tries[event.operation] = _Try(event)
            if key := subjects.parse(event.subject).key:
                cases[key].tries.append(tries[event.operation])
        elif event.what in _OUTCOMES:
            tries[event.operation].outcome = event.what
            tries[event.operation].told_at_s = event.at_s
    for event in first.values():
        address = subjects.parse(event.subject)
        if address.key and address.kind is not Kind.REJECTED:
            case = cases[address.key]
            {Kind.REQUEST: case.requests, Kind.POD: case.results, Kind.FINAL: case.finals}[address.kind].append(event)
    return dict(cases)


def _changed(sights: Iterable[Event], first: Mapping[int, Event]) -> list[str]:
    """Find messages that were not the same to everybody at any time."""
    return [
        f"message {event.sequence} was {_looks(first[event.sequence])}, and {_looks(event)}: it changed"
        for event in sights
        if (event.subject, event.sha256, event.stored_at)
        != (first[event.sequence].subject, first[event.sequence].sha256, first[event.sequence].stored_at)
    ]


def _looks(event: Event) -> str:
    return f"{event.subject} {event.sha256[:8]} stored at {event.stored_at:.3f} to {event.who}"


def _occupied_twice(first: Mapping[int, Event], kept_s: float) -> list[str]:
    """Find subjects that held a second message before the first had aged."""
    latest: dict[str, Event] = {}
    wrong = []
    for event in first.values():
        before = latest.get(event.subject)
        if before and event.stored_at - before.stored_at < kept_s:
            wrong.append(f"{event.subject} held message {before.sequence}, and then {event.sequence}")
        latest[event.subject] = event
    return wrong


def _observers(history: Sequence[Event], held: Sequence[Event]) -> list[str]:
    """Find observers that missed, repeated or exchanged messages; what was made unreadable may be left out."""
    made = {event.sha256 for event in history if event.what is What.INVOKED and event.strange}
    shown: dict[str, list[int]] = {}
    begins: dict[str, int] = {}
    may_lack: set[int] = set()
    for event in (*history, *held):
        if event.what is What.FOLLOWS:
            begins[event.who] = event.sequence
            shown[event.who] = []
        elif event.what is What.SEEN:
            shown.setdefault(event.who, []).append(event.sequence)
        if event.what in _SIGHTS and event.sha256 in made:
            may_lack.add(event.sequence)
    last = max(
        (event.sequence for event in held), default=max((max(seen, default=0) for seen in shown.values()), default=0)
    )
    wrong = []
    for who, seen in sorted(shown.items()):
        expected = range(begins.get(who, 1), last + 1)
        if seen != sorted(set(seen)) or any(number not in expected for number in seen):
            wrong.append(f"{who} was shown a message twice or out of order")
        if missed := sorted(set(expected) - set(seen) - may_lack):
            wrong.append(f"{who} was never shown message {missed[0]} and {len(missed) - 1} others")
    return wrong


def _told(case: _Case) -> list[str]:
    """Find clients that were told what is not so."""
    wrong = []
    stored = {event.sha256 for event in case.requests}
    outcomes: defaultdict[str, set[What]] = defaultdict(set)
    for attempt in case.tries:
        if _kind(attempt.invoked) is Kind.REQUEST:
            outcomes[attempt.invoked.sha256].add(attempt.outcome)
    for body, told in outcomes.items():
        if What.ACKNOWLEDGED in told and body not in stored:
            another = ": another message is there" if stored else ""
            wrong.append(f"acknowledged, and not in the stream{another}")
        if told == {What.REFUSED} and body in stored:
            wrong.append("refused, and stored all the same")
        if What.TAKEN in told and body in stored:
            wrong.append("told that the id is another request's, although it is its own")
        if What.TAKEN in told and not stored:
            wrong.append("told that the id is another request's, and there is none")
    return wrong


def _answered(case: _Case) -> list[str]:
    """Find requests with no final, or more than one, and finals without a request."""
    made = {attempt.invoked.sha256 for attempt in case.tries if attempt.invoked.strange}
    if not case.requests:
        strangers = [event for event in (*case.results, *case.finals) if event.sha256 not in made]
        return [f"message {event.sequence} answers a request that is not in the stream" for event in strangers]
    wrong = []
    ends = [event.sequence for event in case.requests[1:]]
    for request, end in zip(case.requests, [*ends, float("inf")], strict=True):
        finals = [event for event in case.finals if request.sequence < event.sequence < end]
        if len(finals) != 1:
            told = "acknowledged" if _acknowledged(case, request) is not None else "stored"
            wrong.append(f"{told} as message {request.sequence}, and has {len(finals)} final events")
    before = [event for event in (*case.results, *case.finals) if event.sequence < case.requests[0].sequence]
    return wrong + [f"message {event.sequence} stands before the request that it answers" for event in before]


def _in_time_order(case: _Case) -> list[str]:
    """Find what was seen before it can have been there."""
    wrong = []
    for event in case.requests:
        begun = [
            attempt.invoked.at_s
            for attempt in case.tries
            if attempt.invoked.sha256 == event.sha256 and attempt.outcome not in {What.REFUSED, What.TAKEN}
        ]
        if not begun:
            if event.sha256 not in {attempt.invoked.sha256 for attempt in case.tries}:
                wrong.append(f"message {event.sequence} is a request that nobody published")
        elif event.at_s < min(begun):
            wrong.append(f"message {event.sequence} was seen before it was published")
    if case.tries:
        invoked = min(attempt.invoked.at_s for attempt in case.tries)
        wrong += [
            f"message {event.sequence} was seen before its request was published"
            for event in (*case.results, *case.finals)
            if event.at_s < invoked
        ]
    return wrong


def _acknowledged(case: _Case, request: Event) -> float | None:
    """Say when a client was first told that *request* is stored, if any was."""
    times = [
        attempt.told_at_s
        for attempt in case.tries
        if attempt.outcome is What.ACKNOWLEDGED
        and attempt.invoked.sha256 == request.sha256
        and attempt.told_at_s is not None
    ]
    return min(times, default=None)


def _waits(case: _Case, asked: Event, final: Event) -> _Wait | None:
    """Give how long a client waited for the final; None if no client knew that its request is stored."""
    acknowledged_s = _acknowledged(case, asked)
    own = [attempt.invoked for attempt in case.tries if attempt.invoked.sha256 == asked.sha256]
    if acknowledged_s is None or not own[0].deadline_s:
        return None
    invoked_s = min(event.at_s for event in own)
    return _Wait(invoked_s, acknowledged_s, own[0].deadline_s, max(acknowledged_s, final.at_s))


def _faults(history: Sequence[Event]) -> list[_Fault]:
    """Give when each fault began and ended."""
    began: dict[int, Event] = {}
    spans = []
    for event in history:
        if event.what is What.BEGAN:
            began[event.operation] = event
        elif event.what is What.ENDED:
            begin = began.pop(event.operation)
            spans.append(_Fault(begin.at_s, event.at_s, begin.told))
    spans += [_Fault(event.at_s, float("inf"), event.told) for event in began.values()]
    return [fault for fault in spans if fault.told not in _HARMLESS]


def _too_late(waits: _Wait, faults: Sequence[_Fault]) -> str:
    """Say if a final came late although nothing was wrong any more."""
    ends = [fault.end_s for fault in faults if fault.begin_s < waits.seen_s and fault.end_s > waits.invoked_s]
    allowed_s = max([waits.due_s, *ends]) + _GRACE_S
    if waits.seen_s <= allowed_s:
        return ""
    return f"answered {waits.seen_s - waits.due_s:.1f} s late, although nothing had been wrong for {_GRACE_S:g} s"


def _in_flight(cases: Mapping[str, _Case]) -> list[tuple[float, float]]:
    """Give from when to when each request waited for its final, by the clients' clock."""
    return [
        (waits.invoked_s, waits.seen_s)
        for case in cases.values()
        for asked, final in zip(case.requests, case.finals, strict=False)
        if (waits := _waits(case, asked, final))
    ]


def _refused_in_calm(waits: _Wait, final: Event, spans: Sequence[tuple[float, float]], faults: Sequence[_Fault]) -> str:
    """Say if a request was refused as too much, although there was little and nothing was wrong any more."""
    if final.told != Reason.OVERLOADED or any(
        fault.begin_s < waits.seen_s and fault.end_s + _GRACE_S > waits.invoked_s for fault in faults
    ):
        return ""
    others = sum(begin < waits.seen_s and end > waits.invoked_s for begin, end in spans) - 1
    if others > _FEW:
        return ""
    return f"refused as overloaded beside {others} others, although nothing had been wrong for {_GRACE_S:g} s"


def _early_s(waits: _Wait, final: Event) -> float:
    """Say how long before its deadline a request was given up for lack of time; 0 if it was not."""
    early_s = waits.invoked_s + waits.deadline_s - waits.seen_s
    return early_s if final.told == Reason.DEADLINE_EXCEEDED and early_s > _EARLY_S else 0.0


def _clock_was_wrong(waits: _Wait, faults: Sequence[_Fault]) -> bool:
    """Whether a server's clock was wrong while the request was in flight, or a moment before."""
    return any(
        fault.told == Fault.SERVER_CLOCK_SET
        and fault.begin_s < waits.seen_s
        and fault.end_s + _GRACE_S > waits.invoked_s
        for fault in faults
    )


def _is_unknown_and_stored(case: _Case) -> bool:
    """Whether a request is stored although no client was told so."""
    return any(
        _acknowledged(case, request) is None
        and any(attempt.outcome is What.UNKNOWN for attempt in case.tries if attempt.invoked.sha256 == request.sha256)
        for request in case.requests
    )
