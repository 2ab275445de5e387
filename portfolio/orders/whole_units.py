"""Round a portfolio to whole units: find the best portfolio in whole units that keeps every rule.

The first search stays near the portfolio and keeps the owners. If this search finds no portfolio, or rounding costs too
much of the objective, the second search allows any ETFs and owners. Both keep every goal at the level of the portfolio,
so that the portfolio's bound bounds them. Only where no whole units keep these levels, goals give way further.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from portfolio.conic.solution import Status
from portfolio.errors import SolverError
from portfolio.master.conflict import explain_rules
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.units_program import Held, UnitsProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.case.inventory import Inventory
    from portfolio.master.conflict import ConflictError
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.master.goal_programming import Formulate
    from portfolio.orders.tangents import Row

# _NEAR: the largest distance from the portfolio, in units per order. _NODES: the node limit of each tree, a number and
# not a time, so that the answer is reproducible.
_NEAR, _NODES = 20, 1_000

# The largest cost of rounding before other ETFs are tried. A pod's best result scores one in the objective.
_DEAR = 0.01

# Part of the time that the search near the portfolio leaves for the next searches, which seldom find more.
_KEPT = 0.25

# Weights this near to the weights owned count as equal.
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class WholeUnits:
    """A portfolio in whole units.

    Attributes:
        units: Units held of each ETF after the orders, shape (n,).
        X: Value of each pod's holdings, as a share of the capital, shape (pods, n).
        sold: Units sold of each parcel owned, chosen for the least tax.
        cut_short: Whether time ended a search: a better portfolio may exist.
    """

    units: Vector
    X: Matrix
    sold: tuple[float, ...]
    cut_short: bool = False


def round_to_units(
    case: Case, stock: Inventory, master: CoordinatedPortfolio, *, left_s: Callable[[], float] = lambda: math.inf
) -> WholeUnits:
    """Find the best portfolio in whole units.

    Args:
        case: The customer's case.
        stock: The holdings of today.
        master: The portfolio to round.
        left_s: Returns the seconds left; the searches end in time with the incumbent.

    Raises:
        ConflictError: If no portfolio in whole units keeps the rules. The error names the rules that conflict.
        SolverError: If no portfolio was found, without a proof that none exists.
    """
    if (abs(master.X.sum(axis=0) - stock.weights) <= _SAME).all():
        return WholeUnits(stock.units, master.X, (0.0,) * len(stock.lots))
    rounding = _Rounding(case, stock, master, left_s)
    best = rounding.search(near=True)
    if (best is None or (best.lost > _DEAR and not best.short)) and left_s() > 0:
        found = [held for held in (best, rounding.search(near=False, known=best)) if held is not None]
        best = min(found, key=lambda held: held.total, default=None)
    for bounded in (True, False):
        if best is None and left_s() > 0:
            best = rounding.search(near=False, elastic=True, bounded=bounded)
    if best is None:
        raise rounding.refusal()
    sold = _least_taxed(case, stock, best.units)
    return WholeUnits(best.units, best.X, sold, cut_short=rounding.cut_short or left_s() <= 0)


def _least_taxed(case: Case, stock: Inventory, units: Vector) -> tuple[float, ...]:
    """Choose the parcels again, with the brokerage of each order in their gains.

    The program minimises the tax only to the gap of the search, and without the fixed brokerage.
    """
    owned = case.terms.owned
    assert owned is not None  # noqa: S101 - the case has holdings of today
    sold = units_sold(case, stock, units)
    quotes = stock.quotes.with_brokerage(case.terms.brokerage_aud, sold)
    return stock.sell(owned, sold, quotes).units


def units_sold(case: Case, stock: Inventory, units: Vector) -> dict[str, float]:
    """List the units sold of each ETF, by ticker, given the units that are held afterwards."""
    sold = zip(case.market.tickers, stock.units - units, strict=True)
    return {ticker: float(number) for ticker, number in sold if number > 0}


@dataclass(slots=True)
class _Rounding:
    """The searches for one portfolio."""

    case: Case
    stock: Inventory
    master: CoordinatedPortfolio
    left_s: Callable[[], float]
    cut_short: bool = False
    _tangents: list[Row] = field(default_factory=list, init=False)

    def search(
        self, *, near: bool, elastic: bool = False, bounded: bool = True, known: Held | None = None
    ) -> Held | None:
        """Find the best portfolio in whole units; None if the search finds none.

        Args:
            near: Whether to stay near the portfolio and keep the owners.
            elastic: Whether goals may be missed at a price.
            bounded: Whether to keep also the goals that are bounds and have no price.
            known: A portfolio: only a better one is looked for.
        """
        goals = {goal.name: goal for goal in self.master.goals if goal.figure is not None}
        levels = {name: level for name, level in self.master.levels.items() if name in goals}
        form = Formulation(self.case, levels=levels)
        if not bounded:
            levels = {name: level for name, level in levels.items() if name in form.levers}
            form = Formulation(self.case, levels=levels)
        kept_s = _KEPT * self.left_s() if near and math.isfinite(self.left_s()) else 0.0
        program = UnitsProgram(form, elastic=levels if elastic else (), left_s=lambda: self.left_s() - kept_s)
        if near:
            program.stay_near(self.master.X, _NEAR)
        if known is not None and self.master.proof is not None:
            program.settle(self.master.proof, known.total, self.master.certificate.objective)

        def keeps(held: Held) -> bool:
            figures = {name: self.case.delivered(goals[name], held.X) for name in levels}
            return elastic or all(goals[name].reaches(level, figures[name]) for name, level in levels.items())

        found = program.solve(
            self.master.X,
            self.master.certificate.objective,
            nodes=_NODES,
            keeps=keeps,
            known=math.inf if known is None else known.total,
            # With shortfalls a program has other columns, and its cones have room.
            tangents=() if elastic else self._tangents,
        )
        self._tangents += program.added
        self.cut_short |= self.left_s() <= kept_s
        return found if isinstance(found, Held) else None

    def refusal(self) -> ConflictError | SolverError:
        """Explain why no portfolio was found, as far as known."""
        judge = UnitsJudge(partial(Formulation, self.case), self.left_s)
        if judge.feasible({}) is Status.INFEASIBLE:
            return explain_rules(judge, self.case, of="portfolio in whole units")
        return SolverError(
            "no portfolio in whole units was found, and that there is none is not proven: allow more time (deadline_s),"
            " or ease a rule that leaves little room, such as capital_tolerance"
            f" ({self.case.terms.rules.capital_tolerance:.2%})"
        )


@dataclass(frozen=True, slots=True)
class UnitsJudge:
    """A judge of whether rules can be kept together in whole units."""

    formulate: Formulate
    left_s: Callable[[], float]

    def stop(self) -> bool:
        """Return whether time has ended."""
        return self.left_s() <= 0

    def feasible(self, levels: Mapping[str, float], without: Collection[str] = ()) -> Status:
        """Return whether rules and levels can be kept together in whole units, by the integer solver's own status."""
        if self.stop():
            return Status.STOPPED
        form = self.formulate(levels=levels, without=without)
        return UnitsProgram(form, aimless=True, left_s=self.left_s).feasible(nodes=_NODES)

    def about(self, formulate: Formulate) -> UnitsJudge:
        """Make a judge for the programs of *formulate*."""
        return replace(self, formulate=formulate)
