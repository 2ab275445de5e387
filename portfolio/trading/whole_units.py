"""Round a portfolio to whole units, exactly: an integer program that keeps every rule on what is really held.

The orders are those of the portfolio (which ETFs are bought, sold or left alone) wherever whole units allow that; how
many units, of which parcels, and how they are divided among their owners is decided here, as near to the portfolio
and with as little cost and tax as can be. Goals that the portfolio meets are kept too, where whole units allow it;
risk enters as tangents, added until none is broken (outer approximation; Duran & Grossmann 1986).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import UnreachableGoalError
from portfolio.figures import grossed_up_yields, pre_tax_returns, tax_drags
from portfolio.goals import Row
from portfolio.integer_program import IntegerProgram
from portfolio.mandate import Measure
from portfolio.ranking import delivered
from portfolio.tax.kinds import Kind
from portfolio.tax.sale import cheapest_sale
from portfolio.trading.inventory import FIRST_PURCHASE_AUD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.goals import Goal
    from portfolio.market import Market
    from portfolio.master import Master
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve
    from portfolio.trading.inventory import Inventory

# Rounds of tangents, and nodes of the tree in each: numbers, not seconds, so that the answer is always the same.
_ROUNDS, _NODES = 30, 20_000
# Nearness is proven to this part of it.
_GAP = 1e-3
# Rows hold with this much to spare, of the capital: more than the solver's accuracy, less than a cent.
_SPARE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class WholeUnits:
    """A portfolio in whole units.

    Attributes:
        units: Held of each ETF afterwards, shape (n,).
        X: Value of what each pod holds, as a share of the capital, shape (pods, n).
        sold: Units sold of each parcel that is owned: those that are taxed least.
    """

    units: Vector
    X: Matrix
    sold: tuple[float, ...]


def round_to_units(
    market: Market, sleeves: Sequence[Sleeve], terms: Terms, stock: Inventory, master: Master
) -> WholeUnits:
    """Find the portfolio in whole units that is nearest to *master*.

    Raises:
        UnreachableGoalError: If no whole numbers of units keep the rules.
        SolverError: If the solver gives up.
    """
    if (abs(master.X.sum(axis=0) - stock.weights) <= _SPARE).all():
        return WholeUnits(stock.units, master.X, (0.0,) * len(stock.lots))
    met = [g for g in master.goals if g.figure and g.met(delivered(g, market, sleeves, terms, master.X))]
    # The portfolio's own orders, then any orders; all its goals, then only the rules.
    for goals, any_orders in ((met, False), (met, True), ([], False), ([], True)):
        program = _Program(market, sleeves, terms, stock, master.X, goals, any_orders=any_orders)
        found = program.solve()
        if found is not None:
            units, X = found
            return WholeUnits(units, X, _least_taxed(market, terms, stock, units))
    limits = ("max_turnover", "max_tax_aud")
    said = "".join(f", {name}" for name in limits if getattr(terms.rules, name) is not None)
    message = (
        f"no whole numbers of units keep the rules: {terms.total_capital_aud:,.0f} AUD are too little for prices of up"
        f" to {float(np.nanmax(stock.prices)):,.2f} AUD a unit; ease capital_tolerance"
        f" ({terms.rules.capital_tolerance:.1%}), min_weight{said} or min_order_aud"
    )
    raise UnreachableGoalError(message)


def _least_taxed(market: Market, terms: Terms, stock: Inventory, units: Vector) -> tuple[float, ...]:
    """Choose the parcels again: the program's are least taxed only to the gap at which it stops."""
    assert terms.owned is not None  # noqa: S101 - there is a stock
    sold = {t: float(n) for t, n in zip(market.tickers, stock.units - units, strict=True) if n > 0}
    return cheapest_sale(terms.owned.parcels, sold, stock.quotes, terms.owned.taxpayer, terms.owned.law).units


