"""Find the rules and goals that force the dearest sales: solve again without each, and compare the cost."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from portfolio.conic.solution import Status
from portfolio.errors import SolverError
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
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

# Steps of all searches together, a number and not a time, so that the answer is reproducible; fewer where a program has
# more switches than this, since a step takes longer then.
_STEPS, _FEW = 600, 100
# The most rules that are named, and the least saving that is worth naming, as a part of the cost.
_MOST, _WORTH = 3, 0.01

# A goal with more room than this, as a part of its size, has room to spare and forces nothing.
_TIGHT = 1e-5

# Rules that nobody can ease: ASX's least first purchase, and that nothing is sold to hold cash.
_FIXED = ("first_purchase", "reinvest")

# The account's word for holdings that no pod may hold.
OUTSIDE = "outside"


def forced_sales(
    case: Case, master: CoordinatedPortfolio, trading: Trading, *, left_s: Callable[[], float] = lambda: math.inf
) -> tuple[tuple[ForcedSale, ...], bool]:
    """Find the rules and goals without each of which, by itself, the sales would be cheaper.

    Args:
        case: The customer's case.
        master: The coordinated portfolio.
        trading: Its orders.
        left_s: Returns the seconds left; no rule is tried without time.

    Returns:
        The dearest of them, and whether the search for them ended early.
    """
    now = case.move_to(master.X)
    if now is None or not any(order.side is Side.SELL for order in trading.orders):
        return (), False
    form = Formulation(case, levels=master.levels)
    steps = iter(range(_STEPS * _FEW // max(_FEW, len(form.program.switched))))
    search = _Search(case, master, now, lambda: left_s() <= 0 or next(steps, None) is None)
    cost = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    found = [*_outside(case, trading), *search.forced(form.rules, cost)]
    dearest = sorted((f for f in found if f.saves_aud > _WORTH * abs(cost)), key=lambda f: (-f.saves_aud, f.name))
    return tuple(dearest[:_MOST]), search.cut_short


def _outside(case: Case, trading: Trading) -> Iterator[ForcedSale]:
    """List the sales of what no pod may hold: the account may say that such holdings are kept."""
    universes = {ticker for sleeve in case.sleeves for ticker in sleeve.mandate.universe}
    for order in trading.orders:
        if order.side is Side.SELL and order.ticker not in universes:
            saves = order.brokerage_aud + order.spread_aud + order.tax_aud
            words = f"no pod may hold {order.ticker}: kept (outside: keep), the switch would cost {saves:,.0f} AUD less"
            yield ForcedSale(f"{OUTSIDE}.{order.ticker}", words, saves, 0.0)


class _Search:
    """The searches for cheaper ways, each without one rule or goal.

    Attributes:
        cut_short: Whether a search ended without its answer.
    """

    def __init__(self, case: Case, master: CoordinatedPortfolio, now: Move, stop: Callable[[], bool]) -> None:
        self.case, self.master, self.now = case, master, now
        self.solver = SearchSession(partial(Formulation, case), stop)
        self.cut_short = False

    def forced(self, rules: Mapping[str, str], cost_aud: float) -> Iterator[ForcedSale]:
        """Try every rule, and every goal without room to spare."""
        for name, words in self._candidates(rules):
            if (solved := self._solve(name)) is None:
                continue
            X, gap = solved
            move = self.case.move_to(X)
            assert move is not None  # noqa: S101 - the case has holdings of today
            if move.gains.tax_aud < self.now.gains.tax_aud or move.sold_aud < self.now.sold_aud:
                # Whole units may cost less than the portfolio: no more is claimed than both prove.
                saves = min(self.now.cost_aud, cost_aud) - move.cost_aud
                told = f"{words}: without that, the switch would cost {saves:,.0f} AUD less"
                yield ForcedSale(name, told, saves, gap)

    def _candidates(self, rules: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """List the rules and the goals that may force sales, in words."""
        yield from ((name, words) for name, words in rules.items() if name not in _FIXED)
        for goal in self.master.goals:
            level, value = self.master.levels.get(goal.name), self.case.delivered(goal, self.master.X)
            # Correlations are no rows of these programs; and without the cap on its cost, no switch is cheaper.
            if level is None or value is None or goal.figure in (None, Row.TRADING_COST):
                continue
            if abs(value - level) <= _TIGHT * max(1.0, abs(level)):
                yield goal.name, goal.words

    def _solve(self, name: str) -> tuple[Matrix, float] | None:
        """Find the best portfolio without one rule or goal, and the gap of its proof; None if the search ends early."""
        if self.cut_short or self.solver.stop():
            self.cut_short = True
            return None
        levels = {other: level for other, level in self.master.levels.items() if other != name}
        form = Formulation(self.case, levels=levels, without=() if name in self.master.levels else (name,))
        try:
            solution = self.solver.solve(form, _GAP)
        except SolverError:
            return None
        X = form.weights(solution)
        if solution.status is not Status.OPTIMAL or not self._correlates_no_more(X):
            self.cut_short |= solution.status is Status.STOPPED
            return None
        return X, solution.gap

    def _correlates_no_more(self, X: Matrix) -> bool:
        """Return whether limits on correlations are kept as well as by the portfolio: these searches leave them out."""
        limits = [goal for goal in self.master.goals if goal.figure is None]
        held = ((goal, self.case.delivered(goal, self.master.X), self.case.delivered(goal, X)) for goal in limits)
        return all(was is None or goal.reaches(max(was, goal.asked), now) for goal, was, now in held)
