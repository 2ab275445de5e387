"""Who may hold what: the variables of stage 2 and its hard rules.

The variables are the sleeves in shares of their pod (``u[p, j]``, order one whatever the pod's
capital), each volatility in units of the pod's own stage-1 volatility. Every rule is a row or a bound;
none is a penalty. Each has a name, by which it can be left out: that is how a contradiction is
traced to the rules that cause it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.case.inventory import FIRST_PURCHASE_AUD
from portfolio.case.naive import extra_owners
from portfolio.conic.program import JOINT, Builder
from portfolio.market.figures import etf_correlation, grossed_up_yields
from portfolio.market.measure import Measure
from portfolio.master.statement.parting import Owner
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from portfolio import Vector
    from portfolio.case.case import Case
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve


# Who holds what is decided before the orders that follow from it (docs/adr/0012).
_URGENCY = 4.0

# Limits that add up to this much less than everything count as everything: 0.4 + 0.3 + 0.3.
_INVESTED = 1e-9


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps that goals put on what the rules allow: on the largest position, and on the number of ETFs."""

    position: float = 1.0
    etfs: float = np.inf


@dataclass(frozen=True, slots=True)
class Held:
    """A pod and an ETF it may hold, with the variable and the switch that stand for them.

    Of what is owned, *y* is the variable that the switch switches: one or zero.
    """

    p: int
    j: int
    u: int
    z: int
    y: int | None = None


class IsHeld(NamedTuple):
    """What adds up to one if an ETF is held, else to zero: variables and switches."""

    row: dict[int, float]
    switches: dict[int, float]


