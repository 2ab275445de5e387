"""Certify stage 2 by brute force over supports, up to some 15 ETFs with four pods.

Every support of every pod is solved alone, which is a small cone program; a combination of supports
is bounded below by the sum of its pods. Combinations are taken in the order of that bound, those
against the ownership rules and the count limit left out, and what is left is solved jointly, until the bound
exceeds the best that was found. That is exact whatever the order; to make it short, the rows that
join the pods (cost, tax, Sharpe ratio) are priced into the pods' programs, with multipliers from
a linear combination of pods' solutions (Dantzig-Wolfe). Any multipliers give a valid bound.

From ``Facts`` alone: neither the product's formulation, nor its programs, nor its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations
from typing import TYPE_CHECKING

import clarabel
import numpy as np
from scipy.sparse import csc_matrix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from portfolio import Matrix, Vector
    from support.oracles import Facts

    Rows = list[tuple[Matrix, Vector, str]]

# Bounds are optimal values of an interior-point solver: combinations this much beyond the best are tried, too.
MARGIN = 1e-6
# Rounds of pricing, and the price of breaking a joint row in the first and when that is not enough.
ROUNDS, ELASTIC = 6, (3.0, 300.0, 3e4)
# So many combinations are looked at in one go.
BAND = 200_000


@dataclass
class Cones:
    """min q.x with every block of rows ``b - A x`` zero, non-negative or in a second-order cone."""

    q: Vector
    blocks: Rows

    def solve(self) -> tuple[float, Vector, Vector] | None:
        """Value, point and multipliers; None if infeasible."""
        kinds = {"zero": clarabel.ZeroConeT, "positive": clarabel.NonnegativeConeT, "norm": clarabel.SecondOrderConeT}
        A, b = csc_matrix(np.vstack([A for A, _, _ in self.blocks])), np.concatenate([b for _, b, _ in self.blocks])
        cones = [kinds[kind](len(rhs)) for _, rhs, kind in self.blocks]
        n = len(self.q)
        for tolerance in (1e-9, 1e-8, 1e-7, 1e-6):
            settings = clarabel.DefaultSettings()
            settings.verbose = False
            settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = tolerance
            found = clarabel.DefaultSolver(csc_matrix((n, n)), self.q, A, b, cones, settings).solve()
            if found.status == clarabel.SolverStatus.PrimalInfeasible:
                return None
            if found.status == clarabel.SolverStatus.Solved:
                return float(self.q @ found.x), np.array(found.x), np.array(found.z)
        message = f"the oracle's own solver ends in {found.status}"
        raise ArithmeticError(message)


@dataclass
class Prices:
    """Multipliers of the rows that join the pods: cost, tax, and the Sharpe ratio's cone."""

    cost: float
    tax: float
    top: float
    cone: Vector


