"""Challenge a suggestion: how much of it would stand if the figures were other ones within their error?

Pure: the same suggestion and the same market give the same challenge.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.income import cash_share
from portfolio.published.robustness import (
    Drawn,
    DrawnPortfolio,
    Effort,
    Robustness,
    SureEtf,
)
from portfolio.robustness.again import Question
from portfolio.robustness.draws import drawn_markets, draws_covariance, kind_of, seed_of
from portfolio.robustness.goals import sure_goals
from portfolio.robustness.ranges import range_of
from portfolio.robustness.smallest_change import Halving, weights_by_pod
from portfolio.robustness.suggestion import turnover_of
from portfolio.robustness.words import in_words
from portfolio.robustness.worst_case import other_aim
from portfolio.robustness.worth import worth_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.market.snapshot import Market
    from portfolio.robustness.again import Answer
    from portfolio.robustness.suggestion import Suggestion

DRAWS = 100
# With more places of an ETF in a pod than this, or with an account, one answer takes some tenths of a second.
_MANY = 40
# An answer of more searches than this takes some 0.05 s, of one search 0.015 s.
_FEW_SEARCHES = 3


@dataclass(frozen=True, slots=True)
class _Work:
    """How much is computed.

    Attributes:
        asked_again: Number of drawn markets whose coordinated portfolio is looked for.
        resolution: At which distance halving for the smallest change ends, per year.
        one_etf: Whether the smallest change of one ETF is looked for.
    """

    asked_again: int
    resolution: float
    one_etf: bool


# A tenth of a percentage point: publications state no finer figures. Measured in docs/model.md.
_FULL = _Work(DRAWS, 0.001, one_etf=True)
_QUICK = _Work(20, 0.002, one_etf=True)
_QUICK_OF_SEARCHES = _Work(12, 0.004, one_etf=True)
_QUICK_OF_MUCH = _Work(6, 0.008, one_etf=False)


def challenge(
    suggestion: Suggestion, market: Market, effort: Effort, stop: Callable[[], bool] = lambda: False
) -> Robustness:
    """Challenge a suggestion.

    Args:
        suggestion: The suggestion.
        market: The market that it was computed with.
        effort: QUICK or FULL.
        stop: The last guard, asked between answers; true ends the work with the answers so far, which is told.
    """
    question = Question(suggestion.terms, suggestion.pods)
    question.ask(market)
    work = _work(suggestion, effort, question.searches)
    seed = seed_of(suggestion.request_id)
    markets = list(drawn_markets(market, seed, DRAWS))
    answers = [question.ask(each) for each in takewhile(lambda _: not stop(), islice(markets, work.asked_again))]
    found = {draw: answer for draw, answer in enumerate(answers) if answer is not None}
    X = suggestion.holdings(market)
    w = X.sum(axis=0)
    halving = Halving(question, market, w, work.resolution, stop)
    drawn = kind_of(market)
    weights = np.array([answer.X.sum(axis=0) for answer in found.values()])
    same = float(((weights > 0) == (w > 0)).all(axis=1).mean()) if found else None
    turnover = [turnover_of(row, w) for row in weights]
    worth = worth_of(suggestion, market, [each.expected_returns for each in markets])
    one = halving.one_etf() if work.one_etf else None
    risky = None if stop() else halving.all_risky()
    ended_early = stop()
    aim = None if ended_early else other_aim(question, suggestion, market)
    return Robustness(
        effort=effort,
        seed=seed,
        drawn=drawn,
        covariance_drawn=drawn is Drawn.HISTORY and draws_covariance(market),
        draws=len(markets),
        asked_again=len(answers),
        without_answer=len(answers) - len(found),
        portfolios=tuple(DrawnPortfolio(draw, weights_by_pod(answer), answer.proven) for draw, answer in found.items()),
        same_etfs=same,
        etfs=_etfs(market, w, weights),
        turnover=range_of(turnover),
        loss_aud_per_year=range_of([_loss_aud(answer, X) for answer in found.values()]),
        money_goals=sure_goals(suggestion, market, markets),
        one_etf=one,
        all_risky=risky,
        worth=worth,
        words=in_words(market, drawn, worth, same, len(found), risky, ended_early=ended_early),
        other_aim=aim,
        ended_early=ended_early,
    )


def _work(suggestion: Suggestion, effort: Effort, searches: int) -> _Work:
    """Choose the work by the size of the question and of its first answer, and not by a clock."""
    if effort is Effort.FULL:
        return _FULL
    places = sum(len(pod.mandate.universe) for pod in suggestion.pods.values())
    if suggestion.terms.owned is not None or places > _MANY:
        return _QUICK_OF_MUCH
    return _QUICK_OF_SEARCHES if searches > _FEW_SEARCHES else _QUICK


def _etfs(market: Market, w: Vector, weights: Matrix) -> tuple[SureEtf, ...]:
    """Describe the ETFs of the suggestion and of the drawn markets' portfolios, shape (draws, n)."""
    if not len(weights):
        return ()
    held, told = (weights > 0).mean(axis=0), []
    for j, ticker in enumerate(market.tickers):
        there = range_of(weights[:, j].tolist())
        if there and (held[j] or w[j]):
            told.append(SureEtf(ticker, float(w[j]), float(held[j]), there))
    return tuple(told)


def _loss_aud(answer: Answer, X: Matrix) -> float:
    """Compute the return after tax per year that a drawn market's portfolio has more there than the suggestion."""
    return _return_aud(answer.case, answer.X) - _return_aud(answer.case, X)


def _return_aud(case: Case, X: Matrix) -> float:
    w, terms = X.sum(axis=0), case.terms
    earned = float(case.market.expected_returns @ w) + terms.cash_rate * cash_share(terms, w)
    return terms.total_capital_aud * earned - case.overview(X).net_tax_aud
