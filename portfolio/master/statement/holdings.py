"""The holdings of stage 2: the variables and the hard rules.

The variables are the sleeves in shares of their pod (``u[p, j]``, of order one for any pod's capital), and each
volatility in units of the pod's own stage-1 volatility. Every rule is a row or a bound; no rule is a penalty. Every
rule has a name and can be left out by name: conflict analysis uses this to find the rules that contradict each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.case.distance import (
    CAPITAL_TOLERANCE,
    MAX_ETFS,
    MAX_POSITION,
    MAX_WEIGHT,
    MIN_WEIGHT,
    NEAR_PAIRS,
    OUTSIDE,
    outside,
)
from portfolio.case.inventory import FIRST_PURCHASE_AUD
from portfolio.case.naive import extra_owners
from portfolio.conic.program import JOINT, Builder
from portfolio.counted import counted
from portfolio.market.figures import correlation_distance, grossed_up_yields, net_tax
from portfolio.market.measure import Measure
from portfolio.master.statement.order_rows import Owner
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from portfolio import Vector
    from portfolio.case.case import Case
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve


# Branch on ownership first: the orders follow from ownership (docs/adr/0012).
_URGENCY = 4.0

# Limits that sum to this much less than 1 count as 1: the rounding error of 0.4 + 0.3 + 0.3.
_INVESTED = 1e-9


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps that goals add to the rules: on the largest position, and on the number of ETFs."""

    position: float = 1.0
    etfs: float = np.inf


@dataclass(frozen=True, slots=True)
class HoldingVariables:
    """A pod *p* and an ETF *j* that the pod may hold, with the variable *u* and the switch *z* of this holding.

    For an ETF that the customer owns, *y* is the variable that the switch controls: one or zero.
    """

    p: int
    j: int
    u: int
    z: int
    y: int | None = None


class IsHeld(NamedTuple):
    """Variables and switches that sum to one if an ETF is held, else to zero."""

    row: dict[int, float]
    switches: dict[int, float]


