"""What the system publishes: pods' answers, final events, refusals and progress; read leniently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bus.language.messages.fields import Id, Pod
from portfolio.market.basis import Basis
from portfolio.market.figures import Figures
from portfolio.market.measure import Measure
from portfolio.published.account import (
    CashHeld,
    ComparisonRow,
    CorrelationRow,
    EconomicDuplicate,
    GoalAccount,
    Holding,
    IncomeAccount,
    ObjectiveTerms,
    PodAccount,
)
from portfolio.published.certificate import Certificate
from portfolio.published.conflicts import Conflict, Repair, Shortfall
from portfolio.published.frontier import FrontierPoint
from portfolio.published.model import ModelPortfolio
from portfolio.published.money_goals import Funding, MoneyGoal
from portfolio.published.standing import Standing, Switch
from portfolio.published.trading import Trading
from portfolio.terms.mandate import Mandate
from portfolio.terms.rules import Terms

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class MarketRef(_Lenient):
    """The market snapshot that a result was computed with, and what it says of itself."""

    id: str
    sha256: str
    basis: Annotated[Basis, Field(description="What its returns are: a history, or an outlook, which is no history.")]
    priced_on: Annotated[date, Field(description="Day of its prices.")]
    inflation: Annotated[
        float | None, Field(description="That the market assumes, a year, as a fraction; null where it assumes none.")
    ] = None

    @classmethod
    def of(cls, market: Market) -> Self:
        """Refer to *market*."""
        return cls(
            id=market.id,
            sha256=market.sha256,
            basis=market.basis,
            priced_on=market.priced_on,
            inflation=market.inflation,
        )


class Provider(_Lenient):
    """Who provides the result to the customer, as the operator of the coordinator states it; nobody checks it."""

    name: str
    licence_number: Annotated[str | None, Field(description="Of its Australian financial services licence.")] = None
    contact: Annotated[str | None, Field(description="For questions of the customer.")] = None


class Signature(_Lenient):
    """That a body is its author's; ``bus.language.signing`` makes it and tells whose it is."""

    algorithm: Annotated[str, Field(description="Always ed25519 (RFC 8032) so far.")] = "ed25519"
    key: Annotated[str, Field(description="The author's public NKey. Anybody may sign with one of his own.")]
    value: Annotated[
        str,
        Field(
            description="In Base64, over the byte 0xFF, a text (podfolio.v1.final of a final event, podfolio.v1.pod of "
            "a pod's answer), a line feed, and the body without its member signature in the canonical form of RFC 8785."
        ),
    ]


Signed = Annotated[
    Signature | None,
    Field(description="Of the coordinator, where it has a key; covers every other member, unknown ones too."),
]


def _is_left_out(value: object) -> bool:
    """Whether a member that came later says nothing; what was written without it stays as it was, to the byte."""
    return not value


SignedByPod = Annotated[
    Signature | None,
    Field(
        description="Of the pod, where its agent has a key; covers every other member, unknown ones too.",
        exclude_if=_is_left_out,
    ),
]
ProvidedBy = Annotated[
    Provider | None,
    Field(
        description="Where the deployment states one. Without, no licensee has reviewed the result: it is not for a "
        "customer as it is.",
        exclude_if=_is_left_out,
    ),
]
RequestDigest = Annotated[
    str | None,
    Field(
        description="SHA-256 of the request's body as it was published, in hex; where the answer is signed. Else an "
        "answer to another request under the same id could be put in its place.",
        exclude_if=_is_left_out,
    ),
]


