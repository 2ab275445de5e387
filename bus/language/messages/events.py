"""The messages of the system: pods' answers, final events, refusals and progress; read leniently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, WrapSerializer

from bus.language.messages.described import Published
from bus.language.messages.fields import Id, Pod
from portfolio.market.basis import Basis
from portfolio.market.measure import Figures, Measure
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
from portfolio.published.in_cash import PodInCash
from portfolio.published.model import ModelPortfolio
from portfolio.published.money_goals import Funding, MoneyGoal
from portfolio.published.order import Side
from portfolio.published.payments import PaymentsAccount
from portfolio.published.robustness import Robustness
from portfolio.published.standing import Standing, Switch
from portfolio.published.trading import Trading
from portfolio.published.worst_case import WorstCase
from portfolio.terms.mandate import Mandate
from portfolio.terms.rules import Terms

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market


class _Lenient(Published, BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)


class MarketRef(_Lenient):
    """The market snapshot that a result was computed with, and its statements about itself.

    Attributes:
        id: The name of the market.
        sha256: SHA-256 of the content of the market, in hex: the same name and hash mean the same figures.
    """

    id: str
    sha256: str
    basis: Annotated[Basis, Field(description="Basis of the market's returns: a history, or an outlook.")]
    priced_on: Annotated[date, Field(description="Day of the market's prices.")]
    inflation: Annotated[
        float | None,
        Field(
            description="Inflation per year that the market assumes, as a fraction; null where the market assumes none."
        ),
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


def _is_left_out(value: object) -> bool:
    """Whether an optional member is absent: a body written before the member existed stays the same, to the byte.

    An empty text is none of these: it was sent, and is sent on.
    """
    return value is None or value == ()


class Provider(_Lenient):
    """The provider of the result to the customer, as the coordinator's operator states; the system does not check this.

    Attributes:
        name: The provider's name, for the customer.
    """

    name: str
    licence_number: Annotated[
        str | None, Field(description="Number of the provider's Australian financial services licence.")
    ] = None
    contact: Annotated[str | None, Field(description="Contact for the customer's questions.")] = None
    remuneration: Annotated[
        str | None,
        Field(
            description="Fees, commissions and other benefits that the provider, its representatives or associates "
            "receive with the advice.",
            exclude_if=_is_left_out,
        ),
    ] = None
    conflicts: Annotated[
        str | None,
        Field(
            description="Interests, associations and relationships that might influence the provider's advice.",
            exclude_if=_is_left_out,
        ),
    ] = None


class Signature(_Lenient):
    """Proof of the author of a body; ``bus.language.signing`` makes and verifies it."""

    algorithm: Annotated[str, Field(description="Always ed25519 (RFC 8032) so far.")] = "ed25519"
    key: Annotated[
        str,
        Field(
            description="The author's public NKey. Compare it with the key that you trust: any person can sign with a "
            "key of their own."
        ),
    ]
    value: Annotated[
        str,
        Field(
            description="Signature in Base64, over the byte 0xFF, a text (podfolio.v1.final for a final event, "
            "podfolio.v1.pod for a pod's answer, podfolio.v1.challenge for a challenge, podfolio.v1.approval for an "
            "approval, podfolio.v1.seal for a seal), a line feed, and the body without its member signature in the "
            "canonical form of RFC 8785."
        ),
    ]


Signed = Annotated[
    Signature | None,
    Field(
        description="Signature of the coordinator, where the coordinator has a key; null otherwise. Covers every "
        "other member, unknown members too."
    ),
]


def _without_absent_terms(terms: Terms, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
    """Write the terms; leave out a worst case that was not asked for, and pods in cash that there are not.

    A version before these members would write the same.
    """
    body: dict[str, Any] = write(terms)
    if terms.robust is None:
        del body["robust"]
    if not terms.in_cash:
        del body["in_cash"]
    return body


SignedByPod = Annotated[
    Signature | None,
    Field(
        description="Signature of the pod, where its agent has a key. Covers every other member, unknown members too.",
        exclude_if=_is_left_out,
    ),
]
ProvidedBy = Annotated[
    Provider | None,
    Field(
        description="The provider, where the deployment states one. Without a provider, no licensee has reviewed "
        "the result: the result is not ready for a customer.",
        exclude_if=_is_left_out,
    ),
]
RequestDigest = Annotated[
    str | None,
    Field(
        description="SHA-256 of the request's body as published, in hex; only in a signed answer. Without this "
        "hash, an answer to another request under the same id could take the place of this answer.",
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
        description="The answers of the pods that the event was made from (PodResult or PodFailed), as signed by "
        "the pods, in the request's order; only where the coordinator knows the pods' keys.",
        exclude_if=_is_left_out,
    ),
]


class Reason(StrEnum):
    """The reason why there is no result. Later versions may add values; read an unknown value as internal_error."""

    INVALID_REQUEST = "invalid_request"
    UNKNOWN_POD = "unknown_pod"
    UNKNOWN_MARKET = "unknown_market"
    UNKNOWN_ETF = "unknown_etf"
    GOAL_UNREACHABLE = "goal_unreachable"
    RULES_CONFLICT = "rules_conflict"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OVERLOADED = "overloaded"
    STOPPED = "stopped"
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
    Reason.DEADLINE_EXCEEDED: "there was no answer in time",
    Reason.OVERLOADED: "more was asked of the system than it can answer in time",
    Reason.STOPPED: "a person stopped new advice",
    Reason.MARKETS_DIFFER: "parts of the system have different snapshots of the market",
    Reason.RESULT_NOT_GENUINE: "a result is not proven to be its pod's own",
    Reason.CHECK_FAILED: "the portfolio did not pass its own check",
    Reason.SOLVER_FAILED: "the solver found no portfolio that can be trusted",
    Reason.INTERNAL_ERROR: "the system failed, through no fault of the request",
}


class PodResult(_Lenient):
    """The answer of one pod's agent: the best portfolio of this pod alone.

    The portfolio does not depend on the pod's share of the capital.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        pod: The pod that answers.
        market: The market that the result was computed with.
        mandate: The pod's terms as used: for this market, with the request's pod_targets and risk tolerance.
        weights: Holdings of the pod alone, by ticker, as shares of the pod.
        figures: Expected figures of these holdings.
        best_alone: The best figure that the pod can reach with one goal alone, by measure.
        left_out: ETFs of the pod's universe that were not considered: unpriced, closed, or never to be bought.
        elapsed_s: Time the agent took to optimise, seconds.
    """

    type: Literal["PodResult"] = "PodResult"
    version: Literal[1] = 1
    request_id: Id
    pod: Pod
    capital_share: Annotated[
        float | None,
        Field(
            description="The pod's share by the request's pod_weights, so that the signature covers the share; null "
            "where the shares follow from the money goals, and the coordinator settles them after all pods "
            "have answered."
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
        Field(
            description="Point of the efficient frontier that the customer's risk tolerance selects; null where the "
            "mandate applies unchanged."
        ),
    ] = None
    elapsed_s: float
    request_sha256: RequestDigest = None
    signature: SignedByPod = None


class NoBetterThanCash(_Lenient):
    """The finding that no mix of a pod's ETFs is expected to return more than cash: such a pod takes no part.

    Attributes:
        market: The market that the pod looked at.
        mandate: The pod's terms as used: for this market, with the request's pod_targets.
        left_out: ETFs of the pod's universe that were not considered: unpriced, closed, or never to be bought.
        greatest_return: The greatest expected return of a mix within the pod's limits, per year.
    """

    market: MarketRef
    mandate: Mandate
    left_out: tuple[str, ...]
    greatest_return: float


class PodFailed(_Lenient):
    """The answer of one pod's agent that found no portfolio, with the reason.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        pod: The pod that answers.
        reason: Why there is no portfolio of this pod, for programs.
        message: The reason and the mend, for people.
        goals: The goals that the pod cannot keep.
        conflicts: The requirements that cannot be kept together.
        repairs: Changes, of which each alone is enough.
    """

    type: Literal["PodFailed"] = "PodFailed"
    version: Literal[1] = 1
    request_id: Id
    pod: Pod
    reason: Reason
    message: str
    goals: tuple[Shortfall, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    repairs: tuple[Repair, ...] = ()
    no_better_than_cash: Annotated[
        NoBetterThanCash | None,
        Field(
            description="Where the reason is that no mix is expected to return more than cash, and goals may give way: "
            "the finding. The coordinator then leaves the pod's money in cash, and coordinates the other pods.",
            exclude_if=_is_left_out,
        ),
    ] = None
    request_sha256: RequestDigest = None
    signature: SignedByPod = None


class StoppedBy(StrEnum):
    """The limit that ended a search before its proof."""

    DEADLINE = "deadline"
    SEARCH_LIMIT = "search_limit"


class MasterPortfolioOptimized(_Lenient):
    """The final event: one portfolio for all pods, checked and, if ``certified``, proven optimal.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        customer_id: The adviser's own key for the customer.
        market: The market that the portfolio was computed with.
        terms: The request's terms, with the defaults.
        weights: Shares of the capital, by ticker.
        holdings: The ETFs of the portfolio, in AUD and with the pods that own them.
        pods: Each pod's part of the portfolio, by pod.
        goals: Each goal: the figure asked, the best possible figure, and the figure of the portfolio; in the order of
            service.
        funding: Division of the capital over the pods; null in a final event of an earlier version.
        money_goals: Each amount of money that is wanted, and its chance.
        comparison: Figures of the separate pods beside the coordinated portfolio.
        correlations: Correlations of the pods' returns, by pair.
        correlation_matrix: The same correlations as a matrix, by pod and pod.
        economic_duplicates: Pairs of ETFs that are held and move almost alike.
        objective_terms: The terms of the objective, before their weights.
        income: Income per year and the tax on it: of the separate pods (naive) and of the portfolio (master).
        trading: With an account: the orders, their costs and tax; null without an account.
        certificate: The proof of the portfolio.
    """

    type: Literal["MasterPortfolioOptimized"] = "MasterPortfolioOptimized"
    version: Literal[1] = 1
    request_id: Id
    customer_id: str
    market: MarketRef
    prices_age_days: Annotated[
        int | None,
        Field(
            description="Days from market.priced_on to the day of the trades; negative where the trades are earlier. "
            "Null without an account, and where the two days are at most five trading days apart."
        ),
    ] = None
    terms: Annotated[Terms, WrapSerializer(_without_absent_terms)]
    weights: Mapping[str, float]
    holdings: tuple[Holding, ...]
    cash: Annotated[
        CashHeld | None,
        Field(
            description="With an account: the part of the capital that the holdings leave; both add up to the "
            "capital. Null without an account."
        ),
    ] = None
    today: Annotated[
        Standing | None,
        Field(
            description="With an account: the holdings of today, in the same figures as the suggestion; null without "
            "an account."
        ),
    ] = None
    separate: Annotated[
        Standing | None, Field(description="The separate pods; with an account, after the costs of the trades to them.")
    ] = None
    suggested: Annotated[
        Standing | None,
        Field(
            description="With an account: the portfolio as ordered, in whole units, with the cash that is left. "
            "Without an account: the portfolio, with the cost of buying on top."
        ),
    ] = None
    in_cash: Annotated[
        Mapping[str, PodInCash],
        Field(
            description="The pods that take no part since no mix of their ETFs is expected to return more than cash, "
            "by pod; left out where there are none.",
            exclude_if=_is_left_out,
        ),
    ] = {}
    worst_case: Annotated[
        WorstCase | None,
        Field(
            description="Where the request asks for a robust portfolio: the portfolios in the worst case in which the "
            "pods' scores count; all other figures are those of the market as stated. Left out otherwise.",
            exclude_if=_is_left_out,
        ),
    ] = None
    switch: Annotated[
        Switch | None,
        Field(description="Where there are orders: their cost, paid once, and the changes per year; null otherwise."),
    ] = None
    payments: Annotated[
        PaymentsAccount | None,
        Field(
            description="With an account: payments in and out, their days, the tax set aside, and a pension's least "
            "payments; left out where there are none.",
            exclude_if=_is_left_out,
        ),
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
            description="Standard error of the portfolio's Sharpe ratio per year, as far as the number of returns of "
            "a history causes it (Lo 2002); null where the market is an outlook."
        ),
    ] = None
    model_portfolio: Annotated[
        ModelPortfolio | None,
        Field(
            description="Without an account: the weights are a model without orders, with this cost of buying. Null "
            "with an account."
        ),
    ] = None
    income: Mapping[str, IncomeAccount] = {}
    trading: Trading | None = None
    certificate: Certificate
    at_most_better_by: Annotated[
        float | None,
        Field(
            description="Proven limit on a better score: no portfolio that keeps these rules and goals (each as held) "
            "scores better than these orders, or without an account than this portfolio, by more than this "
            "part: (certificate.bound - objective) / max(|objective|, 0.01). Null where the limit is not "
            "proven: whole units let goals give way further (trading.gave_way), or a stronger rule replaced "
            "a goal (certificate.restricted)."
        ),
    ] = None
    stopped_by: Annotated[
        StoppedBy | None,
        Field(
            description="The limit that ended a search early: the request's deadline, or the most time that this "
            "system searches for one request (--solver-seconds). Then the portfolio is not certified, orders "
            "in whole units may be better (trading.cut_short), or figures of goals are missing "
            "(goals[].price, best_together). Null where no limit ended a search."
        ),
    ] = None
    elapsed_s: Annotated[float, Field(description="Time of the coordinator to optimise and check, seconds.")]
    provider: ProvidedBy = None
    pod_answers: PodAnswers = ()
    signature: Signed = None


class MasterPortfolioFailed(_Lenient):
    """The final event without a portfolio: the reason, and the changes that would help.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        customer_id: The adviser's own key for the customer; null where the request could not be read.
        reason: Why there is no portfolio, for programs.
        message: The reason and the mend, for people.
        goals: The goals that pods cannot keep.
        conflicts: The requirements that cannot be kept together.
        repairs: Changes, of which each alone is enough.
        missing_pods: Pods that did not answer in time.
        no_better_than_cash: Pods that found no mix that is expected to return more than cash.
    """

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
    no_better_than_cash: Annotated[tuple[str, ...], Field(exclude_if=_is_left_out)] = ()
    provider: ProvidedBy = None
    pod_answers: PodAnswers = ()
    signature: Signed = None


SignedByChallenger = Annotated[
    Signature | None,
    Field(
        description="Signature of the challenger, where the challenger has a key; null otherwise. Covers every other "
        "member, unknown members too."
    ),
]
FinalDigest = Annotated[
    str,
    Field(description="SHA-256 of the body of the final event as published, in hex: the challenge is of no other."),
]


class PortfolioChallenged(_Lenient):
    """How sure the portfolio of a final event is; published beside the event, which never waits for this message.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        market: The market that the portfolio was computed with.
        robustness: How sure the suggestion is.
    """

    type: Literal["PortfolioChallenged"] = "PortfolioChallenged"
    version: Literal[1] = 1
    request_id: Id
    final_sha256: FinalDigest
    market: MarketRef
    robustness: Robustness
    elapsed_s: Annotated[float, Field(description="Time of the challenger to compute, seconds.")]
    signature: SignedByChallenger = None


class Unchallenged(StrEnum):
    """The reason why a final event has no challenge.

    Later versions may add values; read an unknown value as internal_error.

    Attributes:
        NOT_ASKED: The request asks for none.
        NO_PORTFOLIO: The final event has no portfolio.
        UNREADABLE: The request or the final event is of a version that the challenger cannot read.
        MARKETS_DIFFER: The challenger does not have the market of the final event.
        SOLVER_FAILED: The time or the memory of the challenger was not enough.
        INTERNAL_ERROR: The challenger failed, through no fault of the request.
    """

    NOT_ASKED = "not_asked"
    NO_PORTFOLIO = "no_portfolio"
    UNREADABLE = "unreadable"
    MARKETS_DIFFER = "markets_differ"
    SOLVER_FAILED = "solver_failed"
    INTERNAL_ERROR = "internal_error"

    @classmethod
    def _missing_(cls, value: object) -> Unchallenged | None:
        return cls.INTERNAL_ERROR if isinstance(value, str) else None


class PortfolioNotChallenged(_Lenient):
    """The one message beside a final event that there is nothing to challenge in, or that could not be challenged.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        reason: Why there is no challenge, for programs.
        message: The reason and the mend, for people.
    """

    type: Literal["PortfolioNotChallenged"] = "PortfolioNotChallenged"
    version: Literal[1] = 1
    request_id: Id
    final_sha256: FinalDigest
    reason: Unchallenged
    message: str
    signature: SignedByChallenger = None


SignedByAdviser = Annotated[
    Signature | None,
    Field(description="Signature of the adviser. Covers every other member, unknown members too."),
]
ApprovedDigest = Annotated[
    str,
    Field(description="SHA-256 of the body of the final event as published, in hex: the decision is about no other."),
]
Note = Annotated[str | None, Field(description="The adviser's own words, if any.")]


class PortfolioApproved(_Lenient):
    """An adviser's consent to the orders of a final event.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        decided_at: Time of the decision by the adviser's clock; UTC.
    """

    type: Literal["PortfolioApproved"] = "PortfolioApproved"
    version: Literal[1] = 1
    request_id: Id
    final_sha256: ApprovedDigest
    note: Note = None
    decided_at: datetime
    signature: SignedByAdviser = None


class PortfolioDeclined(_Lenient):
    """An adviser's refusal of the orders of a final event.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        decided_at: Time of the decision by the adviser's clock; UTC.
    """

    type: Literal["PortfolioDeclined"] = "PortfolioDeclined"
    version: Literal[1] = 1
    request_id: Id
    final_sha256: ApprovedDigest
    note: Note = None
    decided_at: datetime
    signature: SignedByAdviser = None


class OrderFilled(_Lenient):
    """A contract of a broker for an order of a final event, as the trading desk states it.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
        customer_id: The adviser's own key for the customer.
        side: Whether units are bought or sold.
        ticker: The ETF.
        day: Day of the contract.
    """

    type: Literal["OrderFilled"] = "OrderFilled"
    version: Literal[1] = 1
    request_id: Id
    fill_id: Annotated[Id, Field(description="Id of the contract, made of the contract: the same one has the same id.")]
    order_id: Annotated[str, Field(description="Id of the order, as `podfolio orders export` makes it.")]
    customer_id: str
    side: Side
    ticker: str
    ordered_units: Annotated[int, Field(description="Units of the order.")]
    day: date
    units: Annotated[int, Field(description="Units of the contract; 0 for an order that was rejected.")]
    price_aud: Annotated[
        float, Field(description="Price of a unit, AUD; for a part of a block, the average of the day.")
    ]
    brokerage_aud: Annotated[float, Field(description="Brokerage of the contract, AUD.")]


By = Annotated[str, Field(description="The author: the public NKey, or the name of the connection.")]


class AdviceStopped(_Lenient):
    """A stop: from now on coordinators publish no portfolio, until this stop is lifted.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        number: Number of the stop.
        by: The author.
        stopped_at: Time of the stop by the author's clock; UTC.
    """

    type: Literal["AdviceStopped"] = "AdviceStopped"
    version: Literal[1] = 1
    number: str
    why: Annotated[str, Field(description="Reason that the author gave; every requester is told.")]
    by: By
    stopped_at: datetime


class AdviceResumed(_Lenient):
    """The end of the stop of the same number.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        number: Number of the stop.
        by: The author.
        resumed_at: Time of the end by the author's clock; UTC.
    """

    type: Literal["AdviceResumed"] = "AdviceResumed"
    version: Literal[1] = 1
    number: str
    why: Annotated[str | None, Field(description="Reason that the author gave, if any.")] = None
    by: By
    resumed_at: datetime


class MessageRejected(_Lenient):
    """A message on a subject without a valid request id, so that no final event can answer this message.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        subject: The subject of the message that was put aside.
        sequence: The place of that message in the stream.
        reason: The reason for putting the message aside, for programs.
        message: The reason and the mend, for people.
    """

    type: Literal["MessageRejected"] = "MessageRejected"
    version: Literal[1] = 1
    subject: str
    sequence: int
    reason: Reason = Reason.INVALID_REQUEST
    message: str


class MessageRemoved(_Lenient):
    """A message that an administrator removed from the stream: its facts and the reason; its body is gone.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        subject: The subject of the message that was removed.
        sequence: The place that the message had in the stream.
        removed_at: Time of the removal; UTC.
    """

    type: Literal["MessageRemoved"] = "MessageRemoved"
    version: Literal[1] = 1
    subject: str
    sequence: int
    stored_at: Annotated[datetime, Field(description="Time at which the removed message was stored.")]
    size: Annotated[int, Field(description="Size of the removed body, in bytes.")]
    sha256: Annotated[str, Field(description="SHA-256 of the removed body, in hex, so that a copy can be recognised.")]
    reason: Annotated[str, Field(description="Reason that the administrator gave.")]
    by: Annotated[str, Field(description="The administrator: the public NKey, or the name of the connection.")]
    removed_at: datetime
    stream: Annotated[
        str | None,
        Field(
            description="The stream that sequence counts in: PODFOLIO_ARCHIVE for a message that was removed from the "
            "archive; left out for a message of the event stream.",
            exclude_if=_is_left_out,
        ),
    ] = None


class ArchiveSealed(_Lenient):
    """A seal of the archive: the hash of each message in a range, and the hash of the seal before.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        number: The number of the seal, from 1.
        first_sequence: The place in the archive of the first message that the seal covers.
        last_sequence: The place in the archive of the last message that the seal covers.
        sealed_at: Time of the sealing; UTC.
    """

    type: Literal["ArchiveSealed"] = "ArchiveSealed"
    version: Literal[1] = 1
    number: int
    first_sequence: int
    last_sequence: int
    first_at: Annotated[datetime, Field(description="Time at which the first of these messages was archived.")]
    entries: Annotated[
        tuple[str | None, ...],
        Field(
            description="SHA-256 of each message from first_sequence to last_sequence, in hex: over the canonical form "
            "of RFC 8785 of an object with sequence, time (UTC, microseconds), subject, headers, origin and "
            "data_sha256. Null where the archive held no message at this place any more."
        ),
    ]
    previous_sha256: Annotated[
        str | None, Field(description="SHA-256 of the body of the seal before, as stored, in hex; null in seal 1.")
    ] = None
    sealed_at: datetime
    signature: Annotated[
        Signature | None,
        Field(
            description="Signature of the archivist, where the archivist has a key; null otherwise. Covers every other "
            "member, unknown members too."
        ),
    ] = None


class Stage(StrEnum):
    """The stages of a request, in this order."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    OPTIMISING = "optimising"
    DONE = "done"


