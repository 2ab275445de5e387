"""Rules for each request: what clients were told is so, one final each with one challenge, and nothing early."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bus.language.subjects import MessageKind
from chaos.cases import kind_of
from chaos.history import What

if TYPE_CHECKING:
    from chaos.cases import Case


def told(case: Case) -> list[str]:
    """Find clients that were told what is not so."""
    wrong = []
    stored = {event.sha256 for event in case.requests}
    outcomes: defaultdict[str, set[What]] = defaultdict(set)
    for attempt in case.tries:
        if kind_of(attempt.invoked) is MessageKind.REQUEST:
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


def answered(case: Case) -> list[str]:
    """Find requests with no final, or more than one, and finals without a request."""
    made = {attempt.invoked.sha256 for attempt in case.tries if attempt.invoked.strange}
    if not case.requests:
        strangers = [event for event in (*case.results, *case.finals) if event.sha256 not in made]
        return [f"message {event.sequence} answers a request that is not in the stream" for event in strangers]
    if any(event.sha256 in made for event in (*case.results, *case.finals)):
        return []  # somebody was in the place of an agent or a coordinator: whoever may publish there can do that
    wrong = []
    ends = [event.sequence for event in case.requests[1:]]
    for request, end in zip(case.requests, [*ends, float("inf")], strict=True):
        finals = [event for event in case.finals if request.sequence < event.sequence < end]
        if len(finals) != 1:
            told = "acknowledged" if case.acknowledged_s(request) is not None else "stored"
            wrong.append(f"{told} as message {request.sequence}, and has {len(finals)} final events")
    before = [event for event in (*case.results, *case.finals) if event.sequence < case.requests[0].sequence]
    return wrong + [f"message {event.sequence} stands before the request that it answers" for event in before]


def challenged(case: Case, *, by_a_clock: int = 0) -> list[str]:
    """Find finals with no challenge, or more than one, and challenges without a final.

    Args:
        case: The request.
        by_a_clock: The newest message that may still wait for the time of a server's wrong clock; 0 if none does.
    """
    made = {attempt.invoked.sha256 for attempt in case.tries if attempt.invoked.strange}
    if any(event.sha256 in made for event in (*case.finals, *case.challenges)):
        return []
    wrong = []
    ends = [event.sequence for event in case.finals[1:]]
    for final, end in zip(case.finals, [*ends, float("inf")], strict=False):  # without a final, no end either
        challenges = [event for event in case.challenges if final.sequence < event.sequence < end]
        if len(challenges) != 1 and (challenges or final.sequence > by_a_clock):
            wrong.append(f"the final event is message {final.sequence}, and has {len(challenges)} challenges")
    first = case.finals[0].sequence if case.finals else float("inf")
    before = [event for event in case.challenges if event.sequence < first]
    return wrong + [f"message {event.sequence} challenges a final event that is not there" for event in before]


def in_time_order(case: Case) -> list[str]:
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
