"""Bring the pods as near to their shares as holdings that are never sold allow.

A customer who sells nothing may hold so much of one pod's ETFs that no purchase restores the shares. The shares then
are a target: the smallest distance is found and proven before any other target is served, and becomes a rule.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.solution import Status
from portfolio.master.goal_programming import AIM_GAP, SearchSession
from portfolio.master.statement.formulation import Formulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix
    from portfolio.case.case import Case

# The distance of any two divisions of the capital, summed over the pods, is at most this share of the capital.
_FARTHEST = 2.0
# How far beyond the smallest distance the pods may be, as a part of it: the last digit costs much and gains little.
_ROOM = 0.01


class _Distance(Formulation):
    """The program with the distance from the pods' shares in place of the customer's objective."""

    def _score(self) -> None:
        # Where the distance is near zero, the constant keeps a relative gap meaningful.
        self.build.offset += 1
        self.build.cost(self.beyond)


def as_near_as_possible(case: Case, *, stop: Callable[[], bool] = lambda: False) -> Case:
    """Allow the smallest distance from the pods' shares, where holdings that are never sold force a distance.

    Args:
        case: The customer's case.
        stop: Called during a search; True ends the search, and the case stays as it is.
    """
    stock, rules = case.stock, case.terms.rules
    if stock is None or not any(rules.stays(case.market.tickers[j]) for j in np.flatnonzero(stock.units).tolist()):
        return case
    session = SearchSession(partial(Formulation, case), stop)
    if session.feasible({}) is not Status.INFEASIBLE:
        return case
    far = _allowing(case, _FARTHEST)
    form = _Distance(far, levels={})
    solution = session.about(partial(Formulation, far)).solve(form, AIM_GAP)
    if solution.status is Status.INFEASIBLE:
        # The shares are not the reason, and the explanation must not name them.
        return far
    if solution.status is not Status.OPTIMAL:
        return case
    smallest = distance(case, form.weights(solution))
    # Units are whole: the money for a part of a unit may stay idle.
    unit = max(float(stock.prices[j]) for j in form.by_etf) / stock.capital_aud
    return _allowing(case, smallest + max(_ROOM * smallest, unit))


def distance(case: Case, X: Matrix) -> float:
    """Add up how far the pods are from their shares beyond the tolerance, as a share of the capital.

    Args:
        case: The customer's case.
        X: Holdings, shape (pods, n), as shares of the capital.
    """
    shares = np.array([sleeve.share for sleeve in case.sleeves])
    beyond = abs(X.sum(axis=1) - shares) - case.terms.rules.capital_tolerance * shares
    return float(np.maximum(beyond, 0.0).sum())


def _allowing(case: Case, share_excess: float) -> Case:
    return case.under(terms=replace(case.terms, share_excess=share_excess))
