"""Stage 2 a second time, from the formulas of the design and the definitions in words alone.

``enumerate_supports`` tries every set of ETFs for every pod and solves what is left with cvxpy;
``ask_scip`` hands the whole mixed-integer problem to SCIP, cones scaled to order one. Neither uses
the product's formulation, figures or solver; the pods' own weights are given to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np
from pyscipopt import Model, quicksum

from support.doubt import ACCURACIES, judged
from support.repeated import Repeated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms


@dataclass
class Facts:
    """What both oracles need to know of an instance."""

    prices: Market
    sleeves: Sequence[Sleeve]
    terms: Terms
    never_worse: bool = True

    def __post_init__(self) -> None:
        etfs = self.prices.etfs
        self.mu = self.prices.expected_returns
        self.L = np.linalg.cholesky(self.prices.Sigma)
        self.excess = self.mu - self.prices.risk_free
        self.aimed_mu, self.aimed_L = self._aimed()
        self.credit = np.array([e.distribution_yield * e.franked_share * 3 / 7 for e in etfs])
        self.income = np.array([e.distribution_yield for e in etfs]) + self.credit
        self.liquidity = np.array([e.liquidity for e in etfs])
        self.spread = np.array([e.half_spread for e in etfs])
        self.c = np.array([s.share for s in self.sleeves])
        X = np.array([s.share * s.weights for s in self.sleeves])
        w = X.sum(axis=0)
        owners = (X > 0).sum(axis=0)
        self.naive_etfs = int((owners > 0).sum())
        self.naive_duplicates = int((owners > 1).sum())
        self.naive_extra = int(np.maximum(owners - 1, 0).sum())
        self.naive_largest = float(w.max())
        self.naive_cost = self.cost(w, int(owners.sum()))
        # Net tax: what the credits do not pay; less than nothing where more is refunded than paid.
        self.tax = self.terms.marginal_tax_rate * self.income - self.credit
        self.naive_tax, self.naive_gross = float(self.tax @ w), float(self.income @ w)
        self.naive_earned = float(self.mu @ w)
        self.naive_risk = float(np.linalg.norm(self.L.T @ w))
        self.naive_sharpe = float(self.excess @ w) / self.naive_risk

    def _aimed(self) -> tuple[Vector, Matrix]:
        """The returns, and a factor of the covariance, in which the pods score: the worst case, where one is asked."""
        if self.terms.robust is None:
            return self.mu, self.L
        s = np.sqrt(np.diag(self.prices.Sigma))
        years = self.prices.basis.returns / self.prices.basis.returns_per_year
        mu = self.mu - self.terms.robust.returns * s / np.sqrt(years)
        return mu, np.linalg.cholesky(self.prices.Sigma + self.terms.robust.covariance * np.outer(s, s))

    def cost(self, w: Vector, positions: int) -> float:
        return self.terms.brokerage_aud * positions + self.terms.total_capital_aud * float(self.spread @ w)

    @property
    def most_etfs(self) -> int:
        most = self.terms.rules.max_etfs
        return min(most, self.naive_etfs) if self.never_worse else most

    @property
    def most_duplicates(self) -> int:
        if not self.shared:
            return 0
        return self.naive_duplicates if self.never_worse else len(self.prices.etfs)

    @property
    def largest(self) -> float:
        most = self.terms.rules.max_weight
        return min(most, self.naive_largest) if self.never_worse else most

    @property
    def shared(self) -> bool:
        return self.terms.rules.duplicates.value == "penalise"

    def universe(self, p: int) -> list[int]:
        names = self.sleeves[p].mandate.universe
        return [j for j, t in enumerate(self.prices.tickers) if t in names and t not in self.sleeves[p].left_out]

    def too_near(self, i: int, j: int) -> bool:
        S = self.prices.Sigma
        distance = np.sqrt((1 - S[i, j] / np.sqrt(S[i, i] * S[j, j])) / 2)
        return bool(distance < self.terms.rules.min_correlation_distance)

    def star(self, p: int) -> tuple[float, float, float]:
        """Volatility, return and income of the pod's stage-1 result."""
        u = self.sleeves[p].weights
        return float(np.linalg.norm(self.L.T @ u)), float(self.mu @ u), float(self.income @ u)

    def linear_goal(self, measure: str) -> Vector:
        return {"expected_return": self.mu, "grossed_up_yield": self.income, "liquidity": self.liquidity}[measure]


