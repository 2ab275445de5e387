"""Round a portfolio to whole units: the best portfolio in whole units, every rule kept on what is really held.

First near the portfolio, with its owners; where there is none, or it costs the objective much, with any ETFs and any
owners. Goals that the portfolio meets are kept, where whole units allow it; those that gave way stay as near to their
best as units allow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from portfolio.conic.solution import Status
from portfolio.errors import SolverError
from portfolio.master.conflict import explain_rules
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.units_program import Held, UnitsProgram
from portfolio.tax.sale import cheapest_sale
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.case.inventory import Inventory
    from portfolio.market.snapshot import Market
    from portfolio.master.conflict import ConflictError
    from portfolio.master.goal_programming import Formulate
    from portfolio.master.optimise import Master
    from portfolio.terms.goals import Goal
    from portfolio.terms.rules import Terms

# Near the portfolio: within so many units of an order. Nodes of each tree: numbers, not seconds, so that the answer is
# always the same.
_NEAR, _NODES = 20, 1_000

# What rounding may cost the objective, in which a pod's best result scores one, before other ETFs are tried.
_DEAR = 0.01

# Weights as near as this to what is owned are what is owned.
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class WholeUnits:
    """A portfolio in whole units.

    Attributes:
        units: Held of each ETF afterwards, shape (n,).
        X: Value of what each pod holds, as a share of the capital, shape (pods, n).
        sold: Units sold of each parcel that is owned: those that are taxed least.
        cut_short: Whether time ended a search: then others may be better.
    """

    units: Vector
    X: Matrix
    sold: tuple[float, ...]
    cut_short: bool = False


def round_to_units(
    case: Case, stock: Inventory, master: Master, *, left_s: Callable[[], float] = lambda: math.inf
) -> WholeUnits:
    """Find the best portfolio in whole units.

    Args:
        case: The customer's case.
        stock: What is owned.
        master: The portfolio.
        left_s: Says how many seconds are left; the searches end in time with what there is.

    Raises:
        ConflictError: If no whole numbers of units keep the rules; names those that conflict.
        SolverError: If none were found, and it is not proven that there are none.
    """
    if (abs(master.X.sum(axis=0) - stock.weights) <= _SAME).all():
        return WholeUnits(stock.units, master.X, (0.0,) * len(stock.lots))
    rounding = _Rounding(case, stock, master, left_s)
    best = rounding.search(near=True)
    if (best is None or (best.lost > _DEAR and not best.short)) and left_s() > 0:
        found = [held for held in (best, rounding.search(near=False)) if held is not None]
        best = min(found, key=lambda held: held.total, default=None)
    for bounded in (True, False):
        if best is None and left_s() > 0:
            best = rounding.search(near=False, all_goals=False, bounded=bounded)
    if best is None:
        raise rounding.refusal()
    sold = _least_taxed(case.market, case.terms, stock, best.units)
    return WholeUnits(best.units, best.X, sold, cut_short=rounding.cut_short or left_s() <= 0)


def _least_taxed(market: Market, terms: Terms, stock: Inventory, units: Vector) -> tuple[float, ...]:
    """Choose the parcels again: the program's are least taxed only to the gap at which it stops."""
    assert terms.owned is not None  # noqa: S101 - there is a stock
    sold = {t: float(n) for t, n in zip(market.tickers, stock.units - units, strict=True) if n > 0}
    return cheapest_sale(terms.owned.parcels, sold, stock.quotes, terms.owned.taxpayer, terms.owned.law).units


@dataclass(slots=True)
class _Rounding:
    """The searches for one portfolio."""

    case: Case
    stock: Inventory
    master: Master
    left_s: Callable[[], float]
    cut_short: bool = False

    def search(self, *, near: bool, all_goals: bool = True, bounded: bool = True) -> Held | None:
        """Find the best portfolio in whole units, if there is one.

        Args:
            near: Whether it is to be near the portfolio, with its owners.
            all_goals: Whether all goals that the portfolio meets are kept; else they may be missed, at a price.
            bounded: Whether goals that are bounds, which have no price, are kept as well.
        """
        goals = {goal.name: goal for goal in self.master.goals if goal.figure is not None}
        levels = {name: level for name, goal in goals.items() if (level := self._level(goal)) is not None}
        met = {name for name, level in levels.items() if all_goals and level == goals[name].asked}
        form = Formulation(self.case, levels=levels)
        if not bounded:
            levels = {name: level for name, level in levels.items() if name in form.levers}
            form = Formulation(self.case, levels=levels)
        # Near the portfolio is not all there is to be searched.
        kept_s = self.left_s() / 2 if near and math.isfinite(self.left_s()) else 0.0
        program = UnitsProgram(form, elastic=levels.keys() - met, left_s=lambda: self.left_s() - kept_s)
        if near:
            program.stay_near(self.master.X, _NEAR)

        def keeps(held: Held) -> bool:
            return all(goals[name].met(self._figure(goals[name], held.X)) for name in met)

        found = program.solve(self.master.X, self.master.certificate.objective, nodes=_NODES, keeps=keeps)
        self.cut_short |= self.left_s() <= kept_s
        return found if isinstance(found, Held) else None

    def refusal(self) -> ConflictError | SolverError:
        """Say why there is nothing, as far as it is known."""
        judge = _Judge(partial(Formulation, self.case), self.left_s)
        if judge.feasible({}) is Status.INFEASIBLE:
            return explain_rules(judge, self.case, of="portfolio in whole units")
        return SolverError(
            "no portfolio in whole units was found, and that there is none is not proven: allow more time (deadline_s),"
            " or ease a rule that leaves little room, such as capital_tolerance"
            f" ({self.case.terms.rules.capital_tolerance:.2%})"
        )

    def _figure(self, goal: Goal, X: Matrix) -> float | None:
        return self.case.delivered(goal, X)

    def _level(self, goal: Goal) -> float | None:
        """Say where a goal is to be held: as asked if it is met, else where it is, as units allow."""
        value = self._figure(goal, self.master.X)
        if goal.met(value):
            return goal.asked
        if value is not None and goal.figure is Row.LARGEST_POSITION:
            # A bound cannot be missed by a little: a unit more is allowed.
            held = self.master.X.sum(axis=0) > 0
            return value + float(self.stock.prices[held].max()) / self.stock.capital_aud
        return value


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says whether rules can be kept together in whole units."""

    formulate: Formulate
    left_s: Callable[[], float]

    def stop(self) -> bool:
        """Say whether time has ended."""
        return self.left_s() <= 0

    def feasible(self, levels: Mapping[str, float], without: Collection[str] = ()) -> Status:
        """Say so, by the word of the solver of integer programs."""
        if self.stop():
            return Status.STOPPED
        form = self.formulate(levels=levels, without=without)
        return UnitsProgram(form, aimless=True, left_s=self.left_s).feasible(nodes=_NODES)

    def about(self, formulate: Formulate) -> _Judge:
        """Make a judge of other programs."""
        return replace(self, formulate=formulate)
