"""Goals served one after the other, from the definition alone: every support, and cvxpy on each.

Hard rules first; then goal by goal the best figure with the goals before it held: a pod's goal out of reach is held at
its best less the tolerance, a goal to be no worse is then given up; then the objective. Shares no formulation, figures
or solver with the product. Programs are stated in ``X`` and a scale ``t``, so that a ratio
is one program too: risk, or return before tax, is one, and ``t`` is free.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations, product
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import cvxpy as cp
import numpy as np

from support.repeated import Repeated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio import Matrix
    from support.oracles import Facts

COUNTS = ("etfs", "duplicated_etfs")
CAPS = ("volatility", "etfs", "duplicated_etfs", "largest_position", "trading_cost_aud")
ROWS = ("etfs", "duplicated_etfs", "largest_position", "sharpe_ratio", "tax_efficiency", "trading_cost_aud")
MEASURES = ("volatility", "expected_return", "grossed_up_yield", "sharpe_ratio", "liquidity")
DOCUMENTED = {"volatility": 1, "liquidity": 2, "grossed_up_yield": 3, "sharpe_ratio": 3, "expected_return": 3}

# A goal is met within a millionth of its size; one that gives way is held at least this much below its best.
_MET, _LEAST_TOLERANCE = 1e-6, 1e-4

_ACCURACIES = (1e-9, 1e-8, 1e-7)

# A support reaches a level to within this much of what its program's accuracy leaves.
_REACHES = 3e-7


def asked_in_order(facts: Facts) -> dict[str, float]:
    """Name all goals and what they ask, the first to be served first (``docs/model.md``)."""
    goals = []
    for p, sleeve in enumerate(facts.sleeves):
        pod = sleeve.mandate.pod
        rank = (facts.terms.pod_ranks.get(pod, 10), -sleeve.share, p)
        for measure, asked in sleeve.mandate.goals.items():
            name = f"{pod}.{measure.value}"
            priority = facts.terms.priorities.get(name, DOCUMENTED[measure.value])
            goals.append((priority, 0, rank, MEASURES.index(measure.value), name, asked))
    for i, (row, asked) in enumerate(naive_rows(facts).items()):
        name = f"never_worse.{row}"
        goals.append((facts.terms.priorities.get(name, 4), 1, (), i, name, asked))
    return {name: asked for *_, name, asked in sorted(goals)}


def naive_rows(facts: Facts) -> dict[str, float]:
    """Say what the naive portfolio has, of the rows that may be worse at all."""
    rows = {
        "etfs": facts.naive_etfs,
        "duplicated_etfs": facts.naive_duplicates if facts.shared else None,
        "largest_position": facts.naive_largest,
        "sharpe_ratio": facts.naive_sharpe,
        "tax_efficiency": 10 * (1 - facts.naive_tax / facts.naive_earned) if facts.tax.any() else None,
        "trading_cost_aud": facts.naive_cost or None,
    }
    return {row: float(value) for row, value in rows.items() if value is not None}


def lower(name: str) -> bool:
    """Whether a goal is a cap."""
    return name.split(".")[1] in CAPS


class Lexicographic:
    """The programs that are left when levels of goals are held, over all supports that can keep them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.supports = list(supports(facts))
        self.held: dict[str, float] = {}

    def best(self, name: str) -> float | None:
        """Find the best figure of a goal with those before it held; None if the rules cannot be kept."""
        self.tops = self._over_supports(name)
        self.supports = [support for support, top in zip(self.supports, self.tops, strict=True) if top is not None]
        self.tops = [top for top in self.tops if top is not None]
        return (min if lower(name) else max)(self.tops, default=None)

    def hold(self, name: str, level: float) -> None:
        """Keep the goal that was just asked for at a level, and forget the supports that cannot."""
        self.held[name] = level
        sign = 1 if lower(name) else -1
        reach = [sign * (top - level) <= _REACHES * max(1.0, abs(level)) for top in self.tops]
        self.supports = [support for support, kept in zip(self.supports, reach, strict=True) if kept]

    def any(self) -> bool:
        """Whether any support at all keeps the rules and what is held."""
        return any(value is not None for value in self._each(None))

    def objective(self) -> float | None:
        """Find the best objective with all levels held."""
        return max((value for value in self._over_supports(None) if value is not None), default=None)

    def _over_supports(self, aim: str | None) -> list[float | None]:
        if aim and (figure := aim.split(".")[1]) in COUNTS and not aim.split(".")[0].startswith("pod"):
            feasible = self._solve_all(None)
            counts = [float(_count(figure, support)) for support in self.supports]
            return [c if ok is not None else None for c, ok in zip(counts, feasible, strict=True)]
        return self._solve_all(aim)

    def _solve_all(self, aim: str | None) -> list[float | None]:
        return list(self._each(aim))

    def _each(self, aim: str | None) -> Iterator[float | None]:
        facts = self.facts
        P, n = len(facts.sleeves), len(facts.prices.etfs)
        on, held = cp.Parameter((P, n), nonneg=True), cp.Parameter(n, nonneg=True)
        statement = _Statement(facts, on, held)
        rows = statement.rules()
        for name, level in self.held.items():
            if name.split(".")[1] not in COUNTS:
                rows.append(statement.keep(name, level))
        sought, norming, told = statement.aim(aim) if aim else statement.objective()
        repeated = Repeated(cp.Problem(cp.Maximize(sought), [*rows, norming]))
        for support in self.supports:
            on.value, held.value = support, (support.sum(axis=0) > 0).astype(float)
            kept = all(
                _count(name.split(".")[1], support) <= level
                for name, level in self.held.items()
                if name.split(".")[1] in COUNTS
            )
            status, value = repeated.solve(*_ACCURACIES) if kept else ("not kept", 0.0)
            yield told(value, support) if status == cp.OPTIMAL else None