@dataclass(frozen=True)
class Enumerated:
    """The best objective over all supports.

    Attributes:
        best: The objective at the oracle's point, computed from the weights; minus infinity if no support is feasible.
        doubt: By how much *best* can be too high, since this same point is outside its rows by that much.
    """

    best: float
    doubt: float


def enumerate_supports(facts: Facts) -> Enumerated:
    """Find the best objective over all supports."""
    problem, on, held = _convex(facts)
    repeated, preferences = Repeated(problem), facts.terms.preferences
    best, chosen, value = -np.inf, None, np.nan
    for support in _supports(facts):
        owners = support.sum(axis=0)
        on.value, held.value = support, (owners > 0).astype(float)
        status, found = repeated.solve(*ACCURACIES)
        if status != cp.OPTIMAL:
            continue
        fixed = preferences.duplication * float(np.maximum(owners - 1, 0).sum()) / max(facts.naive_extra, 1)
        if facts.naive_cost > 0:
            fixed += preferences.trading_cost * facts.terms.brokerage_aud * float(owners.sum()) / facts.naive_cost
        if found - fixed > best:
            best, chosen, value = found - fixed, support, found
    if chosen is None:
        return Enumerated(best, 0.0)
    on.value, held.value = chosen, (chosen.sum(axis=0) > 0).astype(float)
    # The first solution's value is not that of a point whose accuracy is known.
    accurate, doubt = judged(problem, value)
    return Enumerated(best - value + accurate, doubt)


def _supports(facts: Facts) -> Iterator[Matrix]:
    P, n = len(facts.sleeves), len(facts.prices.etfs)
    choices = []
    for p in range(P):
        most = min(facts.sleeves[p].mandate.max_position, facts.largest / facts.c[p])
        sets = (s for k in range(1, n + 1) for s in combinations(facts.universe(p), k))
        choices.append([s for s in sets if len(s) * most >= 1 - 1e-9])
    for chosen in product(*choices):
        support = np.zeros((P, n))
        for p, s in enumerate(chosen):
            support[p, list(s)] = 1
        owners = support.sum(axis=0)
        held = np.flatnonzero(owners)
        if (
            len(held) <= facts.most_etfs
            and (owners > 1).sum() <= facts.most_duplicates
            and not any(facts.too_near(i, j) for i, j in combinations(held, 2))
        ):
            yield support


