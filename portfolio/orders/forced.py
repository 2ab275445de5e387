"""Find the rules and goals that force the dearest sales: look for a cheaper way without each.

A rule or goal forces sales if a portfolio without it, which keeps all others and scores no less, costs less to switch
to. Where the portfolio's proof does not need a rule or goal, no portfolio without it scores better, and none is looked
for. Such a portfolio is the proof. The search for it is short, so that every rule and goal is tried: another portfolio
may save more, and that the others force nothing is not claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from portfolio.conic.solution import relative_gap, scale_of
from portfolio.errors import SolverError
from portfolio.market.snapshot import named
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.published.order import Side
from portfolio.published.standing import ForcedSale
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.published.trading import Move, Trading

# Gap of each search: that of the portfolio itself.
_GAP = 1e-4

# Nodes of each search: a number and not a time, so that the answer is reproducible. The first few find most of the
# saving that a hundred find (docs/adr/0047).
_NODES = 4

# The most rules that are named, and the least saving that is worth naming, as a part of the cost.
_MOST, _WORTH = 3, 0.01

# A goal with more room than this part of its level is not tried. With less, the goal may force sales although it has
# room: the next portfolio in its way may hold other ETFs, and be far from the level.
_ROOM = 0.1

# Scores this near to each other are equal: sums in another order differ in their last digits.
_SAME = 1e-9

# Rules that nobody can ease (the least first purchase of ASX; that nothing is sold to hold cash), or that force no sale
# that the customer did not ask for.
_FIXED = ("first_purchase", "reinvest", "buy_only", "keep_tax_aside")

# The account's word for holdings that no pod may hold.
OUTSIDE = "outside"


def forced_sales(
    case: Case, master: CoordinatedPortfolio, trading: Trading, *, left_s: Callable[[], float] = lambda: math.inf
) -> tuple[tuple[ForcedSale, ...], bool]:
    """Find the rules and goals without each of which, by itself, the sales could be cheaper.

    Args:
        case: The customer's case.
        master: The coordinated portfolio.
        trading: Its orders.
        left_s: Returns the seconds left; no rule is tried without time.

    Returns:
        The dearest of them, and whether time ended the search before every rule and goal was tried.
    """
    now = case.move_to(master.X)
    if now is None or not any(order.side is Side.SELL for order in trading.orders):
        return (), False
    search = _Search(case, master, trading, now, left_s)
    found = [*_outside(case, trading), *search.forced()]
    dearest = sorted(
        (f for f in found if f.saves_aud > _WORTH * abs(search.orders_aud)), key=lambda f: (-f.saves_aud, f.name)
    )
    return tuple(dearest[:_MOST]), search.cut_short


def _outside(case: Case, trading: Trading) -> Iterator[ForcedSale]:
    """List the sales of what no pod may hold: the account may say that such holdings are kept."""
    universes = {ticker for sleeve in case.sleeves for ticker in sleeve.mandate.universe}
    for order in trading.orders:
        if order.side is Side.SELL and order.ticker not in universes:
            saves = order.brokerage_aud + order.spread_aud + order.tax_aud
            words = f"no pod may hold {order.ticker}: kept (outside: keep), the switch would cost {saves:,.0f} AUD less"
            yield ForcedSale(f"{OUTSIDE}.{order.ticker}", words, saves, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A portfolio without a rule or goal, the trades to it, and the relative gap of its search."""

    X: Matrix
    move: Move
    gap: float


