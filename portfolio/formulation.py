"""State stage 2, all pods together, as one cone program.

A mixed-integer second-order cone program. Its variables are the sleeves in shares of their pod
(``u[p, j]``, order one whatever the pod's capital), each volatility in units of the pod's own
stage-1 volatility. Every rule is a row or a bound; none is a penalty. Each has a name, by which it
can be left out: that is how a contradiction is traced to the rules that cause it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import ON
from portfolio.conic.program import Builder
from portfolio.figures import grossed_up_yields, pre_tax_returns, tax_drags
from portfolio.mandate import Measure, Objective
from portfolio.naive import Overview, extra_owners, overview, put_side_by_side
from portfolio.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution
    from portfolio.market import Market
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve


# Limits that add up to this much less than everything count as everything: 0.4 + 0.3 + 0.3.
_INVESTED = 1e-9

# A Sharpe ratio nearer to zero than this is zero but for rounding.
_NO_RATIO = 1e-9


@dataclass(frozen=True, slots=True)
class _Holding:
    """A pod and an ETF it may hold, with the variable and the switch that stand for them."""

    p: int
    j: int
    u: int
    z: int


class Formulation:
    """The program of stage 2, and how to read its solutions.

    Args:
        market: The figures.
        sleeves: The pods' stage-1 results: their mandates, shares and yardsticks.
        terms: The customer's rules and preferences.
        without: Requirements to leave out, by name; see ``requirements``.
        aim: Instead of the customer's objective, make the goal of a pod as good as possible: the
            place of the pod, its measure and, for a Sharpe ratio, the ratio to beat.
    """

    def __init__(
        self,
        market: Market,
        sleeves: Sequence[Sleeve],
        terms: Terms,
        *,
        without: Collection[str] = (),
        aim: tuple[int, Measure, float] | None = None,
    ) -> None:
        self.market, self.sleeves, self.terms = market, sleeves, terms
        self.naive: Overview = overview(market, put_side_by_side(sleeves), terms)
        self.requirements: dict[str, str] = {}
        self.restricted: tuple[str, ...] = ()
        self._without = without
        self._aim = aim
        self._build = Builder()
        self._largest = self._largest_position()
        self._holdings = list(self._declare_holdings())
        self._by_pod = _grouped(self._holdings, lambda h: h.p)
        self._by_etf = _grouped(self._holdings, lambda h: h.j)
        self._counts = self._declare_counts()
        self._budgets()
        for p in range(len(sleeves)):
            self._pod(p)
        self._ownership()
        self._near_duplicates()
        self._no_worse_cost()
        self._no_worse_tax()
        self._no_worse_sharpe()
        self.program: Program = self._build.build()

    def holdings(self, solution: Solution) -> Matrix:
        """Read the holdings *X*, shape (pods, n), from a solution; exactly zero where a switch is off."""
        X = np.zeros((len(self.sleeves), len(self.market.etfs)))
        if solution.x is None or solution.states is None:
            return X
        for h in self._holdings:
            if solution.states[h.z] == ON:
                X[h.p, h.j] = self.sleeves[h.p].share * solution.x[h.u]
        return X

    # The pieces, one a rule.

    def _required(self, name: str, words: str) -> bool:
        """Note a requirement; false if it is to be left out."""
        self.requirements[name] = words
        return name not in self._without

    def _largest_position(self) -> float:
        rules, naive = self.terms.rules, self.naive.largest_position
        largest = 1.0
        if self._required("max_weight", f"at most {rules.max_weight:.1%} of the capital in one ETF"):
            largest = rules.max_weight
        if self._required("never_worse.largest_position", f"no position above the naive portfolio's {naive:.2%}"):
            largest = min(largest, naive)
        return largest

    def _declare_holdings(self) -> Iterator[_Holding]:
        """Declare what each pod may hold, within its position limit and the portfolio's."""
        least = self.terms.rules.min_weight
        if not self._required("min_weight", f"at least {least:.1%} of the capital in an ETF that is held"):
            least = 0.0
        self._least = least
        self._one_owner = self.terms.rules.duplicates is Duplicates.FORBID and self._required(
            "duplicates", "one owner an ETF"
        )
        for p, sleeve in enumerate(self.sleeves):
            upper = min(sleeve.mandate.max_position, self._largest / sleeve.share)
            # With one owner an ETF, the pod's part of it is all of it and has the whole minimum.
            floor = least / sleeve.share if self._one_owner else 0.0
            for j in self._universe(sleeve):
                u = self._build.variable(upper=upper, block=p)
                holding = _Holding(p, j, u, self._build.switch(u, floor=min(floor, upper)))
                if floor > upper * (1 + _INVESTED):
                    self._build.at_most({}, 0.0, switches={holding.z: 1.0})
                yield holding

    def _universe(self, sleeve: Sleeve) -> list[int]:
        return self.market.positions(t for t in sleeve.mandate.universe if t not in sleeve.left_out)

    def _declare_counts(self) -> list[int]:
        """Declare how many ETFs each pod holds.

        A pod that may put at most 37 % into one ETF holds at least three: a bound that the
        relaxations, which see 2.7, would miss. With 15 % of the capital and no ETF below 2 %, it
        holds at most seven.
        """
        counts = []
        for p, holdings in self._by_pod.items():
            least = _fewest([self._build.upper_of(h.u) for h in holdings])
            counts.append(self._build.variable(lower=least, upper=len(holdings), block=p))
            if self._one_owner and self._least > 0:
                share = self.sleeves[p].share
                self._build.at_most({counts[-1]: 1.0}, np.floor(share / self._least + _INVESTED))
            self._build.at_most({counts[-1]: -1.0}, 0.0, switches={h.z: 1.0 for h in holdings})
        return counts

    def _budgets(self) -> None:
        """Invest each pod's capital in full."""
        for p in range(len(self.sleeves)):
            self._build.equal({h.u: 1.0 for h in self._by_pod[p]}, 1.0)

    def _pod(self, p: int) -> None:
        """Add a pod's score and its goals, on its own sleeve."""
        sleeve, best = self.sleeves[p], self.sleeves[p].figures
        risk = self._risk(p) if self._needs_risk(p) else -1
        if self._aim is None:
            self._score(p, risk)
        elif self._aims_at(p):
            self._aim_at(p, risk)
        for measure, asked in sleeve.mandate.goals.items():
            words = f"{sleeve.mandate.pod}: {measure.words(asked)}"
            if not self._required(f"{sleeve.mandate.pod}.{measure.value}", words):
                continue
            if measure is Measure.VOLATILITY:
                if risk >= 0:
                    self._build.at_most({risk: 1.0}, asked / best.volatility)
            elif measure is Measure.SHARPE:
                self._build.at_most(self._below_ratio(p, risk, asked), 0.0)
            else:
                column = self._column(measure)
                scale = max(float(abs(column).max()), abs(asked), 1e-12)
                self._build.at_least(self._row(p, column / scale), asked / scale)

    def _score(self, p: int, risk: int) -> None:
        """Add the pod's part of the objective: 1 at its stage-1 result, weighed by its capital."""
        sleeve, best = self.sleeves[p], self.sleeves[p].figures
        weight = self.terms.preferences.pod_score * sleeve.share
        excess = self.market.expected_returns - self.market.risk_free
        if sleeve.mandate.objective is Objective.MIN_VOLATILITY:
            # 2 - s / s*
            self._build.offset -= 2 * weight
            self._build.cost({risk: weight})
        elif sleeve.mandate.objective is Objective.MAX_SHARPE:
            # 1 - (S* s - (m - rf)) / (S* s*)
            self._build.offset -= weight
            self._build.cost({risk: weight})
            self._build.cost(self._row(p, -weight * excess / (best.sharpe_ratio * best.volatility)))
        else:
            # 1 + (m - m*) / |m*|, which is m / m* where that is positive
            measure = sleeve.mandate.objective.measure
            yardstick = best.of(measure)
            self._build.offset -= weight * (1 - yardstick / abs(yardstick))
            self._build.cost(self._row(p, -weight * self._column(measure) / abs(yardstick)))

    def _aims_at(self, p: int) -> bool:
        return self._aim is not None and self._aim[0] == p

    def _aim_at(self, p: int, risk: int) -> None:
        """Make one goal as good as possible, and nothing else."""
        _, measure, ratio = self._aim or (0, Measure.VOLATILITY, 0.0)
        if measure is Measure.VOLATILITY:
            self._build.cost({risk: 1.0})
        elif measure is Measure.SHARPE:
            # Near the answer this is near zero: the constant keeps a relative gap meaningful.
            self._build.offset += 1
            self._build.cost(self._below_ratio(p, risk, ratio))
        else:
            column = self._column(measure)
            self._build.cost(self._row(p, -column / max(float(abs(column).max()), 1e-12)))

    def _below_ratio(self, p: int, risk: int, ratio: float) -> dict[int, float]:
        """How far a sleeve is below a Sharpe ratio: ``ratio * s - (m - rf)``, scaled to order one."""
        unit = self.sleeves[p].figures.volatility
        scale = unit * max(1.0, abs(ratio))
        excess = self.market.expected_returns - self.market.risk_free
        return {risk: ratio * unit / scale, **self._row(p, -excess / scale)}

    def _needs_risk(self, p: int) -> bool:
        """Whether a pod's score or goals speak of its volatility in a way that could ever matter."""
        mandate = self.sleeves[p].mandate
        about = {mandate.objective.measure, *mandate.goals}
        if self._aims_at(p) or about & {Measure.SHARPE} or mandate.objective is Objective.MIN_VOLATILITY:
            return True
        return mandate.goals.get(Measure.VOLATILITY, np.inf) < self._most_risk(p)

    def _most_risk(self, p: int) -> float:
        """Bound a pod's volatility, whatever it holds: a cap above this is kept by itself.

        ``u.Sigma u <= max_u sum_j u_j max_v (Sigma v)_j``, both maxima over the pod's limits.
        """
        held = [h.j for h in self._by_pod[p]]
        limits = np.array([self._build.upper_of(h.u) for h in self._by_pod[p]])
        rows = np.array([_most(row, limits) for row in self.market.Sigma[np.ix_(held, held)]])
        return float(np.sqrt(max(_most(rows, limits), 0.0)))

    def _risk(self, p: int) -> int:
        """Declare a pod's volatility, in units of that of stage 1."""
        held = [h.j for h in self._by_pod[p]]
        L: Matrix = np.linalg.cholesky(self.market.Sigma[np.ix_(held, held)]).astype(float)
        unit = self.sleeves[p].figures.volatility
        risk = self._build.variable(upper=float(np.linalg.norm(L, axis=1).max()) / unit, block=p)
        self._build.norm_at_most(L.T / unit, [h.u for h in self._by_pod[p]], {risk: 1.0})
        return risk

    def _column(self, measure: Measure) -> Vector:
        """Figures of the ETFs for a measure that is linear in the weights."""
        if measure is Measure.RETURN:
            return self.market.expected_returns
        if measure is Measure.YIELD:
            return grossed_up_yields(self.market)
        return self.market.column("liquidity")

    def _row(self, p: int, column: Vector) -> dict[int, float]:
        """Weigh a pod's sleeve by a figure of the ETFs."""
        return {h.u: float(column[h.j]) for h in self._by_pod[p]}

    def _whole(self, column: Vector) -> dict[int, float]:
        """Weigh the whole portfolio by a figure of the ETFs."""
        return {h.u: self.sleeves[h.p].share * float(column[h.j]) for h in self._holdings}

    def _ownership(self) -> None:
        """Bound the number of ETFs, and of their owners."""
        most = len(self._by_etf)
        if self._required("max_etfs", f"at most {self.terms.rules.max_etfs} ETFs"):
            most = min(most, self.terms.rules.max_etfs)
        if self._required("never_worse.etfs", f"no more ETFs than the naive portfolio's {self.naive.etfs}"):
            most = min(most, self.naive.etfs)
        if self._one_owner:
            for owners in self._by_etf.values():
                if len(owners) > 1:
                    self._build.at_most({}, 1.0, switches={h.z: 1.0 for h in owners})
            self._build.at_most(dict.fromkeys(self._counts, 1.0), float(most))
        else:
            self._shared_ownership(most)

    def _shared_ownership(self, most: int) -> None:
        """Let ETFs have several owners, at the objective's price for every owner after the first.

        None of the variables here needs to be integer: each is bounded below by a convex function
        of the switches that is integer where they are, and nothing gains from more than that.
        """
        build = self._build
        price = self.terms.preferences.duplication / max(extra_owners(put_side_by_side(self.sleeves)), 1)
        price = 0.0 if self._aim else price
        held, duplicated = [], []
        for owners in self._by_etf.values():
            y = build.variable(upper=1.0)
            held.append(y)
            for h in owners:
                build.at_most({y: -1.0}, 0.0, switches={h.z: 1.0})
            build.at_least({**{h.u: self.sleeves[h.p].share for h in owners}, y: -self._least}, 0.0)
            if len(owners) > 1:
                build.at_most({h.u: self.sleeves[h.p].share for h in owners}, self._largest)
                extra = build.variable(upper=len(owners) - 1.0, cost=price)
                build.at_most({extra: -1.0}, 1.0, switches={h.z: 1.0 for h in owners})
                shared = build.variable(upper=1.0)
                duplicated.append(shared)
                for first, second in combinations(owners, 2):
                    build.at_most({shared: -1.0}, 1.0, switches={first.z: 1.0, second.z: 1.0})
        build.at_most(dict.fromkeys(held, 1.0), float(most))
        naive = self.naive.duplicated_etfs
        if self.terms.rules.duplicates is Duplicates.FORBID:
            return  # the stronger rule is only left out to see what it conflicts with
        if self._required("never_worse.duplicated_etfs", f"no more duplicated ETFs than the naive portfolio's {naive}"):
            build.at_most(dict.fromkeys(duplicated, 1.0), float(naive))

    def _near_duplicates(self) -> None:
        """Do not hold two ETFs that are nearer than the rules allow."""
        distance = self.terms.rules.min_correlation_distance
        words = f"no two ETFs within a correlation distance of {distance:g}"
        if distance <= 0 or not self._required("min_correlation_distance", words):
            return
        for i, j in combinations(sorted(self._by_etf), 2):
            if _distance(self.market, i, j) < distance:
                for first, second in product(self._by_etf[i], self._by_etf[j]):
                    self._build.at_most({}, 1.0, switches={first.z: 1.0, second.z: 1.0})

    def _no_worse_cost(self) -> None:
        """Trade at no more than the naive portfolio's cost, and the less the better."""
        terms, naive = self.terms, self.naive.trading_cost_aud
        if naive <= 0:
            return  # trading is free
        spread = self._whole(terms.total_capital_aud * self.market.column("half_spread") / naive)
        words = f"no higher trading cost than the naive portfolio's {naive:,.2f} AUD"
        cost = spread | dict.fromkeys(self._counts, terms.brokerage_aud / naive)
        if self._aim is None:
            self._build.cost({j: terms.preferences.trading_cost * a for j, a in cost.items()})
        if self._required("never_worse.trading_cost", words):
            self._build.at_most(cost, 1.0)

    def _no_worse_tax(self) -> None:
        """Keep at least the naive portfolio's tax efficiency, and the less tax the better."""
        drags = tax_drags(self.market, self.terms.marginal_tax_rate)
        naive = self.naive.tax_aud / self.terms.total_capital_aud
        if self.naive.tax_efficiency is None or not drags.any():
            return  # nothing is earned, or nothing is taxed: there is nothing to be better at
        if naive <= 0:
            if self._required("never_worse.tax_efficiency", "no tax on income, since the naive portfolio pays none"):
                self._build.at_most(self._whole(drags / drags.max()), 0.0)
            return
        if self._aim is None:
            self._build.offset -= self.terms.preferences.tax_efficiency
            self._build.cost(self._whole(self.terms.preferences.tax_efficiency * drags / naive))
        words = f"no lower tax efficiency than the naive portfolio's {self.naive.tax_efficiency:.3f}"
        if self._required("never_worse.tax_efficiency", words):
            kept = (1 - self.naive.tax_efficiency / 10) * pre_tax_returns(self.market)
            self._build.at_most(self._whole((drags - kept) / naive), 0.0)

    def _no_worse_sharpe(self) -> None:
        """Keep at least the naive portfolio's Sharpe ratio.

        Where that is negative the rule is not convex, and the tangent of the volatility at the
        naive portfolio takes the volatility's place: whoever keeps that keeps the rule.
        """
        w = put_side_by_side(self.sleeves).sum(axis=0)
        ratio, volatility = self.naive.sharpe_ratio, self.naive.volatility
        excess = self.market.expected_returns - self.market.risk_free
        if not self._required(
            "never_worse.sharpe_ratio", f"no lower Sharpe ratio than the naive portfolio's {ratio:.3f}"
        ):
            return
        if ratio <= _NO_RATIO:
            self.restricted = ("never_worse.sharpe_ratio",) if ratio < -_NO_RATIO else ()
            tangent = self.market.Sigma @ w / volatility
            self._build.at_least(self._whole((excess - ratio * tangent) / volatility), 0.0)
            return
        L = np.linalg.cholesky(self.market.Sigma)
        columns = [self.sleeves[h.p].share * L[h.j] / volatility for h in self._holdings]
        self._build.norm_at_most(
            np.array(columns).T, [h.u for h in self._holdings], self._whole(excess / (ratio * volatility))
        )


def _fewest(limits: Collection[float]) -> int:
    """How many ETFs it takes to invest everything, with a limit for each."""
    total = 0.0
    for number, limit in enumerate(sorted(limits, reverse=True), start=1):
        total += limit
        if total >= 1 - _INVESTED:
            return number
    return len(limits)


def _most(values: Vector, limits: Vector) -> float:
    """Maximise a weighted sum over weights that sum to one, each within its limit."""
    order = np.argsort(-values, kind="stable")
    before = np.cumsum(limits[order]) - limits[order]
    taken = np.clip(1 - before, 0.0, limits[order])
    return float(values[order] @ taken)


def _distance(market: Market, i: int, j: int) -> float:
    """Correlation distance of two ETFs (Mantegna 1999, scaled to 0..1)."""
    rho = market.Sigma[i, j] / np.sqrt(market.Sigma[i, i] * market.Sigma[j, j])
    return float(np.sqrt(max(0.0, (1 - rho) / 2)))


def _grouped(holdings: Collection[_Holding], key: Callable[[_Holding], int]) -> dict[int, list[_Holding]]:
    groups: dict[int, list[_Holding]] = defaultdict(list)
    for holding in holdings:
        groups[key(holding)].append(holding)
    return groups
