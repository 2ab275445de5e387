"""Stage 2 through SCIP: what one would write without an optimiser of one's own, as well as we know how.

The same problem as ``portfolio.master.statement``, written down again from its definition. Every cone is scaled to
order one (unscaled, SCIP's absolute tolerance gives wrong optima) and stated as a sum of squares; every pod has its
least number of ETFs; a shared ETF has the tight row ``d_j >= sum_p z[p,j] - y_j``. Handed over directly: CVXPY
adds its translation, and nothing else. Without perspective cones, which make SCIP slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from pyscipopt import Model, quicksum

from portfolio.case.naive import extra_owners, overview, put_side_by_side
from portfolio.market.figures import grossed_up_yields, net_tax
from portfolio.market.measure import Measure
from portfolio.terms.mandate import Objective
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms

# What SCIP calls infinity.
INFINITE = 1e20


@dataclass(frozen=True, slots=True)
class Answer:
    """What SCIP says.

    Attributes:
        status: "proven", "infeasible" or "open".
        value: Its best objective, higher is better; minus infinity without one.
        bound: No portfolio has a higher one, as far as SCIP knows.
        solve_s: Its own time, presolve included, without the statement of the model.
        nodes: Nodes of its tree.
    """

    status: str
    value: float
    bound: float
    solve_s: float
    nodes: int

    @property
    def gap(self) -> float:
        """Relative gap, by our definition."""
        if self.status == "infeasible":
            return 0.0
        if not math.isfinite(self.value):
            return math.inf
        return max(0.0, self.bound - self.value) / max(abs(self.value), 0.01)


def solve(
    market: Market,
    sleeves: Sequence[Sleeve],
    terms: Terms,
    *,
    never_worse: bool = True,
    gap: float = 1e-4,
    limit_s: float = 60.0,
) -> Answer:
    """Solve stage 2 with SCIP on one thread."""
    model = _StageTwo(market, sleeves, terms, never_worse=never_worse).model
    model.hideOutput()
    model.setParam("limits/gap", gap)
    model.setParam("limits/time", limit_s)
    model.setParam("parallel/maxnthreads", 1)
    model.setParam("lp/threads", 1)
    model.optimize()
    ended = model.getStatus()
    status = {"optimal": "proven", "gaplimit": "proven", "infeasible": "infeasible"}.get(ended, "open")
    value = model.getObjVal() if model.getNSols() else -math.inf
    return Answer(status, value, model.getDualbound(), model.getSolvingTime(), model.getNTotalNodes())


class _StageTwo:
    """The model; its pieces are those of ``docs/model.md``, one a rule."""

    def __init__(self, market: Market, sleeves: Sequence[Sleeve], terms: Terms, *, never_worse: bool) -> None:
        self.market, self.sleeves, self.terms = market, sleeves, terms
        self.never_worse = never_worse
        self.naive = overview(market, put_side_by_side(sleeves), terms, None)
        self.model, self.goal = Model(), 0.0
        self.largest = min(terms.rules.max_weight, self.naive.largest_position if never_worse else 1.0)
        self.shared = terms.rules.duplicates is Duplicates.PENALISE
        self.universes = [market.positions(t for t in s.mandate.universe if t not in s.left_out) for s in self.sleeves]
        self.u = [self._weights(p) for p in range(len(sleeves))]
        self.z = [self._switches(p) for p in range(len(sleeves))]
        self.owners = {
            j: [p for p, universe in enumerate(self.universes) if j in universe] for j in range(len(market.etfs))
        }
        for p in range(len(sleeves)):
            self._pod(p)
        self.w = {j: quicksum(sleeves[p].share * self.u[p][j] for p in ps) for j, ps in self.owners.items() if ps}
        self._ownership()
        self._cost()
        self._tax()
        if never_worse:
            self._sharpe()
        # A linear objective is all that SCIP takes; this one is, already.
        self.model.setObjective(self.goal, sense="maximize")

    def _weights(self, p: int) -> dict[int, object]:
        most = min(self.sleeves[p].mandate.max_position, self.largest / self.sleeves[p].share)
        return {j: self.model.addVar(lb=0, ub=most) for j in self.universes[p]}

    def _switches(self, p: int) -> dict[int, object]:
        share, least = self.sleeves[p].share, self.terms.rules.min_weight
        most = min(self.sleeves[p].mandate.max_position, self.largest / share)
        z = {j: self.model.addVar(vtype="B") for j in self.universes[p]}
        for j, u in self.u[p].items():
            self.model.addCons(u <= most * z[j])
            if not self.shared:
                self.model.addCons(u >= least / share * z[j])
        self.model.addCons(quicksum(z.values()) >= math.ceil(1 / most - 1e-9))
        return z

    def _pod(self, p: int) -> None:
        """Budget, goals and score of a pod, its volatility in units of its stage-1 result."""
        sleeve, u, best = self.sleeves[p], self.u[p], self.sleeves[p].figures
        mandate, excess = sleeve.mandate, self.market.expected_returns - self.market.risk_free
        self.model.addCons(quicksum(u.values()) == 1)
        risk = self.model.addVar(lb=0)
        factor = np.linalg.cholesky(self.market.Sigma[np.ix_(self.universes[p], self.universes[p])])
        if mandate.objective in (Objective.MIN_VOLATILITY, Objective.MAX_SHARPE) or mandate.goals.keys() & {
            Measure.VOLATILITY,
            Measure.SHARPE,
        }:
            self._norm(factor.T / best.volatility, list(u.values()), risk)
        for measure, asked in mandate.goals.items():
            if measure is Measure.VOLATILITY:
                self.model.addCons(risk <= asked / best.volatility)
            elif measure is Measure.SHARPE:
                self.model.addCons(asked * risk <= _dot(excess / best.volatility, u))
            else:
                self.model.addCons(_dot(self._column(measure) / asked, u) >= 1)
        if mandate.objective is Objective.MIN_VOLATILITY:
            score = 2 - risk
        elif mandate.objective is Objective.MAX_SHARPE:
            score = 1 - risk + _dot(excess / (best.sharpe_ratio * best.volatility), u)
        else:
            yardstick = best.of(mandate.objective.measure)
            score = 1 + _dot(self._column(mandate.objective.measure) / abs(yardstick), u) - yardstick / abs(yardstick)
        self.goal = self.goal + self.terms.preferences.pod_score * sleeve.share * score

    def _column(self, measure: Measure) -> Vector:
        if measure is Measure.RETURN:
            return self.market.expected_returns
        return grossed_up_yields(self.market) if measure is Measure.YIELD else self.market.column("liquidity")

    def _ownership(self) -> None:
        rules, model = self.terms.rules, self.model
        most = min(rules.max_etfs, self.naive.etfs) if self.never_worse else rules.max_etfs
        if not self.shared:
            for j, ps in self.owners.items():
                if len(ps) > 1:
                    model.addCons(quicksum(self.z[p][j] for p in ps) <= 1)
            model.addCons(quicksum(z for switches in self.z for z in switches.values()) <= most)
            return
        price = self.terms.preferences.duplication / max(extra_owners(put_side_by_side(self.sleeves)), 1)
        held, duplicated = [], []
        for j, ps in self.owners.items():
            if not ps:
                continue
            y = model.addVar(vtype="B")
            held.append(y)
            for p in ps:
                model.addCons(self.z[p][j] <= y)
            model.addCons(self.w[j] >= rules.min_weight * y)
            model.addCons(self.w[j] <= self.largest * y)
            if len(ps) > 1:
                d = model.addVar(lb=0, ub=len(ps) - 1)
                model.addCons(d >= quicksum(self.z[p][j] for p in ps) - y)
                self.goal = self.goal - price * d
                if self.never_worse:
                    duplicated.append(self._duplicated(j, ps))
        model.addCons(quicksum(held) <= most)
        if duplicated:
            model.addCons(quicksum(duplicated) <= self.naive.duplicated_etfs)

    def _duplicated(self, j: int, ps: Sequence[int]) -> object:
        shared = self.model.addVar(vtype="B")
        for a, b in combinations(ps, 2):
            self.model.addCons(self.z[a][j] + self.z[b][j] <= 1 + shared)
        return shared

    def _cost(self) -> None:
        terms, naive = self.terms, self.naive.trading_cost_aud
        spread = terms.total_capital_aud * self.market.column("half_spread") / naive
        orders = quicksum(z for switches in self.z for z in switches.values())
        cost = _dot(spread, self.w) + terms.brokerage_aud / naive * orders
        self.goal = self.goal - terms.preferences.trading_cost * cost
        if self.never_worse:
            self.model.addCons(cost <= 1)

    def _tax(self) -> None:
        tax, naive, weight = net_tax(self.market, self.terms.marginal_tax_rate), self.naive, self.terms.preferences
        gross = naive.gross_income_aud / self.terms.total_capital_aud
        saved = naive.net_tax_aud / naive.gross_income_aud - _dot(tax / gross, self.w)
        self.goal = self.goal + weight.tax_efficiency * saved
        if self.never_worse and naive.tax_efficiency is not None:
            kept = (1 - naive.tax_efficiency / 10) * self.market.expected_returns
            self.model.addCons(_dot((tax - kept) / gross, self.w) <= 0)

    def _sharpe(self) -> None:
        """No lower Sharpe ratio than the naive portfolio's; over the whole portfolio's weights, as variables."""
        held = list(self.w)
        whole = {j: self.model.addVar(lb=0, ub=self.largest) for j in held}
        for j in held:
            self.model.addCons(whole[j] == self.w[j])
        factor = np.linalg.cholesky(self.market.Sigma[np.ix_(held, held)])
        excess = self.market.expected_returns - self.market.risk_free
        risk = self.model.addVar(lb=0)
        self.model.addCons(risk <= _dot(excess / (self.naive.sharpe_ratio * self.naive.volatility), whole))
        self._norm(factor.T / self.naive.volatility, list(whole.values()), risk)

    def _norm(self, M: Matrix, variables: Sequence[object], limit: object) -> None:
        """Require ``|M x| <= limit``."""
        parts = []
        for row in M:
            part = self.model.addVar(lb=None)
            self.model.addCons(quicksum(a * v for a, v in zip(row.tolist(), variables, strict=True) if a) == part)
            parts.append(part)
        self.model.addCons(quicksum(t * t for t in parts) <= limit * limit)


def _dot(column: Vector, variables: dict[int, object]) -> object:
    return quicksum(float(column[j]) * v for j, v in variables.items())