class Progress(_Lenient):
    """The progress of a request, for a progress bar: not kept; may be missed, come twice or out of order.

    Only the final event gives the result of a request; the final event exists when the stage is ``done``.

    Attributes:
        type: The kind of the message.
        version: The version of the message.
        request_id: The request.
    """

    type: Literal["Progress"] = "Progress"
    version: Literal[1] = 1
    request_id: Id
    stage: Annotated[
        Stage,
        Field(
            description="accepted: the deadline is set. answered: one or more further pods have answered. optimising: "
            "sent several times per second during a long search. done: the final event exists."
        ),
    ]
    pods: Annotated[
        tuple[str, ...], Field(description="Pods that have answered so far; only at the stage answered.")
    ] = ()
    search: Annotated[
        int | None,
        Field(
            description="Number of the current search, from 1: goals that cannot all be kept take several searches "
            "each. Null at other stages."
        ),
    ] = None
    gap: Annotated[
        float | None,
        Field(
            description="Relative gap of the current search or, when done, of the portfolio: a better portfolio "
            "scores at most this part more. Null without a portfolio."
        ),
    ] = None
    reason: Annotated[Reason | None, Field(description="The reason when done without a portfolio; null otherwise.")] = (
        None
    )


PodAnswer = PodResult | PodFailed
FinalEvent = MasterPortfolioOptimized | MasterPortfolioFailed
Challenge = PortfolioChallenged | PortfolioNotChallenged
Approval = PortfolioApproved | PortfolioDeclined
