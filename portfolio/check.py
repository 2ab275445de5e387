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
    from portfolio import Vector
    from portfolio.market import Market

Event = Mapping[str, Any]

# Rules may be off by what the solver's accuracy leaves (weights and figures of order one), figures
# only by what adding up in another order does to double precision.
RULE = 1e-7
FIGURE = 1e-9

# What is proven of goals that are met; and how far below it a goal that gave way is held.
_PROVEN, _HELD = 2e-4, 1.1e-4
_NEARLY_THE_SAME = 0.97

_HIGHER_IS_BETTER = ("tax_efficiency", "sharpe_ratio")
_FIGURES = {"volatility", "expected_return", "grossed_up_yield", "sharpe_ratio", "liquidity"}
_PRIORITIES = {"volatility": 1, "liquidity": 2, "grossed_up_yield": 3, "sharpe_ratio": 3, "expected_return": 3}
_NEVER_WORSE_PRIORITY, _CORRELATION_PRIORITY = 4, 10
# In which order goals are served that nothing else tells apart; and the rank of a pod that was given none.
_OF_PODS = ("volatility", "expected_return", "grossed_up_yield", "sharpe_ratio", "liquidity")
_OF_THE_WHOLE = (
    "etfs",
    "duplicated_etfs",
    "largest_position",
    "sharpe_ratio",
    "tax_efficiency",
    "trading_cost_aud",
)
_LAST_RANK = 10
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
            checker.economic_duplicates,
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
        self.owned: Event | None = self.terms.get("owned")
        # Of what is invested: where something is owned, that is not fixed.
        self.sleeves = self.X / self.X.sum(axis=1)[:, None]
        etfs = market.etfs
        self.cash_yield = np.array([etf.distribution_yield for etf in etfs])
        self.credits = np.array([etf.distribution_yield * etf.franked_share * 30 / 70 for etf in etfs])
        self.had = self._had()
        self.spreads = np.array([etf.half_spread for etf in etfs])
        self.liquidity = np.array([etf.liquidity for etf in etfs])

    def _had(self) -> Vector:
        """Shares of the capital that were owned."""
        had = np.zeros(len(self.index))
        for parcel in self.owned["parcels"] if self.owned else ():
            j = self.index[parcel["ticker"]]
            had[j] += parcel["units"] * (self.market.etfs[j].price_aud or 0.0) / self.terms["total_capital_aud"]
        return had

    def vector(self, weights: Mapping[str, float]) -> Vector:
        """Put named weights in the market's order; an unknown ticker fails loudly."""
        w = np.zeros(len(self.index))
        for ticker, weight in weights.items():
            w[self.index[ticker]] = weight
        return w

    def structure(self) -> Iterator[str]:
        """Check that the parts add up to the whole."""
        w = self.vector(self.event["weights"])
        tolerance = self.rules["capital_tolerance"] if self.owned else 0.0
        if not isclose(w.sum(), 1.0, abs_tol=RULE) and (self.owned is None or w.sum() > 1):
            yield f"the weights sum to {w.sum():.9f}, not to 1"
        if not isclose(self.shares.sum(), 1.0, abs_tol=RULE):
            yield f"the pods' shares of the capital sum to {self.shares.sum():.9f}, not to 1"
        if abs(self.X.sum(axis=0) - w).max() > FIGURE:
            yield "the pods' weights do not add up to the portfolio's"
        if (self.X < 0).any() or (self.naive_sleeves < 0).any():
            yield "a weight is negative"
        for (pod, part), held in zip(self.pods.items(), self.X, strict=True):
            share = part["capital_share"]
            if abs(held.sum() - share) > tolerance * share + RULE:
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
            if ticker in rules["never_buy"] and w[j] > self.had[j] + FIGURE:
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
            if ticker not in mandate["universe"] or (ticker in left_out and not self.had[j]):
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
                missed = _short(goal, asked, self.measure(goal, u)) > RULE * max(1.0, abs(asked))
                if missed and self.terms["on_unreachable"] == "fail":
                    yield f"{pod}'s own portfolio misses its goal for {goal}"

    def goals(self) -> Iterator[str]:
        """Check what every goal asks, gets, and is said to get."""
        due = {goal["name"]: goal for goal in self.due()}
        told = {goal["name"]: goal for goal in self.event["goals"]}
        if set(told) != set(due) or len(told) != len(self.event["goals"]):
            yield f"the goals that are told are not those asked: {sorted(set(told) ^ set(due))}"
            return
        for name, goal in told.items():
            yield from self.goal(goal, due[name])
            if goal["priority"] != self.priority(due[name]):
                yield f"{name} is told with priority {goal['priority']}, not {self.priority(due[name])}"
        if list(told) != sorted(due, key=lambda name: self.rank(due[name])):
            yield "the goals do not stand in the order of their priorities"

    def rank(self, due: Event) -> tuple[float, ...]:
        """Say where a goal stands: by priority, then pods before the whole, then the better pod, then the figure."""
        names = list(self.pods)
        pods = [names.index(pod) for pod in due["pods"]]
        first, share, place = 0.0, 0.0, tuple(float(p) for p in pods)
        if len(pods) == 1:
            first = float(self.terms["pod_ranks"].get(due["pods"][0], _LAST_RANK))
            share = -float(self.shares[pods[0]])
        elif len(pods) > 1:
            ranks = [(float(self.terms["pod_ranks"].get(names[p], _LAST_RANK)), -float(self.shares[p])) for p in pods]
            first, share = min(ranks)
        kind = {1: 0.0, 0: 1.0}.get(len(pods), 2.0)
        figures = _OF_PODS if len(pods) == 1 else _OF_THE_WHOLE
        order = figures.index(due["figure"]) if due["figure"] in figures else 0
        return (float(self.priority(due)), kind, first, share, *place, float(order))

    def due(self) -> Iterator[Event]:
        """Say of every goal what it should be: who, what, how much, and what the portfolio gives."""
        sleeves = dict(zip(self.pods, self.sleeves, strict=True))
        for pod, part in self.pods.items():
            for figure, asked in part["mandate"]["goals"].items():
                value, lower = self.measure(figure, sleeves[pod]), figure == "volatility"
                yield _due(f"{pod}.{figure}", [pod], figure, asked, value, lower=lower)
        naive, now = self.overview("naive"), self.overview("master")
        for figure in _LOWER_IS_BETTER + _HIGHER_IS_BETTER:
            asked = naive[figure]
            if asked is not None and self.could_be_worse(figure):
                lower = figure in _LOWER_IS_BETTER
                yield _due(f"never_worse.{figure}", [], figure, asked, now[figure], lower=lower)
        if self.terms["correlations"] == "limit":
            for a, b in combinations(self.pods, 2):
                limit = self.limit(a, b)
                if limit is not None:
                    rho = self.correlation(a, b)
                    yield _due(f"correlation.{a}-{b}", [a, b], "correlation", limit, rho, lower=True)

    def could_be_worse(self, figure: str) -> bool:
        """Whether a figure is compared as a goal at all."""
        if figure == "trading_cost_aud":
            return (self.overview("naive")["buying_cost_aud"] or 0.0) > 0
        if figure == "tax_efficiency":
            return self.terms["marginal_tax_rate"] > 0 and bool((self.cash_yield + self.credits).any())
        return figure != "duplicated_etfs" or self.rules["duplicates"] == "penalise"

    def goal(self, told: Event, due: Event) -> Iterator[str]:
        """Check one goal."""
        name, asked, value = told["name"], due["asked"], due["delivered"]
        if any(told[key] != due[key] for key in ("pods", "figure", "better")) or not _same(told["asked"], asked):
            yield f"{name} is told as another goal than {due['figure']} of {due['pods']}, asked {asked}"
        if not _same(told["delivered"], value):
            yield f"{name} delivers {value}, not {told['delivered']}"
            return
        lower = due["better"] == "lower"
        short = None if value is None else max(0.0, value - asked if lower else asked - value)
        if not _same(told["shortfall"], short):
            yield f"{name} is short by {short}, not by {told['shortfall']}"
        slack = RULE * max(1.0, abs(asked))
        met = short is not None and short <= slack
        if told["met"] != met:
            yield f"{name} is said to be {'met' if told['met'] else 'missed'}, but delivers {value} of {asked}"
        if not met and self.terms["on_unreachable"] == "fail":
            yield f"{name} is missed, though no goal was to give way"
        if not met and told["figure"] != "correlation":
            yield from self.gave_way(told, value)
        best, alone = told["best_together"], told["best_alone"]
        sign = 1 if lower else -1
        # What is owned may be better than anything that a pod alone could buy.
        bests = [(best, "with the goals before it"), *([] if self.owned else [(alone, "alone")])]
        for other, words in bests:
            if other is not None and value is not None and sign * (other - value) > _PROVEN * max(1.0, abs(other)):
                yield f"{name} is better than the best it could be {words}"
        prices = [told["price"], told["gain_of_one_percent"]]
        if any(price is not None and price < 0 for price in prices):
            yield f"{name} has a negative price: {prices}"

    def priority(self, due: Event) -> int:
        """Find the priority of a goal: the request's, or the documented one."""
        if due["figure"] == "correlation":
            return _CORRELATION_PRIORITY
        documented = _PRIORITIES[due["figure"]] if due["pods"] else _NEVER_WORSE_PRIORITY
        return int(self.terms["priorities"].get(due["name"], documented))

    def gave_way(self, told: Event, value: float | None) -> Iterator[str]:
        """Check that a goal that is missed is missed by as little as was proven possible."""
        best, name = told["best_together"], told["name"]
        if best is None:
            if self.event["certificate"]["levels_proven"]:
                yield f"{name} is missed, and the best it could be is neither told nor said to be unproven"
            return
        size = max(1.0, abs(best))
        if value is None or abs(value - best) > _HELD * size:
            yield f"{name} delivers {value}, though {best} was possible"
        if (best - told["asked"]) * (1 if told["better"] == "lower" else -1) <= 0:
            yield f"{name} is missed, though {best} was possible and {told['asked']} asked"

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
        for (pod, part), u in zip(self.pods.items(), self.sleeves, strict=True):
            if set(part["figures"]) != _FIGURES or part["mandate"]["pod"] != pod:
                yield f"{pod} has not the figures, or the mandate, that it should have"
                continue
            for name, told in part["figures"].items():
                if not _same(told, self.measure(name, u)):
                    yield f"{pod}'s {name} is {self.measure(name, u)}, not {told}"

    def overview(self, which: str) -> dict[str, float | None]:
        """Compute the figures that are compared, of the naive portfolio or the master's."""
        X = self.naive_sleeves * self.shares[:, None] if which == "naive" else self.X
        w, owners, capital = X.sum(axis=0), (X > 0).sum(axis=0), self.terms["total_capital_aud"]
        before = float((self.market.expected_returns + self.credits) @ w)
        tax = self.terms["marginal_tax_rate"] * float((self.cash_yield + self.credits) @ w)
        brokerage, spread = self.terms["brokerage_aud"] * float(owners.sum()), capital * float(self.spreads @ w)
        buying, gains_tax = brokerage + spread, 0.0
        if self.owned:
            move = self.event["trading"][which]
            buying += self.owned["brokerage_share"] * capital * float(w.sum())
            brokerage, spread, gains_tax = move["brokerage_aud"], move["spread_aud"], move["gains"]["tax_aud"]
        return {
            "etfs": float((owners > 0).sum()),
            "positions": float(owners.sum()),
            "duplicated_etfs": float((owners > 1).sum()),
            "largest_position": float(w.max()),
            "trading_cost_aud": brokerage + spread + gains_tax,
            "brokerage_aud": brokerage,
            "spread_aud": spread,
            "capital_gains_tax_aud": gains_tax,
            "buying_cost_aud": buying,
            "tax_efficiency": 10 * (before - tax) / before if before > 0 else None,
            "sharpe_ratio": self.measure("sharpe_ratio", w),
            "expected_return": float(self.market.expected_returns @ w),
            "volatility": self.risk(w),
            "tax_aud": capital * tax,
        }

    def comparison(self) -> Iterator[str]:
        """Check the comparison, and that nothing is worse than the naive portfolio."""
        naive, master = self.overview("naive"), self.overview("master")
        naive.pop("buying_cost_aud"), master.pop("buying_cost_aud")
        rows = {row["metric"]: row for row in self.event["comparison"]}
        if set(rows) != set(naive) or len(rows) != len(self.event["comparison"]):
            yield "the comparison has not the rows it should have"
            return
        for metric, row in rows.items():
            if not (_same(row["naive"], naive[metric]) and _same(row["master"], master[metric])):
                yield f"{metric} is {naive[metric]} and {master[metric]}, not {row['naive']} and {row['master']}"
            better = "higher" if metric in (*_HIGHER_IS_BETTER, "expected_return") else "lower"
            if (row["better"], row["never_worse"]) != (better, self.never_worse(metric)):
                yield f"{metric} is said to be better, or held, in a way that it is not"

    def never_worse(self, metric: str) -> bool:
        """Whether a row of the comparison was held to be no worse than the naive portfolio's."""
        if metric == "duplicated_etfs" and self.rules["duplicates"] == "forbid":
            return True
        return any(goal["name"] == f"never_worse.{metric}" and goal["met"] for goal in self.event["goals"])

    def correlations(self) -> Iterator[str]:
        """Check the pods' correlations and their limits."""
        names = list(self.pods)
        rows = {tuple(row["pods"]): row for row in self.event["correlations"]}
        if set(rows) != set(combinations(names, 2)) or len(rows) != len(self.event["correlations"]):
            yield "the correlations are not those of every pair of pods"
            return
        for (a, b), row in rows.items():
            rho, limit = self.correlation(a, b), self.limit(a, b)
            room = None if limit is None else limit - rho
            if not _same(row["correlation"], rho) or row["limit"] != limit or not _same(row["room"], room):
                yield f"the correlation of {a} and {b} is {rho} (limit {limit}), not as told"
        for a in names:
            for b in names:
                if not _same(self.event["correlation_matrix"][a][b], self.correlation(a, b)):
                    yield f"the matrix of correlations is wrong for {a} and {b}"

    def economic_duplicates(self) -> Iterator[str]:
        """Check which ETFs that are held do nearly the same."""
        w, told = self.X.sum(axis=0), self.event["economic_duplicates"]
        near = {}
        for i, j in combinations(np.flatnonzero(w > 0), 2):
            rho = self.market.Sigma[i, j] / sqrt(self.market.Sigma[i, i] * self.market.Sigma[j, j])
            if rho >= _NEARLY_THE_SAME:
                near[self.market.etfs[i].ticker, self.market.etfs[j].ticker] = float(rho)
        if {tuple(pair["tickers"]) for pair in told} != set(near) or len(told) != len(near):
            yield f"the ETFs held that do nearly the same are {sorted(near)}, not as told"
        elif any(not _same(pair["correlation"], near[tuple(pair["tickers"])]) for pair in told):
            yield "the correlation of two ETFs is not as told"

    def correlation(self, a: str, b: str) -> float:
        """Correlation of two pods' sleeves."""
        x, y = (self.X[list(self.pods).index(pod)] for pod in (a, b))
        return float(x @ self.market.Sigma @ y) / (self.risk(x) * self.risk(y))

    def limit(self, a: str, b: str) -> float | None:
        """Find the limit on the correlation of two pods: the request's, else that of either's mandate."""
        asked = self.terms["correlation_limits"]
        targets = [self.pods[x]["mandate"]["correlation_targets"].get(y) for x, y in ((a, b), (b, a))]
        return next((t for t in (asked.get(f"{a}-{b}"), asked.get(f"{b}-{a}"), *targets) if t is not None), None)

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
        if not _same(gap, certificate["gap"]):
            yield f"the gap is {gap}, not {certificate['gap']}"
        told = set(certificate["restricted"])
        if strange := told - {goal["name"] for goal in self.event["goals"]}:
            yield f"what was restricted is no goal: {sorted(strange)}"
        losing = self.measure("sharpe_ratio", self.shares @ self.naive_sleeves) < -FIGURE
        ratio = {goal["name"]: goal["met"] for goal in self.event["goals"]}.get("never_worse.sharpe_ratio")
        if losing and ratio and "never_worse.sharpe_ratio" not in told:
            yield "a negative Sharpe ratio was kept by a stronger row, and that is not said"
        if "never_worse.sharpe_ratio" in told and ratio and not losing:
            yield "a Sharpe ratio that is not negative needs no stronger row"
        limits_met = all(goal["met"] for goal in self.event["goals"] if goal["figure"] == "correlation")
        proven = gap <= certificate["target_gap"] and certificate["levels_proven"] and limits_met
        proven = proven and "never_worse.sharpe_ratio" not in told
        if certificate["certified"] and not proven:
            yield "the portfolio is said to be certified, but not everything that takes is proven"
        if proven and not certificate["certified"]:
            yield "everything that a certificate takes is proven, but the portfolio is said not to be certified"

    def objective_terms(self) -> dict[str, float]:
        """Compute the terms of the objective."""
        naive_X = self.naive_sleeves * self.shares[:, None]
        naive, master = self.overview("naive"), self.overview("master")
        was, now = (np.maximum((Y > 0).sum(axis=0) - 1, 0).sum() for Y in (naive_X, self.X))
        scores = [
            self.score(part["mandate"]["objective"], best, u)
            for part, best, u in zip(self.pods.values(), self.naive_sleeves, self.sleeves, strict=True)
        ]
        taxed = naive["tax_efficiency"] is not None and bool(naive["tax_aud"])
        return {
            "pod_score": float(self.X.sum(axis=1) @ np.array(scores)),
            "duplication": float(now) / max(float(was), 1.0),
            "trading_cost": (master["trading_cost_aud"] or 0.0) / naive["buying_cost_aud"]
            if naive["buying_cost_aud"]
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


def _due(name: str, pods: list[str], figure: str, asked: float, value: float | None, *, lower: bool) -> Event:
    """State what a goal should be told as."""
    better = "lower" if lower else "higher"
    return {"name": name, "pods": pods, "figure": figure, "asked": asked, "delivered": value, "better": better}


def _short(goal: str, asked: float, delivered: float) -> float:
    """How far a figure is on the wrong side of what was asked."""
    return delivered - asked if goal == "volatility" else asked - delivered


def _same(told: float | None, computed: float | None) -> bool:
    if told is None or computed is None:
        return told is computed
    return isclose(told, computed, rel_tol=FIGURE, abs_tol=FIGURE)
