"""Decide the next action for a message: never sleeps, publishes, optimises or reads a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    PodFailed,
    PodResult,
    Reason,
    parse_pod_answer,
    parse_request,
)
from bus.language.signing import NotGenuineError
from bus.language.subjects import MessageKind
from coordinator.finals import failure
from coordinator.genuine import genuine_answers
from portfolio.case.inventory import not_described, refuse_impossible
from portfolio.errors import DataError
from portfolio.funding.allotment import LEAST_SHARE
from portfolio.market import snapshot as markets
from portfolio.market.worst_case import worst_case
from portfolio.names import doubted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import TypeAlias

    from bus.language.messages import MarketRef, MasterPortfolioFailed, OptimizationRequest, PodAnswer
    from bus.port import Message
    from portfolio.market.snapshot import Market

    # The pods' answers as signed, in the request's order; empty if the pods' keys are not known.
    Signed: TypeAlias = tuple[dict[str, Any], ...]

# The time that a busy coordinator needs to publish an answer, so that the answer arrives by the deadline and not just
# after; at most a tenth of a short deadline.
_TO_PUBLISH_S = 1.0
# The search time for a request whose deadline has passed: most searches take a tenth of this.
_LAST_S = 2.0

# As many requests as a coordinator has in hand are remembered, but for the few that are large: theirs would be a
# gigabyte. They are read once more per answer.
_REMEMBERED, _LARGEST = 256, 32_768

# A due deadline is handled within this time, even if its first worker died: one ack wait, doubled.
_SEEN_TO = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Wait:
    """No action now, for this reason."""

    why: str


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """The request is valid: at *at*, check for an answer, in time to publish one by the request's deadline."""

    request: OptimizationRequest
    at: datetime


@dataclass(frozen=True, slots=True)
class Optimise:
    """Every pod has answered, and at least one pod takes part.

    Attributes:
        request: The request.
        results: The pods' answers, by pod: results, and findings that no mix is better than cash.
        by: When an answer must be found.
        request_data: The request, as it was published.
        answer_data: The pods' answers, as they were published, in the request's order.
        signed: The pods' answers, if they go into the final event.
    """

    request: OptimizationRequest
    results: Mapping[str, PodAnswer]
    by: datetime
    request_data: bytes
    answer_data: Mapping[str, bytes]
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
        if address.kind is MessageKind.REQUEST:
            request = message
        elif address.kind is MessageKind.FINAL:
            final = message
        elif address.kind is MessageKind.POD:
            answers[address.pod] = message
    return Record(request, answers, final)


def read_request(message: Message) -> OptimizationRequest:
    """Read a request's message. The same bytes are read once per process: each pod's answer comes back to them.

    Raises:
        BadMessageError: If the body is no valid request.
    """
    read = _remembered if len(message.data) <= _LARGEST else parse_request
    return read(message.data, subjects.parse(message.subject).key)


_remembered = lru_cache(maxsize=_REMEMBERED)(parse_request)


def admit(message: Message, pods: Collection[str]) -> SetDeadline | Fail:
    """Decide whether the system can work on a request.

    Args:
        message: The request, on a subject with a valid id.
        pods: The pods of this system.
    """
    try:
        request = read_request(message)
    except BadMessageError as error:
        return Fail(failure(subjects.parse(message.subject).key, Reason.INVALID_REQUEST, str(error)))
    if refused := next(refusals(request, pods), None):
        return refused
    return SetDeadline(request, _found_by(message, request))


def refusals(request: OptimizationRequest, pods: Collection[str] | None = None) -> Iterator[Fail]:
    """Yield each reason to refuse a well-formed request, the first to say first; none if the system can work on it.

    Args:
        request: The request.
        pods: The pods of this system; by default, any pod may be there.
    """
    try:
        yield from _of_market(request, markets.load(request.market))
    except DataError as error:
        yield _fail(request, Reason.UNKNOWN_MARKET, str(error))
    if pods is not None and (unknown := sorted(set(request.asked()) - set(pods))):
        known = ", ".join(sorted(pods))
        yield _fail(request, Reason.UNKNOWN_POD, f"unknown pod {doubted(unknown, pods)}: name one of {known}")


