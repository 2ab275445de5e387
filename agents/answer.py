"""Answer a request for one pod: synchronous; the same question gives the same answer, except ``elapsed_s``."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from bus.language.messages import (
    BadMessageError,
    MarketRef,
    NoBetterThanCash,
    PodFailed,
    PodResult,
    Reason,
    parse_request,
)
from bus.process.answering import fault
from portfolio.errors import DataError, SolverError
from portfolio.market import snapshot as markets
from portfolio.market.snapshot import named
from portfolio.pod.optimise import NoBetterThanCashError, UnreachableMandateError, optimise_sleeve
from portfolio.terms.rules import OnUnreachable

if TYPE_CHECKING:
    from bus.language.messages import OptimizationRequest, PodAnswer
    from portfolio.market.robust import Robust
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.mandate import Mandate


def answer(mandate: Mandate, request_id: str, data: bytes) -> PodAnswer | None:
    """Optimise the pod as the request asks; return None if the request asks for no result of this pod.

    Also return None for a request that cannot be read: the coordinator answers such a request.
    """
    try:
        request = parse_request(data, request_id)
    except BadMessageError:
        return None
    try:
        market = markets.load(request.market)
    except DataError as error:
        # Other processes may have the market: then this failure tells why there is no portfolio.
        return _failed(mandate, request, Reason.UNKNOWN_MARKET, error)
    return _try(mandate, request, market) if mandate.pod in request.asked() else None


def _try(mandate: Mandate, request: OptimizationRequest, market: markets.Market) -> PodAnswer:
    try:
        return _optimise(mandate, request, market)
    except UnreachableMandateError as error:
        return _failed(mandate, request, Reason.RULES_CONFLICT if error.conflicts else Reason.GOAL_UNREACHABLE, error)
    except DataError as error:
        return _failed(mandate, request, Reason.INVALID_REQUEST, error)
    except SolverError as error:
        return _failed(mandate, request, Reason.SOLVER_FAILED, error)
    except Exception as error:  # noqa: BLE001 - one request must not stop the queue behind it
        return _failed(mandate, request, Reason.INTERNAL_ERROR, error)


@lru_cache(maxsize=1_024)
def _optimise_alone(
    market: MarketRef,
    mandate: Mandate,
    never_buy: frozenset[str],
    priorities: frozenset[tuple[str, int]],
    relax: bool,  # noqa: FBT001 - part of the cache's key
    risks: tuple[float, float, Robust | None],
) -> Sleeve:
    """Optimise a pod with all the capital: the pod's share, which the coordinator decides, does not change the weights.

    Most customers share their risk tolerance with others and refuse no ETF, so most calls are in the cache. A cached
    result is a pure function of the mandate and the market's content, since the market's hash is part of the key.
    """
    risk_tolerance, target_tolerance, robust = risks
    return optimise_sleeve(
        markets.load(market.id),
        mandate,
        1.0,
        never_buy=never_buy,
        priorities=dict(priorities),
        relax=relax,
        risk_tolerance=risk_tolerance,
        target_tolerance=target_tolerance,
        robust=robust,
    )


def _optimise(mandate: Mandate, request: OptimizationRequest, market: markets.Market) -> PodResult:
    began = time.perf_counter()
    content = MarketRef.of(market)
    sleeve = _optimise_alone(
        content,
        mandate.with_targets(request.targets_of(mandate.pod)),
        request.refused(market),
        frozenset((name, p) for name, p in request.priorities.items() if name.startswith(f"{mandate.pod}.")),
        request.on_unreachable is OnUnreachable.RELAX,
        (request.customer.risk_tolerance, request.target_tolerance, request.worst_case()),
    )
    return PodResult(
        request_id=request.request_id,
        pod=mandate.pod,
        capital_share=(request.shares() or {}).get(mandate.pod),
        market=content,
        mandate=sleeve.mandate,
        weights=named(market, sleeve.weights),
        figures=sleeve.figures,
        best_alone=sleeve.best_alone,
        left_out=sleeve.left_out,
        frontier=sleeve.frontier,
        elapsed_s=round(time.perf_counter() - began, 6),
    )


def _failed(mandate: Mandate, request: OptimizationRequest, reason: Reason, error: Exception) -> PodFailed:
    message = fault(error) if reason is Reason.INTERNAL_ERROR else str(error)
    failed = PodFailed(request_id=request.request_id, pod=mandate.pod, reason=reason, message=message)
    if not isinstance(error, UnreachableMandateError):
        return failed
    if isinstance(error, NoBetterThanCashError) and request.on_unreachable is OnUnreachable.RELAX:
        found = error.in_cash
        failed = failed.model_copy(
            update={
                "no_better_than_cash": NoBetterThanCash(
                    market=MarketRef.of(markets.load(request.market)),
                    mandate=found.mandate,
                    left_out=found.left_out,
                    greatest_return=found.greatest_return,
                )
            }
        )
    return failed.model_copy(update={"goals": error.shortfalls, "conflicts": error.conflicts, "repairs": error.repairs})
