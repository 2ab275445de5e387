"""Is the suggestion worth more than noise?

The question of Michaud ("The Markowitz Optimization Enigma: Is 'Optimized' Optimal?", FAJ 45(1), 1989): portfolios that
the error of the inputs cannot tell apart are not worth the trades from one to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.published.robustness import Sure, Worth
from portfolio.robustness.ranges import range_of
from portfolio.robustness.suggestion import vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.published.standing import Standing
    from portfolio.robustness.suggestion import Suggestion

# One-sided significance of 5 %; and odds of two to one.
CLEAR, LIKELY = 0.95, 2 / 3
# A convention, where no money goal states a time.
YEARS = 5.0


def worth_of(suggestion: Suggestion, market: Market, returns: Sequence[Vector]) -> Worth | None:
    """Compare the suggestion with what it replaces in each draw; None without draws, and where nothing is to be done.

    Tax on income does not depend on the returns, so that a draw moves the return after tax by as much as the return.

    Args:
        suggestion: The suggestion.
        market: The market that it was computed with.
        returns: Expected returns of each draw, each of shape (n,).
    """
    if suggestion.today is not None and suggestion.switch is None:
        return None
    before, times, cost_aud = _before(suggestion)
    gains = [_return_aud(suggestion.suggested, market, mu) - times * _return_aud(before, market, mu) for mu in returns]
    if (gain := range_of(gains)) is None:
        return None
    years = max((goal.years for goal in suggestion.money_goals), default=YEARS)
    better = sum(each > cost_aud / years for each in gains) / len(gains)
    against = "separate" if suggestion.today is None else "today"
    return Worth(against, gain, cost_aud, years, better, sure_of(better))


def sure_of(part: float) -> Sure:
    """Say in one word how sure a difference is that has one sign in *part* of the draws, and the other in the rest."""
    most = max(part, 1 - part)
    return Sure.CLEAR if most >= CLEAR else Sure.LIKELY if most >= LIKELY else Sure.WITHIN_NOISE


def _before(suggestion: Suggestion) -> tuple[Standing, float, float]:
    """Return what the suggestion replaces, how much more money the suggestion has, and its cost, AUD."""
    today, switch = suggestion.today, suggestion.switch
    if today is None or switch is None:
        return suggestion.separate, 1.0, suggestion.buying_aud
    return today, suggestion.terms.total_capital_aud / (today.etfs_aud + today.cash_aud), switch.cost_aud


def _return_aud(standing: Standing, market: Market, mu: Vector) -> float:
    """Compute the expected return after tax per year with other expected returns, AUD."""
    w = vector(market, standing.weights)
    whole_aud = standing.etfs_aud / float(w.sum()) if w.any() else 0.0
    return standing.return_after_tax_aud + whole_aud * float((mu - market.expected_returns) @ w)