def _of_market(request: OptimizationRequest, market: Market) -> Iterator[Fail]:
    """Yield each reason to refuse a request in its market, with any set of pods."""
    shares = request.shares() or {}
    if small := [f"{pod} ({share:.4%})" for pod, share in shares.items() if share < LEAST_SHARE]:
        text = f"the share of {', '.join(small)} is below {LEAST_SHARE:.2%} of the capital: give it more, or nothing"
        yield _fail(request, Reason.INVALID_REQUEST, text)
    priced = {*market.tickers, *market.unpriced}
    named = {
        "rules.never_buy": request.rules.never_buy,
        "rules.never_sell": request.rules.never_sell,
        "account.reform.values_aud": request.account.reform.values_aud if request.account else [],
    }
    for where, tickers in named.items():
        if strange := sorted(set(tickers) - priced):
            known = ", ".join(sorted(priced))
            text = f"{where} names {doubted(strange, priced)}, unknown in market {market.id}: name only {known}"
            yield _fail(request, Reason.UNKNOWN_ETF, text)
    if (robust := request.worst_case()) is not None:
        try:
            worst_case(market, robust)
        except DataError as error:
            yield _fail(request, Reason.INVALID_REQUEST, str(error))
    if refused := _refuse_account(request, market):
        yield refused


def _refuse_account(request: OptimizationRequest, market: Market) -> Fail | None:
    """Refuse a request with an account that no customer can own; return None if the account is possible."""
    if request.account and all(etf.price_aud is None for etf in market.etfs):
        text = (
            f"market {market.id} has no price of a unit of any ETF, so that an account cannot trade: build it with"
            " --unit-prices, or state price_aud in --facts, under a new id; or give total_capital_aud, and no account"
        )
        return _fail(request, Reason.INVALID_REQUEST, text)
    try:
        if (holdings := request.terms().owned) is not None:
            if undescribed := not_described(market, holdings):
                return _fail(request, Reason.UNKNOWN_ETF, undescribed)
            refuse_impossible(market, holdings)
    except DataError as error:
        return _fail(request, Reason.INVALID_REQUEST, str(error))
    return None


def deadline_of(message: Message) -> datetime | None:
    """Return when an answer to a request must be found; None if the request cannot be read."""
    try:
        return _found_by(message, read_request(message))
    except BadMessageError:
        return None


def deadline_again(message: Message, now: datetime) -> datetime | None:
    """Return when to set the deadline of an unanswered request again, whatever happened to the first deadline.

    Return None if the deadline fell due a moment ago, since a coordinator is handling that deadline. Also return None
    if the request cannot be read: such a request has no deadline and gets an error as its answer.
    """
    if (at := deadline_of(message)) is None:
        return None
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
    try:
        request = read_request(record.request)
    except BadMessageError:
        return Wait("refused")  # the handler of the request's own message answers with the reason
    if any(refusals(request)):
        return Wait("refused")
    if not due and set(request.asked()) - set(record.answers):
        return Wait("pods_missing")
    return _believe(request, record, keys)


def _believe(request: OptimizationRequest, record: Record, keys: Mapping[str, Collection[str]] | None) -> Action:
    """Decide once all pods have answered or the deadline has come, using only answers that are proven genuine."""
    assert record.request is not None  # noqa: S101 - decide looked
    expected = request.asked()
    answers = {pod: record.answers[pod] for pod in expected if pod in record.answers}
    try:
        signed = () if keys is None else genuine_answers(request.request_id, record.request, answers, keys)
    except NotGenuineError as error:
        return _fail(request, Reason.RESULT_NOT_GENUINE, str(error))
    if missing := tuple(sorted(set(expected) - set(answers))):
        return _late(request, missing)
    return _weigh(request, record.request, {pod: message.data for pod, message in answers.items()}, signed)


