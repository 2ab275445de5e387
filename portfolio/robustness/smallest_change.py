"""Find by halving the smallest change of expected returns at which other ETFs come out.

Between the two ends of a halving the ETFs may change and change back, so that a smaller change may exist. What is told:
the ETFs differ at ``change``, and do not at ``stays_at``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.snapshot import named
from portfolio.published.robustness import SmallestChange
from portfolio.robustness.draws import cash_etf, with_returns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.robustness.again import Answer, Question

# The largest change that is tried, per year; publications of one year differ by less.
MOST = 0.032


class Halving:
    """Looks for changes of one market's returns.

    Args:
        question: The question.
        market: The event's market.
        held: Whether each ETF is held in the suggestion, shape (n,).
        resolution: The distance at which halving ends, per year.
        stop: Asked before each further answer; true ends the halving where it is.
    """

    def __init__(
        self,
        question: Question,
        market: Market,
        held: Vector,
        resolution: float,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._question, self._market, self._held, self._resolution = question, market, held, resolution
        self._stop = stop

    def all_risky(self) -> SmallestChange:
        """Change all returns but that of the cash ETF together, down and up."""
        risky = np.ones(len(self._market.etfs))
        risky[cash_etf(self._market)] = 0.0
        tickers = tuple(t for t, moves in zip(self._market.tickers, risky, strict=True) if moves)
        down = self._smallest(tickers, -risky, MOST)
        up = self._smallest(tickers, risky, MOST if down.change is None else -down.change)
        return down if up.change is None else up

    def one_etf(self) -> SmallestChange | None:
        """Change one return: of an ETF that is held, down, and of any other that a pod may hold, up.

        None where not all of these were tried.
        """
        best = SmallestChange((), None, MOST, MOST, {})
        for j, ticker in enumerate(self._market.tickers):
            if not any(ticker in pod.mandate.universe for pod in self._question.pods.values()):
                continue
            if self._stop():
                return None
            way = np.zeros(len(self._held))
            way[j] = -1.0 if self._held[j] else 1.0
            most = MOST if best.change is None else abs(best.change) - self._resolution
            if most > 0 and (found := self._smallest((ticker,), way, most)).change is not None:
                best = replace(found, tried=MOST)
        return best

    def _smallest(self, tickers: tuple[str, ...], way: Vector, most: float) -> SmallestChange:
        sign = -1.0 if way.min() < 0 else 1.0
        answer = self._differs(way * most)
        if answer is None:
            return SmallestChange(tickers, None, sign * most, most, {})
        stays, changes = 0.0, most
        while changes - stays > self._resolution * (1 + 1e-9) and not self._stop():
            middle = (stays + changes) / 2
            if (now := self._differs(way * middle)) is None:
                stays = middle
            else:
                changes, answer = middle, now
        return SmallestChange(tickers, sign * changes, sign * stays + 0.0, most, weights_by_pod(answer))

    def _differs(self, change: Vector) -> Answer | None:
        """Return the portfolio in the changed market if it holds other ETFs; None if not, or there is none."""
        answer = self._question.ask(with_returns(self._market, change))
        same = answer is None or np.array_equal(answer.X.sum(axis=0) > 0, self._held > 0)
        return None if same else answer


def weights_by_pod(answer: Answer) -> Mapping[str, Mapping[str, float]]:
    """Return each pod's holdings by ticker, as shares of the whole capital."""
    pods = [sleeve.mandate.pod for sleeve in answer.case.sleeves]
    return {pod: named(answer.case.market, row) for pod, row in zip(pods, answer.X, strict=True)}
