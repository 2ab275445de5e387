"""Check a final event on its own: every rule and every figure, again, from its weights alone.

Works on the event as it goes over the wire (a mapping, from JSON) and the market snapshot it
names. Shares no arithmetic with what made the event: nothing of the solver, of the formulation or
of ``figures`` is imported here, so that a mistake there does not pass here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import isclose, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.market import Market

Event = Mapping[str, Any]

# Rules may be off by what the solver's accuracy leaves (weights and figures of order one), figures
# only by what adding up in another order does to double precision.
RULE = 1e-7
FIGURE = 1e-9

_HIGHER_IS_BETTER = ("tax_efficiency", "sharpe_ratio")
_FIGURES = {"volatility", "expected_return", "grossed_up_yield", "sharpe_ratio", "liquidity"}
_LOWER_IS_BETTER = ("etfs", "duplicated_etfs", "largest_position", "trading_cost_aud")


def findings(event: Event, market: Market) -> list[str]:
    """Say everything that is wrong with an event; nothing, if it can be trusted."""
    if event["market"] != {"id": market.id, "sha256": market.sha256}:
        return [f"the event is about market {event['market']}, not {market.id} with hash {market.sha256}"]
    checker = _Checker(event, market)
    return [
        finding
        for part in (
            checker.structure,
            checker.limits,
            checker.naive,
            checker.goals,
            checker.pod_figures,
            checker.comparison,
            checker.correlations,
            checker.objective,
        )
        for finding in part()
    ]


class _Checker:
    def __init__(self, event: Event, market: Market) -> None:
        self.event, self.market = event, market
        self.terms: Event = event["terms"]
        self.rules: Event = self.terms["rules"]
        self.pods: Mapping[str, Event] = event["pods"]
        self.index = {etf.ticker: j for j, etf in enumerate(market.etfs)}
        self.shares = np.array([pod["capital_share"] for pod in self.pods.values()])
        self.X = np.array([self.vector(pod["weights"]) for pod in self.pods.values()])
        self.naive_sleeves = np.array([self.vector(pod["naive_weights"]) for pod in self.pods.values()])
        etfs = market.etfs
        self.cash_yield = np.array([etf.distribution_yield for etf in etfs])
        self.credits = np.array([etf.distribution_yield * etf.franked_share * 30 / 70 for etf in etfs])
        self.spreads = np.array([etf.half_spread for etf in etfs])
        self.liquidity = np.array([etf.liquidity for etf in etfs])

    def vector(self, weights: Mapping[str, float]) -> Vector:
        """Put named weights in the market's order; an unknown ticker fails loudly."""
        w = np.zeros(len(self.index))
        for ticker, weight in weights.items():
            w[self.index[ticker]] = weight
        return w

    def structure(self) -> Iterator[str]:
        """Check that the parts add up to the whole."""
        w = self.vector(self.event["weights"])
        if not isclose(w.sum(), 1.0, abs_tol=RULE):
            yield f"the weights sum to {w.sum():.9f}, not to 1"
        if not isclose(self.shares.sum(), 1.0, abs_tol=RULE):
            yield f"the pods' shares of the capital sum to {self.shares.sum():.9f}, not to 1"
        if abs(self.X.sum(axis=0) - w).max() > FIGURE:
            yield "the pods' weights do not add up to the portfolio's"
        if (self.X < 0).any() or (self.naive_sleeves < 0).any():
            yield "a weight is negative"
        for (pod, part), held in zip(self.pods.items(), self.X, strict=True):
            if not isclose(held.sum(), part["capital_share"], abs_tol=RULE):
                yield f"{pod} holds {held.sum():.9f} of the capital, not its share of {part['capital_share']:.9f}"
        for holding in self.event["holdings"]:
            j = self.index[holding["ticker"]]
            owners = [pod for pod, held in zip(self.pods, self.X, strict=True) if held[j] > 0]
            amount = w[j] * self.terms["total_capital_aud"]
            etf = self.market.etfs[j]
            same = (holding["name"], holding["asset_class"], list(holding["owners"])) == (
                etf.name,
                etf.asset_class,
                owners,
            )
            if not (same and _same(holding["weight"], w[j]) and _same(holding["amount_aud"], amount)):
                yield f"the line of holding {etf.ticker} does not agree with its weight, owners or description"
        if sorted(h["ticker"] for h in self.event["holdings"]) != sorted(t for t, j in self.index.items() if w[j] > 0):
            yield "the list of holdings is not the list of ETFs with a weight"

    def limits(self) -> Iterator[str]:
        """Check the hard rules."""
        rules, w, owners = self.rules, self.X.sum(axis=0), (self.X > 0).sum(axis=0)
        held = np.flatnonzero(owners)
        if len(held) > rules["max_etfs"]:
            yield f"{len(held)} ETFs are held, more than {rules['max_etfs']}"
        for j in held:
            ticker = self.market.etfs[j].ticker
            if w[j] < rules["min_weight"] - RULE or w[j] > rules["max_weight"] + RULE:
                yield f"{ticker} has a weight of {w[j]:.9f}, outside {rules['min_weight']} to {rules['max_weight']}"
            if owners[j] > 1 and rules["duplicates"] == "forbid":
                yield f"{ticker} has {owners[j]} owners"
            if ticker in rules["never_buy"]:
                yield f"{ticker} is held, but must never be bought"
        for i, j in combinations(held, 2):
            rho = self.market.Sigma[i, j] / sqrt(self.market.Sigma[i, i] * self.market.Sigma[j, j])
            if sqrt(max(0.0, (1 - rho) / 2)) < rules["min_correlation_distance"] - RULE:
                yield f"{self.market.etfs[i].ticker} and {self.market.etfs[j].ticker} are nearer than allowed"
        for pod, u in zip(self.pods.values(), self.X / self.shares[:, None], strict=True):
            yield from self.may_hold(pod["mandate"], u, pod["left_out"])

    def may_hold(self, mandate: Event, u: Vector, left_out: list[str]) -> Iterator[str]:
        """Check a sleeve against its universe and its largest position."""
        for j in np.flatnonzero(u > 0):
            ticker = self.market.etfs[j].ticker
            if ticker not in mandate["universe"] or ticker in left_out:
                yield f"{mandate['pod']} holds {ticker}, which is not in its universe"
            if u[j] > mandate["max_position"] + RULE:
                yield f"{mandate['pod']} holds {u[j]:.9f} of itself in {ticker}, above {mandate['max_position']}"

    def naive(self) -> Iterator[str]:
        """Check that the yardstick keeps the pods' own terms."""
        for (pod, part), u in zip(self.pods.items(), self.naive_sleeves, strict=True):
            mandate = part["mandate"]
            yield from self.may_hold(mandate, u, part["left_out"])
            if not isclose(u.sum(), 1.0, abs_tol=RULE):
                yield f"{pod}'s own weights sum to {u.sum():.9f}, not to 1"
            if 1 / float(u @ u) < mandate["min_effective_holdings"] - 1e2 * RULE:
                yield f"{pod} alone has {1 / float(u @ u):.6f} effective holdings, too few"
            for goal, asked in mandate["goals"].items():
                if _short(goal, asked, self.measure(goal, u)) > RULE * max(1.0, abs(asked)):
                    yield f"{pod}'s own portfolio misses its goal for {goal}"

    def goals(self) -> Iterator[str]:
        """Check what every goal asks, gets, and is said to get."""
        told = {(goal["pod"], goal["goal"]): goal for goal in self.event["goals"]}
        asked = {(pod, goal) for pod, part in self.pods.items() for goal in part["mandate"]["goals"]}
        if set(told) != asked or len(told) != len(self.event["goals"]):
            yield "the goals that are told are not the goals of the mandates"
            return
        for (pod, part), u in zip(self.pods.items(), self.X / self.shares[:, None], strict=True):
            for goal, limit in part["mandate"]["goals"].items():
                line, delivered = told[pod, goal], self.measure(goal, u)
                slack = RULE * max(1.0, abs(limit))
                if not _same(line["delivered"], delivered) or line["asked"] != limit:
                    told_as = f"{line['delivered']} of {line['asked']}"
                    yield f"{pod}'s {goal} is told as {told_as}, not {delivered} of {limit}"
                if not line["met"] or _short(goal, limit, delivered) > slack:
                    yield f"{pod}'s {goal} is {delivered:.9f}, which misses {limit}"
                if _short(goal, delivered, line["best_alone"]) > 1e2 * slack:
                    yield f"{pod}'s {goal} is better than the best it could be alone"

    def measure(self, goal: str, u: Vector) -> float:
        """Compute one figure of a sleeve."""
        if goal == "volatility":
            return self.risk(u)
        if goal == "sharpe_ratio":
            return (float(u @ self.market.expected_returns) - self.market.risk_free * float(u.sum())) / self.risk(u)
        column = {
            "expected_return": self.market.expected_returns,
            "grossed_up_yield": self.cash_yield + self.credits,
            "liquidity": self.liquidity,
        }[goal]
        return float(column @ u)

    def risk(self, w: Vector) -> float:
        """Annual volatility."""
        return sqrt(float(w @ self.market.Sigma @ w))

    def pod_figures(self) -> Iterator[str]:
        """Check the figures of every sleeve."""
        for (pod, part), u in zip(self.pods.items(), self.X / self.shares[:, None], strict=True):
            if set(part["figures"]) != _FIGURES or part["mandate"]["pod"] != pod:
                yield f"{pod} has not the figures, or the mandate, that it should have"
                continue
            for name, told in part["figures"].items():
                if not _same(told, self.measure(name, u)):
                    yield f"{pod}'s {name} is {self.measure(name, u)}, not {told}"

    def overview(self, X: Matrix) -> dict[str, float | None]:
        """Compute the figures that are compared."""
        w, owners, capital = X.sum(axis=0), (X > 0).sum(axis=0), self.terms["total_capital_aud"]
        before = float((self.market.expected_returns + self.credits) @ w)
        tax = self.terms["marginal_tax_rate"] * float((self.cash_yield + self.credits) @ w)
        return {
            "etfs": float((owners > 0).sum()),
            "positions": float(owners.sum()),
            "duplicated_etfs": float((owners > 1).sum()),
            "largest_position": float(w.max()),
            "trading_cost_aud": self.terms["brokerage_aud"] * float(owners.sum()) + capital * float(self.spreads @ w),
            "tax_efficiency": 10 * (before - tax) / before if before > 0 else None,
            "sharpe_ratio": self.measure("sharpe_ratio", w),
            "expected_return": float(self.market.expected_returns @ w),
            "volatility": self.risk(w),
            "tax_aud": capital * tax,
        }

    def comparison(self) -> Iterator[str]:
        """Check the comparison, and that nothing is worse than the naive portfolio."""
        naive, master = self.overview(self.naive_sleeves * self.shares[:, None]), self.overview(self.X)
        rows = {row["metric"]: row for row in self.event["comparison"]}
        if set(rows) != set(naive) or len(rows) != len(self.event["comparison"]):
            yield "the comparison has not the rows it should have"
            return
        for metric, row in rows.items():
            if not (_same(row["naive"], naive[metric]) and _same(row["master"], master[metric])):
                yield f"{metric} is {naive[metric]} and {master[metric]}, not {row['naive']} and {row['master']}"
            better = "higher" if metric in (*_HIGHER_IS_BETTER, "expected_return") else "lower"
            if (row["better"], row["never_worse"]) != (better, metric in _HIGHER_IS_BETTER + _LOWER_IS_BETTER):
                yield f"{metric} is said to be better or ruled in a way that it is not"
        for metrics, sign in ((_LOWER_IS_BETTER, 1), (_HIGHER_IS_BETTER, -1)):
            for metric in metrics:
                was, now = naive[metric], master[metric]
                if was is not None and (now is None or sign * (now - was) > RULE * max(1.0, abs(was))):
                    yield f"{metric} is {now}, worse than the naive portfolio's {was}"

    def correlations(self) -> Iterator[str]:
        """Check the pods' correlations and targets."""
        covariance = self.X @ self.market.Sigma @ self.X.T
        names = list(self.pods)
        rows = {tuple(row["pods"]): row for row in self.event["correlations"]}
        if set(rows) != set(combinations(names, 2)) or len(rows) != len(self.event["correlations"]):
            yield "the correlations are not those of every pair of pods"
            return
        for (a, b), row in rows.items():
            i, j = names.index(a), names.index(b)
            rho = covariance[i, j] / sqrt(covariance[i, i] * covariance[j, j])
            targets = [self.pods[x]["mandate"]["correlation_targets"].get(y) for x, y in ((a, b), (b, a))]
            target = next((t for t in targets if t is not None), None)
            within = None if target is None else bool(row["correlation"] <= target)
            if not _same(row["correlation"], rho) or row["target"] != target or row["within_target"] != within:
                yield f"the correlation of {a} and {b} is {rho} (target {target}), not as told"

    def objective(self) -> Iterator[str]:
        """Check the objective, its terms and what the certificate says of them."""
        terms, weights, certificate = (
            self.event["objective_terms"],
            self.terms["preferences"],
            self.event["certificate"],
        )
        for name, value in self.objective_terms().items():
            if not _same(terms[name], value):
                yield f"the term {name} of the objective is {value}, not {terms[name]}"
        value = (
            weights["pod_score"] * terms["pod_score"]
            - weights["duplication"] * terms["duplication"]
            - weights["trading_cost"] * terms["trading_cost"]
            + weights["tax_efficiency"] * terms["tax_efficiency"]
        )
        if abs(value - certificate["objective"]) > RULE:
            yield f"the objective is {value}, not {certificate['objective']}"
        gap = max(0.0, certificate["bound"] - certificate["objective"]) / max(abs(certificate["objective"]), 0.01)
        losing = self.measure("sharpe_ratio", self.shares @ self.naive_sleeves) < -FIGURE
        restricted = ["never_worse.sharpe_ratio"] if losing else []
        certified = gap <= certificate["target_gap"] and not restricted
        told = certificate["gap"], certificate["restricted"], certificate["certified"]
        if not _same(gap, told[0]) or told[1:] != (restricted, certified):
            yield f"gap, restrictions and certified are {(gap, restricted, certified)}, not {told}"

    def objective_terms(self) -> dict[str, float]:
        """Compute the terms of the objective."""
        naive_X = self.naive_sleeves * self.shares[:, None]
        naive, master = self.overview(naive_X), self.overview(self.X)
        was, now = (np.maximum((Y > 0).sum(axis=0) - 1, 0).sum() for Y in (naive_X, self.X))
        scores = [
            self.score(part["mandate"]["objective"], best, u)
            for part, best, u in zip(self.pods.values(), self.naive_sleeves, self.X / self.shares[:, None], strict=True)
        ]
        taxed = naive["tax_efficiency"] is not None and bool(naive["tax_aud"])
        return {
            "pod_score": float(self.shares @ np.array(scores)),
            "duplication": float(now) / max(float(was), 1.0),
            "trading_cost": (master["trading_cost_aud"] or 0.0) / naive["trading_cost_aud"]
            if naive["trading_cost_aud"]
            else 0.0,
            "tax_efficiency": 1 - (master["tax_aud"] or 0.0) / (naive["tax_aud"] or 1.0) if taxed else 0.0,
        }

    def score(self, objective: str, best: Vector, u: Vector) -> float:
        """Score a sleeve against the pod's own result."""
        if objective == "min_volatility":
            return 2 - self.risk(u) / self.risk(best)
        if objective == "max_sharpe":
            ratio = self.measure("sharpe_ratio", best)
            excess = float(u @ self.market.expected_returns) - self.market.risk_free
            return 1 - (ratio * self.risk(u) - excess) / (ratio * self.risk(best))
        goal = {"max_income": "grossed_up_yield", "max_return": "expected_return"}[objective]
        return 1 + (self.measure(goal, u) - self.measure(goal, best)) / abs(self.measure(goal, best))


def _short(goal: str, asked: float, delivered: float) -> float:
    """How far a figure is on the wrong side of what was asked."""
    return delivered - asked if goal == "volatility" else asked - delivered


def _same(told: float | None, computed: float | None) -> bool:
    if told is None or computed is None:
        return told is computed
    return isclose(told, computed, rel_tol=FIGURE, abs_tol=FIGURE)
