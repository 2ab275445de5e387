"""One customer's case, and every figure that follows from the case; each figure is computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from portfolio.case.inventory import take_stock
from portfolio.case.move import move_to
from portfolio.case.naive import overview, put_side_by_side
from portfolio.case.ranking import correlation, ranked
from portfolio.market.figures import figures
from portfolio.market.measure import Measure
from portfolio.market.worst_case import worst_case
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from portfolio import Matrix, Vector
    from portfolio.case.inventory import Inventory
    from portfolio.case.naive import Overview
    from portfolio.case.targets import Targets
    from portfolio.market.measure import Figures
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.trading import Move
    from portfolio.terms.goals import Goal
    from portfolio.terms.rules import Terms

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Case:
    """A customer's case; holdings *X* have shape (pods, n), as shares of the capital.

    Attributes:
        market: The figures of the ETFs.
        sleeves: The pods' stage-1 results: mandates, shares, and the figures that the score compares with.
        terms: The customer's terms, with the holdings of today valued (``inventory.settle``).
        unsold: Parcels of which nothing is sold, by number.
        targets: The rules that are targets, since a budget lets no portfolio keep them; None where all rules are kept.
    """

    market: Market
    sleeves: Sequence[Sleeve]
    terms: Terms
    unsold: frozenset[int] = field(default=frozenset(), kw_only=True)
    targets: Targets | None = field(default=None, kw_only=True)
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False, kw_only=True)
    _structures: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def under(self, *, sleeves: Sequence[Sleeve] | None = None, terms: Terms | None = None) -> Case:
        """Copy the case with other limits, rules or preferences; keep the cached figures, which depend on none."""
        return replace(self, sleeves=sleeves or self.sleeves, terms=terms or self.terms)

    def towards(self, targets: Targets) -> Case:
        """Copy the case with rules that are targets."""
        return replace(self, targets=targets)

    def keeping(self, parcels: Collection[int]) -> Case:
        """Copy the case with parcels of which nothing is sold; the separate pods, the yardstick, still sell them."""
        changed = ("overview", True), ("move", True)
        known = {
            key: value
            for key, value in self._known.items()
            if key != "stock" and not (isinstance(key, tuple) and key[:2] in changed)
        }
        return replace(self, unsold=frozenset(parcels), _known=known)

    @cached_property
    def goals(self) -> Sequence[Goal]:
        """All goals, in the order of service."""
        return ranked(self.market, self.sleeves, self.terms, self.naive)

    @property
    def stock(self) -> Inventory | None:
        """The holdings of today; None if the terms contain none."""
        owned = self.terms.owned
        if owned is None:
            return None
        in_cash = math.fsum(self.terms.in_cash.values())
        return self._once(
            "stock", lambda: take_stock(self.market, owned, self.terms.rules, self.unsold, in_cash=in_cash)
        )

    @property
    def side_by_side(self) -> Matrix:
        """Holdings of the separate pods, shape (pods, n)."""
        return self._once("naive", lambda: put_side_by_side(self.sleeves))

    @property
    def touched(self) -> Vector:
        """Weights of the whole, shape (n,), at which a tangent takes the place of the volatility.

        Those of the separate pods, until a better portfolio is known.
        """
        weights: Vector = self._known.get("touched", self.side_by_side.sum(axis=0))
        return weights

    def touch(self, weights: Vector) -> None:
        """Take the tangent at *weights* from now on, in all programs of this case and of its copies."""
        self._known["touched"] = weights

    @property
    def naive(self) -> Overview:
        """The figures of the separate pods, where each pod trades alone."""
        return self.overview(self.side_by_side, pooled=False)

    def overview(self, X: Matrix, *, pooled: bool = True) -> Overview:
        """Compute the figures of holdings; ``move_to`` explains *pooled*."""
        return self._once(
            ("overview", pooled, X.tobytes()),
            lambda: overview(self.market, X, self.terms, self.move_to(X, pooled=pooled)),
        )

    def move_to(self, X: Matrix, *, pooled: bool = True) -> Move | None:
        """Find the cheapest trades to the holdings *X*; None if the customer starts from cash.

        With *pooled*, there is one order per ETF; without, each owner of an ETF places a separate purchase.
        """
        stock = self.stock
        if stock is None:
            return None
        return self._once(
            ("move", pooled, X.tobytes()), lambda: move_to(self.market, X, self.terms, stock, pooled=pooled)
        )

    def figures(self, row: Vector) -> Figures:
        """Compute the figures of a pod from the pod's row of the holdings."""
        invested = float(row.sum()) or 1.0
        return self._once(("figures", row.tobytes()), lambda: figures(self.market, row / invested))

    @property
    def aimed(self) -> Market:
        """The market in which the pods' scores count: the worst case where the terms ask for one, else the market.

        Raises:
            DataError: If the market has no such worst case.
        """
        robust = self.terms.robust
        return self.market if robust is None else self._once("aimed", lambda: worst_case(self.market, robust))

    def aimed_figures(self, row: Vector) -> Figures:
        """Compute the figures of a pod, from its row of the holdings, where the pods' scores count."""
        if self.aimed is self.market:
            return self.figures(row)
        invested = float(row.sum()) or 1.0
        return self._once(("aimed figures", row.tobytes()), lambda: figures(self.aimed, row / invested))

    def aimed_alone(self, sleeve: Sleeve) -> Figures:
        """Return the figures of a pod's stage-1 result where the pods' scores count."""
        return sleeve.figures if self.aimed is self.market else self.aimed_figures(sleeve.weights)

    def factor(self, held: Sequence[int] | None = None, *, market: Market | None = None) -> Matrix:
        """Factor the covariance of some ETFs, or of all: ``L @ L.T``; that of ``aimed`` if *market* is that one."""
        market = market or self.market
        chosen = tuple(range(len(market.etfs)) if held is None else held)
        key = "factor", chosen, market.Sigma is self.market.Sigma
        return self._once(key, lambda: np.linalg.cholesky(market.Sigma[np.ix_(chosen, chosen)]).astype(float))

    def delivered(self, goal: Goal, X: Matrix) -> float | None:
        """Compute a goal's figure from holdings; None where the figure is not defined."""
        names = [sleeve.mandate.pod for sleeve in self.sleeves]
        if isinstance(goal.figure, Measure):
            row = X[names.index(goal.pods[0])]
            # An empty pod has no figure.
            return self.figures(row).of(goal.figure) if row.any() else None
        if isinstance(goal.figure, Row):
            value = getattr(self.overview(X), goal.figure.value)
            return None if value is None else float(value)
        a, b = (names.index(pod) for pod in goal.pods)
        return correlation(self.market, X, a, b)

    def structured(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Make once what the case and *key* determine: part of a program, which depends on limits and rules as well."""
        if key not in self._structures:
            self._structures[key] = make()
        known: Value = self._structures[key]
        return known

    def _once(self, key: Hashable, make: Callable[[], Value]) -> Value:
        if key not in self._known:
            self._known[key] = make()
        known: Value = self._known[key]
        return known
