"""Rules for what observers and readers are shown: the same to everybody, for ever; each message once and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.cases import SIGHTS
from chaos.history import Event, What

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def changed(sights: Iterable[Event], first: Mapping[int, Event]) -> list[str]:
    """Find messages that were not the same to everybody at any time."""
    return [
        f"message {event.sequence} was {_looks(first[event.sequence])}, and {_looks(event)}: it changed"
        for event in sights
        if (event.subject, event.sha256, event.stored_at)
        != (first[event.sequence].subject, first[event.sequence].sha256, first[event.sequence].stored_at)
    ]


def _looks(event: Event) -> str:
    return f"{event.subject} {event.sha256[:8]} stored at {event.stored_at:.3f} to {event.who}"


def occupied_twice(first: Mapping[int, Event], kept_s: float) -> list[str]:
    """Find subjects that held a second message before the first had aged."""
    latest: dict[str, Event] = {}
    wrong = []
    for event in first.values():
        before = latest.get(event.subject)
        if before and event.stored_at - before.stored_at < kept_s:
            wrong.append(f"{event.subject} held message {before.sequence}, and then {event.sequence}")
        latest[event.subject] = event
    return wrong


def observers(history: Sequence[Event], held: Sequence[Event]) -> list[str]:
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
        if event.what in SIGHTS and event.sha256 in made:
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