class Joint:
    """The rows that join the pods, as vectors on the weights of the whole portfolio."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        terms, n = facts.terms, len(facts.mu)
        costly, taxed = facts.naive_cost > 0, facts.naive_gross > 0 and facts.naive_earned > 0
        self.cost = terms.total_capital_aud * facts.spread / facts.naive_cost if costly else np.zeros(n)
        self.brokerage = terms.brokerage_aud / facts.naive_cost if costly else 0.0
        self.tax = facts.tax / facts.naive_gross if taxed else np.zeros(n)
        share = facts.naive_tax / facts.naive_gross if taxed else 0.0
        self.less_tax = self.tax - share * facts.mu / facts.naive_earned if taxed else np.zeros(n)
        self.constant = -terms.preferences.tax_efficiency * share
        assert facts.naive_sharpe > 0, "the row is a cone only then"
        self.excess = facts.excess / (facts.naive_sharpe * facts.naive_risk)
        self.risk = facts.L / facts.naive_risk
        self.extra = terms.preferences.duplication / max(facts.naive_extra, 1)
        self.free = Prices(0.0, 0.0, 0.0, np.zeros(n))

    def priced(self, prices: Prices) -> Vector:
        """What the rows' multipliers add to the cost of the whole portfolio's weights."""
        return prices.cost * self.cost + prices.tax * self.less_tax - prices.top * self.excess - self.risk @ prices.cone

    def rows(self, positions: Vector, columns: Matrix) -> tuple[tuple[Matrix, Vector], tuple[Matrix, Vector]]:
        """Cost and tax, and the cone, over columns: each is weights, shape (n, k), and a number of positions (k,)."""
        linear = np.array([self.cost @ columns + self.brokerage * positions, self.less_tax @ columns])
        norm = -np.vstack([self.excess @ columns, self.risk.T @ columns])
        return (linear, np.array([1.0, 0.0])), (norm, np.zeros(len(norm)))


@dataclass
class Pod:
    """One pod's supports, as bits and as ETFs, and the figures that its programs are made of."""

    joint: Joint
    p: int
    constant: float = 0.0

    def __post_init__(self) -> None:
        facts, p = self.joint.facts, self.p
        sleeve, terms = facts.sleeves[p], facts.terms
        self.c, self.mandate = float(facts.c[p]), sleeve.mandate
        self.s, self.m, self.y = facts.star(p)
        self.floor = terms.rules.min_weight / self.c
        self.memory: dict[tuple[tuple[int, ...], frozenset[int]], float | None] = {}
        self.certain: set[int] = set()
        self.points: list[tuple[tuple[int, ...], Vector]] = []
        self.cap = min(self.mandate.max_position, facts.largest / self.c)
        universe = facts.universe(p)
        least, most = int(np.ceil((1 - 1e-9) / self.cap)), min(len(universe), facts.most_etfs)
        self.supports = [s for k in range(least, most + 1) for s in combinations(universe, k)]
        # Linear part of the cost, a vector over all ETFs, and the price of the pod's volatility in units of s.
        weight, rf = terms.preferences.pod_score * self.c, facts.prices.risk_free
        kind = self.mandate.objective.value
        self.linear, self.risk_price = np.zeros(len(facts.mu)), 0.0
        if kind == "min_volatility":
            self.risk_price, self.constant = weight, -2 * weight
        elif kind == "max_sharpe":
            self.linear, self.risk_price = -weight * facts.excess / (self.m - rf), weight
            self.constant = -weight
        elif kind == "max_income":
            self.linear = -weight * facts.income / self.y
        else:
            self.linear, self.constant = -weight * facts.mu / abs(self.m), -weight * (1 - self.m / abs(self.m))
        self.linear = self.linear + self.c * (
            terms.preferences.trading_cost * self.joint.cost + terms.preferences.tax_efficiency * self.joint.tax
        )

    def rows(self, at: list[int], alone: Collection[int]) -> Rows:
        """Rows on the weights of the ETFs *at* and the pod's volatility, in units of its own.

        The ETFs that it holds *alone* have their least weight in it.
        """
        floors = [self.floor if j in alone else 0.0 for j in at]
        facts, k, goals = self.joint.facts, len(at), self.mandate.goals
        unit, left = np.eye(k + 1)[:k], []
        for measure, asked in goals.items():
            if measure.value == "volatility":
                left.append(([0.0] * k + [1.0], asked / self.s))
            elif measure.value == "sharpe_ratio":
                left.append(([*(-facts.excess[at] / self.s), asked], 0.0))
            else:
                left.append(([*(-facts.linear_goal(measure.value)[at] / asked), 0.0], -1.0))
        factor = np.linalg.cholesky(facts.prices.Sigma[np.ix_(at, at)]).T / self.s
        norm = np.zeros((k + 1, k + 1))
        norm[0, k], norm[1:, :k] = -1.0, -factor
        rows = [
            (np.array([[1.0] * k + [0.0]]), np.ones(1), "zero"),
            (np.vstack([-unit, unit]), np.array([*(-f for f in floors), *[self.cap] * k]), "positive"),
            (norm, np.zeros(k + 1), "norm"),
        ]
        if left:
            rows.insert(2, (np.array([row for row, _ in left]), np.array([limit for _, limit in left]), "positive"))
        return rows

    def alone(self, support: tuple[int, ...], alone: Collection[int], prices: Prices) -> tuple[float, Vector] | None:
        """Least cost of the pod with this support and these prices, and its point (weights of all ETFs, volatility)."""
        at = list(support)
        whole = self.linear + self.c * self.joint.priced(prices)
        found = Cones(np.array([*whole[at], self.risk_price]), self.rows(at, alone)).solve()
        if found is None:
            return None
        point = np.zeros(len(whole) + 1)
        point[[*at, -1]] = found[1]
        return found[0] + self.fixed(len(at), prices), point

    def fixed(self, positions: int, prices: Prices) -> float:
        """The part of the cost that depends on the number of positions alone."""
        charged = self.joint.facts.terms.preferences.trading_cost + prices.cost
        return charged * self.joint.brokerage * positions + self.constant

    def cost(self, support: tuple[int, ...], point: Vector) -> float:
        """Cost of a point, without prices."""
        return float(self.linear @ point[:-1]) + self.risk_price * point[-1] + self.fixed(len(support), self.joint.free)

    def worst(self) -> float:
        """No point of the pod costs more."""
        risk = self.risk_price * float(np.sqrt(np.diag(self.joint.facts.prices.Sigma).max())) / self.s
        return float(abs(self.linear).max()) + risk + self.fixed(len(self.linear), self.joint.free)

    def remembered(self, support: tuple[int, ...], alone: set[int], prices: Prices) -> float | None:
        """The least cost of ``alone``, solved once for every question (prices do not change any more)."""
        key = (support, frozenset(alone))
        if key not in self.memory:
            answer = self.alone(support, alone, prices)
            self.memory[key] = answer[0] if answer else None
        return self.memory[key]


