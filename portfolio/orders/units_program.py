"""Stage 2 in whole units: the same program, its units whole numbers and its cones as tangents, for HiGHS.

Outer approximation (Duran & Grossmann 1986): a cone is replaced by tangents, and those that a solution breaks are added
until it breaks none. What is found is then the best there is in whole units, to the gap and by the solver's word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.solution import Status
from portfolio.integer_program import Answer, IntegerProgram
from portfolio.orders.tangents import SCALE, Tangents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from portfolio import Matrix, Vector
    from portfolio.master.statement.formulation import Formulation
    from portfolio.orders.tangents import Row

# The solver keeps rows to a millionth; those of money spare twice that.
_SPARE = 2e-6

# What a goal that may give way costs the objective if it is missed by all of its size: no gain is worth a hundredth.
_SHORT = 100.0

# How far the objective may be from the best, in a search and in the end; where goals are missed, at their price.
_GAP, _ENOUGH, _ENOUGH_SHORT = 2e-5, 5e-5, 1e-3

# A pod's part of an ETF that is smaller is none: weights are as exact as the solver.
_NOTHING = 1e-10

# Rounds of tangents: a number, not seconds, so that the answer is always the same.
_ROUNDS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What is held in whole units.

    Attributes:
        units: Of each ETF, shape (n,).
        X: Of each pod, as shares of the capital, shape (pods, n).
        lost: Of the objective that was to be reached.
        short: What goals that are missed cost besides.
    """

    units: Vector
    X: Matrix
    lost: float
    short: float

    @property
    def total(self) -> float:
        """What it costs in all."""
        return self.lost + self.short


