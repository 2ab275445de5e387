"""Rules for how long clients wait, by their own clock: faults excuse a delay, and a moment of recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.messages import Reason
from chaos.history import Event, What
from chaos.outages import Disturbance, Outage, outages_of
from chaos.schedule import Kind as Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaos.cases import Case

# After a deadline, or the end of the last fault on the way: an election, work handed out again, a busy machine.
_GRACE_S = 15.0
# Between the clocks of the client and the server, both on one machine: the way there. A search without a portfolio by
# then gives up when only the part of its time is left that the later steps need.
_EARLY_S, _EARLY = 1.0, 0.125
# The deadline of a request that was stored by a clock that was ahead by this comes so much later; of one that was ahead
# by an hour, it counts from when the request was first seen.
_AHEAD_S = 20.0
# So few at once are no load, whatever died.
_FEW = 5
# Those that take nothing away excuse nothing.
_HARMLESS = frozenset({Fault.RAW_CONTENT, Fault.ID_USED_AGAIN, Fault.LONG_REQUEST})


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a client waited, by its clock."""

    invoked_s: float
    acknowledged_s: float
    deadline_s: float
    seen_s: float
    told: str  # the final's outcome

    @property
    def due_s(self) -> float:
        """The latest time by which the client may expect the final."""
        return self.acknowledged_s + self.deadline_s

    @property
    def early_s(self) -> float:
        """How long before its deadline the request was given up for lack of time; 0 if it was not."""
        early_s = self.invoked_s + self.deadline_s - self.seen_s
        is_early = early_s > max(_EARLY_S, _EARLY * self.deadline_s)
        return early_s if self.told == Reason.DEADLINE_EXCEEDED and is_early else 0.0


@dataclass(frozen=True, slots=True)
class Promptness:
    """How long clients waited.

    Attributes:
        wrong: Delays and refusals that nothing excuses, each with its request's id.
        waited_s: From the acknowledgement to the first sight of the final, sorted.
        late_s: By how much finals came too late, sorted.
        promised: How many requests had servers that could store and be reached, with the right time, from the
            acknowledgement to the deadline.
        broken_s: By how much finals of these came too late, sorted.
        outages: When servers could not store, or not be reached, or their clocks were wrong.
        early: Requests that were given up before their deadlines after a server's clock had been wrong.
    """

    wrong: tuple[str, ...]
    waited_s: tuple[float, ...]
    late_s: tuple[float, ...]
    early: int
    promised: int = 0
    broken_s: tuple[float, ...] = ()
    outages: tuple[Outage, ...] = ()


def promptness_of(cases: Mapping[str, Case], history: Sequence[Event], stored: Iterable[Event]) -> Promptness:
    """Judge all waits of clients who knew that their request is stored.

    Args:
        cases: The requests.
        history: All events.
        stored: The first sight of each message.
    """
    faults = _disturbances(history)
    outages = outages_of(stored, faults)
    waits = [
        (request_id, wait)
        for request_id, case in sorted(cases.items())
        for asked, final in zip(case.requests, case.finals, strict=False)
        if (wait := _wait(case, asked, final))
    ]
    every = [wait for _, wait in waits]
    early = [(request_id, wait) for request_id, wait in waits if wait.early_s]
    excused = [wait for _, wait in early if _clock_was_wrong(wait, faults)]
    wrong = [f"{request_id}: {told}" for request_id, wait in waits if (told := _too_late(wait, faults))]
    wrong += [f"{request_id}: {told}" for request_id, wait in waits if (told := _refused_in_calm(wait, every, faults))]
    wrong += [
        f"{request_id}: given up {wait.early_s:.1f} s before its deadline"
        for request_id, wait in early
        if wait not in excused
    ]
    promised = [wait for wait in every if not any(outage.hits(wait.acknowledged_s, wait.due_s) for outage in outages)]
    return Promptness(
        wrong=tuple(wrong),
        waited_s=tuple(sorted(wait.seen_s - wait.acknowledged_s for wait in every)),
        late_s=_late(every),
        early=len(excused),
        promised=len(promised),
        broken_s=_late(promised),
        outages=tuple(outages),
    )


def _late(waits: Iterable[Wait]) -> tuple[float, ...]:
    return tuple(sorted(wait.seen_s - wait.due_s for wait in waits if wait.seen_s > wait.due_s))


def _wait(case: Case, asked: Event, final: Event) -> Wait | None:
    """Give how long a client waited for the final; None if no client knew that its request is stored."""
    acknowledged_s = case.acknowledged_s(asked)
    own = [attempt.invoked for attempt in case.tries if attempt.invoked.sha256 == asked.sha256]
    if acknowledged_s is None or not own[0].deadline_s:
        return None
    invoked_s = min(event.at_s for event in own)
    return Wait(invoked_s, acknowledged_s, own[0].deadline_s, max(acknowledged_s, final.at_s), final.told)


def _disturbances(history: Sequence[Event]) -> list[Disturbance]:
    """Give when each fault began and ended."""
    began: dict[int, Event] = {}
    spans = []
    for event in history:
        if event.what is What.BEGAN:
            began[event.operation] = event
        elif event.what is What.ENDED:
            begin = began.pop(event.operation)
            spans.append(Disturbance(begin.at_s, event.at_s, begin.told))
    spans += [Disturbance(event.at_s, float("inf"), event.told) for event in began.values()]
    return [fault for fault in spans if fault.told not in _HARMLESS]


def _too_late(wait: Wait, faults: Sequence[Disturbance]) -> str:
    """Say if a final came late although nothing was wrong any more."""
    ends = [fault.end_s for fault in faults if fault.begin_s < wait.seen_s and fault.end_s > wait.invoked_s]
    stored = Outage(wait.invoked_s, wait.acknowledged_s + _EARLY_S)
    wrong_clock = any(f.told == Fault.SERVER_CLOCK_SET and stored.hits(f.begin_s, f.end_s) for f in faults)
    allowed_s = max([wait.due_s + (_AHEAD_S if wrong_clock else 0.0), *ends]) + _GRACE_S
    if wait.seen_s <= allowed_s:
        return ""
    return f"answered {wait.seen_s - wait.due_s:.1f} s late, although nothing had been wrong for {_GRACE_S:g} s"


def _refused_in_calm(wait: Wait, every: Sequence[Wait], faults: Sequence[Disturbance]) -> str:
    """Say if a request was refused as too much, although there was little and nothing was wrong any more."""
    if wait.told != Reason.OVERLOADED or any(
        fault.begin_s < wait.seen_s and fault.end_s + _GRACE_S > wait.invoked_s for fault in faults
    ):
        return ""
    beside = sum(other.invoked_s < wait.seen_s and other.seen_s > wait.invoked_s for other in every) - 1
    if beside > _FEW:
        return ""
    return f"refused as overloaded beside {beside} others, although nothing had been wrong for {_GRACE_S:g} s"


def _clock_was_wrong(wait: Wait, faults: Sequence[Disturbance]) -> bool:
    """Whether a server's clock was wrong while the request was in flight, or a moment before."""
    return any(
        fault.told == Fault.SERVER_CLOCK_SET and fault.begin_s < wait.seen_s and fault.end_s + _GRACE_S > wait.invoked_s
        for fault in faults
    )