@dataclass
class Table:
    """One pod's supports that are feasible alone; *values* has their least costs, a row for every set of prices."""

    pod: Pod
    supports: list[tuple[int, ...]]
    values: Matrix

    def __post_init__(self) -> None:
        self.bits = np.array([sum(1 << j for j in s) for s in self.supports], dtype=np.int64)
        self.sizes = np.array([len(s) for s in self.supports])


@dataclass
class Combined:
    """Combinations of some pods' supports: their bits, what is held twice, sizes, values and supports (by pod)."""

    bits: np.ndarray
    twice: np.ndarray
    sizes: np.ndarray
    values: Matrix
    chosen: np.ndarray

    def take(self, at: np.ndarray) -> Combined:
        return Combined(self.bits[at], self.twice[at], self.sizes[at], self.values[:, at], self.chosen[:, at])

    def with_each(self, other: Combined, i: np.ndarray, j: np.ndarray) -> Combined:
        """Combine the *i*-th of these with the *j*-th of the others."""
        mine, theirs = self.take(i), other.take(j)
        return Combined(
            mine.bits | theirs.bits,
            mine.twice | theirs.twice | (mine.bits & theirs.bits),
            mine.sizes + theirs.sizes,
            mine.values + theirs.values,
            np.vstack([mine.chosen, theirs.chosen]),
        )