def _count(figure: str, support: Matrix) -> int:
    owners = support.sum(axis=0)
    return int((owners > (0 if figure == "etfs" else 1)).sum())


class _Statement:
    """Rules, goals and objective in cvxpy, for supports that are parameters."""

    def __init__(self, facts: Facts, on: cp.Parameter, held: cp.Parameter) -> None:
        self.facts, self.on, self.held = facts, on, held
        self.X = cp.Variable(on.shape, nonneg=True)
        self.t = cp.Variable(nonneg=True)
        self.w = cp.sum(self.X, axis=0)

    def rules(self) -> list[cp.Constraint]:
        f, r = self.facts, self.facts.terms.rules
        rows = [self.w >= r.min_weight * self.t * self.held, self.w <= r.max_weight * self.t]
        for p, s in enumerate(f.sleeves):
            rows += [cp.sum(self.X[p]) == f.c[p] * self.t]
            rows += [self.X[p] <= s.mandate.max_position * f.c[p] * self.t * self.on[p]]
        return rows

    def _sleeve(self, name: str) -> tuple[cp.Expression, cp.Expression]:
        """The weights that a goal is about, in the scale ``t``, and their volatility."""
        pods = [s.mandate.pod for s in self.facts.sleeves]
        pod = name.split(".", maxsplit=1)[0]
        u = self.X[pods.index(pod)] / self.facts.c[pods.index(pod)] if pod in pods else self.w
        return u, cp.norm(10 * self.facts.L.T @ u) / 10

    def _linear(self, name: str) -> cp.Expression:
        f, figure = self.facts, name.split(".")[1]
        if figure == "trading_cost_aud":
            spread = f.terms.total_capital_aud * (f.spread @ self.w)
            return (spread + f.terms.brokerage_aud * cp.sum(self.on) * self.t) / f.naive_cost
        return f.linear_goal(figure) @ self._sleeve(name)[0]

    def _tax(self) -> tuple[cp.Expression, cp.Expression]:
        f = self.facts
        return f.tax @ self.w, f.mu @ self.w

    def keep(self, name: str, level: float) -> cp.Constraint:
        f, figure = self.facts, name.split(".")[1]
        u, risk = self._sleeve(name)
        if figure == "volatility":
            return 10 * risk <= 10 * level * self.t
        if figure == "sharpe_ratio":
            return 10 * level * risk <= 10 * f.excess @ u
        if figure == "largest_position":
            return self.w <= level * self.t
        if figure == "tax_efficiency":
            tax, earned = self._tax()
            return 10 * tax <= 10 * (1 - level / 10) * earned
        if figure == "trading_cost_aud":
            return self._linear(name) <= level / f.naive_cost * self.t
        return 10 * self._linear(name) >= 10 * level * self.t

    def aim(self, name: str) -> tuple[cp.Expression, cp.Constraint, object]:
        """State what to maximise, what sets the scale, and how the figure follows."""
        f, figure, one = self.facts, name.split(".")[1], self.t == 1
        u, risk = self._sleeve(name)
        if figure == "volatility":
            return -risk, one, lambda v, _: -v
        if figure == "sharpe_ratio":
            return f.excess @ u, risk <= 1, lambda v, _: v
        if figure == "largest_position":
            return -cp.max(self.w), one, lambda v, _: -v
        if figure == "tax_efficiency":
            tax, earned = self._tax()
            return -tax, earned == 1, lambda v, _: 10 * (1 + v)
        if figure == "trading_cost_aud":
            return -self._linear(name), one, lambda v, _: -v * f.naive_cost
        return self._linear(name), one, lambda v, _: v

    def objective(self) -> tuple[cp.Expression, cp.Constraint, object]:
        f, weigh, score = self.facts, self.facts.terms.preferences, 0.0
        for p, s in enumerate(f.sleeves):
            u = self.X[p] / f.c[p]
            risk = cp.norm(f.L.T @ u)
            s_star, m_star, y_star = f.star(p)
            S_star = (m_star - f.prices.risk_free) / s_star
            score += (
                f.c[p]
                * {
                    "min_volatility": 2 - risk / s_star,
                    "max_income": f.income @ u / y_star,
                    "max_return": 1 + (f.mu @ u - m_star) / abs(m_star),
                    "max_sharpe": 1 - (S_star * risk - f.excess @ u) / (S_star * s_star),
                }[s.mandate.objective.value]
            )
        value = weigh.pod_score * score
        if f.naive_cost > 0:
            value -= weigh.trading_cost * self._linear("whole.trading_cost_aud")
        if f.naive_gross > 0:
            value += weigh.tax_efficiency * (f.naive_tax - self._tax()[0]) / f.naive_gross

        def told(found: float, support: Matrix) -> float:
            extra = float(np.maximum(support.sum(axis=0) - 1, 0).sum())
            return found - weigh.duplication * extra / max(f.naive_extra, 1)

        return value, self.t == 1, told