class Holdings:
    """Variables and rules, and the words that the rows of goals are made of.

    Args:
        case: The customer's case.
        without: Rules to leave out, by name; see ``rules``.
        caps: What goals add to the rules.

    Attributes:
        rules: The hard rules, by name, in words.
        restricted: Names of goals that are not convex, for which stronger rows stand in.
        build: Collects the program.
        holdings: All pairs of a pod and an ETF that it may hold.
        counts: Variables that add up to the number of positions, one a pod.
        held: Variables that add up to the number of ETFs.
        caps: What goals add to the rules.
        largest: The largest position that is allowed, but for drift.
        risk_cones: Which variable each cone of a pod's volatility bounds, by the cone's number.
        shared_limits: Rows that keep ETFs that may be shared to it.
    """

    def __init__(self, case: Case, without: Collection[str], caps: Caps) -> None:
        self.case = case
        self.market, self.sleeves, self.terms = case.market, case.sleeves, case.terms
        self.naive, self.stock = case.naive, case.stock
        self.naive_weights: Vector = case.side_by_side.sum(axis=0)
        self.rules: dict[str, str] = {}
        self.restricted: list[str] = []
        self.build = Builder()
        self._without = without
        self._risks: dict[int, int] = {}
        self.risk_cones: dict[int, int] = {}
        self._tolerance = self._capital_tolerance()
        self.least_order_aud, self._first_purchase_aud = self._least_orders()
        self.caps, self._max_weight = caps, self._largest_weight()
        self.largest = min(self._max_weight, caps.position)
        self.holdings = list(self._declare_holdings())
        self.by_pod = _grouped(self.holdings, lambda h: h.p)
        self.by_etf = _grouped(self.holdings, lambda h: h.j)
        self.counts = self._declare_counts()
        self._budgets()
        self._extra: list[int] = []
        self.shared_limits: list[int] = []
        self.held = self._ownership(caps)
        self._near_duplicates()

    def row(self, p: int, column: Vector) -> dict[int, float]:
        """Weigh a pod's sleeve by a figure of the ETFs."""
        return {h.u: float(column[h.j]) for h in self.by_pod[p]}

    def whole(self, column: Vector) -> dict[int, float]:
        """Weigh the whole portfolio by a figure of the ETFs."""
        return {h.u: self.sleeves[h.p].share * float(column[h.j]) for h in self.holdings}

    def position(self, j: int) -> dict[int, float]:
        """Weight of an ETF in the whole portfolio."""
        return {h.u: self.sleeves[h.p].share for h in self.by_etf[j]}

    def is_held(self, j: int) -> IsHeld:
        """Say by what it is told whether an ETF is held."""
        if self.one_owner:
            return IsHeld({}, {h.z: 1.0 for h in self.by_etf[j]})
        return IsHeld({self.held[list(self.by_etf).index(j)]: 1.0}, {})

    def owners(self, j: int) -> list[Owner]:
        """List who may hold an ETF that is owned."""
        found = ((h, self.sleeves[h.p].share) for h in self.by_etf.get(j, []))
        return [Owner(h.u, h.y, share, share * self.build.upper_of(h.u)) for h, share in found if h.y is not None]

    def largest_of(self, j: int) -> float:
        """Find the largest position in an ETF: of what drifted above the rule's limit, and of goals."""
        owned = 0.0 if self.stock is None else float(self.stock.weights[j])
        return min(self._drifted(self._max_weight, owned), self.caps.position)

    def own_limit(self, p: int, j: int) -> float:
        """Find the largest part of itself that a pod may hold in an ETF.

        Drift is told from purchases where an ETF has one owner: all that it holds is then all that there is.
        """
        limit = self._max_position[self.sleeves[p].mandate.pod]
        if self.stock is None or self.terms.rules.duplicates is not Duplicates.FORBID:
            return limit
        return self._drifted(limit, float(self.stock.weights[j]) / self.sleeves[p].share)

    def of_invested(self, p: int, value: float) -> tuple[dict[int, float], float]:
        """Write *value* for every dollar that a pod invests: as a number, or as a row where that is not fixed."""
        if self.stock is None:
            return {}, value
        return {h.u: value for h in self.by_pod[p]}, 0.0

    def column(self, measure: Measure) -> Vector:
        """Figures of the ETFs for a measure that is linear in the weights."""
        if measure is Measure.RETURN:
            return self.market.expected_returns
        if measure is Measure.YIELD:
            return grossed_up_yields(self.market)
        return self.market.column("liquidity")

    def risk(self, p: int) -> int:
        """Find a pod's volatility, in units of that of stage 1; declare it the first time."""
        if p not in self._risks:
            held = [h.j for h in self.by_pod[p]]
            L = self.case.factor(held)
            unit = self.sleeves[p].figures.volatility
            reach = (1 + self._tolerance) * float(np.linalg.norm(L, axis=1).max()) / unit
            self._risks[p] = self.build.variable(upper=reach, block=self._block(p))
            cone = self.build.norm_at_most(L.T / unit, [h.u for h in self.by_pod[p]], {self._risks[p]: 1.0})
            self.risk_cones[cone] = self._risks[p]
        return self._risks[p]

    def shared(self) -> list[int]:
        """Declare variables that add up to the number of ETFs with several owners."""
        shared = []
        for y, owners in zip(self.held, self.by_etf.values(), strict=False):
            if not self.one_owner and len(owners) > 1:
                shared.append(self.build.variable(upper=1.0))
                for first, second in combinations(owners, 2):
                    self.build.at_most({shared[-1]: -1.0, y: -1.0}, 0.0, switches={first.z: 1.0, second.z: 1.0})
        return shared

    def has_risk(self, p: int) -> bool:
        """Whether a pod's volatility was declared."""
        return p in self._risks

    def price_sharing(self) -> None:
        """Charge the objective for every owner after an ETF's first."""
        price = self.terms.preferences.duplication / max(extra_owners(self.case.side_by_side), 1)
        self.build.cost(dict.fromkeys(self._extra, price))

    def most_risk(self, p: int) -> float:
        """Bound a pod's volatility, whatever it holds.

        ``u.Sigma u <= max_u sum_j u_j max_v (Sigma v)_j``, both maxima over the pod's limits.
        """
        held = [h.j for h in self.by_pod[p]]
        limits = np.array([self.build.upper_of(h.u) for h in self.by_pod[p]])
        rows = np.array([_most(row, limits) for row in self.market.Sigma[np.ix_(held, held)]])
        return float(np.sqrt(max(_most(rows, limits), 0.0)))

    # The pieces, one a rule.

    def _block(self, p: int) -> int:
        """Pods are blocks, unless trades join them all."""
        return p if self.stock is None else JOINT

    def rule(self, name: str, words: str) -> bool:
        """Note a rule; false if it is to be left out."""
        self.rules[name] = words
        return name not in self._without

    def _capital_tolerance(self) -> float:
        """How far a pod's holdings may be from its share of the capital, as a part of that."""
        if self.stock is None:
            return 0.0
        tolerance = self.terms.rules.capital_tolerance
        words = f"each pod within {tolerance:.2%} of its share of the capital"
        return tolerance if self.rule("capital_tolerance", words) else 1 / min(s.share for s in self.sleeves)

    def _largest_weight(self) -> float:
        rules = self.terms.rules
        kept = self.rule("max_weight", f"at most {rules.max_weight:.1%} of the capital in one ETF")
        return rules.max_weight if kept else 1.0

    def _drifted(self, limit: float, owned: float) -> float:
        """Raise a limit for what drifted above it, within the tolerance; never to more than is owned."""
        return max(limit, min(owned, limit * (1 + self.terms.rules.position_tolerance)))

    def _declare_holdings(self) -> Iterator[Held]:
        """Declare what each pod may hold, within its position limit and the portfolio's."""
        least = self.terms.rules.min_weight
        if not self.rule("min_weight", f"at least {least:.1%} of the capital in an ETF that is held"):
            least = 0.0
        self._least = self.least_held = least
        self.one_owner = self._rule_of_one_owner()
        self._max_position: dict[str, float] = {}
        for p, sleeve in enumerate(self.sleeves):
            pod, cap = sleeve.mandate.pod, sleeve.mandate.max_position
            if cap < 1 and not self.rule(f"{pod}.max_position", f"at most {cap:.1%} of {pod} in one ETF"):
                cap = 1.0
            self._max_position[pod] = cap
            for j in self._universe(sleeve):
                upper = min(self.own_limit(p, j), self.largest_of(j) / sleeve.share)
                # With one owner an ETF, the pod's part of it is all of it and has the whole minimum.
                floor = self._least_position(j) / sleeve.share if self.one_owner else 0.0
                u = self.build.variable(upper=upper, block=self._block(p))
                holding = self._declare_holding(p, j, u, min(floor, upper), upper)
                if floor > upper * (1 + _INVESTED):
                    self.build.at_most({}, 0.0, switches={holding.z: 1.0})
                yield holding

    def _declare_holding(self, p: int, j: int, u: int, floor: float, upper: float) -> Held:
        """Switch a holding; by a variable of its own where orders depend on who holds the ETF."""
        if self.stock is None or not self.stock.units[j]:
            return Held(p, j, u, self.build.switch(u, floor=floor))
        y = self.build.variable(upper=1.0)
        self.build.at_most({u: 1.0, y: -upper}, 0.0)
        if floor > 0:
            self.build.at_most({u: -1.0, y: floor}, 0.0)
        return Held(p, j, u, self.build.switch(y, floor=1.0, urgency=_URGENCY), y)

    def _least_position(self, j: int) -> float:
        """Least share of the capital in an ETF that is held."""
        if self.stock is None or self.stock.units[j]:
            return self._least
        return max(self._least, max(self.least_order_aud, self._first_purchase_aud) / self.stock.capital_aud)

    def _least_orders(self) -> tuple[float, float]:
        """Least value of an order, and of the first purchase of an ETF."""
        if self.stock is None:
            return 0.0, 0.0
        order, first = self.terms.rules.min_order_aud, FIRST_PURCHASE_AUD
        if order > 0 and not self.rule("min_order_aud", f"no order below {order:,.2f} AUD"):
            order = 0.0
        if not self.rule("first_purchase", f"no first purchase of an ETF below {first:,.0f} AUD"):
            first = 0.0
        return order, first

    def _rule_of_one_owner(self) -> bool:
        if self.terms.rules.duplicates is not Duplicates.FORBID:
            return False
        return self.rule("duplicates", "one owner an ETF")

    def _universe(self, sleeve: Sleeve) -> list[int]:
        """List what a pod may hold: of what it may not buy, only what is owned."""
        allowed = {t for t in sleeve.mandate.universe if t not in sleeve.left_out}
        if self.stock is not None:
            owned = {self.market.tickers[j] for j in np.flatnonzero(self.stock.units).tolist()}
            priced = {
                t for t, etf in zip(self.market.tickers, self.market.etfs, strict=True) if etf.price_aud is not None
            }
            allowed = (allowed & priced) | (owned & set(sleeve.mandate.universe))
        return self.market.positions(t for t in sleeve.mandate.universe if t in allowed)

    def _declare_counts(self) -> list[int]:
        """Declare how many ETFs each pod holds.

        A pod that may put at most 37 % into one ETF holds at least three: a bound that the
        relaxations, which see 2.7, would miss. With 15 % of the capital and no ETF below 2 %, it
        holds at most seven.
        """
        counts = []
        for p, holdings in self.by_pod.items():
            least = _fewest([self.build.upper_of(h.u) for h in holdings], max(1 - self._tolerance, 0.0))
            counts.append(self.build.variable(lower=least, upper=len(holdings), block=self._block(p)))
            if self.one_owner and self._least > 0:
                share = self.sleeves[p].share
                self.build.at_most({counts[-1]: 1.0}, np.floor(share * (1 + self._tolerance) / self._least + _INVESTED))
            self.build.at_most({counts[-1]: -1.0}, 0.0, switches={h.z: 1.0 for h in holdings})
        return counts

    def _budgets(self) -> None:
        """Invest each pod's capital: in full, or within the tolerance that what is owned needs."""
        for p in range(len(self.sleeves)):
            invested = {h.u: 1.0 for h in self.by_pod[p]}
            if self.stock is None:
                self.build.equal(invested, 1.0)
            else:
                self.build.at_least(invested, max(1 - self._tolerance, 0.0))
                self.build.at_most(invested, 1 + self._tolerance)

    def _ownership(self, caps: Caps) -> list[int]:
        """Bound the number of ETFs; returns what adds up to it."""
        rules = self.terms.rules
        most = rules.max_etfs if self.rule("max_etfs", f"at most {rules.max_etfs} ETFs") else len(self.by_etf)
        if self.one_owner:
            for owners in self.by_etf.values():
                if len(owners) > 1:
                    self.build.at_most({}, 1.0, switches={h.z: 1.0 for h in owners})
            held = self.counts
        else:
            held = self._shared_ownership()
        most = int(min(most, len(self.by_etf), caps.etfs + _INVESTED))
        self.build.at_most(dict.fromkeys(held, 1.0), float(most))
        return held

    def _shared_ownership(self) -> list[int]:
        """Let ETFs have several owners.

        None of the variables here needs to be integer: each is bounded below by a convex function
        of the switches that is integer where they are, and nothing gains from more than that.
        """
        build = self.build
        held = []
        for j, owners in self.by_etf.items():
            y = build.variable(upper=1.0)
            held.append(y)
            for h in owners:
                build.at_most({y: -1.0}, 0.0, switches={h.z: 1.0})
            build.at_least({**self.position(j), y: -self._least_position(j)}, 0.0)
            if len(owners) > 1:
                self.shared_limits.append(build.at_most(self.position(j), self.largest_of(j)))
                extra = build.variable(upper=len(owners) - 1.0)
                self._extra.append(extra)
                # Tighter than with 1 for y, where the number of ETFs binds and relaxations hold half of one.
                build.at_most({extra: -1.0, y: -1.0}, 0.0, switches={h.z: 1.0 for h in owners})
        return held

    def _near_duplicates(self) -> None:
        """Do not hold two ETFs that are nearer than the rules allow."""
        distance = self.terms.rules.min_correlation_distance
        words = f"no two ETFs within a correlation distance of {distance:g}"
        if distance <= 0 or not self.rule("min_correlation_distance", words):
            return
        for i, j in combinations(sorted(self.by_etf), 2):
            if correlation_distance(self.market, i, j) < distance:
                for first, second in product(self.by_etf[i], self.by_etf[j]):
                    self.build.at_most({}, 1.0, switches={first.z: 1.0, second.z: 1.0})


def _fewest(limits: Collection[float], least: float) -> int:
    """How many ETFs it takes to invest that much, with a limit for each."""
    total = 0.0
    for number, limit in enumerate(sorted(limits, reverse=True), start=1):
        total += limit
        if total >= least - _INVESTED:
            return number
    return len(limits)


def _most(values: Vector, limits: Vector) -> float:
    """Maximise a weighted sum over weights that sum to one, each within its limit."""
    order = np.argsort(-values, kind="stable")
    before = np.cumsum(limits[order]) - limits[order]
    taken = np.clip(1 - before, 0.0, limits[order])
    return float(values[order] @ taken)


def correlation_distance(market: Market, i: int, j: int) -> float:
    """Correlation distance of two ETFs (Mantegna 1999, scaled to 0..1)."""
    return float(np.sqrt(max(0.0, (1 - etf_correlation(market, i, j)) / 2)))


def _grouped(holdings: Collection[Held], key: Callable[[Held], int]) -> dict[int, list[Held]]:
    groups: dict[int, list[Held]] = defaultdict(list)
    for holding in holdings:
        groups[key(holding)].append(holding)
    return groups
