"""Stage 2 in whole units: the same program for HiGHS, with whole numbers of units, and tangents in place of cones.

Outer approximation (Duran & Grossmann 1986): tangents replace each cone. Each round adds the tangents that the solution
violates, until the solution violates none. The solution is then the best portfolio in whole units, to the gap; this
relies on the solver's own bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON
from portfolio.conic.solution import Status
from portfolio.integer_program import IntegerProgram, IntegerSolution
from portfolio.orders.tangents import SCALE, Tangents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from portfolio import Matrix, Vector
    from portfolio.conic.earlier import Earlier
    from portfolio.master.statement.formulation import Formulation
    from portfolio.orders.tangents import Row

# The solver satisfies rows to a millionth; the rows that limit money have a margin of twice that.
_SPARE = 2e-6

# Cost of missing an elastic goal by the goal's whole size: no gain of the objective is worth missing a hundredth.
_SHORT = 100.0

# How far the objective may be from the best: in one search, at the end, and at the end with the cost of missed goals.
_GAP, _ENOUGH, _ENOUGH_SHORT = 2e-5, 5e-5, 1e-3

# A pod's holding below this counts as zero: weights are as exact as the solver.
_NOTHING = 1e-10

# Rounds of tangents: a number and not a time, so that the answer is reproducible.
_ROUNDS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Holdings in whole units.

    Attributes:
        units: Units of each ETF, shape (n,).
        X: Holdings of each pod, as shares of the capital, shape (pods, n).
        lost: Loss against the target objective.
        short: Additional cost of goals that are missed.
    """

    units: Vector
    X: Matrix
    lost: float
    short: float

    @property
    def total(self) -> float:
        """The loss plus the cost of missed goals."""
        return self.lost + self.short


