"""Challenge a final event: synchronous; the same event gives the same challenge, except ``elapsed_s``."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from bus.language.messages import (
    BadMessageError,
    MasterPortfolioOptimized,
    PortfolioChallenged,
    PortfolioNotChallenged,
    Unchallenged,
    parse_final,
)
from bus.process.answering import fault
from challenger.payload import NO_PORTFOLIO
from portfolio.errors import DataError
from portfolio.market import snapshot as markets
from portfolio.published.robustness import Effort
from portfolio.robustness.challenge import challenge
from portfolio.robustness.suggestion import Suggestion

if TYPE_CHECKING:
    from bus.language.messages import Challenge

# Seconds of CPU after which the last guard ends a challenge: five times the most that any example was measured to take,
# so that the answer depends on the clock only where something is wrong.
_MOST_CPU_S = {Effort.QUICK: 10.0, Effort.FULL: 240.0}


def answer(request_id: str, data: bytes, final_sha256: str, effort: Effort) -> Challenge:
    """Challenge the final event of a request.

    Args:
        request_id: The request.
        data: The body of the final event.
        final_sha256: The hash of that body, in hex.
        effort: How much the request asks for.
    """

    def refuse(reason: Unchallenged, message: str) -> PortfolioNotChallenged:
        return PortfolioNotChallenged(request_id=request_id, final_sha256=final_sha256, reason=reason, message=message)

    began, began_cpu = time.perf_counter(), time.process_time()
    try:
        event = parse_final(data)
    except BadMessageError as error:
        return refuse(Unchallenged.UNREADABLE, f"the final event cannot be read here: {error}")
    if not isinstance(event, MasterPortfolioOptimized):
        return refuse(Unchallenged.NO_PORTFOLIO, NO_PORTFOLIO)
    try:
        market = markets.load(event.market.id)
    except DataError as error:
        return refuse(Unchallenged.MARKETS_DIFFER, str(error))
    if market.sha256 != event.market.sha256:
        message = (
            f"the final event used a market {market.id} with hash {event.market.sha256[:12]}, the challenger has one"
            f" with {market.sha256[:12]}: deploy the same version everywhere"
        )
        return refuse(Unchallenged.MARKETS_DIFFER, message)
    try:
        stop = partial(_is_over, began_cpu + _MOST_CPU_S[effort])
        robustness = challenge(suggestion_of(event), market, effort, stop)
    except Exception as error:  # noqa: BLE001 - one event must not stop the queue behind it
        return refuse(Unchallenged.INTERNAL_ERROR, fault(error))
    return PortfolioChallenged(
        request_id=request_id,
        final_sha256=final_sha256,
        market=event.market,
        robustness=robustness,
        elapsed_s=round(time.perf_counter() - began, 6),
    )


def _is_over(end: float) -> bool:
    return time.process_time() > end


def suggestion_of(event: MasterPortfolioOptimized) -> Suggestion:
    """Take the parts of a final event that a challenge needs.

    Raises:
        DataError: If the event is of a version before its figures told all of these parts.
    """
    if event.separate is None or event.suggested is None:
        message = "the final event tells no figures of the suggestion: it is of an older version; ask again"
        raise DataError(message)
    costs = {row.metric: (row.naive or 0.0, row.master or 0.0) for row in event.comparison}
    naive, coordinated = costs.get("trading_cost_aud", (0.0, 0.0))
    return Suggestion(
        request_id=event.request_id,
        terms=event.terms,
        pods=event.pods,
        today=event.today,
        separate=event.separate,
        suggested=event.suggested,
        switch=event.switch,
        trading=event.trading,
        buying_aud=coordinated - naive,
        funding=event.funding,
        money_goals=event.money_goals,
    )
