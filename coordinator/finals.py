"""Final events: the one way to make a failure, and their bytes with the facts for metrics, progress and the log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bus.language.messages import MasterPortfolioFailed, OptimizationRequest, encode, with_members
from bus.language.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bus.language.messages import FinalEvent, Reason

# The outcome of a request with a portfolio; that of any other request is its reason.
OPTIMISED = "optimised"


def failure(request: OptimizationRequest | str, reason: Reason, message: str) -> MasterPortfolioFailed:
    """Make the failure event, with the reason why there is no portfolio.

    Args:
        request: The request; its id if the request cannot be read.
        reason: The kind of failure.
        message: The cause and the remedy.
    """
    if isinstance(request, OptimizationRequest):
        customer = request.customer.customer_id
        return MasterPortfolioFailed(
            request_id=request.request_id, customer_id=customer, reason=reason, message=message
        )
    return MasterPortfolioFailed(request_id=request, reason=reason, message=message)


def payload_of(event: FinalEvent, data: bytes | None = None) -> Payload:
    """Encode a final event, with its outcome for the metrics, the progress and the request's log line.

    Args:
        event: The event.
        data: The event's bytes, if the caller has them.
    """
    return Payload(type(event).__name__, encode(event) if data is None else data, _facts(event))


def _facts(event: FinalEvent) -> dict[str, Any]:
    if isinstance(event, MasterPortfolioFailed):
        missing = list(event.missing_pods) or None
        return {"outcome": event.reason.value, "message": event.message, "missing_pods": missing}
    proof = event.certificate
    return {
        "outcome": OPTIMISED,
        "certified": proof.certified,
        "gap": proof.gap,
        "nodes": proof.nodes,
        "etfs": len(event.weights),
        "pods": list(event.pods),
        "market": event.market.id,
        "optimise_ms": round(event.elapsed_s * 1e3, 2),
    }


def with_answers(event: Payload, answer_data: Iterable[bytes]) -> Payload:
    """Put the pods' answers into a final event, as they were published."""
    members = {"pod_answers": b"[%b]" % b",".join(answer_data), "signature": b"null"}
    return replace(event, data=with_members(event.data, members))
