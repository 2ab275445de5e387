"""The bodies of all messages: the public interface of the system, version 1.

Requests come from people and are read strictly: unknown fields and wrong types are refused, since a
typo must not pass for a wish. Our own messages are read leniently: unknown fields are ignored, so
that processes of different versions understand each other: ADR 18 lists the changes that are allowed.
``docs/schemas`` has the JSON Schemas.
"""

from bus.language.messages.events import (
    Challenge,
    FinalEvent,
    MarketRef,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    MessageRejected,
    MessageRemoved,
    NoBetterThanCash,
    PodAnswer,
    PodFailed,
    PodResult,
    PortfolioChallenged,
    PortfolioNotChallenged,
    Progress,
    Provider,
    Reason,
    Signature,
    Stage,
    StoppedBy,
    Unchallenged,
)
from bus.language.messages.parsing import (
    BODIES,
    BadMessageError,
    change_request,
    encode,
    glance,
    parse_challenge,
    parse_final,
    parse_pod_answer,
    parse_progress,
    parse_request,
    with_members,
)
from bus.language.messages.requests import LONGEST_S, SHORTEST_S, USUAL_S, OptimizationRequest

__all__ = [
    "BODIES",
    "LONGEST_S",
    "SHORTEST_S",
    "USUAL_S",
    "BadMessageError",
    "Challenge",
    "FinalEvent",
    "MarketRef",
    "MasterPortfolioFailed",
    "MasterPortfolioOptimized",
    "MessageRejected",
    "MessageRemoved",
    "NoBetterThanCash",
    "OptimizationRequest",
    "PodAnswer",
    "PodFailed",
    "PodResult",
    "PortfolioChallenged",
    "PortfolioNotChallenged",
    "Progress",
    "Provider",
    "Reason",
    "Signature",
    "Stage",
    "StoppedBy",
    "Unchallenged",
    "change_request",
    "encode",
    "glance",
    "parse_challenge",
    "parse_final",
    "parse_pod_answer",
    "parse_progress",
    "parse_request",
    "with_members",
]