def _finite(answers: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Refuse numbers that JSON does not have: encoded, they would become null, and the signature would not hold.

    Raises:
        ValueError: If an answer holds one.
    """
    try:
        json.dumps(answers, allow_nan=False)
    except ValueError:
        message = "a pod's answer holds a number that is infinite or not a number: give finite numbers"
        raise ValueError(message) from None
    return answers


PodAnswers = Annotated[
    tuple[dict[str, Any], ...],
    AfterValidator(_finite),
    Field(
        description="Each pod's answer that the event was made of (PodResult or PodFailed), as the pod signed it, in "
        "the request's order; where the coordinator knows the pods' keys.",
        exclude_if=_is_left_out,
    ),
]


class Reason(StrEnum):
    """Why there is no result. A list to which later versions add: one that is not known here is read as the last."""

    INVALID_REQUEST = "invalid_request"
    UNKNOWN_POD = "unknown_pod"
    UNKNOWN_MARKET = "unknown_market"
    UNKNOWN_ETF = "unknown_etf"
    GOAL_UNREACHABLE = "goal_unreachable"
    RULES_CONFLICT = "rules_conflict"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OVERLOADED = "overloaded"
    MARKETS_DIFFER = "markets_differ"
    RESULT_NOT_GENUINE = "result_not_genuine"
    CHECK_FAILED = "check_failed"
    SOLVER_FAILED = "solver_failed"
    INTERNAL_ERROR = "internal_error"

    @property
    def words(self) -> str:
        """Say it to people."""
        return _REASONS[self]

    @classmethod
    def _missing_(cls, value: object) -> Reason | None:
        return cls.INTERNAL_ERROR if isinstance(value, str) else None


_REASONS = {
    Reason.INVALID_REQUEST: "the request cannot be right as it is",
    Reason.UNKNOWN_POD: "the request names a pod that this system does not have",
    Reason.UNKNOWN_MARKET: "the request names a market that this system does not have",
    Reason.UNKNOWN_ETF: "the request names an ETF that its market does not describe",
    Reason.GOAL_UNREACHABLE: "a pod cannot reach its goals, and none may give way",
    Reason.RULES_CONFLICT: "rules, or rules and goals, contradict each other",
    Reason.DEADLINE_EXCEEDED: "not every pod answered in time",
    Reason.OVERLOADED: "more was asked of the system than it can answer in time",
    Reason.MARKETS_DIFFER: "parts of the system have different snapshots of the market",
    Reason.RESULT_NOT_GENUINE: "a result is not proven to be its pod's own",
    Reason.CHECK_FAILED: "the portfolio did not pass its own check",
    Reason.SOLVER_FAILED: "the solver found no portfolio that can be trusted",
    Reason.INTERNAL_ERROR: "the system failed, through no fault of the request",
}


class PodResult(_Lenient):
    """What one pod's agent found: the best portfolio of this pod alone.

    It does not depend on the pod's share of the capital.
    """

    type: Literal["PodResult"] = "PodResult"
    version: Literal[1] = 1
    request_id: Id
    pod: Pod
    capital_share: Annotated[
        float | None,
        Field(
            description="By the request's pod_weights, so that it is signed too; null where the shares follow from the "
            "money goals: then the coordinator settles them when all pods have answered."
        ),
    ] = None
    market: MarketRef
    mandate: Mandate
    weights: Mapping[str, float]
    figures: Figures
    best_alone: Mapping[Measure, float]
    left_out: tuple[str, ...]
    frontier: Annotated[
        FrontierPoint | None,
        Field(description="Where the customer's risk tolerance puts the pod; null where its mandate is as it is."),
    ] = None
    elapsed_s: float
    request_sha256: RequestDigest = None
    signature: SignedByPod = None


class PodFailed(_Lenient):
    """Why one pod's agent found no portfolio."""

    type: Literal["PodFailed"] = "PodFailed"
    version: Literal[1] = 1
    request_id: Id
    pod: Pod
    reason: Reason
    message: str
    goals: tuple[Shortfall, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    repairs: tuple[Repair, ...] = ()
    request_sha256: RequestDigest = None
    signature: SignedByPod = None


class StoppedBy(StrEnum):
    """What ended a search before its proof."""

    DEADLINE = "deadline"
    SEARCH_LIMIT = "search_limit"


class MasterPortfolioOptimized(_Lenient):
    """The final event: one portfolio for all pods, checked and, if ``certified``, proven optimal."""

    type: Literal["MasterPortfolioOptimized"] = "MasterPortfolioOptimized"
    version: Literal[1] = 1
    request_id: Id
    customer_id: str
    market: MarketRef
    prices_age_days: Annotated[
        int | None,
        Field(
            description="Days from market.priced_on to the day of the trades, negative before; null where they are at "
            "most five trading days apart, and without an account."
        ),
    ] = None
    terms: Terms
    weights: Mapping[str, float]
    holdings: tuple[Holding, ...]
    cash: Annotated[
        CashHeld | None,
        Field(description="With an account: what the holdings leave of the capital, so that both add up to it."),
    ] = None
    today: Annotated[
        Standing | None,
        Field(description="With an account: what is owned today, in the figures of the suggestion."),
    ] = None
    separate: Annotated[
        Standing | None, Field(description="The separate pods; with an account, after the costs of getting there.")
    ] = None
    suggested: Annotated[
        Standing | None,
        Field(
            description="With an account: as ordered, in whole units, with the cash that is left. Else the portfolio, "
            "with the cost of buying it on top."
        ),
    ] = None
    switch: Annotated[
        Switch | None, Field(description="Where there are orders: what they cost once, and change per year.")
    ] = None
    pods: Mapping[str, PodAccount]
    goals: tuple[GoalAccount, ...]
    funding: Funding | None = None
    money_goals: tuple[MoneyGoal, ...] = ()
    comparison: tuple[ComparisonRow, ...]
    correlations: tuple[CorrelationRow, ...]
    correlation_matrix: Mapping[str, Mapping[str, float]]
    economic_duplicates: tuple[EconomicDuplicate, ...]
    objective_terms: ObjectiveTerms
    sharpe_standard_error: Annotated[
        float | None,
        Field(
            description="Of the portfolio's Sharpe ratio a year, as far as it follows from the number of returns of a "
            "history (Lo 2002); null where the market is an outlook."
        ),
    ] = None
    model_portfolio: Annotated[
        ModelPortfolio | None,
        Field(description="Without an account: the weights are a model, with no orders, and buying it costs this."),
    ] = None
    income: Mapping[str, IncomeAccount] = {}
    trading: Trading | None = None
    certificate: Certificate
    at_most_better_by: Annotated[
        float | None,
        Field(
            description="No portfolio that keeps these rules and goals (each as it is held) scores better than these "
            "orders, or without an account than this portfolio, by more than this part: (certificate.bound - "
            "objective) / max(|objective|, 0.01). Null where that is not proven: where whole units let goals give way "
            "further (trading.gave_way), or a stronger rule stood in for a goal (certificate.restricted)."
        ),
    ] = None
    stopped_by: Annotated[
        StoppedBy | None,
        Field(
            description="What ended a search before its end: the request's deadline, or the most time that this system "
            "searches for one request (--solver-seconds). Then the portfolio is not certified, or orders in whole "
            "units may be better (trading.cut_short)."
        ),
    ] = None
    elapsed_s: Annotated[float, Field(description="Time the coordinator took to optimise and check.")]
    provider: ProvidedBy = None
    pod_answers: PodAnswers = ()
    signature: Signed = None


class MasterPortfolioFailed(_Lenient):
    """The final event where there is no portfolio: why, and what would have to change."""

    type: Literal["MasterPortfolioFailed"] = "MasterPortfolioFailed"
    version: Literal[1] = 1
    request_id: Id
    customer_id: str | None = None
    reason: Reason
    message: str
    goals: tuple[Shortfall, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    repairs: tuple[Repair, ...] = ()
    missing_pods: tuple[str, ...] = ()
    provider: ProvidedBy = None
    pod_answers: PodAnswers = ()
    signature: Signed = None


class MessageRejected(_Lenient):
    """A message on a subject that names no valid request id: there is nobody to answer."""

    type: Literal["MessageRejected"] = "MessageRejected"
    version: Literal[1] = 1
    subject: str
    sequence: int
    reason: Reason = Reason.INVALID_REQUEST
    message: str


class MessageRemoved(_Lenient):
    """A message that an administrator removed from the stream: what it was and why; what it said is gone."""

    type: Literal["MessageRemoved"] = "MessageRemoved"
    version: Literal[1] = 1
    subject: str
    sequence: int
    stored_at: Annotated[datetime, Field(description="When the removed message was stored.")]
    size: Annotated[int, Field(description="Of its body, in bytes.")]
    sha256: Annotated[str, Field(description="Of its body, so that a copy can be recognised.")]
    reason: Annotated[str, Field(description="As the administrator gave it.")]
    by: Annotated[str, Field(description="Who removed it: the public NKey, or what the connection is called.")]
    removed_at: datetime


class Stage(StrEnum):
    """How far a request is, in this order."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    OPTIMISING = "optimising"
    DONE = "done"


class Progress(_Lenient):
    """How far a request is, for a bar to show: not kept, and may be missed, come twice or out of order.

    The final event alone says what became of a request; it is there when this says ``done``.
    """

    type: Literal["Progress"] = "Progress"
    version: Literal[1] = 1
    request_id: Id
    stage: Annotated[
        Stage,
        Field(
            description="accepted: its deadline is set. answered: another pod has, or several. optimising: some times "
            "a second, where that takes longer. done: the final event is there."
        ),
    ]
    pods: Annotated[tuple[str, ...], Field(description="Those that have answered so far; of answered only.")] = ()
    search: Annotated[
        int | None,
        Field(description="Which search is in hand, from 1: goals that cannot all be kept take several each."),
    ] = None
    gap: Annotated[
        float | None,
        Field(
            description="Relative gap, of the search in hand or, when done, of the portfolio: by how much it could at "
            "most be better. None while, or if, there is no portfolio."
        ),
    ] = None
    reason: Annotated[Reason | None, Field(description="When done without a portfolio: why.")] = None


PodAnswer = PodResult | PodFailed
FinalEvent = MasterPortfolioOptimized | MasterPortfolioFailed