class BruteForce:
    """The enumeration of one instance.

    Attributes:
        facts: The instance.
        cost: The least cost found, which is minus the objective; infinite if nothing is feasible.
        solved: How many combinations of supports were solved jointly.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts, self.cost, self.solved = facts, np.inf, 0
        self.joint = Joint(facts)
        self.pods = [Pod(self.joint, p) for p in range(len(facts.sleeves))]
        self.prices = [self.joint.free]
        self.universes = [set(facts.universe(p)) for p in range(len(self.pods))]
        # No feasible portfolio costs more than this: what has a higher bound is infeasible.
        self.ceiling = self.joint.constant + 1 + sum(pod.worst() for pod in self.pods)
        self.ceiling += self.joint.extra * sum(map(len, self.universes))

    def best(self) -> float:
        """Enumerate; the largest objective, minus infinity if nothing is feasible."""
        tables = [self.table(pod) for pod in self.pods]
        if all(table.supports for table in tables):
            if self.facts.never_worse:
                self.price(tables)
            for chosen in self.in_order(tables):
                self.attempt([table.supports[i] for table, i in zip(tables, chosen, strict=True)])
        return -self.cost

    def table(self, pod: Pod) -> Table:
        """Solve every support of a pod, with no prices; an ETF that no other can hold has its least weight here."""
        others = set().union(*(u for p, u in enumerate(self.universes) if p != pod.p))
        pod.certain = self.universes[pod.p] - (others if self.facts.shared else set())
        found = [(s, pod.alone(s, pod.certain, self.joint.free)) for s in pod.supports]
        kept = [(s, answer) for s, answer in found if answer]
        pod.points = [(s, answer[1]) for s, answer in kept]
        return Table(pod, [s for s, _ in kept], np.array([[answer[0] for _, answer in kept]]))

    def price(self, tables: Sequence[Table]) -> None:
        """Find multipliers of the joint rows that raise the pods' sum, and add the pods' values at each."""
        columns = [(table.pod, *point) for table in tables for point in table.pod.points]
        for elastic in ELASTIC:
            for _ in range(ROUNDS):
                prices, broken = self.multipliers(columns, elastic)
                self.prices.append(prices)
                for table in tables:
                    answers = [table.pod.alone(s, table.pod.certain, prices) for s in table.supports]
                    values = np.array([answer[0] if answer else np.inf for answer in answers])
                    table.values = np.vstack([table.values, values])
                    best = np.argsort(values, kind="stable")[:10]
                    columns += [(table.pod, table.supports[i], answers[i][1]) for i in best if answers[i]]
            if not broken:
                break

    def multipliers(
        self, columns: Sequence[tuple[Pod, tuple[int, ...], Vector]], elastic: float
    ) -> tuple[Prices, bool]:
        """Combine columns at least cost; the joint rows' multipliers, and whether one was broken at *elastic*."""
        k, joint = len(columns), self.joint
        costs = [pod.cost(support, point) for pod, support, point in columns]
        weights = np.array([pod.c * point[:-1] for pod, _, point in columns]).T
        sizes = np.array([len(support) for _, support, _ in columns], dtype=float)
        (linear, limits), (norm, centre) = joint.rows(sizes, weights)
        shares = np.array([[float(pod is p) for pod, _, _ in columns] + [0.0] * 3 for p in self.pods])
        slack = np.zeros((len(centre), 3))
        slack[0, 2] = -1.0
        rows = [
            (np.hstack([linear, -np.eye(2, 3)]), limits, "positive"),
            (np.hstack([norm, slack]), centre, "norm"),
            (shares, np.ones(len(self.pods)), "zero"),
            (-np.eye(k + 3), np.zeros(k + 3), "positive"),
        ]
        answer = Cones(np.array([*costs, *[elastic] * 3]), rows).solve()
        assert answer, "elastic rows can always be kept"
        _, point, y = answer
        cone = y[3 : 2 + len(centre)]
        prices = Prices(max(y[0], 0.0), max(y[1], 0.0), max(y[2], float(np.linalg.norm(cone))), cone)
        return prices, bool(point[k:].max() > MARGIN)

    def in_order(self, tables: Sequence[Table]) -> Iterator[Sequence[int]]:
        """Combinations that keep the rules on supports, in the order of their bounds, as long as these matter."""
        half = len(tables) // 2
        left, right = self.product(tables[:half]), self.product(tables[half:])
        if not (left.sizes.size and right.sizes.size):
            return
        constants = self.joint.constant - np.array([prices.cost for prices in self.prices])
        r = int(np.argmax(left.values.min(axis=1) + right.values.min(axis=1) + constants))
        left, right = (h.take(np.argsort(h.values[r], kind="stable")) for h in (left, right))
        a, b = left.values[r] + constants[r], right.values[r]
        waiting: list[tuple[float, tuple[int, ...]]] = []
        start = np.zeros(len(a), dtype=np.intp)
        while (start < len(b)).any():
            limit = self.band(a, b, int(start.sum()))
            end = np.searchsorted(b, limit - a, side="right")
            both = left.with_each(right, *_pairs(start, end))
            start = end
            both = both.take(np.flatnonzero(self.allowed(both)))
            bounds = (both.values + constants[:, None]).max(axis=0)
            bounds += self.joint.extra * (both.sizes - np.bitwise_count(both.bits))
            for bound, chosen in zip(bounds.tolist(), both.chosen.T.tolist(), strict=True):
                if bound <= self.cut:
                    heappush(waiting, (bound, tuple(chosen)))
            while waiting and waiting[0][0] <= min(limit, self.cut):
                yield heappop(waiting)[1]
            if limit >= self.cut:
                return

    @property
    def cut(self) -> float:
        """What has a higher bound is no better than the best found, or infeasible."""
        return min(self.cost + MARGIN, self.ceiling)

    def band(self, a: Vector, b: Vector, before: int) -> float:
        """A limit below which some BAND combinations more are than *before*; no more than the cut."""
        low, high = float(a[0] + b[0]), min(self.cut, float(a[-1] + b[-1]) + 1)
        for _ in range(50):
            middle = (low + high) / 2
            if np.searchsorted(b, middle - a, side="right").sum() - before <= BAND:
                low = middle
            else:
                high = middle
        return high

    def product(self, tables: Sequence[Table]) -> Combined:
        """All combinations of some pods' supports that keep the rules on supports."""
        whole = None
        for table in tables:
            chosen = np.arange(len(table.supports))[None]
            one = Combined(table.bits, np.zeros_like(table.bits), table.sizes, table.values, chosen)
            if whole is not None:
                i, j = np.indices((len(whole.sizes), len(one.sizes))).reshape(2, -1)
                one = whole.with_each(one, i, j)
            whole = one.take(np.flatnonzero(self.allowed(one)))
        assert whole is not None
        return whole

    def allowed(self, many: Combined) -> np.ndarray:
        """Whether combinations keep the limits on ETFs and on duplicates."""
        within = np.bitwise_count(many.bits) <= self.facts.most_etfs
        return within & (np.bitwise_count(many.twice) <= self.facts.most_duplicates)

    def attempt(self, supports: Sequence[tuple[int, ...]]) -> None:
        """Solve a combination, unless its pods' sum with all the least weights it implies is too high already."""
        owners: dict[int, int] = {}
        for j in (j for support in supports for j in support):
            owners[j] = owners.get(j, 0) + 1
        if any(self.facts.too_near(i, j) for i, j in combinations(sorted(owners), 2)):
            return
        alone = {j for j, number in owners.items() if number == 1}
        fixed = self.joint.constant + self.joint.extra * sum(number - 1 for number in owners.values())
        if self.facts.shared and not self.promising(supports, alone, fixed):
            return
        self.solved += 1
        offset = fixed + sum(pod.fixed(len(s), self.joint.free) for pod, s in zip(self.pods, supports, strict=True))
        q, rows = self.together(supports, alone, [j for j in owners if j not in alone])
        answer = Cones(q, rows).solve()
        if answer and answer[0] + offset < self.cost:
            self.cost = answer[0] + offset

    def promising(self, supports: Sequence[tuple[int, ...]], alone: set[int], fixed: float) -> bool:
        """Whether the pods' sum, at the last prices, is still below the cut."""
        bound = fixed - self.prices[-1].cost
        for pod, support in zip(self.pods, supports, strict=True):
            answer = pod.remembered(support, alone & set(support), self.prices[-1])
            if answer is None:
                return False
            bound += answer
        return bool(bound <= self.cut)

    def together(
        self, supports: Sequence[tuple[int, ...]], alone: set[int], shared: Sequence[int]
    ) -> tuple[Vector, Rows]:
        """The program of all pods on given supports: their own rows, shared ETFs', and those that join them."""
        widths = [len(s) + 1 for s in supports]
        first = np.cumsum([0, *widths]).tolist()
        total, facts = first[-1], self.facts
        q, weights, rows = np.zeros(total), np.zeros((len(facts.mu), total)), []
        for pod, support, start in zip(self.pods, supports, first[:-1], strict=True):
            at, end = list(support), start + len(support) + 1
            q[start:end] = [*pod.linear[at], pod.risk_price]
            weights[at, range(start, end - 1)] = pod.c
            for A, b, kind in pod.rows(at, alone):
                wide = np.zeros((len(b), total))
                wide[:, start:end] = A
                rows.append((wide, b, kind))
        if shared:
            least, held = facts.terms.rules.min_weight, weights[shared]
            sides = np.repeat([-least, facts.largest], len(shared))
            rows.append((np.vstack([-held, held]), sides, "positive"))
        if facts.never_worse:
            (linear, limits), (norm, centre) = self.joint.rows(np.zeros(total), weights)
            spent = self.joint.brokerage * sum(map(len, supports))
            rows += [(linear, limits - [spent, 0.0], "positive"), (norm, centre, "norm")]
        return q, rows


def _pairs(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every i, the pairs of i with start[i], ..., end[i] - 1."""
    counts = end - start
    i = np.repeat(np.arange(len(start)), counts)
    return i, np.arange(len(i)) + np.repeat(end - np.cumsum(counts), counts)