class _Search:
    """The searches for cheaper ways, each without one rule or goal.

    Attributes:
        orders_aud: Cost of the orders, AUD.
        cut_short: Whether time ended the search before every rule and goal was tried.
    """

    def __init__(
        self, case: Case, master: CoordinatedPortfolio, trading: Trading, now: Move, left_s: Callable[[], float]
    ) -> None:
        self.case, self.master, self.trading, self.now, self.left_s = case, master, trading, now, left_s
        self.orders_aud = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
        # Whole units may cost less, or score more, than the portfolio: no more is claimed than holds against both.
        self._cost = min(now.cost_aud, self.orders_aud)
        self._score = max(master.certificate.objective, trading.objective)
        self.cut_short = False

    def forced(self) -> Iterator[ForcedSale]:
        """Try every rule, and every goal with little room to spare."""
        for name, words in self._candidates(self.master.rules):
            if self.left_s() <= 0:
                self.cut_short = True
                return
            if (found := self._cheapest(name)) is not None:
                yield self._told(name, words, found)

    def _candidates(self, rules: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """List the rules and the goals that may force sales, in words."""
        yield from ((name, words) for name, words in rules.items() if name not in _FIXED)
        for goal in self.master.goals:
            level, value = self.master.levels.get(goal.name), self.case.delivered(goal, self.master.X)
            # Correlations are no rows of these programs; and without the cap on its cost, no switch is cheaper.
            if level is None or value is None or goal.figure in (None, Row.TRADING_COST):
                continue
            if abs(value - level) <= _ROOM * abs(level):
                yield goal.name, goal.words

    def _cheapest(self, name: str) -> _Found | None:
        """Find the portfolio without one rule or goal that costs the least, of those that a short search finds."""
        levels = {other: level for other, level in self.master.levels.items() if other != name}
        form = Formulation(self.case, levels=levels, without=() if name in self.master.levels else (name,))
        formulate = partial(Formulation, self.case)
        if self._scores_no_better(form):
            return None
        session = SearchSession(
            formulate, lambda: self.left_s() <= 0, states=self.master.switches, known=self.master.known
        )
        try:
            solution = session.solve(form, _GAP, node_limit=_NODES)
        except SolverError:
            return None
        # The program's cost is exact to the solver's accuracy; the least tax of the parcels takes another search.
        (row, constant), buying = form.trading_costs(), self.case.naive.buying_cost_aud
        costs = [buying * (constant + sum(a * float(x[j]) for j, a in row.items())) for x, _ in solution.points]
        for cost, (x, on) in sorted(zip(costs, solution.points, strict=True), key=lambda point: point[0]):
            if self._cost - cost <= _WORTH * abs(self.orders_aud):
                return None
            X = form.weights(replace(solution, x=x, states=on))
            if not X.any(axis=1).all():
                continue
            score = objective(self.case.terms, objective_terms(self.case, X))
            good = score >= self._score - _SAME and self._keeps_goals(X, without=name)
            if good and self._sells_less(move := self._move_to(X)):
                return _Found(X, move, relative_gap(-score, solution.bound))
        return None

    def _scores_no_better(self, form: Formulation) -> bool:
        """Return whether the portfolio's own proof holds for a program without one rule or goal."""
        value = -self.master.certificate.objective
        proof = self.master.proof
        return proof is not None and proof.holds(form.program, value - _GAP * scale_of(value))

    def _move_to(self, X: Matrix) -> Move:
        move = self.case.move_to(X)
        assert move is not None  # noqa: S101 - the case has holdings of today
        return move

    def _sells_less(self, move: Move) -> bool:
        """Return whether less is sold or less tax is due."""
        return move.gains.tax_aud < self.now.gains.tax_aud or move.sold_aud < self.now.sold_aud

    def _keeps_goals(self, X: Matrix, *, without: str) -> bool:
        """Return whether holdings keep the other goals, and the limits on correlations as well as the portfolio."""
        for goal in self.master.goals:
            level = self.master.held.get(goal.name)
            if goal.figure is None and (was := self.case.delivered(goal, self.master.X)) is not None:
                # These searches leave such limits out.
                level = max(was, goal.asked)
            if level is not None and goal.name != without and not goal.reaches(level, self.case.delivered(goal, X)):
                return False
        return True

    def _told(self, name: str, words: str, found: _Found) -> ForcedSale:
        owned, saves = self.case.terms.owned, self._cost - found.move.cost_aud
        assert owned is not None  # noqa: S101 - the case has holdings of today
        sold = {parcel.ticker for parcel, units in zip(owned.parcels, found.move.sales, strict=True) if units > 0}
        orders = self.trading.orders
        spared = [order.ticker for order in orders if order.side is Side.SELL and order.ticker not in sold]
        also = f" and without selling {', '.join(spared)}" if spared else ""
        return ForcedSale(
            name,
            f"{words}: without that, the switch could cost {saves:,.0f} AUD less, with no lower score{also}",
            saves,
            found.gap,
            {s.mandate.pod: named(self.case.market, row) for s, row in zip(self.case.sleeves, found.X, strict=True)},
            found.move.sales,
        )
