"""Judge a run by its history: what clients were told and saw must fit one stream that keeps the promise.

Pure: it is shown events, and reads no clock, file or server. The rules are in ``sights``, ``answers`` and
``promptness``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.subjects import MessageKind
from chaos.answers import answered, challenged, in_time_order, told
from chaos.cases import OUTCOMES, SIGHTS, cases_of, first_sights, kind_of
from chaos.promptness import promptness_of
from chaos.sights import changed, observers, occupied_twice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.history import Event, What
    from chaos.promptness import Promptness

_DAY_S = 86_400.0
# What a stream keeps a message for.
KEPT_S = 7 * _DAY_S
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the history shows.

    Attributes:
        wrong: What broke the promise; empty if nothing did.
        tries: How many tries to publish there were, by what the client was told; those without an answer are unknown.
        unknown_stored: Requests of which no client was told, and which are stored.
        sights: How many messages observers and readers were shown.
        final_readings: How many of them were finals.
        prompt: How long clients waited, by their clock.
    """

    wrong: tuple[str, ...]
    tries: Mapping[What, int]
    unknown_stored: int
    sights: int
    final_readings: int
    prompt: Promptness


def judge(
    history: Sequence[Event],
    held: Sequence[Event] = (),
    *,
    kept_s: float = KEPT_S,
    challengers: bool = False,
    by_a_clock: int = 0,
) -> Judgement:
    """Say whether the history fits the promise.

    Args:
        history: All events, in the order of their times.
        held: The stream's messages at the end of the run, as readings; empty if it was not read.
        kept_s: How long the stream keeps a message, by the server's clock.
        challengers: Whether challengers ran, so that each final must have its challenge by the end.
        by_a_clock: The newest final event whose challenge may wait for the time of a server's wrong clock; 0 if none.
    """
    sights = [event for event in (*history, *held) if event.what in SIGHTS and event.sequence]
    first = first_sights(sights)
    cases = cases_of(history, first)
    prompt = promptness_of(cases, history, first.values())
    wrong = [*changed(sights, first), *occupied_twice(first, kept_s), *observers(history, held)]
    for request_id, case in sorted(cases.items()):
        wrong += [f"{request_id}: {fault}" for fault in (*told(case), *answered(case), *in_time_order(case))]
        wrong += [f"{request_id}: {fault}" for fault in challenged(case, by_a_clock=by_a_clock)] if challengers else []
    wrong += prompt.wrong
    tries = [attempt for case in cases.values() for attempt in case.tries]
    return Judgement(
        wrong=tuple(wrong[:_TOLD] + ([f"and {len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else [])),
        tries={what: sum(attempt.outcome is what for attempt in tries) for what in sorted(OUTCOMES)},
        unknown_stored=sum(case.is_unknown_and_stored for case in cases.values()),
        sights=len(sights),
        final_readings=sum(kind_of(event) is MessageKind.FINAL for event in sights),
        prompt=prompt,
    )
