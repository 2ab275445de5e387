"""What a worst case would change: the portfolio that is best in it, beside the one that is best in the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.income import cash_share
from portfolio.market.robust import Robust
from portfolio.market.worst_case import errors_of_returns, worst_case
from portfolio.published.robustness import OtherAim
from portfolio.robustness.smallest_change import weights_by_pod
from portfolio.robustness.suggestion import turnover_of

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.case.case import Case
    from portfolio.market.snapshot import Market
    from portfolio.robustness.again import Question
    from portfolio.robustness.suggestion import Suggestion

# One error of each return, and half of the largest covariance that both volatilities allow: the size of what the length
# of a usual history leaves open.
USUAL = Robust(returns=1.0, covariance=0.5)


def other_aim(question: Question, suggestion: Suggestion, market: Market) -> OtherAim | None:
    """Find the portfolio of the other aim: robust where the suggestion is not, not robust where it is.

    None where the market states no error of its returns and the suggestion is not robust, and where there is no other
    portfolio.
    """
    asked = suggestion.terms.robust
    if asked is None and errors_of_returns(market) is None:
        return None
    robust = asked or USUAL
    answer = question.with_aim(USUAL if asked is None else None).ask(market)
    if answer is None:
        return None
    X, worst = suggestion.holdings(market), worst_case(market, robust)
    w, other = X.sum(axis=0), answer.X.sum(axis=0)
    same = bool(np.array_equal(w > 0, other > 0))
    turnover = turnover_of(w, other)
    tax_aud = answer.case.overview(X).net_tax_aud - answer.case.overview(answer.X).net_tax_aud
    returns = [_earned_aud(answer.case, m, other) - _earned_aud(answer.case, m, w) + tax_aud for m in (market, worst)]
    risks = [_risk(m, other) - _risk(m, w) for m in (market, worst)]
    return OtherAim(
        robust=robust,
        weights=weights_by_pod(answer),
        proven=answer.proven,
        same_etfs=same,
        turnover=turnover,
        return_aud_per_year=returns[0],
        worst_return_aud_per_year=returns[1],
        volatility=risks[0],
        worst_volatility=risks[1],
        words=_words(is_robust=asked is not None, same=same, turnover=turnover, returns=returns),
    )


def _earned_aud(case: Case, market: Market, w: Vector) -> float:
    earned = float(market.expected_returns @ w) + case.terms.cash_rate * cash_share(case.terms, w)
    return case.terms.total_capital_aud * earned


def _risk(market: Market, w: Vector) -> float:
    return float(np.sqrt(w @ market.Sigma @ w))


def _words(*, is_robust: bool, same: bool, turnover: float, returns: list[float]) -> str:
    """Say what the other aim changes; returns are those of the market and of the worst case, AUD per year."""
    aim = "Without the worst case" if is_robust else "Chosen for a worst case of returns and covariances"
    etfs = "the same ETFs" if same else "other ETFs"
    gains = [f"{abs(gain):,.0f} AUD {'more' if gain >= 0 else 'less'}" for gain in returns]
    return (
        f"{aim}, the portfolio holds {etfs}, and {turnover:.0%} of the capital is traded; it is expected to return"
        f" {gains[0]} per year after tax, and {gains[1]} in the worst case"
    )
