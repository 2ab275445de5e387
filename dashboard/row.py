"""One request on the way through the pods and the coordinator, as a row of the board.

The messages may come from any sender: a row marks unreadable content as such, cuts long text, and replaces characters
that a terminal or a browser might obey. Reads no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    FinalEvent,
    MasterPortfolioFailed,
    MessageRejected,
    OptimizationRequest,
    PodAnswer,
    PodFailed,
    PortfolioApproved,
    PortfolioNotChallenged,
    parse_approval,
    parse_challenge,
    parse_final,
    parse_pod_answer,
    parse_request,
)
from bus.language.plain_text import printable
from bus.language.subjects import MessageKind
from portfolio.counted import counted
from report.facts.percentages import spaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bus.port import Message

# Customer keys are shorter; a reason may be a paragraph, and a row shows the beginning.
LONGEST_LINE = 240
_IN_CASH = "takes no part, since cash is expected to return more"
# No valid request has more pods; forged messages might.
_MOST_PODS = 32


class State(StrEnum):
    """The state of a request."""

    WORKING = "working"
    OPTIMISED = "optimised"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer from a pod or from the coordinator.

    Attributes:
        good: Whether the answer is a result, not a failure.
        said: A short summary.
        reason: The reason for a failure, in words.
        after_ms: Time since the request was stored; None if the request was not seen.
        spent_ms: Computing time, as reported by the sender.
    """

    good: bool
    said: str
    reason: str = ""
    after_ms: float | None = None
    spent_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A request, or a message that was rejected.

    Attributes:
        id: The request's id; ``rejected.<sequence>`` for a rejected message.
        began: Sequence of the first message seen for this row.
        changed: Sequence of the last one.
        asked_at: When the request was stored; None if the request was not seen.
        customer: The customer's key.
        what: A short summary of the request.
        asked: The pods that the request asks.
        pods: The pods' answers.
        final: The final event, or the rejection.
        challenge: How sure the final event's portfolio is.
        approval: An adviser's decision about the orders.
        fills: Number of contracts of a broker.
    """

    id: str
    began: int
    changed: int
    state: State = State.WORKING
    asked_at: datetime | None = None
    customer: str = ""
    what: str = ""
    asked: tuple[str, ...] = ()
    pods: Mapping[str, Answer] = field(default_factory=dict)
    final: Answer | None = None
    challenge: Answer | None = None
    approval: Answer | None = None
    fills: int = 0


def row_id(message: Message) -> str:
    """Return the id of a message's row; empty for a message without a request id, which belongs to no row."""
    address = subjects.parse(message.subject)
    return f"rejected.{address.key}" if address.kind is MessageKind.REJECTED and address.key else address.request_id


def with_message(row: Row | None, message: Message) -> Row:
    """Return the row updated by a message; None begins a new row. Never raises because of a body's content."""
    kind = subjects.parse(message.subject).kind
    if row is not None and kind is MessageKind.REQUEST and row.asked_at is not None:
        row = None  # the id is reused, after the old request has expired from the stream
    before = row or Row(row_id(message), message.sequence, message.sequence)
    return replace(before, changed=message.sequence, **_NOTED[kind](before, message))


def _request(row: Row, message: Message) -> dict[str, Any]:
    known = {"asked_at": message.stored_at}
    try:
        request = parse_request(message.data, row.id)
    except BadMessageError:
        return {**known, "what": "not a valid request"}
    return {
        **known,
        "customer": printable(request.customer.customer_id, longest=LONGEST_LINE),
        "what": _what(request),
        "asked": request.asked()[:_MOST_PODS],
    }


def _what(request: OptimizationRequest) -> str:
    capital = request.customer.total_capital_aud
    if capital is not None:
        return f"{capital:,.0f} AUD in {request.market}"
    holdings = len(request.account.holdings) if request.account else 0
    return f"{counted(holdings, 'holding')} and cash in {request.market}"


def _pod(row: Row, message: Message) -> dict[str, Any]:
    pod = subjects.parse(message.subject).pod
    if len(row.pods) >= _MOST_PODS:
        return {}
    return {"pods": {**row.pods, pod: replace(_pod_answer(message.data), after_ms=_after_ms(row, message))}}


