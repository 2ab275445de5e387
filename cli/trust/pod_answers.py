"""Compare a final event with the signed pods' answers that the event carries and is made from.

Needs only the event, and uses none of the coordinator's code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bus.language.messages import BadMessageError, MasterPortfolioOptimized, PodFailed, PodResult, parse_pod_answer
from bus.language.signing import POD, NotGenuineError, signer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from bus.language.messages import FinalEvent, MasterPortfolioFailed, NoBetterThanCash, PodAnswer
    from portfolio.published.account import PodAccount

    Keys: TypeAlias = Mapping[str, Collection[str]]


def signers(event: FinalEvent) -> dict[str, str]:
    """Return the key that signed each answer, by pod.

    Raises:
        NotGenuineError: If an answer is unsigned, or was changed after signing.
    """
    found = {}
    for body in event.pod_answers:
        try:
            found[str(body.get("pod"))] = signer_of(body, POD)
        except NotGenuineError as error:
            message = f"{body.get('pod')}'s answer: {error}"
            raise NotGenuineError(message) from None
    return found


def strangers(signed_by: Mapping[str, str], keys: Keys) -> Iterator[str]:
    """Name the answers that were not signed with one of their pod's keys."""
    for pod, key in signed_by.items():
        if key not in keys.get(pod, ()):
            yield f"{pod}'s answer was signed by {key}, not by a key given for {pod}"


def contradictions(event: FinalEvent) -> Iterator[str]:
    """Describe each contradiction between an event and the answers that the event carries."""
    try:
        answers = [parse_pod_answer(json.dumps(body).encode()) for body in event.pod_answers]
    except BadMessageError as error:
        yield f"the event carries an entry that is no pod's answer: {error}"
        return
    if len({answer.pod for answer in answers}) < len(answers):
        yield "the event carries two answers of one pod"
    if len({answer.request_sha256 for answer in answers}) > 1:
        yield "the pods were asked requests with different contents"
    for answer in answers:
        if answer.request_id != event.request_id:
            yield f"{answer.pod} answered the request {answer.request_id}, not {event.request_id}"
    if isinstance(event, MasterPortfolioOptimized):
        yield from _of_portfolio(event, answers)
    else:
        yield from _of_failure(event, answers)


def _of_portfolio(event: MasterPortfolioOptimized, answers: Sequence[PodAnswer]) -> Iterator[str]:
    found = {answer.pod: answer for answer in answers if isinstance(answer, PodResult)}
    in_cash = {
        answer.pod: answer.no_better_than_cash
        for answer in answers
        if isinstance(answer, PodFailed) and answer.no_better_than_cash is not None
    }
    unused = event.funding.unused if event.funding else {}
    if {*found, *in_cash} != (asked := {*event.pods, *unused, *event.in_cash}):
        have, need = (", ".join(sorted(pods)) or "none" for pods in ({*found, *in_cash}, asked))
        yield f"the event has the pods {need}, and results of {have}"
        return
    yield from _of_pods_in_cash(event, in_cash)
    for pod, result in found.items():
        if result.market != event.market:
            yield f"{pod} used another market, {result.market.id} with hash {result.market.sha256[:12]}"
        if pod in unused and (unused[pod].mandate, unused[pod].naive_weights) != (result.mandate, _bought(result)):
            yield f"the mandate or the portfolio alone of {pod} differs from the answer that {pod} signed"
        if pod in event.pods:
            for what in _differing(event, event.pods[pod], result):
                yield f"{what} of {pod} differs from the answer that {pod} signed"


def _of_pods_in_cash(event: MasterPortfolioOptimized, signed: Mapping[str, NoBetterThanCash]) -> Iterator[str]:
    """Compare the pods in cash with the pods that signed that no mix is better."""
    if set(signed) != set(event.in_cash):
        have, need = (", ".join(sorted(pods)) or "none" for pods in (signed, event.in_cash))
        yield f"the pods in cash of the event: {need}; the pods that signed that no mix is better than cash: {have}"
        return
    for pod, why in signed.items():
        told = event.in_cash[pod]
        if (why.mandate, why.left_out, why.greatest_return) != (told.mandate, told.left_out, told.greatest_return):
            yield f"the reason why {pod} is in cash differs from the answer that {pod} signed"
        if why.market != event.market:
            yield f"{pod} used another market, {why.market.id} with hash {why.market.sha256[:12]}"


# The coordinator compares shares to nine decimals, because sums of shares differ in the last digits.
_SHARES_WITHIN = 1e-9


def _bought(signed: PodResult) -> dict[str, float]:
    return {ticker: weight for ticker, weight in signed.weights.items() if weight}


def _differing(event: MasterPortfolioOptimized, told: PodAccount, signed: PodResult) -> Iterator[str]:
    """Name the parts of a pod's account that differ from the pod's signed result."""
    if told.mandate != signed.mandate:
        yield "the mandate"
    if signed.capital_share is not None and abs(told.capital_share - signed.capital_share) > _SHARES_WITHIN:
        yield "the share of the capital"
    if told.naive_weights != _bought(signed):
        yield "the portfolio alone"
    if told.left_out != signed.left_out:
        yield "the list of ETFs that were left out"
    best = {goal.figure: goal.best_alone for goal in event.goals if goal.pods == (signed.pod,)}
    if best != {measure.value: figure for measure, figure in signed.best_alone.items()}:
        yield "the best figure alone"


def _of_failure(event: MasterPortfolioFailed, answers: Sequence[PodAnswer]) -> Iterator[str]:
    """Compare a failure with the pods' failures, if pods failed; other failures are the coordinator's own."""
    failed = [answer for answer in answers if isinstance(answer, PodFailed)]
    if not failed:
        return
    if event.reason != failed[0].reason:
        yield f"the reason differs from the one that {failed[0].pod} signed"
    if event.message != ". ".join(answer.message for answer in failed):
        yield "the message differs from those that the pods signed"
    for what in ("goals", "conflicts", "repairs"):
        if getattr(event, what) != tuple(one for answer in failed for one in getattr(answer, what)):
            yield f"the {what} differ from those that the pods signed"