def _convex(facts: Facts) -> tuple[cp.Problem, cp.Parameter, cp.Parameter]:
    """State the program that is left when the supports are parameters."""
    P, n, terms, preferences = len(facts.sleeves), len(facts.prices.etfs), facts.terms, facts.terms.preferences
    X = cp.Variable((P, n))
    on, held = cp.Parameter((P, n), nonneg=True), cp.Parameter(n, nonneg=True)
    w = cp.sum(X, axis=0)
    rows = [X >= 0, w >= terms.rules.min_weight * held, w <= facts.largest]
    score = 0.0
    for p, s in enumerate(facts.sleeves):
        u = X[p] / facts.c[p]
        risk, aimed_risk = cp.norm(facts.L.T @ u), cp.norm(facts.aimed_L.T @ u)
        s_star, m_star, y_star = facts.star(p)
        worst_s, worst_m = float(np.linalg.norm(facts.aimed_L.T @ s.weights)), float(facts.aimed_mu @ s.weights)
        rows += [cp.sum(u) == 1, u <= s.mandate.max_position * on[p]]
        rf = facts.prices.risk_free
        S_star = (worst_m - rf) / worst_s
        score += (
            facts.c[p]
            * {
                "min_volatility": 2 - aimed_risk / worst_s,
                "max_income": facts.income @ u / y_star,
                "max_return": 1 + (facts.aimed_mu @ u - worst_m) / abs(m_star),
                "max_sharpe": 1 - (S_star * aimed_risk - (facts.aimed_mu @ u - rf)) / (m_star - rf),
            }[s.mandate.objective.value]
        )
        for goal, asked in s.mandate.goals.items():
            if goal.value == "volatility":
                rows.append(risk / s_star <= asked / s_star)
            elif goal.value == "sharpe_ratio":
                rows.append(asked * risk / s_star <= facts.excess @ u / s_star)
            else:
                rows.append(facts.linear_goal(goal.value) @ u / asked >= 1)
    objective, joint = preferences.pod_score * score, []
    if facts.naive_cost > 0:
        variable = terms.total_capital_aud * (facts.spread @ w) / facts.naive_cost
        fixed = terms.brokerage_aud * cp.sum(on) / facts.naive_cost
        joint.append(variable + fixed <= 1)
        objective -= preferences.trading_cost * variable
    if facts.naive_gross > 0:
        tax = facts.tax @ w / facts.naive_gross
        objective += preferences.tax_efficiency * (facts.naive_tax / facts.naive_gross - tax)
        if facts.tax.any() and facts.naive_earned > 0:
            # What is left after tax, as a part of what is earned, no lower than naive: tax no higher a part.
            part = facts.naive_tax / facts.naive_earned
            joint.append(tax <= part * (facts.mu @ w) / facts.naive_gross)
    joint.append(facts.naive_sharpe * cp.norm(facts.L.T @ w) / facts.naive_risk <= facts.excess @ w / facts.naive_risk)
    return cp.Problem(cp.Maximize(objective), rows + joint * facts.never_worse), on, held


@dataclass
class Verdict:
    """What SCIP found: its best objective, its bound, and whether it finished."""

    best: float
    bound: float
    finished: bool


def ask_scip(facts: Facts, *, nodes: int = 20_000) -> Verdict:
    """Solve the whole problem with SCIP, in the market's own figures.

    Up to *nodes* nodes, and a minute, so that no test hangs.
    """
    model = Model()
    model.hideOutput()
    model.setParam("limits/totalnodes", nodes)
    model.setParam("limits/time", 60)
    model.setParam("limits/gap", 1e-5)
    model.setParam("numerics/feastol", 1e-8)
    _state(model, facts)
    model.optimize()
    if model.getStatus() == "infeasible":
        return Verdict(-np.inf, -np.inf, finished=True)
    best = model.getObjVal() if model.getNSols() else -np.inf
    return Verdict(best, model.getDualbound(), finished=model.getStatus() in ("optimal", "gaplimit"))


def _norm(model: Model, M: Matrix, variables: list[object], limit: object) -> None:
    """|M x| <= limit, as a sum of squares; *M* of order one."""
    parts = []
    for row in M:
        if not row.any():
            continue
        t = model.addVar(lb=None)
        model.addCons(quicksum(a * v for a, v in zip(row.tolist(), variables, strict=True) if a) == t)
        parts.append(t)
    r = model.addVar(lb=0)
    model.addCons(r == limit)
    model.addCons(quicksum(t * t for t in parts) <= r * r)