class UnitsProgram:
    """The integer program. Columns: the variables of stage 2, then switches, units, shortfalls.

    Args:
        form: Stage 2 of a customer with holdings.
        elastic: Names of goals that may be missed, at a price.
        aimless: Whether to find any portfolio, with a zero objective.
        left_s: Returns the seconds left; a search ends in time and returns the incumbent.

    Attributes:
        added: The tangents that ``solve`` added, round by round.
    """

    def __init__(
        self,
        form: Formulation,
        *,
        elastic: Collection[str] = (),
        aimless: bool = False,
        left_s: Callable[[], float] = lambda: math.inf,
    ) -> None:
        assert form.stock is not None and form.trades is not None  # noqa: S101, PT018 - the caller checks this
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
        self._money = program.equalities + np.array(self.trades.money, dtype=int)
        self._limits = self._rows[0][2][self._money].copy()
        self.added: list[Row] = []

    def stay_near(self, X: Matrix, units: int) -> None:
        """Keep the owners of the holdings *X*, shape (pods, n), and stay within *units* units per order of *X*."""
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

    def settle(self, proof: Earlier, known: float, target: float) -> None:
        """Set the switches that, by the portfolio's proof, no portfolio below the total *known* has in another state.

        A portfolio in whole units is one of the program, but for money that is left and less than a unit.
        """
        program, limits = self.program, self.program.b.copy()
        limits[: len(self._rows[0][2])] = np.maximum(limits[: len(self._rows[0][2])], self._rows[0][2] / SCALE)
        states = proof.settled(replace(program, b=limits), known - target)
        for z in np.flatnonzero(states != FREE).tolist():
            self._bound(self._switches[z], *(2 * (float(states[z] == ON),)))

    def solve(
        self,
        near: Matrix,
        target: float,
        *,
        nodes: int,
        keeps: Callable[[Held], bool],
        known: float = math.inf,
        tangents: Collection[Row] = (),
    ) -> Held | Status:
        """Find the best portfolio in whole units, or the status that explains why none was found.

        Args:
            near: Holdings at which the first tangents touch the cones.
            target: Objective of the portfolio in fractions; the loss is measured against this value.
            nodes: Node limit of each search tree.
            keeps: Returns whether a portfolio keeps the required goals.
            known: Total of a known portfolio: only one that is better by more than the gap is looked for.
            tangents: Further tangents to begin with: those that an earlier search of the same program added.
        """
        self._rows += [*self.tangents.around(near), *tangents]
        if math.isfinite(known):
            most = SCALE * (known - _GAP - self.program.offset - target)
            self._rows.append((self.cost[None, :], np.array([-np.inf]), np.array([most])))
        enough, best = _ENOUGH_SHORT if self._short else _ENOUGH, None
        for _ in range(_ROUNDS):
            answer = self._search(target, gap=_GAP, nodes=nodes, doubtful=math.isfinite(known))
            if answer.x is None:
                return best or (Status.INFEASIBLE if answer.infeasible else Status.STOPPED)
            if self._tighten(answer.x):
                continue
            held = self._read(self.tangents.priced(answer.x, self._rows[0]), target)
            if held is not None and keeps(held) and held.total < (known if best is None else best.total):
                best = held
            broken = self.tangents.broken(answer.x)
            if not broken or self._left_s() <= 0 or (best and best.total - (answer.bound / SCALE - 1) <= enough):
                break
            self._rows += broken
            self.added += broken
        return best or Status.UNDECIDED

    def feasible(self, *, nodes: int) -> Status:
        """Return whether a portfolio in whole units exists, without regard to cones."""
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
        """Return the amount that 1 in each variable's column represents, and whether the column is a whole number."""
        program, stock = self.program, self.stock
        unit, whole = np.full(len(program.q), 1 / SCALE), np.zeros(len(program.q), dtype=bool)
        traded = [(j, x) for j, amounts in self.trades.sold.items() for x in amounts]
        traded += [(j, purchase.amount) for j, (_, purchase) in self.trades.orders.items() if purchase is not None]
        for j, x in traded:
            if stock.units[j].is_integer():
                unit[x], whole[x] = stock.prices[j] / stock.capital_aud, True
        yes_or_no = program.switched[program.plain]
        unit[yes_or_no], whole[yes_or_no] = program.upper[yes_or_no], True
        return unit, whole

    def _place_switches(self) -> dict[int, int]:
        """Return the column of each switch: the switched variable itself where that variable is plain yes or no."""
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
        """Copy all rows except cones; add a shortfall to the row of each goal that may be missed."""
        program, form = self.program, self.form
        e, rows = program.equalities, program.equalities + program.inequalities
        A = np.zeros((rows, self._columns))
        A[:, : len(self._unit)] = program.A[:rows] * self._unit
        for z, x in self._switches.items():
            A[:, x] += program.H[:rows, z]
        A *= SCALE
        most = program.b[:rows] * SCALE
        for number in self.trades.money:
            # A limit of zero has no margin.
            most[e + number] -= min(_SPARE, max(most[e + number], 0.0))
        if self.trades.reinvested is not None:
            # Whole units that are sold may fetch up to a unit too much.
            most[e + self.trades.reinvested] += SCALE * self.stock.unit_aud / self.stock.capital_aud
        for name, x in self._short.items():
            if not form.levers[name].cone:
                A[e + form.levers[name].row, x] = -1.0
        return A, np.where(np.arange(rows) < e, most, -np.inf), most

    def _links(self) -> Iterator[Row]:
        """Link variables to their switches, and first purchases to whole units."""
        program = self.program
        for z in np.flatnonzero(~program.plain).tolist():
            x = int(program.switched[z])
            for sign, limit in ((1.0, program.upper[x]), (-1.0, program.floor[z])):
                if limit > 0:
                    yield self._row({x: sign, self._switches[z]: -sign * limit / self._unit[x]}, -np.inf, 0.0)
        for j, x in self._held.items():
            position = {u: share * SCALE * self._unit[u] for u, share in self.form.position(j).items()}
            yield self._row({**position, x: -self.stock.prices[j] / self.stock.capital_aud * SCALE}, 0.0, 0.0)

    def _tighten(self, point: Vector) -> bool:
        """Return whether *point* breaks a row that limits money; if so, tighten each such row by twice the excess.

        The solver's accuracy is a part of a row's largest terms: with ten billion AUD, an excess of 92 AUD was seen.
        """
        A, _, most = self._rows[0]
        excess = A[self._money] @ point - self._limits
        broken = excess > _SPARE
        most[self._money[broken]] -= 2 * excess[broken]
        return bool(broken.any())

    def _row(self, row: dict[int, float], least: float, most: float) -> Row:
        A = np.zeros((1, self._columns))
        A[0, list(row)] = list(row.values())
        return A, np.array([least]), np.array([most])

    # The solver.

    def _search(self, target: float, *, nodes: int, gap: float = 0.0, doubtful: bool = False) -> IntegerSolution:
        """Search every case and return the best point, with the lowest bound of the feasible cases."""
        answers = [
            program.search(gap=gap, node_limit=nodes, left_s=self._left_s, doubtful=doubtful)
            for program in self._cases(target)
        ]
        possible = [answer for answer in answers if not answer.infeasible]
        points = [answer.x for answer in possible if answer.x is not None]
        return IntegerSolution(
            min(points, key=lambda x: float(self.cost @ x), default=None),
            min((answer.bound for answer in possible), default=np.inf),
            infeasible=not possible,
        )

    def _cases(self, target: float) -> Iterator[IntegerProgram]:
        """Set up one program per case of the order of losses, of each owner.

        With both cases in one program, a switch within the solver's tolerance of a whole number would let losses pass.
        """
        program = IntegerProgram(
            cost=self.cost,
            whole=self.whole,
            lower=self.lower,
            upper=self.upper,
            A=np.vstack([A for A, _, _ in self._rows]),
            least=np.concatenate([least for _, least, _ in self._rows]),
            most=np.concatenate([most for *_, most in self._rows]),
            # The loss against the target is far below one: with this offset the gap is relative to the objective.
            offset=SCALE * (1 + self.program.offset + target),
        )
        columns = [self._switches[order] for order in self.trades.tax.orders]
        for cases in product((0.0, 1.0), repeat=len(columns)):
            lower, upper = self.lower.copy(), self.upper.copy()
            lower[columns] = upper[columns] = cases
            yield replace(program, lower=lower, upper=upper)

    def _read(self, point: Vector, target: float) -> Held | None:
        """Read the holdings; None if a switch that is off within the tolerance still lets an amount through."""
        units, stock = self.stock.units.copy(), self.stock
        for j, amounts in self.trades.sold.items():
            units[j] -= sum(self._count(point, j, x) for x in amounts)
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
        """Return the units of an order or of a parcel."""
        if self.whole[x]:
            return float(point[x])
        return float(point[x] * self._unit[x] * self.stock.capital_aud / self.stock.prices[j])
