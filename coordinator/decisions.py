"""Decide the next action for a message: never sleeps, publishes, optimises or reads a clock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import (
    LEAST_SHARE,
    BadMessageError,
    MasterPortfolioFailed,
    OptimizationRequest,
    PodFailed,
    PodResult,
    Reason,
    parse_pod_answer,
    parse_request,
)
from bus.language.signing import NotGenuineError
from bus.language.subjects import Kind
from coordinator.genuine import genuine_answers
from portfolio.case.inventory import refuse_impossible
from portfolio.errors import DataError
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from typing import TypeAlias

    from bus.language.messages import PodAnswer
    from bus.port import Message
    from portfolio.market.snapshot import Market

    # The pods' answers as signed, in the request's order; empty if the pods' keys are not known.
    Signed: TypeAlias = tuple[dict[str, Any], ...]

# The time that a busy coordinator needs to publish an answer, so that the answer arrives by the deadline and not just
# after; at most a tenth of a short deadline.
_TO_PUBLISH_S = 1.0
# The search time for a request whose deadline has passed: most searches take a tenth of this.
_LAST_S = 2.0

# A due deadline is handled within this time, even if its first worker died: one ack wait, doubled.
_SEEN_TO = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Wait:
    """No action now, for this reason."""

    why: str


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """The request is valid: at *at*, check for an answer, in time to publish one by the request's deadline."""

    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Optimise:
    """Every pod has answered: find an answer by *by*; *signed* goes into the final event."""

    request: OptimizationRequest
    results: Mapping[str, PodResult]
    by: datetime
    signed: Signed = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """There will be no portfolio: publish this event."""

    event: MasterPortfolioFailed


Action = Wait | SetDeadline | Optimise | Fail


@dataclass(frozen=True, slots=True)
class Record:
    """The stream's messages of one request.

    Attributes:
        request: The request message, or None.
        answers: The pods' messages, by pod.
        final: The final event's message, or None.
    """

    request: Message | None
    answers: Mapping[str, Message]
    final: Message | None


def read_record(messages: Iterable[Message]) -> Record:
    """Sort the messages of one request by kind."""
    request, final, answers = None, None, {}
    for message in messages:
        address = subjects.parse(message.subject)
        if address.kind is Kind.REQUEST:
            request = message
        elif address.kind is Kind.FINAL:
            final = message
        elif address.kind is Kind.POD:
            answers[address.pod] = message
    return Record(request, answers, final)


def admit(message: Message, pods: Collection[str]) -> SetDeadline | Fail:
    """Decide whether the system can work on a request.

    Args:
        message: The request, on a subject with a valid id.
        pods: The pods of this system.
    """
    request_id = subjects.parse(message.subject).key
    try:
        request = parse_request(message.data, request_id)
    except BadMessageError as error:
        return Fail(MasterPortfolioFailed(request_id=request_id, reason=Reason.INVALID_REQUEST, message=str(error)))
    if refused := _refuse(request):
        return refused
    if unknown := sorted(set(_shares(request)) - set(pods)):
        known = ", ".join(sorted(pods))
        return _fail(request, Reason.UNKNOWN_POD, f"unknown pod {', '.join(unknown)}: name one of {known}")
    return SetDeadline(request_id, _found_by(message, request))