class _Program:
    """The integer program, in AUD; rows are mappings from variables."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        market: Market,
        sleeves: Sequence[Sleeve],
        terms: Terms,
        stock: Inventory,
        X: Matrix,
        goals: Sequence[Goal],
        *,
        any_orders: bool,
    ) -> None:
        self.market, self.sleeves, self.terms, self.stock, self.X = market, sleeves, terms, stock, X
        self.capital, self.any_orders, self.goals = stock.capital_aud, any_orders, list(goals)
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.whole: list[bool] = []
        self.cost: list[float] = []
        self.rows: list[tuple[Mapping[int, float], float, float]] = []
        self.volume: dict[int, float] = defaultdict(float)
        self.costs: dict[int, float] = defaultdict(float)
        self.tax: dict[int, float] = defaultdict(float)
        self.parcels: dict[int, int] = {}
        # What is zero in each case that is to be tried.
        self.cases: list[list[int]] = [[]]
        self.ways: dict[int, list[int]] = {}
        held, owned = np.flatnonzero(X.sum(axis=0) > 0).tolist(), np.flatnonzero(stock.units).tolist()
        self.units = {j: self._declare_units(j, held=j in held) for j in sorted({*held, *owned})}
        self.parts = self._declare_parts()
        self._tax_gains()
        self._limit()
        for goal in self.goals:
            self._keep(goal)

    def solve(self) -> tuple[Vector, Matrix] | None:
        """Solve, adding tangents until no goal on risk is broken; None if there is nothing."""
        for _ in range(_ROUNDS):
            x = self._solve()
            if x is None:
                return None
            if not self._add_tangents(x):
                return self._read(x)
        return None

    # Variables.

    def _variable(self, lower: float, upper: float, *, whole: bool = False, cost: float = 0.0) -> int:
        self.lower.append(lower)
        self.upper.append(upper)
        self.whole.append(whole)
        self.cost.append(cost)
        return len(self.lower) - 1

    def _row(self, row: Mapping[int, float], least: float, most: float) -> None:
        self.rows.append((row, least, most))

    def _at_most(self, row: Mapping[int, float], most: float) -> None:
        self._row(row, -np.inf, most - _SPARE * self.capital)

    def _declare_units(self, j: int, *, held: bool) -> int:
        """Declare the units held of an ETF, within the limits of positions and orders."""
        rules, price, owned = self.terms.rules, float(self.stock.prices[j]), float(self.stock.units[j])
        least, most = (rules.min_weight * self.capital / price, rules.max_weight * self.capital / price)
        units = self._variable(0.0, most if held else 0.0, whole=owned.is_integer())
        change = float(self.X[:, j].sum()) - float(self.stock.weights[j])
        order = max(rules.min_order_aud / price, 1.0)
        row = {units: 1.0}
        if change > _SPARE or (self.any_orders and held and owned and self.market.tickers[j] not in rules.never_buy):
            first = order if owned else max(order, FIRST_PURCHASE_AUD / price)
            row[self._order(j, first, max(most - owned, 0.0), sure=not self.any_orders or not owned)] = -1.0
        if change < -_SPARE or (self.any_orders and owned and self.market.tickers[j] not in rules.never_sell):
            sold = self._order(j, order, owned, sure=not self.any_orders)
            row[sold] = 1.0
            self._take_from_parcels(j, sold)
        self._row(row, owned, owned)
        if held and len(row) > 1:
            self._row({units: 1.0}, least, np.inf)
        off = self._variable(0.0, self.capital, cost=1.0)
        target = float(self.X[:, j].sum()) * self.capital
        self._row({off: 1.0, units: -price}, -target, np.inf)
        self._row({off: 1.0, units: price}, target, np.inf)
        return units

    def _order(self, j: int, least: float, most: float, *, sure: bool) -> int:
        """Declare the units of an order, and whether it is made."""
        price = float(self.stock.prices[j])
        units = self._variable(0.0, max(most, 0.0), whole=float(self.stock.units[j]).is_integer())
        made = self._variable(1.0 if sure else 0.0, 1.0, whole=True)
        self._row({units: 1.0, made: -least}, 0.0, np.inf)
        self._row({units: 1.0, made: -max(most, 0.0)}, -np.inf, 0.0)
        self.volume[units] += price
        self.costs[units] += price * float(self.stock.costs[j])
        self.costs[made] += self.terms.brokerage_aud
        self.ways.setdefault(j, []).append(made)
        if len(self.ways[j]) > 1:
            self._row(dict.fromkeys(self.ways[j], 1.0), 0.0, 1.0)
        return units

    def _take_from_parcels(self, j: int, sold: int) -> None:
        mine = [lot for lot in self.stock.lots if lot.j == j]
        for lot in mine:
            self.parcels[lot.parcel] = self._variable(0.0, lot.units, whole=float(lot.units).is_integer())
        self._row({sold: -1.0, **{self.parcels[lot.parcel]: 1.0 for lot in mine}}, 0.0, 0.0)

    def _declare_parts(self) -> dict[tuple[int, int], int]:
        """Divide what is held among its owners."""
        parts = {}
        for p, sleeve in enumerate(self.sleeves):
            amount, tolerance = sleeve.share * self.capital, self.terms.rules.capital_tolerance
            held = np.flatnonzero(self.X[p] > 0).tolist()
            for j in held:
                parts[p, j] = self._variable(0.0, sleeve.mandate.max_position * amount)
            mine = {parts[p, j]: 1.0 for j in held}
            self._row(mine, amount * (1 - tolerance), amount * (1 + tolerance))
        for j, units in self.units.items():
            whole = {x: 1.0 for (_, i), x in parts.items() if i == j}
            if whole:
                self._row({**whole, units: -float(self.stock.prices[j])}, 0.0, 0.0)
        return parts

    def _tax_gains(self) -> None:
        """Tax the gains of what is sold, less losses; see ``gains`` for the cases that the law may tell apart."""
        rates, lots = self.stock.rates, [lot for lot in self.stock.lots if lot.parcel in self.parcels]
        of = {kind: {self.parcels[lot.parcel]: lot.gains.get(kind, 0.0) for lot in lots} for kind in Kind}
        left = {kind: self._part(of[kind]) for kind in rates if kind is not Kind.INDEXED}
        used = _sum(*(of[kind] for kind in left), {x: -loss for x, loss in of[Kind.LOSS].items()})
        for kind, x in left.items():
            self.tax[x] += rates[kind]
            used[x] = -1.0
        if Kind.INDEXED in rates:
            against = self._part(of[Kind.INDEXED])
            for x, gain in (*of[Kind.INDEXED].items(), (against, -1.0)):
                self.tax[x] += rates[Kind.INDEXED] * gain
            used[against] = 1.0
            if self.stock.order_binds:
                self.cases = [[against], list(left.values())]
        if rates:
            self._row(used, -np.inf, self.stock.losses_aud)
        for row in (self.tax, self.costs):
            for x, a in row.items():
                self.cost[x] += a

    def _part(self, gains: Mapping[int, float]) -> int:
        """Declare a part of the gains of one kind, up to all of them."""
        part = self._variable(0.0, sum(gain * self.upper[x] for x, gain in gains.items()))
        self._row({part: 1.0, **{x: -gain for x, gain in gains.items()}}, -np.inf, 0.0)
        return part

    def _limit(self) -> None:
        """Pay for the orders, and keep what the customer limits."""
        rules = self.terms.rules
        self._at_most(_sum(self._of_the_whole(np.ones(self.X.shape[1])), self.costs), self.capital)
        if rules.max_turnover is not None:
            self._row(self.volume, -np.inf, 2 * rules.max_turnover * self.capital)
        if rules.max_tax_aud is not None:
            self._row(self.tax, -np.inf, rules.max_tax_aud)

    # Goals.

    def _of_pod(self, goal: Goal, column: Vector) -> dict[int, float]:
        p = [sleeve.mandate.pod for sleeve in self.sleeves].index(goal.pods[0])
        return {x: float(column[j]) for (q, j), x in self.parts.items() if q == p}

    def _of_the_whole(self, column: Vector) -> dict[int, float]:
        return {x: float(column[j]) for (_, j), x in self.parts.items()}

    def _keep(self, goal: Goal) -> None:
        """Add the row of a goal that is linear; those on risk come as tangents, numbers of ETFs by themselves."""
        market, asked = self.market, goal.asked
        columns = {
            Measure.RETURN: market.expected_returns,
            Measure.LIQUIDITY: market.column("liquidity"),
            Measure.YIELD: grossed_up_yields(market),
        }
        if isinstance(goal.figure, Measure) and goal.figure in columns:
            self._at_most(self._of_pod(goal, asked - columns[goal.figure]), 0.0)
        elif goal.figure is Row.TAX_EFFICIENCY:
            drags = tax_drags(market, self.terms.marginal_tax_rate)
            self._at_most(self._of_the_whole(drags - (1 - asked / 10) * pre_tax_returns(market)), 0.0)
        elif goal.figure is Row.TRADING_COST:
            self._at_most(_sum(self.costs, self.tax), asked)
        elif goal.figure is Row.LARGEST_POSITION:
            for j, units in self.units.items():
                self._at_most({units: float(self.stock.prices[j])}, asked * self.capital)

    def _add_tangents(self, x: Vector) -> bool:
        """Add the tangents of the goals on risk that a point breaks; false if it breaks none."""
        broken = False
        amounts = self._amounts(x)
        excess = self.market.expected_returns - self.market.risk_free
        for goal in self.goals:
            if goal.figure is Measure.VOLATILITY:
                ratio, gain = 1.0, np.full(len(excess), goal.asked)
            elif goal.figure in (Measure.SHARPE, Row.SHARPE_RATIO) and goal.asked > 0:
                ratio, gain = goal.asked, excess
            else:
                continue
            a = amounts.sum(axis=0) if not goal.pods else amounts[self._pod(goal)]
            risk = float(np.sqrt(a @ self.market.Sigma @ a))
            if ratio * risk > float(gain @ a) + _SPARE * self.capital / 2:
                column = ratio * (self.market.Sigma @ a) / risk - gain
                self._at_most(self._of_pod(goal, column) if goal.pods else self._of_the_whole(column), 0.0)
                broken = True
        return broken

    def _pod(self, goal: Goal) -> int:
        return [sleeve.mandate.pod for sleeve in self.sleeves].index(goal.pods[0])

    # The solver.

    def _solve(self) -> Vector | None:
        """Find the best point of all cases; None if there is none."""
        A, cost = np.zeros((len(self.rows), len(self.lower))), np.array(self.cost)
        for i, (row, _, _) in enumerate(self.rows):
            for x, a in row.items():
                A[i, x] += a
        best = None
        for zero in self.cases:
            upper = np.array(self.upper)
            upper[zero] = 0.0
            program = IntegerProgram(
                cost=cost,
                whole=np.array(self.whole),
                lower=np.array(self.lower),
                upper=upper,
                A=A,
                least=np.array([low for _, low, _ in self.rows]),
                most=np.array([high for *_, high in self.rows]),
            )
            found = program.solve(gap=_GAP, node_limit=_NODES)
            if found is not None and (best is None or cost @ found < cost @ best):
                best = found
        return best

    def _amounts(self, x: Vector) -> Matrix:
        """Value of what each pod holds, AUD; of an ETF with one owner, exactly its units'."""
        amounts = np.zeros_like(self.X)
        for (p, j), variable in self.parts.items():
            amounts[p, j] = x[variable]
        for j in np.flatnonzero(amounts.sum(axis=0) > 0).tolist():
            amounts[:, j] *= x[self.units[j]] * float(self.stock.prices[j]) / amounts[:, j].sum()
        return amounts

    def _read(self, x: Vector) -> tuple[Vector, Matrix]:
        units = np.zeros(self.X.shape[1])
        for j, number in self.units.items():
            units[j] = x[number]
        return units, self._amounts(x) / self.capital


def _sum(*rows: Mapping[int, float]) -> dict[int, float]:
    total: dict[int, float] = defaultdict(float)
    for row in rows:
        for x, a in row.items():
            total[x] += a
    return total
