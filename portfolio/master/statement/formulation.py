"""State stage 2, all pods together, as one cone program: structure, goals and objective.

A mixed-integer second-order cone program. ``holdings`` and ``trade_rows`` have the variables and rules;
``goal_rows`` and ``correlations`` have the rows of goals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF, ON
from portfolio.market.measure import Measure
from portfolio.master.statement.correlations import limit_correlation
from portfolio.master.statement.goal_rows import Lever, aim_at, aim_key, require
from portfolio.master.statement.holdings import Caps
from portfolio.master.statement.structure import Structure
from portfolio.terms.goals import Row
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.master.statement.correlations import Near
    from portfolio.terms.goals import Goal


class Formulation(Structure):
    """The program of stage 2, with the methods that read a solution.

    Args:
        case: The customer's case.
        levels: Figures at which goals are kept, by name; if None, all goals are kept as asked.
        without: Rules to leave out, by name; see ``rules``.
        aim: A goal and a figure. Optimise this goal's figure in place of the customer's objective; for a ratio, beat
            the given figure.
        invested: The least share of the capital that is invested; infinity invests as much as possible, in place of the
            customer's objective.
        near: Holdings around which convex rows replace the limits on correlations, which are not convex; if None,
            these limits are left out.
        weaker: Whether a row that any portfolio with the Sharpe ratio keeps stands in for one that is not convex, in
            place of a stronger row: the program then bounds all of these portfolios.

    Attributes:
        goals: All goals, in the order of service.
        levers: By name of a kept goal: how easing the goal changes the program.
    """

    def __init__(  # noqa: PLR0913 - the parts of a program that searches change
        self,
        case: Case,
        *,
        levels: Mapping[str, float] | None = None,
        without: Collection[str] = (),
        aim: tuple[Goal, float] | None = None,
        invested: float = 0.0,
        near: Near | None = None,
        weaker: bool = False,
    ) -> None:
        self.goals = case.goals
        self.levels = {goal.name: goal.asked for goal in self.goals} if levels is None else levels
        caps = Caps(
            self.levels.get(f"never_worse.{Row.LARGEST_POSITION}", 1.0),
            self.levels.get(f"never_worse.{Row.ETFS}", np.inf),
        )
        if without:
            super().__init__(case, without, caps)
        else:
            vars(self).update(case.structured(caps, lambda: Structure(case, (), caps)).copied())
        self.levers: dict[str, Lever] = {}
        self.near, self.weaker = near, weaker
        everything = np.ones(len(self.market.etfs))
        if aim is not None:
            with self.build.about("aim"):
                aim_at(self, *aim)
            self.build.aim = aim_key(self, aim[0])
        elif invested == np.inf:
            self.build.cost(self.whole(-everything))
        elif not (near and near.elastic):
            self._score()
        if 0 < invested < np.inf:
            with self.build.about("invested"):
                self.build.at_least(self.whole(everything), invested)
        for goal in self.goals:
            if goal.name in self.levels:
                with self.build.about(goal.name):
                    self._keep(goal, self.levels[goal.name])
        self.program: Program = self.build.build()

    def untraded(self, X: Matrix) -> States:
        """Return the switches of holdings *X*, shape (pods, n), if nothing is traded."""
        states = np.full(len(self.program.k), OFF, dtype=np.int8)
        states[[h.z for h in self.holdings if X[h.p, h.j] > 0]] = ON
        return states

    def _keep(self, goal: Goal, level: float) -> None:
        """Add the row of a goal, unless the pod's limits imply the goal, or a correlation limit has no *near* point."""
        if goal.figure is None:
            if self.near is not None:
                limit_correlation(self, goal, level, self.near)
        elif not self._kept_by_itself(goal, level):
            lever = require(self, goal, level)
            self.levers |= {goal.name: lever} if lever else {}

    def _kept_by_itself(self, goal: Goal, level: float) -> bool:
        """Return whether the pod's limits already imply a cap on volatility: the cap then needs no cone."""
        if goal.figure is not Measure.VOLATILITY:
            return False
        p = [sleeve.mandate.pod for sleeve in self.sleeves].index(goal.pods[0])
        # The bound on the risk holds only if all of the pod's capital is invested.
        return self.stock is None and not self.has_risk(p) and level >= self.most_risk(p)

    def _score(self) -> None:
        """Add the customer's objective, to be minimised: see ``docs/model.md``."""
        for p in range(len(self.sleeves)):
            self._score_pod(p)
        self.penalise_sharing()
        weigh, naive = self.terms.preferences, self.naive
        if naive.buying_cost_aud > 0:
            row, constant = self.trading_costs(with_losses=True)
            self.build.offset += weigh.trading_cost * constant
            self.build.cost({j: weigh.trading_cost * a for j, a in row.items()})
        if weigh.tax_efficiency > 0 and naive.gross_income_aud > 0:
            row, constant = self.net_tax()
            a_dollar = weigh.tax_efficiency * self.terms.total_capital_aud / naive.gross_income_aud
            self.build.offset += a_dollar * constant - weigh.tax_efficiency * naive.net_tax_aud / naive.gross_income_aud
            self.build.cost({x: a_dollar * a for x, a in row.items()})

    def _score_pod(self, p: int) -> None:
        """Add the pod's part of the objective: 1 at the stage-1 result, weighted by the capital invested."""
        sleeve, size = self.sleeves[p], self.sleeves[p].figures
        aimed, best = self.case.aimed, self.case.aimed_alone(sleeve)
        weight = self.terms.preferences.pod_score * sleeve.share
        if sleeve.mandate.objective is Objective.MIN_VOLATILITY:
            # 2 - s / s*
            self._credit(p, 2 * weight)
            self.build.cost({self.aimed_risk(p): weight})
        elif sleeve.mandate.objective is Objective.MAX_SHARPE:
            # 1 - (S* s - (m - rf)) / e, with e = S* s* unless the figures are those of a worst case
            size_of_excess = size.sharpe_ratio * size.volatility
            per_risk = weight
            if aimed is not self.market:
                per_risk = weight * best.sharpe_ratio * best.volatility / size_of_excess
            self._credit(p, weight)
            self.build.cost({self.aimed_risk(p): per_risk})
            self.build.cost(self.row(p, -weight * (aimed.expected_returns - aimed.risk_free) / size_of_excess))
        else:
            # 1 + (m - m*) / |m*|, which equals m / m* for positive m*
            measure = sleeve.mandate.objective.measure
            yardstick = abs(size.of(measure))
            self._credit(p, weight * (1 - best.of(measure) / yardstick))
            self.build.cost(self.row(p, -weight * self.column(measure, aimed) / yardstick))

    def _credit(self, p: int, points: float) -> None:
        """Add points to the objective: for the pod's whole capital, or for the fraction that the pod invests."""
        row, constant = self.of_invested(p, points)
        self.build.offset -= constant
        self.build.cost({x: -a for x, a in row.items()})