def _weigh(request: OptimizationRequest, message: Message, answer_data: Mapping[str, bytes], signed: Signed) -> Action:
    """Decide once all pods have answered.

    Signed answers are read from these bytes too: ``read_exactly`` has refused bytes with a second meaning.
    """
    answers: dict[str, PodAnswer] = {}
    for pod in request.asked():
        try:
            answers[pod] = _read_answer(request, pod, answer_data[pod])
        except BadMessageError as error:
            return _fail(
                request,
                Reason.INTERNAL_ERROR,
                f"the answer of {pod} cannot be used ({error}): deploy the same version everywhere",
            )
    failed = [answer for answer in answers.values() if isinstance(answer, PodFailed)]
    if not can_go_on(request, answers):
        return _collect(request, failed, signed)
    used = {pod: market for pod, answer in answers.items() if (market := _market_of(answer)) is not None}
    if len({(market.id, market.sha256) for market in used.values()}) > 1:
        markets_told = ", ".join(f"{pod} {market.id} {market.sha256[:12]}" for pod, market in used.items())
        return _fail(
            request,
            Reason.MARKETS_DIFFER,
            f"the agents have different snapshots of market {request.market} ({markets_told}): "
            "deploy the same everywhere",
            pod_answers=signed,
        )
    return Optimise(request, answers, _found_by(message, request), message.data, answer_data, signed)


def can_go_on(request: OptimizationRequest, answers: Mapping[str, PodAnswer]) -> bool:
    """Return whether the pods with a result can be coordinated.

    A pod that found that no mix is better than cash takes no part, unless a money goal or the money that no goal needs
    is that pod's. A pod that failed for any other reason is never left out.
    """
    failed = {pod: answer for pod, answer in answers.items() if isinstance(answer, PodFailed)}
    needed = {request.surplus_pod, *(goal.pod for goal in request.goals)}
    return len(failed) < len(answers) and all(
        answer.no_better_than_cash is not None and pod not in needed for pod, answer in failed.items()
    )


def _market_of(answer: PodAnswer) -> MarketRef | None:
    """Return the market that an answer was computed with; None for a failure that names none."""
    if isinstance(answer, PodResult):
        return answer.market
    return None if answer.no_better_than_cash is None else answer.no_better_than_cash.market


def _read_answer(request: OptimizationRequest, pod: str, data: bytes) -> PodAnswer:
    """Read a pod's answer and check that the answer belongs to this request.

    Raises:
        BadMessageError: If the answer is invalid or belongs to another request, pod or share.
    """
    answer = parse_pod_answer(data)
    about, due = [answer.request_id, answer.pod], [request.request_id, pod]
    if isinstance(answer, PodResult):
        about += [answer.mandate.pod, _shown(answer.capital_share)]
        due += [pod, _shown((request.shares() or {}).get(pod))]
    elif answer.no_better_than_cash is not None:
        about, due = [*about, answer.no_better_than_cash.mandate.pod], [*due, pod]
    if about != due:
        raise BadMessageError(f"it is about {' '.join(about)}, not {' '.join(due)}")
    return answer


def _shown(share: float | None) -> str:
    return "without a share" if share is None else f"{share:.9f}"


def _collect(request: OptimizationRequest, failed: list[PodFailed], signed: Signed) -> Fail:
    """Fail with the reasons of all failed pods; the first pod's reason becomes the event's reason."""
    return _fail(
        request,
        failed[0].reason,
        ". ".join(answer.message for answer in failed),
        goals=tuple(goal for answer in failed for goal in answer.goals),
        conflicts=tuple(conflict for answer in failed for conflict in answer.conflicts),
        repairs=tuple(repair for answer in failed for repair in answer.repairs),
        no_better_than_cash=tuple(answer.pod for answer in failed if answer.no_better_than_cash is not None),
        pod_answers=signed,
    )


def _late(request: OptimizationRequest, missing: tuple[str, ...]) -> Fail:
    message = (
        f"no answer from {', '.join(missing)} in time for the deadline of {request.deadline_s:g} s: "
        "see that their agents run, or allow more time (deadline_s); then ask again under a new request_id"
    )
    return _fail(request, Reason.DEADLINE_EXCEEDED, message, missing_pods=missing)


def _fail(request: OptimizationRequest, reason: Reason, message: str, **members: tuple[object, ...]) -> Fail:
    """Fail with this message, and further members of the event."""
    return Fail(failure(request, reason, message).model_copy(update=members))


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