def supports(facts: Facts) -> Iterator[Matrix]:
    """All sets of ETFs for all pods that the hard rules on numbers allow."""
    P, n = len(facts.sleeves), len(facts.prices.etfs)
    rules = facts.terms.rules
    choices = []
    for p in range(P):
        most = min(facts.sleeves[p].mandate.max_position, rules.max_weight / facts.c[p])
        sets = (s for k in range(1, n + 1) for s in combinations(facts.universe(p), k))
        choices.append([s for s in sets if len(s) * most >= 1 - 1e-9])
    for chosen in product(*choices):
        support = np.zeros((P, n))
        for p, s in enumerate(chosen):
            support[p, list(s)] = 1
        owners = support.sum(axis=0)
        held = np.flatnonzero(owners)
        if (
            len(held) <= rules.max_etfs
            and (facts.shared or owners.max() <= 1)
            and not any(facts.too_near(i, j) for i, j in combinations(held, 2))
        ):
            yield support


def solved(problem: cp.Problem) -> bool:
    """Solve as sharply as there is room for."""
    for tolerance in _ACCURACIES:
        with suppress(cp.SolverError), catch_warnings():
            simplefilter("ignore", UserWarning)
            problem.solve(solver=cp.CLARABEL, tol_feas=tolerance, tol_gap_abs=tolerance, tol_gap_rel=tolerance)
            if problem.status == "infeasible":
                return False
            # On some processors the solver reports an optimum that is not a number.
            if problem.status == "optimal" and np.isfinite(problem.value):
                return True
    return False


def served(facts: Facts) -> tuple[dict[str, float], dict[str, float], float | None]:
    """Serve all goals.

    Returns:
        The best figure of every goal with those before it held, the levels held, and the best objective at the end.
    """
    programs, found = Lexicographic(facts), dict[str, float]()
    for name, asked in asked_in_order(facts).items():
        best = programs.best(name)
        if best is None:
            return found, programs.held, None
        found[name] = best
        sign = 1 if lower(name) else -1
        if sign * (best - asked) <= _MET * max(1.0, abs(asked)):
            programs.hold(name, asked)
        elif not name.startswith("never_worse."):
            tolerance = max(facts.terms.target_tolerance * abs(best), _LEAST_TOLERANCE)
            programs.hold(name, best + sign * tolerance)
    return found, programs.held, programs.objective()