def _state(model: Model, facts: Facts) -> None:  # noqa: C901, PLR0912, PLR0915 - one block a rule
    P, n, terms, preferences = len(facts.sleeves), len(facts.prices.etfs), facts.terms, facts.terms.preferences
    own = {(p, j): p for p in range(P) for j in facts.universe(p)}
    u = {k: model.addVar(lb=0, ub=facts.sleeves[k[0]].mandate.max_position) for k in own}
    z = {k: model.addVar(vtype="B") for k in own}
    y = [model.addVar(vtype="B") for _ in range(n)]
    d = [model.addVar(vtype="B") for _ in range(n)]  # duplicated
    extra = [model.addVar(lb=0) for _ in range(n)]
    w = [quicksum(facts.c[p] * u[p, j] for p in range(P) if (p, j) in own) for j in range(n)]
    for k in own:
        model.addCons(u[k] <= facts.sleeves[k[0]].mandate.max_position * z[k])
        model.addCons(z[k] <= y[k[1]])
    for j in range(n):
        owners = quicksum(z[p, j] for p in range(P) if (p, j) in own)
        model.addCons(w[j] >= terms.rules.min_weight * y[j])
        model.addCons(w[j] <= facts.largest * y[j])
        model.addCons(owners <= 1 + (P - 1) * d[j])
        model.addCons(extra[j] >= owners - 1)
    model.addCons(quicksum(y) <= facts.most_etfs)
    model.addCons(quicksum(d) <= facts.most_duplicates)
    for i, j in combinations(range(n), 2):
        if facts.too_near(i, j):
            model.addCons(y[i] + y[j] <= 1)
    goal = 0.0
    for p, s in enumerate(facts.sleeves):
        mine = [k for k in own if k[0] == p]
        us, at = [u[k] for k in mine], [k[1] for k in mine]
        s_star, m_star, y_star = facts.star(p)
        model.addCons(quicksum(us) == 1)
        risk = model.addVar(lb=0)  # in units of s_star
        _norm(model, facts.L[at].T / s_star, us, risk)

        def dot(column: Vector, us: list[object] = us, at: list[int] = at) -> object:
            return quicksum(float(column[j]) * v for j, v in zip(at, us, strict=True))

        S_star = (m_star - facts.prices.risk_free) / s_star
        goal += (
            preferences.pod_score
            * facts.c[p]
            * {
                "min_volatility": lambda risk=risk: 2 - risk,
                "max_income": lambda dot=dot, y_star=y_star: dot(facts.income / y_star),
                "max_return": lambda dot=dot, m=m_star: 1 + (dot(facts.mu) - m) / abs(m),
                "max_sharpe": lambda risk=risk, dot=dot, e=S_star * s_star: 1 - risk + dot(facts.excess / e),
            }[s.mandate.objective.value]()
        )
        for measure, asked in s.mandate.goals.items():
            if measure.value == "volatility":
                model.addCons(risk <= asked / s_star)
            elif measure.value == "sharpe_ratio":
                model.addCons(asked * risk <= dot(facts.excess / s_star))
            else:
                model.addCons(dot(facts.linear_goal(measure.value) / asked) >= 1)

    def whole(column: Vector) -> object:
        return quicksum(float(column[j]) * w[j] for j in range(n))

    if facts.naive_cost > 0:
        cost = whole(terms.total_capital_aud * facts.spread / facts.naive_cost) + quicksum(
            terms.brokerage_aud / facts.naive_cost * v for v in z.values()
        )
        if facts.never_worse:
            model.addCons(cost <= 1)
        goal -= preferences.trading_cost * cost
    if facts.naive_gross > 0:
        tax = whole(facts.tax / facts.naive_gross)
        goal += preferences.tax_efficiency * (facts.naive_tax / facts.naive_gross - tax)
        if facts.never_worse and facts.tax.any() and facts.naive_earned > 0:
            model.addCons(tax <= whole(facts.naive_tax / facts.naive_earned / facts.naive_gross * facts.mu))
    goal -= preferences.duplication * quicksum(extra) / max(facts.naive_extra, 1)
    if facts.never_worse:
        keys = list(own)
        columns = np.array([facts.c[p] * facts.L[j] / facts.naive_risk for p, j in keys])
        least = whole(facts.excess / (facts.naive_sharpe * facts.naive_risk))
        _norm(model, columns.T, [u[k] for k in keys], least)
    top = model.addVar(lb=None)
    model.addCons(top <= goal)
    model.setObjective(top, sense="maximize")
