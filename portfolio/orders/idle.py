"""Say why money stays uninvested after the orders: what investing it would cost, or what is in the way."""

from __future__ import annotations

import math
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from portfolio.errors import SolverError
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.published.trading import Idle, IdleReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.case.inventory import Inventory
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio

# Gap of each search: of 100,000 AUD, ten.
_GAP = 1e-4

# Steps of all searches together, a number and not a time, so that the answer is reproducible; and the most reasons that
# are listed.
_STEPS, _MOST = 400, 3

# The reason where investing more is possible, and not worth it.
OBJECTIVE = "objective"


def explain_idle(
    case: Case,
    stock: Inventory,
    master: CoordinatedPortfolio,
    left_aud: float,
    units: Vector,
    *,
    left_s: Callable[[], float] = lambda: math.inf,
) -> Idle | None:
    """Explain the money that is left; None if it is less than the price of a unit that is held.

    Args:
        case: The customer's case.
        stock: The holdings of today.
        master: The coordinated portfolio.
        left_aud: Money after the orders and their costs, without tax that is set aside.
        units: Units held after the orders, shape (n,).
        left_s: Returns the seconds left; no reason is looked for without time.
    """
    idle = left_aud - stock.cash_floor * stock.capital_aud
    unit = float(stock.prices[units > 0].max(initial=0.0))
    if idle <= unit:
        return None
    steps = iter(range(_STEPS))
    search = _Search(case, stock, master, lambda: left_s() <= 0 or next(steps, None) is None)
    return Idle(idle, tuple(search.reasons(idle, unit)))


class _Search:
    """The searches for portfolios that invest more."""

    def __init__(self, case: Case, stock: Inventory, master: CoordinatedPortfolio, stop: Callable[[], bool]) -> None:
        self.case, self.stock, self.master = case, stock, master
        self.solver = SearchSession(partial(Formulation, case), stop)
        self.levels = master.levels

    def reasons(self, idle: float, unit: float) -> Iterator[IdleReason]:
        """Find the reasons, each for more than a unit."""
        now = float(self.master.X.sum())
        most = self._most(self.levels)
        if most is None:
            return
        if (more := (most - now) * self.stock.capital_aud) > unit and (words := self._dear(most, more)):
            yield IdleReason(OBJECTIVE, min(more, idle), words)
        if idle - more > unit:
            yield from islice(self._in_the_way(most, unit), _MOST)

    def _dear(self, most: float, more: float) -> str:
        """Say what investing as much as possible would cost; empty if time ends the search."""
        form = Formulation(self.case, levels=self.levels, invested=most - _GAP * _GAP)
        if (X := self._solve(form)) is None:
            return ""
        move, own = self.case.move_to(X), self.case.move_to(self.master.X)
        assert move is not None and own is not None  # noqa: S101, PT018 - the case has holdings of today
        tax = move.gains.tax_aud - own.gains.tax_aud
        lost = self._objective(self.master.X) - self._objective(X)
        taxed = f"realise {tax:,.2f} AUD more tax on gains and " if tax > 0 else ""
        return f"investing {more:,.2f} AUD of it would {taxed}lower the objective by {max(lost, 0.0):.4f}"

    def _in_the_way(self, most: float, unit: float) -> Iterator[IdleReason]:
        """List rules and goals without which more than a unit more could be invested, each by itself."""
        found = False
        words = dict(self.solver.formulate(levels=self.levels).rules)
        words |= {goal.name: goal.words for goal in self.master.goals if goal.name in self.levels}
        for name, said in words.items():
            without = () if name in self.levels else (name,)
            levels = {other: level for other, level in self.levels.items() if other != name}
            more = self._most(levels, without)
            if more is not None and (amount := (more - most) * self.stock.capital_aud) > unit:
                found = True
                yield IdleReason(name, amount, f"{said}: without that, {amount:,.2f} AUD more could be invested")
        if not found and not self.solver.stop():
            told = "the rules and goals leave no more to invest, and no single one of them is the reason"
            yield IdleReason("rules", (1 - most) * self.stock.capital_aud, told)

    def _most(self, levels: Mapping[str, float], without: tuple[str, ...] = ()) -> float | None:
        """Find the largest share of the capital that can be invested; None if time ends the search."""
        X = self._solve(Formulation(self.case, levels=levels, without=without, invested=math.inf))
        return None if X is None else float(X.sum())

    def _solve(self, form: Formulation) -> Matrix | None:
        if self.solver.stop():
            return None
        try:
            solution = self.solver.solve(form, _GAP)
        except SolverError:
            return None
        return None if solution.x is None else form.weights(solution)

    def _objective(self, X: Matrix) -> float:
        return objective(self.case.terms, objective_terms(self.case, X))