def _pod_answer(data: bytes) -> Answer:
    try:
        answer: PodAnswer = parse_pod_answer(data)
    except BadMessageError:
        return Answer(good=False, said="cannot be read")
    if isinstance(answer, PodFailed) and answer.no_better_than_cash is not None:
        return Answer(good=False, said=printable(answer.message, longest=LONGEST_LINE), reason=_IN_CASH)
    if isinstance(answer, PodFailed):
        return Answer(good=False, said=_line(answer.message), reason=answer.reason.words)
    figures = answer.figures
    said = (
        f"{counted(len(answer.weights), 'ETF')}, return {figures.expected_return:.1%},"
        f" volatility {figures.volatility:.1%},"
        f" computed in {_milliseconds(answer.elapsed_s)}"
    )
    return Answer(good=True, said=_line(said), spent_ms=answer.elapsed_s * 1e3)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if round(seconds * 1e3) else "under 1 ms"


def _final(row: Row, message: Message) -> dict[str, Any]:
    answer = replace(_final_answer(message.data), after_ms=_after_ms(row, message))
    return {"final": answer, "state": State.OPTIMISED if answer.good else State.FAILED}


def _final_answer(data: bytes) -> Answer:
    try:
        event: FinalEvent = parse_final(data)
    except BadMessageError as error:
        return Answer(good=False, said=_line(f"cannot be read: {error}"))
    if isinstance(event, MasterPortfolioFailed):
        return Answer(good=False, said=_line(event.message), reason=event.reason.words)
    met, proven = sum(goal.met for goal in event.goals), event.certificate.certified
    said = (
        f"{counted(len(event.weights), 'ETF')}, {met} of {counted(len(event.goals), 'target')} met,"
        f" {'proven optimal' if proven else 'not proven'}"
    )
    return Answer(good=True, said=said, spent_ms=event.elapsed_s * 1e3)


def _challenge(row: Row, message: Message) -> dict[str, Any]:
    return {"challenge": replace(_challenge_answer(message.data), after_ms=_after_ms(row, message))}


def _challenge_answer(data: bytes) -> Answer:
    try:
        challenge = parse_challenge(data)
    except BadMessageError as error:
        return Answer(good=False, said=_line(f"cannot be read: {error}"))
    if isinstance(challenge, PortfolioNotChallenged):
        return Answer(good=False, said=_line(challenge.message))
    return Answer(good=True, said=_line(challenge.robustness.words), spent_ms=challenge.elapsed_s * 1e3)


def _approval(row: Row, message: Message) -> dict[str, Any]:
    return {"approval": replace(_decision(message.data), after_ms=_after_ms(row, message))}


def _decision(data: bytes) -> Answer:
    try:
        approval = parse_approval(data)
    except BadMessageError as error:
        return Answer(good=False, said=printable(f"cannot be read: {error}", longest=LONGEST_LINE))
    good = isinstance(approval, PortfolioApproved)
    note = f": {approval.note}" if approval.note else ""
    author = approval.signature.key if approval.signature else "an unknown author, unsigned"
    said = f"{'approved' if good else 'declined'} by {author}{note}"
    return Answer(good=good, said=printable(said, longest=LONGEST_LINE))


def _fill(row: Row, _: Message) -> dict[str, Any]:
    return {"fills": row.fills + 1}


def _rejected(_: Row, message: Message) -> dict[str, Any]:
    return {"final": _rejection(message.data), "state": State.REJECTED}


def _rejection(data: bytes) -> Answer:
    try:
        body = MessageRejected.model_validate_json(data)
    except ValueError:
        return Answer(good=False, said="cannot be read")
    return Answer(good=False, said=_line(f"{body.subject}: {body.message}"), reason=body.reason.words)


def _after_ms(row: Row, message: Message) -> float | None:
    if row.asked_at is None or message.stored_at is None:
        return None
    return (message.stored_at - row.asked_at).total_seconds() * 1e3


def _line(text: str) -> str:
    return spaced(printable(text, longest=LONGEST_LINE))


_NOTED = {
    MessageKind.REQUEST: _request,
    MessageKind.POD: _pod,
    MessageKind.FINAL: _final,
    MessageKind.CHALLENGE: _challenge,
    MessageKind.APPROVAL: _approval,
    MessageKind.FILL: _fill,
    MessageKind.REJECTED: _rejected,
}