class UnitsProgram:
    """The integer program; its columns are the variables of stage 2, then switches, units, shortfalls.

    Args:
        form: Stage 2, of a customer who owns something.
        elastic: Names of goals that may be missed, at a price.
        aimless: Whether any portfolio will do.
        left_s: Says how many seconds are left; a search ends in time with the best so far.
    """

    def __init__(
        self,
        form: Formulation,
        *,
        elastic: Collection[str] = (),
        aimless: bool = False,
        left_s: Callable[[], float] = lambda: math.inf,
    ) -> None:
        assert form.stock is not None and form.trades is not None  # noqa: S101, PT018 - the caller looked
        self.form, self.stock, self.trades, self.program = form, form.stock, form.trades, form.program
        program, self._left_s = self.program, left_s
        self._columns = len(program.q)
        self._unit, self._whole = self._units_of_variables()
        self._switches = self._place_switches()
        bought = [j for j in form.by_etf if not self.stock.units[j]]
        self._held = {j: self._new_column() for j in bought}
        self._short = {name: self._new_column() for name in elastic if name in form.levers}
        added = self._columns - len(program.q)
        switched = np.isin(np.arange(self._columns), list(self._switches.values()))
        self.whole = np.concatenate([self._whole, np.ones(added, dtype=bool)])
        self.lower = np.concatenate([program.lower / self._unit, np.zeros(added)])
        self.upper = np.concatenate([program.upper / self._unit, np.ones(added)])
        self.upper[switched] = 1.0
        for j, x in self._held.items():
            self.upper[x] = self.stock.capital_aud / self.stock.prices[j]
        for x in self._short.values():
            self.whole[x], self.upper[x] = False, SCALE
        self.upper[self.whole] = np.floor(self.upper[self.whole] + _SPARE)
        self.cost = np.zeros(self._columns) if aimless else self._costs()
        self.tangents = Tangents(form, self._unit, self._short, self._columns)
        self._rows: list[Row] = [self._rows_of_stage_2(), *self._links()]

    def stay_near(self, X: Matrix, units: int) -> None:
        """Keep the owners of holdings, shape (pods, n), and stay within so many units of them."""
        for h in self.form.holdings:
            self._bound(self._switches[h.z], *(2 * (float(X[h.p, h.j] > 0),)))
        change = X.sum(axis=0) - self.stock.weights
        window = units * np.nan_to_num(self.stock.prices) / self.stock.capital_aud
        for j, x in self._held.items():
            if change[j] > 0:
                around = change[j] * self.stock.capital_aud / self.stock.prices[j]
                self._bound(x, np.floor(around) - units, np.ceil(around) + units)
        for j, orders in self.trades.orders.items():
            for order, sign in zip(orders, (-1, 1), strict=True):
                if order is not None:
                    x, amount = order.amount, max(sign * change[j], 0.0)
                    least, most = (amount + way * window[j] for way in (-1, 1))
                    self._bound(x, *np.array([least, most]) / self._unit[x])

    def solve(self, near: Matrix, target: float, *, nodes: int, keeps: Callable[[Held], bool]) -> Held | Status:
        """Find the best portfolio in whole units, or why there is none.

        Args:
            near: Holdings to start from.
            target: Objective that is nearly reached.
            nodes: Most nodes of each tree.
            keeps: Whether a portfolio keeps the goals that it is to keep.
        """
        self._rows += self.tangents.around(near)
        enough, best = _ENOUGH_SHORT if self._short else _ENOUGH, None
        for _ in range(_ROUNDS):
            answer = self._search(target, gap=_GAP, nodes=nodes)
            if answer.x is None:
                return best or (Status.INFEASIBLE if answer.infeasible else Status.STOPPED)
            held = self._read(self.tangents.priced(answer.x, self._rows[0]), target)
            if held is not None and keeps(held) and (best is None or held.total < best.total):
                best = held
            broken = self.tangents.broken(answer.x)
            if not broken or self._left_s() <= 0 or (best and best.total - (answer.bound / SCALE - 1) <= enough):
                break
            self._rows += broken
        return best or Status.UNDECIDED

    def feasible(self, *, nodes: int) -> Status:
        """Say whether there is any portfolio in whole units; cones do not count."""
        answer = self._search(0.0, nodes=nodes)
        if answer.x is not None:
            return Status.OPTIMAL
        return Status.INFEASIBLE if answer.infeasible else Status.STOPPED

    # Columns.

    def _new_column(self) -> int:
        self._columns += 1
        return self._columns - 1

    def _bound(self, x: int, lower: float, upper: float) -> None:
        """Narrow the bounds of a column."""
        self.lower[x] = min(max(self.lower[x], np.ceil(lower) if self.whole[x] else lower), self.upper[x])
        self.upper[x] = max(min(self.upper[x], np.floor(upper) if self.whole[x] else upper), self.lower[x])

    def _units_of_variables(self) -> tuple[Vector, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """Say what one of each variable's column stands for, and whether there are whole numbers of it."""
        program, stock = self.program, self.stock
        unit, whole = np.full(len(program.q), 1 / SCALE), np.zeros(len(program.q), dtype=bool)
        traded = [(lot.j, x) for lot, x in self.trades.sold]
        traded += [(j, purchase.amount) for j, (_, purchase) in self.trades.orders.items() if purchase is not None]
        for j, x in traded:
            if stock.units[j].is_integer():
                unit[x], whole[x] = stock.prices[j] / stock.capital_aud, True
        yes_or_no = program.switched[program.plain]
        unit[yes_or_no], whole[yes_or_no] = program.upper[yes_or_no], True
        return unit, whole

    def _place_switches(self) -> dict[int, int]:
        """Find the column of each switch: one that says yes or no is its variable."""
        return {
            z: int(self.program.switched[z]) if plain else self._new_column()
            for z, plain in enumerate(self.program.plain.tolist())
        }

    def _costs(self) -> Vector:
        cost = np.zeros(self._columns)
        cost[: len(self._unit)] = self.program.q * self._unit
        for z, x in self._switches.items():
            cost[x] += self.program.k[z]
        cost *= SCALE
        cost[list(self._short.values())] = _SHORT
        return cost

    # Rows.

    def _rows_of_stage_2(self) -> Row:
        """Take over all rows but cones; goals that may be missed get a shortfall."""
        program, form = self.program, self.form
        e, rows = program.equalities, program.equalities + program.inequalities
        A = np.zeros((rows, self._columns))
        A[:, : len(self._unit)] = program.A[:rows] * self._unit
        for z, x in self._switches.items():
            A[:, x] += program.H[:rows, z]
        A *= SCALE
        most = program.b[:rows] * SCALE
        for number in self.trades.money:
            # A limit of nothing has nothing to spare.
            most[e + number] -= min(_SPARE, max(most[e + number], 0.0))
        for name, x in self._short.items():
            if not form.levers[name].cone:
                A[e + form.levers[name].row, x] = -1.0
        return A, np.where(np.arange(rows) < e, most, -np.inf), most

    def _links(self) -> Iterator[Row]:
        """Tie variables to their switches, and what is bought first to whole units."""
        program = self.program
        for z in np.flatnonzero(~program.plain).tolist():
            x = int(program.switched[z])
            for sign, limit in ((1.0, program.upper[x]), (-1.0, program.floor[z])):
                if limit > 0:
                    yield self._row({x: sign, self._switches[z]: -sign * limit / self._unit[x]}, -np.inf, 0.0)
        for j, x in self._held.items():
            position = {u: share * SCALE * self._unit[u] for u, share in self.form.position(j).items()}
            yield self._row({**position, x: -self.stock.prices[j] / self.stock.capital_aud * SCALE}, 0.0, 0.0)

    def _row(self, row: dict[int, float], least: float, most: float) -> Row:
        A = np.zeros((1, self._columns))
        A[0, list(row)] = list(row.values())
        return A, np.array([least]), np.array([most])

    # The solver.

    def _search(self, target: float, *, nodes: int, gap: float = 0.0) -> Answer:
        """Find the best of all cases."""
        answers = [program.search(gap=gap, node_limit=nodes, left_s=self._left_s) for program in self._cases(target)]
        possible = [answer for answer in answers if not answer.infeasible]
        points = [answer.x for answer in possible if answer.x is not None]
        return Answer(
            min(points, key=lambda x: float(self.cost @ x), default=None),
            min((answer.bound for answer in possible), default=np.inf),
            infeasible=not possible,
        )

    def _cases(self, target: float) -> Iterator[IntegerProgram]:
        """Set up a program for each case of the order of losses: past a nearly whole switch, they would leak."""
        program = IntegerProgram(
            cost=self.cost,
            whole=self.whole,
            lower=self.lower,
            upper=self.upper,
            A=np.vstack([A for A, _, _ in self._rows]),
            least=np.concatenate([least for _, least, _ in self._rows]),
            most=np.concatenate([most for *_, most in self._rows]),
            # What is lost of the target is far less than one, which makes the gap one of the objective.
            offset=SCALE * (1 + self.program.offset + target),
        )
        if self.trades.loss_order is None:
            yield program
            return
        x = self._switches[self.trades.loss_order]
        for case in (0.0, 1.0):
            lower, upper = self.lower.copy(), self.upper.copy()
            lower[x] = upper[x] = case
            yield replace(program, lower=lower, upper=upper)

    def _read(self, point: Vector, target: float) -> Held | None:
        """Read what is held; None if switches that are as good as off let something through."""
        units, stock = self.stock.units.copy(), self.stock
        for lot, x in self.trades.sold:
            units[lot.j] -= self._count(point, lot.j, x)
        for j, (_, purchase) in self.trades.orders.items():
            units[j] += 0.0 if purchase is None else self._count(point, j, purchase.amount)
        for j, x in self._held.items():
            units[j] = point[x]
        X = np.zeros((len(self.form.sleeves), len(units)))
        for h in self.form.holdings:
            if point[self._switches[h.z]]:
                X[h.p, h.j] = self.form.sleeves[h.p].share * self._unit[h.u] * point[h.u]
        X[X <= _NOTHING] = 0.0
        if ((X.sum(axis=0) > 0) != (units > 0)).any():
            return None
        held = units > 0
        X[:, held] *= units[held] * stock.prices[held] / stock.capital_aud / X[:, held].sum(axis=0)
        short = _SHORT * float(point[list(self._short.values())].sum()) / SCALE
        total = float(self.cost @ point) / SCALE + self.program.offset + target
        return Held(units, X, total - short, short)

    def _count(self, point: Vector, j: int, x: int) -> float:
        """Count the units of an order or of a parcel."""
        if self.whole[x]:
            return float(point[x])
        return float(point[x] * self._unit[x] * self.stock.capital_aud / self.stock.prices[j])
