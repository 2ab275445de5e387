"""Compare a final event with the pods' answers that it was made of, which it carries as the pods signed them.

Works on the event alone, and shares nothing with the coordinator that made it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bus.messages import BadMessageError, MasterPortfolioOptimized, PodFailed, PodResult, parse_pod_answer
from bus.signing import POD, NotGenuineError, signer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from bus.messages import FinalEvent, MasterPortfolioFailed, PodAnswer
    from portfolio.published.account import PodAccount

    Keys: TypeAlias = Mapping[str, Collection[str]]


def signers(event: FinalEvent) -> dict[str, str]:
    """Tell with whose key each answer was signed, by pod.

    Raises:
        NotGenuineError: If one is unsigned, or was changed since.
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
    """Say which answers were signed with a key that is not their pod's."""
    for pod, key in signed_by.items():
        if key not in keys.get(pod, ()):
            yield f"{pod}'s answer was signed by {key}, not by a key given for {pod}"


def contradictions(event: FinalEvent) -> Iterator[str]:
    """Say where an event and the answers that it carries contradict each other."""
    try:
        answers = [parse_pod_answer(json.dumps(body).encode()) for body in event.pod_answers]
    except BadMessageError as error:
        yield f"it carries what is no pod's answer: {error}"
        return
    if len({answer.pod for answer in answers}) < len(answers):
        yield "it carries two answers of one pod"
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
    if set(found) != set(event.pods):
        yield f"it has the pods {', '.join(sorted(event.pods))}, and results of {', '.join(sorted(found)) or 'none'}"
        return
    for pod, result in found.items():
        if result.market != event.market:
            yield f"{pod} used another market, {result.market.id} with hash {result.market.sha256[:12]}"
        for what in _differing(event, event.pods[pod], result):
            yield f"{what} of {pod} is not what {pod} signed"


def _differing(event: MasterPortfolioOptimized, told: PodAccount, signed: PodResult) -> Iterator[str]:
    """Name what an event tells otherwise than the pod's result."""
    if told.mandate != signed.mandate:
        yield "the mandate"
    if abs(told.capital_share - signed.capital_share) > _SHARES_WITHIN:
        yield "the share of the capital"
    if told.naive_weights != {ticker: weight for ticker, weight in signed.weights.items() if weight}:
        yield "the portfolio alone"
    if told.left_out != signed.left_out:
        yield "the list of ETFs that were left out"
    best = {goal.figure: goal.best_alone for goal in event.goals if goal.pods == (signed.pod,)}
    if best != {measure.value: figure for measure, figure in signed.best_alone.items()}:
        yield "the best figure alone"


# The coordinator compares them to nine decimals: sums of shares differ in the last digits.
_SHARES_WITHIN = 1e-9


def _of_failure(event: MasterPortfolioFailed, answers: Sequence[PodAnswer]) -> Iterator[str]:
    """Compare a failure with those of pods, if it is for one of these that there is no portfolio."""
    failed = [answer for answer in answers if isinstance(answer, PodFailed)]
    if not failed:
        return
    if event.reason != failed[0].reason:
        yield f"the reason is not what {failed[0].pod} signed"
    if event.message != ". ".join(answer.message for answer in failed):
        yield "the message is not what the pods signed"
    for what in ("goals", "conflicts", "repairs"):
        if getattr(event, what) != tuple(one for answer in failed for one in getattr(answer, what)):
            yield f"the {what} are not those that the pods signed"