def _refuse(request: OptimizationRequest) -> Fail | None:
    """Refuse a well-formed request that is impossible with any set of pods; return None if the request is possible."""
    try:
        market = markets.load(request.market)
    except DataError as error:
        return _fail(request, Reason.UNKNOWN_MARKET, str(error))
    if small := [f"{pod} ({share:.4%})" for pod, share in _shares(request).items() if share < LEAST_SHARE]:
        text = f"the share of {', '.join(small)} is below {LEAST_SHARE:.2%} of the capital: give it more, or nothing"
        return _fail(request, Reason.INVALID_REQUEST, text)
    priced = {*market.tickers, *market.unpriced}
    named = {
        "rules.never_buy": request.rules.never_buy,
        "rules.never_sell": request.rules.never_sell,
        "account.holdings": [holding.ticker for holding in request.account.holdings] if request.account else [],
        "account.reform.values_aud": request.account.reform.values_aud if request.account else [],
    }
    for where, tickers in named.items():
        if strange := sorted(set(tickers) - priced):
            known = ", ".join(sorted(priced))
            text = f"{where} names {', '.join(strange)}, unknown in market {market.id}: name only {known}"
            return _fail(request, Reason.UNKNOWN_ETF, text)
    return _refuse_account(request, market)


def _refuse_account(request: OptimizationRequest, market: Market) -> Fail | None:
    """Refuse a request with an account that no customer can own; return None if the account is possible."""
    try:
        if (owned := request.terms().owned) is not None:
            refuse_impossible(market, owned)
    except DataError as error:
        return _fail(request, Reason.INVALID_REQUEST, str(error))
    return None


def _shares(request: OptimizationRequest) -> dict[str, float]:
    return request.shares(markets.load(request.market).risk_free)


def deadline_again(message: Message, now: datetime) -> datetime | None:
    """Return when to set the deadline of an unanswered request again, whatever happened to the first deadline.

    Return None if the deadline fell due a moment ago, since a coordinator is handling that deadline. Also return None
    if the request cannot be read: such a request has no deadline and gets an error as its answer.
    """
    try:
        request = parse_request(message.data, subjects.parse(message.subject).key)
    except BadMessageError:
        return None
    at = _found_by(message, request)
    if at > now:
        return at
    return now if now - at > _SEEN_TO else None


def decide(record: Record, *, due: bool, keys: Mapping[str, Collection[str]] | None = None) -> Action:
    """Decide the next action from a request's record.

    Args:
        record: All messages of the request that were stored no later than the message in hand.
        due: Whether the request's deadline has come.
        keys: The pods' public keys, by pod; None if the permission to publish is the only proof of an answer's origin.
    """
    if record.final is not None:
        return Wait("finished")
    if record.request is None:
        return Wait("no_request")
    request_id = subjects.parse(record.request.subject).key
    try:
        request = parse_request(record.request.data, request_id)
    except BadMessageError:
        return Wait("refused")  # the handler of the request's own message answers with the reason
    if _refuse(request):
        return Wait("refused")
    if not due and set(_shares(request)) - set(record.answers):
        return Wait("pods_missing")
    return _believe(request, record, keys)


def _believe(request: OptimizationRequest, record: Record, keys: Mapping[str, Collection[str]] | None) -> Action:
    """Decide once all pods have answered or the deadline has come, using only answers that are proven genuine."""
    assert record.request is not None  # noqa: S101 - decide looked
    expected = _shares(request)
    answers = {pod: record.answers[pod] for pod in expected if pod in record.answers}
    try:
        signed = () if keys is None else genuine_answers(request.request_id, record.request, answers, keys)
    except NotGenuineError as error:
        return _fail(request, Reason.RESULT_NOT_GENUINE, str(error))
    if missing := tuple(sorted(set(expected) - set(answers))):
        return _late(request, missing)
    # Read the signed content, not the bytes around it.
    told = [json.dumps(body).encode() for body in signed] or [message.data for message in answers.values()]
    return _weigh(request, dict(zip(answers, told, strict=True)), signed, _found_by(record.request, request))