class Holdings:
    """The variables and rules, and the building blocks for the rows of goals.

    Args:
        case: The customer's case.
        without: Rules to leave out, by name; see ``rules``.
        caps: Caps that goals add to the rules.

    Attributes:
        rules: The hard rules, by name, in words.
        restricted: Names of goals that are not convex; stronger convex rows replace them.
        build: The builder that collects the program.
        holdings: All pairs of a pod and an ETF that the pod may hold.
        counts: Variables that sum to the number of positions, one per pod.
        held: Variables that sum to the number of ETFs.
        caps: Caps that goals add to the rules.
        largest: The largest position allowed, without the allowance for drift.
        risk_cones: By number of the cone of a pod's volatility: the variable that the cone bounds.
        shared_limits: Rows that limit the position in each ETF that several pods may hold.
        drifts: Variables of how far a position is above its pod's limit, each with its ETF: zero if the ETF is bought.
        stays: ETFs that the customer owns and of which no unit is sold: where such a holding breaks a limit today, the
            limit becomes the holding itself.
        left_out: Names of the rules that are left out.
        distances: By rule that is a target (``Case.targets``): how far the portfolio is from the rule, as a row.
    """

    def __init__(self, case: Case, without: Collection[str], caps: Caps) -> None:
        self.case = case
        self.market, self.sleeves, self.terms = case.market, case.sleeves, case.terms
        self.naive, self.stock = case.naive, case.stock
        self.naive_weights: Vector = case.side_by_side.sum(axis=0)
        self.rules: dict[str, str] = {}
        self.restricted: list[str] = []
        self.build = Builder()
        self.left_out = without
        # By pod, and whether the covariance is the market's own.
        self._risks: dict[tuple[int, bool], int] = {}
        self._tax: int | None = None
        self.risk_cones: dict[int, int] = {}
        self.stays = self._never_sold()
        # Where rules are targets, a limit that is broken today is measured, and no constant.
        self._spared = self.stays if case.targets is None else frozenset()
        self.distances: dict[str, dict[int, float]] = defaultdict(dict)
        self.outside = outside(case) if self.allows(OUTSIDE) else frozenset()
        self._within = self._capital_tolerance()
        self.least_order_aud, self._first_purchase_aud = self._least_orders()
        self.caps, self._max_weight = caps, self._largest_weight()
        self.largest = min(self._max_weight, caps.position)
        self.holdings = list(self._declare_holdings())
        self.by_pod = _grouped(self.holdings, lambda h: h.p)
        self.by_etf = _grouped(self.holdings, lambda h: h.j)
        self.drifts: list[tuple[int, int]] = []
        self.counts = self._declare_counts()
        self._budgets()
        self._extra: list[int] = []
        self.shared_limits: list[int] = []
        self.held = self._ownership(caps)
        self._near_duplicates()
        self._measure_weights()
        for rule, row in self.distances.items():
            self.build.at_most(row, self.allows(rule))

    def row(self, p: int, column: Vector) -> dict[int, float]:
        """Write a pod's sleeve as a row, weighted by a figure of the ETFs."""
        return {h.u: float(column[h.j]) for h in self.by_pod[p]}

    def whole(self, column: Vector) -> dict[int, float]:
        """Write the whole portfolio as a row, weighted by a figure of the ETFs."""
        return {h.u: self.sleeves[h.p].share * float(column[h.j]) for h in self.holdings}

    def whole_with_cash(self, column: Vector, of_cash: float) -> tuple[dict[int, float], float]:
        """Write a figure of the whole portfolio, the cash included, as a row and a constant.

        Args:
            column: The figure of the ETFs, per dollar, shape (n,).
            of_cash: The figure of cash, per dollar.
        """
        if not self.terms.has_cash:
            return self.whole(column), 0.0
        return self.whole(column - of_cash), of_cash

    def expected_return(self, *, over: float = 0.0) -> tuple[dict[int, float], float]:
        """Write the expected return of the whole portfolio above a rate, as a row and a constant."""
        return self.whole_with_cash(self.market.expected_returns - over, self.terms.cash_rate - over)

    def net_tax(self) -> tuple[dict[int, float], float]:
        """Write net tax on the income of the whole portfolio as a row and a constant, in shares of the capital.

        Where excess credits are worth nothing, tax is never below zero: a variable bounds it from above, which is exact
        wherever less tax is better.
        """
        rate = self.terms.marginal_tax_rate
        tax = net_tax(self.market, rate, counted=self.terms.gains_counted)
        row, constant = self.whole_with_cash(tax, rate * self.terms.cash_rate)
        if not self.terms.wastes_credits:
            return row, constant
        if self._tax is None:
            most = float(np.abs(tax).max()) + constant
            self._tax = self.build.variable(upper=most)
            with self.build.about("net tax"):
                self.build.at_least({self._tax: 1.0, **{x: -a for x, a in row.items()}}, constant)
        return {self._tax: 1.0}, 0.0

    def position(self, j: int) -> dict[int, float]:
        """Write the weight of an ETF in the whole portfolio as a row."""
        return {h.u: self.sleeves[h.p].share for h in self.by_etf[j]}

    def is_held(self, j: int) -> IsHeld:
        """Return the variables and switches that show whether an ETF is held."""
        if self.one_owner:
            return IsHeld({}, {h.z: 1.0 for h in self.by_etf[j]})
        return IsHeld({self.held[list(self.by_etf).index(j)]: 1.0}, {})

    def owners(self, j: int) -> list[Owner]:
        """List the pods that may hold an ETF that the customer owns."""
        pairs = ((h, self.sleeves[h.p].share) for h in self.by_etf.get(j, []))
        return [Owner(h.u, h.y, share, share * self.build.upper_of(h.u)) for h, share in pairs if h.y is not None]

    def largest_of(self, j: int) -> float:
        """Return the largest position allowed in an ETF: the rule's limit with allowance for drift, capped by goals."""
        today = 0.0 if self.stock is None else float(self.stock.weights[j])
        as_today = j in self._spared or self.allows(MAX_WEIGHT) > 0
        limit = max(self._max_weight, today) if as_today else self._drifted(self._max_weight, today)
        # Before a withdrawal, a holding may be more than all of the capital.
        return min(limit, self.caps.position) if self.caps.position < 1 else limit

    def own_limit(self, p: int, j: int) -> float:
        """Return the largest part of a pod's holdings that one ETF may be.

        The limit has an allowance for drift only where each ETF has one owner. The pod then holds the customer's
        whole position, and drift differs from a purchase.
        """
        limit = self.max_position(p)
        return limit + self._drift(p, j) if self._may_drift(p, j) else limit

    def most_held(self, p: int, j: int) -> float:
        """Bound a pod's position in an ETF by the pod's own limit, as a fraction of the pod's share of the capital."""
        most = 1 + self._tolerance(p)
        largest = self.max_position(p) * most
        if self.stock is None or not self._may_drift(p, j):
            return largest
        today = float(self.stock.weights[j]) / self.sleeves[p].share
        return max(largest, min(today, self.own_limit(p, j) * most))

    @property
    def least_invested(self) -> float:
        """The least share of the capital that the pods hold, since each is near its share."""
        return sum(sleeve.share * max(1 - self._tolerance(p), 0.0) for p, sleeve in enumerate(self.sleeves))

    def max_position(self, p: int) -> float:
        """Return the largest part of a pod's holdings that one ETF may reach by purchase."""
        return self._max_position[self.sleeves[p].mandate.pod]

    def _may_drift(self, p: int, j: int) -> bool:
        """Return whether a pod's position may be above its limit: it has one owner, and the owned position is large."""
        if self.stock is None or not self.stock.units[j]:
            return False
        if self.allows(MAX_POSITION):
            return self.max_position(p) < 1
        if self.terms.rules.duplicates is not Duplicates.FORBID:
            return False
        least = self.max_position(p) * self.sleeves[p].share * (1 - self._tolerance(p))
        return self._drift(p, j) > 0 and float(self.stock.weights[j]) > least

    def _drift(self, p: int, j: int) -> float:
        """Return how far a position may be above its pod's limit if no unit is bought, as a part of the pod."""
        limit = self.max_position(p)
        as_today = j in self._spared or self.allows(MAX_POSITION) > 0
        return 1 - limit if as_today else limit * self.terms.rules.position_tolerance

    def of_invested(self, p: int, value: float) -> tuple[dict[int, float], float]:
        """Count *value* per dollar that a pod invests: a constant, or a row where the invested amount is not fixed."""
        if self.stock is None:
            return {}, value
        return {h.u: value for h in self.by_pod[p]}, 0.0

    def column(self, measure: Measure, market: Market | None = None) -> Vector:
        """Return the figures of the ETFs for a measure that is linear in the weights; by default the market's own."""
        if measure is Measure.RETURN:
            return (market or self.market).expected_returns
        if measure is Measure.YIELD:
            return grossed_up_yields(self.market)
        return self.market.column("liquidity")

    def risk(self, p: int) -> int:
        """Return the variable of a pod's volatility, in units of the stage-1 volatility; declare it on first use."""
        return self._risk(p, self.market)

    def aimed_risk(self, p: int) -> int:
        """Return the same where the pods' scores count: in the worst case, where the terms ask for one."""
        return self._risk(p, self.case.aimed)

    def _risk(self, p: int, market: Market) -> int:
        key, sleeve = (p, market.Sigma is self.market.Sigma), self.sleeves[p]
        if key not in self._risks:
            etfs = [h.j for h in self.by_pod[p]]
            L = self.case.factor(etfs, market=market)
            figures = sleeve.figures if key[1] else self.case.aimed_alone(sleeve)
            reach = (1 + self._tolerance(p)) * float(np.linalg.norm(L, axis=1).max()) / figures.volatility
            risk = self.build.variable(upper=reach, block=self._block(p))
            with self.build.about(f"{'risk' if key[1] else 'worst risk'} of {sleeve.mandate.pod}"):
                cone = self.build.norm_at_most(L.T / figures.volatility, [h.u for h in self.by_pod[p]], {risk: 1.0})
            self._risks[key], self.risk_cones[cone] = risk, risk
        return self._risks[key]

    def shared(self) -> list[int]:
        """Declare variables that sum to the number of ETFs with several owners."""
        shared = []
        for y, owners in zip(self.held, self.by_etf.values(), strict=False):
            if not self.one_owner and len(owners) > 1:
                shared.append(self.build.variable(upper=1.0))
                for first, second in combinations(owners, 2):
                    self.build.at_most({shared[-1]: -1.0, y: -1.0}, 0.0, switches={first.z: 1.0, second.z: 1.0})
        return shared

    def has_risk(self, p: int) -> bool:
        """Return whether a pod's volatility is declared."""
        return (p, True) in self._risks

    def penalise_sharing(self) -> None:
        """Add the duplication penalty to the objective: one charge per owner after an ETF's first owner."""
        penalty = self.terms.preferences.duplication / max(extra_owners(self.case.side_by_side), 1)
        self.build.cost(dict.fromkeys(self._extra, penalty))

    def most_risk(self, p: int) -> float:
        """Bound a pod's volatility over all holdings within the pod's limits.

        ``u.Sigma u <= max_u sum_j u_j max_v (Sigma v)_j``, both maxima over the pod's limits.
        """
        etfs = [h.j for h in self.by_pod[p]]
        limits = np.array([self.build.upper_of(h.u) for h in self.by_pod[p]])
        rows = np.array([_most(row, limits) for row in self.market.Sigma[np.ix_(etfs, etfs)]])
        return float(np.sqrt(max(_most(rows, limits), 0.0)))

    # One method per rule.

    def allows(self, rule: str) -> float:
        """Return how far the portfolio may be from a rule: zero, unless the rule is a target."""
        return 0.0 if self.case.targets is None else self.case.targets.allowed.get(rule, 0.0)

    def _block(self, p: int) -> int:
        """Return the block of a pod's variables: one block per pod, or one joint block where trades link all pods."""
        return p if self.stock is None else JOINT

    def rule(self, name: str, words: str) -> bool:
        """Record a rule. Return False if the caller must leave the rule out."""
        self.rules[name] = words
        return name not in self.left_out

    def _never_sold(self) -> frozenset[int]:
        """List the ETFs that the customer owns and of which no unit may be sold."""
        if self.stock is None:
            return frozenset()
        rules, owned = self.terms.rules, frozenset(np.flatnonzero(self.stock.units).tolist())
        named = frozenset(self.market.positions(t for t in rules.never_sell if t in self.market.tickers)) & owned
        if rules.never_sell and not self.rule("never_sell", f"nothing of {', '.join(rules.never_sell)} is sold"):
            named = frozenset()
        return owned if rules.buy_only and self.rule("buy_only", "nothing is sold") else named

    def _tolerance(self, p: int) -> float:
        """Return how far a pod's holdings may be from the pod's share of the capital, as a fraction of that share."""
        return self._within + self.allows(CAPITAL_TOLERANCE) / self.sleeves[p].share

    def _capital_tolerance(self) -> float:
        """Return the tolerance of all pods, without the distance that budgets force."""
        if self.stock is None:
            return 0.0
        tolerance = self.terms.rules.capital_tolerance
        words = f"each pod within {tolerance:.2%} of its share of the capital"
        return tolerance if self.rule("capital_tolerance", words) else 1 / min(s.share for s in self.sleeves)

    def _largest_weight(self) -> float:
        rules = self.terms.rules
        applies = self.rule("max_weight", f"at most {rules.max_weight:.1%} of the capital in one ETF")
        return rules.max_weight if applies else 1.0

    def _drifted(self, limit: float, today: float) -> float:
        """Raise a limit for a position that drifted above the limit: within the tolerance, never above *today*."""
        return max(limit, min(today, limit * (1 + self.terms.rules.position_tolerance)))

    def _declare_holdings(self) -> Iterator[HoldingVariables]:
        """Declare the ETFs that each pod may hold, within the pod's and the portfolio's position limits."""
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
                upper = min(self.most_held(p, j), self.largest_of(j) / sleeve.share)
                # With one owner per ETF, the pod's holding is the whole position: the full minimum applies.
                floor = self.least_position(j) / sleeve.share if self.one_owner else 0.0
                u = self.build.variable(upper=upper, block=self._block(p))
                holding = self._declare_holding(p, j, u, min(floor, upper), upper)
                if floor > upper * (1 + _INVESTED):
                    self.build.at_most({}, 0.0, switches={holding.z: 1.0})
                yield holding

    def _declare_holding(self, p: int, j: int, u: int, floor: float, upper: float) -> HoldingVariables:
        """Add the switch of a holding; the switch has a separate variable where orders depend on the ETF's owner."""
        if self.stock is None or not self.stock.units[j]:
            return HoldingVariables(p, j, u, self.build.switch(u, floor=floor))
        y = self.build.variable(upper=1.0)
        self.build.at_most({u: 1.0, y: -upper}, 0.0)
        if floor > 0:
            with self.build.about("floors"):
                self.build.at_most({u: -1.0, y: floor}, 0.0)
        return HoldingVariables(p, j, u, self.build.switch(y, floor=1.0, urgency=_URGENCY), y)

    def least_position(self, j: int) -> float:
        """Return the smallest share of the capital allowed in an ETF that is held."""
        if self.stock is None or self.stock.units[j]:
            today = 0.0 if self.stock is None else float(self.stock.weights[j])
            as_today = j in self._spared or self.allows(MIN_WEIGHT) > 0
            return min(self._least, today) if as_today else self._least
        return max(self._least, max(self.least_order_aud, self._first_purchase_aud) / self.stock.capital_aud)

    def _least_orders(self) -> tuple[float, float]:
        """Return the smallest value of an order, and of the first purchase of an ETF, AUD."""
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
        return self.rule("duplicates", "one owner per ETF")

    def _universe(self, sleeve: Sleeve) -> list[int]:
        """List the ETFs that a pod may hold: in the pod's universe, and open to purchase or already owned."""
        allowed = {t for t in sleeve.mandate.universe if t not in sleeve.left_out}
        if self.stock is not None:
            today = {self.market.etfs[j].ticker for j in np.flatnonzero(self.stock.units).tolist()}
            priced = {
                t for t, etf in zip(self.market.tickers, self.market.etfs, strict=True) if etf.price_aud is not None
            }
            allowed = (allowed & priced) | (today & set(sleeve.mandate.universe))
        within = self.market.positions(t for t in sleeve.mandate.universe if t in allowed)
        # A holding of no pod stays with any of them, as long as a budget lets it not be sold.
        return [*within, *sorted(self.outside)]

    def _declare_counts(self) -> list[int]:
        """Declare the number of ETFs that each pod holds, with integer bounds.

        A pod that may put at most 37 % into one ETF holds at least three ETFs. Relaxations see only 2.7 and miss
        this bound. A pod with 15 % of the capital and no ETF below 2 % holds at most seven ETFs.
        """
        counts = []
        for p, holdings in self.by_pod.items():
            least = max(
                _fewest([self.own_limit(p, h.j) for h in holdings], 1.0),
                _fewest([self.build.upper_of(h.u) for h in holdings], max(1 - self._tolerance(p), 0.0)),
            )
            if self.case.targets is not None:
                least = 0  # as today, a pod may be empty
            counts.append(self.build.variable(lower=least, upper=len(holdings), block=self._block(p)))
            if self.one_owner and self._least > 0:
                most, least_held = self.sleeves[p].share * (1 + self._tolerance(p)), self._least
                if self.allows(MIN_WEIGHT) or any(h.j in self._spared for h in holdings):
                    least_held = min(self.least_position(h.j) for h in holdings)
                self.build.at_most({counts[-1]: 1.0}, np.floor(most / least_held + _INVESTED))
            self.build.at_most({counts[-1]: -1.0}, 0.0, switches={h.z: 1.0 for h in holdings})
        return counts

    def _budgets(self) -> None:
        """Invest each pod's capital: in full, or within the capital tolerance where the customer owns holdings."""
        for p in range(len(self.sleeves)):
            invested = {h.u: 1.0 for h in self.by_pod[p]}
            if self.stock is None:
                self.build.equal(invested, 1.0)
            else:
                self.build.at_least(invested, max(1 - self._tolerance(p), 0.0))
                self.build.at_most(invested, 1 + self._tolerance(p))
                self._limit_positions(p)
                self._go_beyond(p, invested)

    def _go_beyond(self, p: int, invested: Mapping[int, float]) -> None:
        """Measure how far a pod is from its share beyond the tolerance, where that is a target."""
        if not self.allows(CAPITAL_TOLERANCE):
            return
        excess = self.build.variable(upper=self._tolerance(p) - self._within)
        self.build.at_least({**invested, excess: 1.0}, max(1 - self._within, 0.0))
        self.build.at_most({**invested, excess: -1.0}, 1 + self._within)
        self.distances[CAPITAL_TOLERANCE][excess] = self.sleeves[p].share

    def _limit_positions(self, p: int) -> None:
        """Limit each ETF to its part of the pod's holdings: less of the other ETFs does not allow more of this one."""
        limit = self.max_position(p)
        with self.build.about(f"positions of {self.sleeves[p].mandate.pod}"):
            self._limit_each(p, limit)

    def _limit_each(self, p: int, limit: float) -> None:
        for h in self.by_pod[p] if limit < 1 else ():
            row = {other.u: -limit for other in self.by_pod[p]}
            row[h.u] += 1.0
            if self._may_drift(p, h.j):
                beyond = self._drift(p, h.j)
                drift = self.build.variable(upper=beyond * (1 + self._tolerance(p)))
                self.build.at_most({drift: 1.0} | {other.u: -beyond for other in self.by_pod[p]}, 0.0)
                self.drifts.append((drift, h.j))
                row[drift] = -1.0
                self._measure_position(p, drift)
            self.build.at_most(row, 0.0)

    def _measure_position(self, p: int, drift: int) -> None:
        """Measure how far a position is above its pod's limit with the allowance for drift, where that is a target."""
        if not self.allows(MAX_POSITION):
            return
        tolerance = self.terms.rules.position_tolerance * (self.terms.rules.duplicates is Duplicates.FORBID)
        above = self.build.variable(upper=self.build.upper_of(drift))
        tolerated = {other.u: -tolerance * self.max_position(p) for other in self.by_pod[p]}
        self.build.at_most({drift: 1.0, above: -1.0, **tolerated}, 0.0)
        self.distances[MAX_POSITION][above] = self.sleeves[p].share

    def _ownership(self, caps: Caps) -> list[int]:
        """Bound the number of ETFs. Return the variables that sum to this number."""
        rules = self.terms.rules
        most = (
            rules.max_etfs if self.rule("max_etfs", f"at most {counted(rules.max_etfs, 'ETF')}") else len(self.by_etf)
        )
        if self.one_owner:
            for owners in self.by_etf.values():
                if len(owners) > 1:
                    self.build.at_most({}, 1.0, switches={h.z: 1.0 for h in owners})
            variables = self.counts
        else:
            variables = self._shared_ownership()
        most = int(min(max(most, len(self._spared)), len(self.by_etf), caps.etfs + _INVESTED))
        row = dict.fromkeys(variables, 1.0)
        if (more := self.allows(MAX_ETFS)) > 0:
            above = self.build.variable(upper=min(more, float(len(self.by_etf))))
            row[above] = -1.0
            self.distances[MAX_ETFS][above] = 1.0
        self.build.at_most(row, float(most))
        return variables

    def _shared_ownership(self) -> list[int]:
        """Let ETFs have several owners.

        No variable here needs to be integer. A convex function of the switches bounds each variable from below and is
        integer where the switches are integer. A larger value does not improve the objective.
        """
        build = self.build
        variables = []
        for j, owners in self.by_etf.items():
            y = build.variable(upper=1.0)
            variables.append(y)
            for h in owners:
                build.at_most({y: -1.0}, 0.0, switches={h.z: 1.0})
            build.at_least({**self.position(j), y: -self.least_position(j)}, 0.0)
            if len(owners) > 1:
                self.shared_limits.append(build.at_most(self.position(j), self.largest_of(j)))
                extra = build.variable(upper=len(owners) - 1.0)
                self._extra.append(extra)
                # With y this row is tighter than with 1: relaxations hold half an ETF where the number of ETFs binds.
                build.at_most({extra: -1.0, y: -1.0}, 0.0, switches={h.z: 1.0 for h in owners})
        return variables

    def _near_duplicates(self) -> None:
        """Forbid each pair of ETFs with a correlation distance below the limit."""
        distance = self.terms.rules.min_correlation_distance
        words = f"no two ETFs within a correlation distance of {distance:g}"
        if distance <= 0 or not self.rule("min_correlation_distance", words):
            return
        for i, j in combinations(sorted(self.by_etf), 2):
            if correlation_distance(self.market, i, j) >= distance:
                continue
            both: dict[int, float] = {}
            if self.allows(NEAR_PAIRS) and self._owned(i) and self._owned(j):
                pair = self.build.variable(upper=1.0)
                both[pair] = -1.0
                self.distances[NEAR_PAIRS][pair] = 1.0
            elif {i, j} <= self._spared:
                continue
            for first, second in product(self.by_etf[i], self.by_etf[j]):
                self.build.at_most(both, 1.0, switches={first.z: 1.0, second.z: 1.0})

    def _measure_weights(self) -> None:
        """Measure how far the weights owned today are from their limits, where these are targets."""
        for j in self.outside:
            self.distances[OUTSIDE] |= self.position(j)
        for j in (j for j in self.by_etf if self._owned(j)):
            today = self._today(j)
            if self.allows(MAX_WEIGHT) and today > (limit := self._drifted(self._max_weight, today)):
                above = self.build.variable(upper=today - limit)
                self.build.at_most({**self.position(j), above: -1.0}, limit)
                self.distances[MAX_WEIGHT][above] = 1.0
            if self.allows(MIN_WEIGHT) and today < self._least:
                below = self.build.variable(upper=self._least - today)
                held, least = self.is_held(j), self._least
                row = {x: least * a for x, a in held.row.items()} | {x: -a for x, a in self.position(j).items()}
                switches = {z: least * a for z, a in held.switches.items()}
                self.build.at_most(row | {below: -1.0}, 0.0, switches=switches)
                self.distances[MIN_WEIGHT][below] = 1.0

    def _owned(self, j: int) -> bool:
        return self.stock is not None and bool(self.stock.units[j])

    def _today(self, j: int) -> float:
        return 0.0 if self.stock is None else float(self.stock.weights[j])


def _fewest(limits: Collection[float], least: float) -> int:
    """Return the smallest number of ETFs that can hold *least* in total, given the limit of each ETF."""
    total = 0.0
    for number, limit in enumerate(sorted(limits, reverse=True), start=1):
        total += limit
        if total >= least - _INVESTED:
            return number
    return len(limits)


def _most(values: Vector, limits: Vector) -> float:
    """Maximise a weighted sum over weights that sum to one, each weight within a limit."""
    order = np.argsort(-values, kind="stable")
    before = np.cumsum(limits[order]) - limits[order]
    amounts = np.clip(1 - before, 0.0, limits[order])
    return float(values[order] @ amounts)


def _grouped(
    holdings: Collection[HoldingVariables], key: Callable[[HoldingVariables], int]
) -> dict[int, list[HoldingVariables]]:
    groups: dict[int, list[HoldingVariables]] = defaultdict(list)
    for holding in holdings:
        groups[key(holding)].append(holding)
    return groups