def _weigh(request: OptimizationRequest, told: Mapping[str, bytes], signed: Signed, by: datetime) -> Action:
    """Decide once all pods have answered."""
    answers: dict[str, PodAnswer] = {}
    for pod, share in _shares(request).items():
        try:
            answers[pod] = _read_answer(request, pod, share, told[pod])
        except BadMessageError as error:
            return _fail(
                request,
                Reason.INTERNAL_ERROR,
                f"the answer of {pod} cannot be used ({error}): deploy the same version everywhere",
            )
    if failed := [answer for answer in answers.values() if isinstance(answer, PodFailed)]:
        return _collect(request, failed, signed)
    results = {pod: answer for pod, answer in answers.items() if isinstance(answer, PodResult)}
    if len({(result.market.id, result.market.sha256) for result in results.values()}) > 1:
        markets_told = ", ".join(f"{pod} {r.market.id} {r.market.sha256[:12]}" for pod, r in results.items())
        return _fail(
            request,
            Reason.MARKETS_DIFFER,
            f"the agents have different snapshots of market {request.market} ({markets_told}): "
            "deploy the same everywhere",
            signed,
        )
    return Optimise(request, results, by, signed)


def _read_answer(request: OptimizationRequest, pod: str, share: float, data: bytes) -> PodAnswer:
    """Read a pod's answer and check that the answer belongs to this request.

    Raises:
        BadMessageError: If the answer is invalid or belongs to another request, pod or share.
    """
    answer = parse_pod_answer(data)
    about, due = [answer.request_id, answer.pod], [request.request_id, pod]
    if isinstance(answer, PodResult):
        about += [answer.mandate.pod, f"{answer.capital_share:.9f}"]
        due += [pod, f"{share:.9f}"]
    if about != due:
        message = f"it is about {' '.join(about)}, not {' '.join(due)}"
        raise BadMessageError(message)
    return answer


def _collect(request: OptimizationRequest, failed: list[PodFailed], signed: Signed) -> Fail:
    """Fail with the reasons of all failed pods; the first pod's reason becomes the event's reason."""
    return Fail(
        MasterPortfolioFailed(
            request_id=request.request_id,
            customer_id=request.customer.customer_id,
            reason=failed[0].reason,
            message=". ".join(answer.message for answer in failed),
            goals=tuple(goal for answer in failed for goal in answer.goals),
            conflicts=tuple(conflict for answer in failed for conflict in answer.conflicts),
            repairs=tuple(repair for answer in failed for repair in answer.repairs),
            pod_answers=signed,
        )
    )


def _late(request: OptimizationRequest, missing: tuple[str, ...]) -> Fail:
    message = (
        f"no answer from {', '.join(missing)} in time for the deadline of {request.deadline_s:g} s: "
        "see that their agents run, or allow more time (deadline_s); then ask again under a new request_id"
    )
    return Fail(
        MasterPortfolioFailed(
            request_id=request.request_id,
            customer_id=request.customer.customer_id,
            reason=Reason.DEADLINE_EXCEEDED,
            message=message,
            missing_pods=missing,
        )
    )


def _fail(request: OptimizationRequest, reason: Reason, message: str, signed: Signed = ()) -> Fail:
    return Fail(
        MasterPortfolioFailed(
            request_id=request.request_id,
            customer_id=request.customer.customer_id,
            reason=reason,
            message=message,
            pod_answers=signed,
        )
    )


def time_for(left_s: float, deadline_s: float) -> float:
    """Return the seconds for a search.

    Args:
        left_s: Time until an answer must be found, to be published by the deadline.
        deadline_s: The request's deadline, in seconds from storage.
    """
    to_publish_s = _to_publish_s(deadline_s)
    # After the deadline, no answer can be in time: still compute an answer that is quick to find.
    return _LAST_S if left_s < -to_publish_s else max(left_s, to_publish_s / 2)


def _to_publish_s(deadline_s: float) -> float:
    return min(_TO_PUBLISH_S, deadline_s / 10)


def _found_by(message: Message, request: OptimizationRequest) -> datetime:
    """Return when an answer must be found, to be published by the deadline; the same for every coordinator."""
    assert message.stored_at is not None  # noqa: S101 - what was read from the stream was stored
    return message.stored_at + timedelta(seconds=request.deadline_s - _to_publish_s(request.deadline_s))
