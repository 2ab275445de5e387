"""Check the weights of a final event: rules, targets, figures, comparison and proof."""

from __future__ import annotations

from itertools import combinations
from math import isclose, sqrt
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.aimed import aimed
from portfolio.check.distance import distances, rooms
from portfolio.check.facts import FIGURE, MET, RULE, correlation, differing, same
from portfolio.check.move import Move
from portfolio.check.owned import Owned, left_by_pods
from portfolio.check.tax import gains_counted, taxed_yield

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.check.distance import Broken
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

# Relative tolerance on the proven best value: a delivered value may be better by this at most.
_PROVEN = 2e-4
# A target that the search can keep up to this part of the tolerance for met targets is kept. A target that is given up
# may be met by less: the search proves only that no portfolio comes nearer than half of the tolerance, its own room.
_CAN_BE_KEPT = 0.25
# A target that gives way is held below its best value by at least a hundredth of a percentage point.
_LEAST_TOLERANCE = 1e-4
_NEARLY_THE_SAME = 0.97

_HIGHER_IS_BETTER = ("tax_efficiency", "sharpe_ratio")
# The change that is in the person's interest, where that is not less: of tax on income neither is by itself.
_INTEREST = {
    "effective_holdings": "higher",
    "tax_efficiency": "higher",
    "sharpe_ratio": "higher",
    "expected_return": "higher",
    "net_tax_aud": None,
    "income_after_tax_aud": "higher",
}
_FIGURES = {"volatility", "expected_return", "grossed_up_yield", "sharpe_ratio", "liquidity"}
_PRIORITIES = {"volatility": 1, "liquidity": 2, "grossed_up_yield": 3, "sharpe_ratio": 3, "expected_return": 3}
_NEVER_WORSE_PRIORITY, _CORRELATION_PRIORITY = 4, 10
# The order of targets that tie on all other criteria; and the default rank of a pod.
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
_RULES = {
    "max_etfs",
    "min_weight",
    "max_weight",
    "duplicates",
    "min_correlation_distance",
    "never_buy",
    "never_sell",
    "capital_tolerance",
    "position_tolerance",
    "min_order_aud",
    "max_turnover",
    "max_tax_aud",
}
# Rules that events of earlier versions do not have.
_LATER = {"buy_only"}
_LOWER_IS_BETTER = ("etfs", "duplicated_etfs", "largest_position", "trading_cost_aud")


class Portfolio:
    """The portfolio of a final event; each check yields the faults of one part."""

    def __init__(self, event: Event, market: Market) -> None:
        self.event, self.market = event, market
        self.terms: Event = event["terms"]
        self.rules: Event = self.terms["rules"]
        self.pods: Mapping[str, Event] = _in_order(event)
        self.index = {etf.ticker: j for j, etf in enumerate(market.etfs)}
        self.aimed = aimed(self.terms, market)
        self.shares = np.array([pod["capital_share"] for pod in self.pods.values()])
        self.X = np.array([self.vector(pod["weights"]) for pod in self.pods.values()])
        self.naive_sleeves = np.array([self.vector(pod["naive_weights"]) for pod in self.pods.values()])
        universes = {ticker for pod in self.pods.values() for ticker in pod["mandate"]["universe"]}
        # Pods in cash take no part: their money stays as it is. Events of before such pods have none.
        self.in_cash: Mapping[str, Event] = event.get("in_cash") or {}
        spared = {ticker for one in self.in_cash.values() for ticker in one["mandate"]["universe"]}
        self.owned = Owned(self.terms, universes, market, spared) if self.terms["owned"] is not None else None
        self.floor = self.owned.floor if self.owned else left_by_pods(self.terms)
        # Fractions of the pod's invested amount. With existing holdings, this amount may differ from the capital share.
        self.sleeves = parts(self.X)
        # How far the portfolio may be from rules that are targets.
        self.rooms = rooms(event["trading"])
        etfs = market.etfs
        self.cash_yield = np.array([etf.distribution_yield for etf in etfs])
        self.credits = np.array([etf.distribution_yield * etf.franked_share * 30 / 70 for etf in etfs])
        self.had = np.zeros(len(etfs)) if self.owned is None else self.owned.had
        self.moves = {which: self._move(which) for which in ("naive", "master")} if self.owned else {}
        self.spreads = np.array([etf.half_spread for etf in etfs])
        self.liquidity = np.array([etf.liquidity for etf in etfs])
        self.fees = np.array([etf.management_fee for etf in etfs])
        self.cash_rate = float(self.owned.told["cash_rate"]) if self.owned else 0.0
        rate = self.terms["marginal_tax_rate"]
        self.counted = gains_counted(self.terms["entity"], self.owned.as_of if self.owned else None)
        self.taxed_yield = np.array([taxed_yield(etf, self.counted) for etf in etfs])
        self.net_taxes = rate * (self.taxed_yield + self.credits) - self.credits
        used_up, is_company = self.terms["other_income_uses_credits"], self.terms["entity"] == "company"
        self.refunds = used_up or not is_company
        # Several parts of the check ask for the same figures.
        self._overviews: dict[str, dict[str, float | None]] = {}
        self._holdings: dict[bytes, dict[str, float | None]] = {}

    def findings(self) -> Iterator[str]:
        """Yield every fault in the weights and in the figures reported for them."""
        yield from self.structure()
        yield from self.cash()
        yield from self.limits()
        yield from self.naive()
        yield from self.goals()
        yield from self.pod_figures()
        yield from self.comparison()
        yield from self.correlations()
        yield from self.economic_duplicates()
        yield from self.objective()

    def _move(self, which: str) -> Move:
        assert self.owned is not None  # noqa: S101 - the caller looked
        X = self.naive_sleeves * self.shares[:, None] if which == "naive" else self.X
        told, fixed = self.event["trading"][which], self.terms["brokerage_aud"]
        return Move(self.owned, X, told, pooled=which == "master", brokerage_aud=fixed)

    def vector(self, weights: Mapping[str, float]) -> Vector:
        """Put named weights in the market's order; an unknown ticker raises KeyError."""
        w = np.zeros(len(self.index))
        for ticker, weight in weights.items():
            w[self.index[ticker]] = weight
        return w

    def structure(self) -> Iterator[str]:
        """Check that the pods' weights and shares add up, and that the list of holdings agrees with them."""
        w = self.vector(self.event["weights"])
        given = 1.0 - self.floor
        if w.sum() > 1 + RULE or (self.owned is None and not isclose(w.sum(), given, abs_tol=RULE)):
            yield f"the weights sum to {w.sum():.9f}, not to {given:.9g}"
        if not isclose(self.shares.sum(), given, abs_tol=FIGURE):
            yield f"the pods' shares of the capital sum to {self.shares.sum():.9f}, not to {given:.9f}"
        if abs(self.X.sum(axis=0) - w).max() > FIGURE:
            yield "the pods' weights do not add up to the portfolio's"
        if (self.X < 0).any() or (self.naive_sleeves < 0).any():
            yield "a weight is negative"
        tolerance = self.rules["capital_tolerance"] if self.owned else 0.0
        yield from self.near_shares(self.X, tolerance)
        if self.share_excess and not any(self._beyond(self.X, tolerance)):
            yield f"the pods may be {self.share_excess:.9f} of the capital away from their shares, and are within them"
        for holding in self.event["holdings"]:
            j = self.index[holding["ticker"]]
            owners = [pod for pod, held in zip(self.pods, self.X, strict=True) if held[j] > 0]
            amount = w[j] * self.terms["total_capital_aud"]
            etf = self.market.etfs[j]
            words = (holding["name"], holding["asset_class"], list(holding["owners"]))
            described = words == (etf.name, etf.asset_class, owners)
            if not (described and same(holding["weight"], w[j]) and same(holding["amount_aud"], amount)):
                yield f"the line of holding {etf.ticker} does not agree with its weight, owners or description"
        if sorted(h["ticker"] for h in self.event["holdings"]) != sorted(t for t, j in self.index.items() if w[j] > 0):
            yield "the list of holdings is not the list of ETFs with a weight"

    def near_shares(self, X: Matrix, tolerance: float) -> Iterator[str]:
        """Check that each pod's part of the holdings *X*, shape (pods, n), is within a tolerance of its share.

        Where holdings that are never sold let no portfolio be so near, the pods together may be as far beyond the
        tolerance as the terms say. Only a solver can find that no portfolio is nearer.
        """
        allowed = self.share_excess + self.rooms.get("capital_tolerance", 0.0)
        if self.share_excess < 0 or (self.share_excess and not (self.owned and self.owned.unsold)):
            yield f"the pods may be {allowed:.9f} of the capital away from their shares, though all may be sold"
        beyond = self._beyond(X, tolerance)
        for (pod, part), held, far in zip(self.pods.items(), X, beyond, strict=True):
            if far > allowed + RULE:
                yield f"{pod} holds {held.sum():.9f} of the capital, not its share of {part['capital_share']:.9f}"
        if (total := sum(beyond)) > allowed + RULE * len(self.pods):
            yield f"the pods are {total:.9f} of the capital away from their shares, more than {allowed:.9f}"

    @property
    def share_excess(self) -> float:
        """How far beyond the tolerance the pods together may be away from their shares, as the terms say."""
        return float(self.terms.get("share_excess", 0.0))

    def _beyond(self, X: Matrix, tolerance: float) -> list[float]:
        """Compute how far each pod is beyond the tolerance of its share, as shares of the capital; zero within."""
        return [
            max(abs(float(held.sum()) - part["capital_share"]) - tolerance * part["capital_share"], 0.0)
            for part, held in zip(self.pods.values(), X, strict=True)
        ]

    def cash(self) -> Iterator[str]:
        """Check the line of the money that is not invested: the capital less the ETFs."""
        told = self.event["cash"]
        if (told is not None) != self.has_cash:
            yield "money is told without an account and without pods in cash, or there are such and no money is told"
        if told is None or not self.has_cash:
            return
        left, capital = self.idle(self.X.sum(axis=0)), float(self.terms["total_capital_aud"])
        move = self.moves.get("master")
        due = {
            "weight": left,
            "amount_aud": left * capital,
            "costs_aud": move.brokerage_aud + move.spread_aud if move else 0.0,
            "rate": self.cash_rate,
        }
        yield from (f"of the cash, {words}" for words in differing(told, due, size=capital))

    @property
    def has_cash(self) -> bool:
        """Whether some of the capital may be money: in an account, or that of pods in cash."""
        return self.owned is not None or self.floor > 0

    def idle(self, w: Vector) -> float:
        """Compute the share of the capital that the weights leave as money."""
        return max(0.0, 1.0 - float(w.sum())) if self.has_cash else 0.0

    def limits(self) -> Iterator[str]:
        """Check the hard rules of the whole portfolio and of each pod."""
        if set(self.rules) - _LATER != _RULES:
            yield f"the rules are not those that there are: {sorted((set(self.rules) - _LATER) ^ _RULES)}"
        yield from self.positions(self.X, self.had)
        bought = self.X.sum(axis=0) > self.had + FIGURE
        for pod, u in zip(self.pods.values(), self.sleeves, strict=True):
            yield from self.may_hold(pod["mandate"], u, pod["left_out"], bought)

    def positions(self, X: Matrix, had: Vector, rules: Event | None = None) -> Iterator[str]:
        """Check holdings *X*, shape (pods, n), against the rules of the whole portfolio.

        Args:
            X: The holdings.
            had: The weight of each ETF before the trades, shape (n,).
            rules: Other rules than the request's.
        """
        rules, w, owners = rules or self.rules, X.sum(axis=0), (X > 0).sum(axis=0)
        held, unsold = np.flatnonzero(owners).tolist(), self.unsold()
        # A limit that an ETF breaks today, and which is never sold, becomes the holding itself.
        if len(held) > max(rules["max_etfs"] + self.rooms.get("max_etfs", 0.0), len(unsold)):
            yield f"{len(held)} ETFs are held, more than {rules['max_etfs']}"
        for j in held:
            ticker = self.market.etfs[j].ticker
            least, most = self._range(rules, j, had[j])
            if w[j] < least - RULE or w[j] > most + RULE:
                yield f"{ticker} has a weight of {w[j]:.9f}, outside {rules['min_weight']} to {rules['max_weight']}"
            if owners[j] > 1 and rules["duplicates"] == "forbid":
                yield f"{ticker} has {owners[j]} owners"
            if w[j] > had[j] + FIGURE and (ticker in rules["never_buy"] or self.market.etfs[j].until is not None):
                yield f"{ticker} is held, but must never be bought"
        for i, j in combinations(held, 2):
            distance = sqrt(max(0.0, (1 - correlation(self.market, i, j)) / 2))
            stays = unsold | (set(np.flatnonzero(had)) if "min_correlation_distance" in self.rooms else set())
            if distance < rules["min_correlation_distance"] - RULE and not {i, j} <= stays:
                yield f"{self.market.etfs[i].ticker} and {self.market.etfs[j].ticker} are nearer than allowed"
        yield from self._targets(X, had)

    def _range(self, rules: Event, j: int, had: float) -> tuple[float, float]:
        """Return the least and the largest weight that an ETF may have; one that breaks a limit today may keep it."""
        unsold, stays = j in self.unsold(), had > 0
        least, most = rules["min_weight"], self.most(rules["max_weight"], had)
        if unsold or (stays and "min_weight" in self.rooms):
            least = min(least, had)
        if unsold or (stays and "max_weight" in self.rooms):
            most = max(rules["max_weight"], had)
        return least, most

    def distances(self, X: Matrix, had: Vector, money: float) -> dict[str, Broken]:
        """Find the breaches of each rule that may be a target, in holdings *X*, shape (pods, n)."""
        return distances(self.rules, self.pods, self.market, X, had=had, money=(money, self.floor))

    def _targets(self, X: Matrix, had: Vector) -> Iterator[str]:
        """Check that holdings are no further from rules that are targets than the budgets force."""
        for rule, broken in self.distances(X, had, 1.0).items() if self.rooms else ():
            far, room = sum(distance for *_, distance in broken.values()), self.rooms.get(rule, 0.0)
            if far > room + RULE * (1 + len(broken)):
                yield f"the distance from {rule} is {far:.9f}, more than the {room:.9f} that the budgets force"

    def unsold(self) -> set[int]:
        """List the ETFs that are owned and never sold."""
        return {self.index[ticker] for ticker in self.owned.unsold} if self.owned else set()

    def most(self, limit: float, had: float) -> float:
        """Return the largest allowed position: one owned above the limit may stay, within the tolerance."""
        tolerated = limit + limit * self.rules["position_tolerance"]
        return limit if had <= limit else min(had, tolerated)

    def may_hold(
        self, mandate: Event, u: Vector, left_out: list[str], bought: npt.NDArray[np.bool_] | None = None
    ) -> Iterator[str]:
        """Check a sleeve against the pod's universe and largest position; left-out ETFs may stay if already owned.

        A position may be above its limit, within the tolerance, if nothing of it is *bought*. The event does not say
        which pod owned the units, so that holds only where each ETF has one owner.

        Args:
            mandate: The pod's terms.
            u: Shares of what the pod holds, shape (n,); sum 1.
            left_out: Tickers that the pod cannot buy.
            bought: Whether more of each ETF is held than before the trades, shape (n,); None if nothing was owned.
        """
        for j in np.flatnonzero(u > 0):
            ticker = self.market.etfs[j].ticker
            stays = bought is not None and bool(self.had[j]) and not bought[j]
            outside = ticker not in mandate["universe"] and not (stays and self._may_stay_outside(ticker))
            if outside or (ticker in left_out and not self.had[j]):
                yield f"{mandate['pod']} holds {ticker}, which is not in its universe"
            drifted = bought is not None and self.rules["duplicates"] == "forbid" and not bought[j]
            if (drifted and j in self.unsold()) or (stays and "max_position" in self.rooms):
                continue
            if u[j] > mandate["max_position"] * (1 + self.rules["position_tolerance"] * drifted) + RULE:
                yield f"{mandate['pod']} holds {u[j]:.9f} of itself in {ticker}, above {mandate['max_position']}"

    def _may_stay_outside(self, ticker: str) -> bool:
        """Whether a pod may keep an ETF that no pod may hold, since a budget lets it not be sold."""
        nobody = all(ticker not in pod["mandate"]["universe"] for pod in self.pods.values())
        return nobody and "outside" in self.rooms

    def naive(self) -> Iterator[str]:
        """Check that the separate pods' portfolio keeps each pod's own terms."""
        for (pod, part), u in zip(self.pods.items(), self.naive_sleeves, strict=True):
            mandate = part["mandate"]
            yield from self.may_hold(mandate, u, part["left_out"])
            # Separate pods start from cash, so they have no left-out ETF to keep.
            closed = {etf.ticker for etf in self.market.etfs if etf.until is not None}
            if bought := sorted((closed | set(part["left_out"])) & set(part["naive_weights"])):
                yield f"{pod} alone would buy what is left out: {', '.join(bought)}"
            if untold := sorted(closed & set(mandate["universe"]) - set(part["left_out"])):
                yield f"{pod} is not told to leave out {', '.join(untold)}, which nobody can buy"
            if not isclose(u.sum(), 1.0, abs_tol=RULE):
                yield f"{pod}'s own weights sum to {u.sum():.9f}, not to 1"
            if 1 / float(u @ u) < mandate["min_effective_holdings"] - 1e2 * RULE:
                yield f"{pod} alone has {1 / float(u @ u):.6f} effective holdings, too few"
            for goal, asked in mandate["goals"].items():
                missed = _short(goal, asked, self.measure(goal, u)) > MET * max(1.0, abs(asked))
                if missed and self.terms["on_unreachable"] == "fail":
                    yield f"{pod}'s own portfolio misses its goal for {goal}"

    def goals(self) -> Iterator[str]:
        """Check the asked, delivered and reported values of every target, and the order of the targets."""
        due = {goal["name"]: goal for goal in self.due(self.X)}
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
        """Return a target's sort key: priority, kind, best pod rank, capital share, pods in order, figure.

        The kinds are: targets of one pod, of the whole portfolio, and of a pair of pods, in this order.
        """
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

    def due(self, X: Matrix, *, trading_cost_aud: float | None = None) -> Iterator[Event]:
        """Yield each target as the event should report it: pods, figure, asked value, value delivered by *X*.

        *X* is holdings of shape (pods, n).
        """
        sleeves = dict(zip(self.pods, parts(X), strict=True))
        for pod, part in self.pods.items():
            for figure, asked in part["mandate"]["goals"].items():
                # An empty pod has no figure.
                value = self.measure(figure, sleeves[pod]) if sleeves[pod].any() else None
                lower = figure == "volatility"
                yield _due(f"{pod}.{figure}", [pod], figure, asked, value, lower=lower)
        naive, now = self.overview("naive"), self.holding(X)
        now["trading_cost_aud"] = self.overview("master")["trading_cost_aud"]
        if trading_cost_aud is not None:
            now["trading_cost_aud"] = trading_cost_aud
        for figure in _LOWER_IS_BETTER + _HIGHER_IS_BETTER:
            asked = naive[figure]
            if asked is not None and self.could_be_worse(figure):
                lower = figure in _LOWER_IS_BETTER
                yield _due(f"never_worse.{figure}", [], figure, asked, now[figure], lower=lower)
        if self.terms["correlations"] == "limit":
            for a, b in combinations(self.pods, 2):
                limit = self.limit(a, b)
                if limit is not None:
                    rho = self.correlation(a, b, X)
                    yield _due(f"correlation.{a}-{b}", [a, b], "correlation", limit, rho, lower=True)

    def could_be_worse(self, figure: str) -> bool:
        """Whether a figure has a never-worse target."""
        if figure == "trading_cost_aud":
            return (self.overview("naive")["buying_cost_aud"] or 0.0) > 0
        if figure == "tax_efficiency":
            taxes = [*self.net_taxes, self.terms["marginal_tax_rate"] * self.cash_rate]
            return any(tax > 0 or (self.refunds and tax < 0) for tax in taxes)
        return figure != "duplicated_etfs" or self.rules["duplicates"] == "penalise"

    def goal(self, told: Event, due: Event) -> Iterator[str]:
        """Check one reported target against the expected report."""
        name, asked, value = told["name"], due["asked"], due["delivered"]
        if any(told[key] != due[key] for key in ("pods", "figure", "better")) or not same(told["asked"], asked):
            whose = " and ".join(due["pods"]) or "all pods"
            yield f"{name} is told as another goal than {due['figure']} of {whose}, asked {asked}"
        if not same(told["delivered"], value):
            yield f"{name} delivers {value}, not {told['delivered']}"
            return
        lower = due["better"] == "lower"
        short = None if value is None else max(0.0, value - asked if lower else asked - value)
        if not same(told["shortfall"], short):
            yield f"{name} is short by {short}, not by {told['shortfall']}"
        slack = MET * max(1.0, abs(asked))
        met = short is not None and short <= slack
        if told["met"] != met:
            yield f"{name} is said to be {'met' if told['met'] else 'missed'}, but delivers {value} of {asked}"
        if not met and self.terms["on_unreachable"] == "fail":
            yield f"{name} is missed, though no goal was to give way"
        if told["figure"] != "correlation":
            yield from self.held(told, value, can_be_kept=short is not None and short <= _CAN_BE_KEPT * slack)
        best, alone = told["best_together"], told["best_alone"]
        sign = 1 if lower else -1
        # Existing holdings may be better than every portfolio that the pod could buy alone.
        bests = [(best, "with the goals before it"), *([] if self.owned else [(alone, "alone")])]
        for other, words in bests:
            if other is not None and value is not None and sign * (other - value) > _PROVEN * max(1.0, abs(other)):
                yield f"{name} is better than the best it could be {words}"
        prices = [told["price"], told["gain_of_one_percent"]]
        if any(price is not None and price < 0 for price in prices):
            yield f"{name} has a negative price: {prices}"

    def priority(self, due: Event) -> int:
        """Return the priority of a target: the request's, or else the documented default."""
        if due["figure"] == "correlation":
            return _CORRELATION_PRIORITY
        documented = _PRIORITIES[due["figure"]] if due["pods"] else _NEVER_WORSE_PRIORITY
        return int(self.terms["priorities"].get(due["name"], documented))

    def held(self, told: Event, value: float | None, *, can_be_kept: bool) -> Iterator[str]:
        """Check the figure at which a target was held: as asked, or its best value less the tolerance, or given up."""
        name, asked, held = told["name"], told["asked"], told["held"]
        sign = 1 if told["better"] == "lower" else -1
        proven = self.event["certificate"]["levels_proven"]
        if held is None:
            # A step that holds no ETF keeps a ratio of nothing by accident.
            holds = bool(self.event["weights"]) or not self.rooms
            if proven and ((can_be_kept and holds) or told["pods"]):
                yield f"{name} is said to be given up, which only a target of the whole is, and only if none keeps it"
            return
        empty = bool(self.rooms) and value is None
        if not empty and (value is None or sign * (value - held) > MET * max(1.0, abs(held))):
            yield f"{name} delivers {value}, though it is said to be held at {held}"
        if same(held, asked):
            return
        if not told["pods"]:
            yield f"{name} is held at {held}, though such a target is kept at {asked} or given up"
        best = told["best_together"]
        if best is None:
            if proven:
                yield f"{name} gave way, and the best it could be is neither told nor said to be unproven"
            return
        tolerance = max(self.terms["target_tolerance"] * abs(best), _LEAST_TOLERANCE)
        if not same(held, best + sign * tolerance):
            yield f"{name} is held at {held}, not at {best + sign * tolerance}, though {best} was possible"
        if sign * (best - asked) <= 0:
            yield f"{name} gave way, though {best} was possible and {asked} asked"

    def measure(self, goal: str, u: Vector) -> float:
        """Compute one figure of a sleeve."""
        if goal == "volatility":
            return self.risk(u)
        if goal == "sharpe_ratio":
            excess = float(u @ self.market.expected_returns) - self.market.risk_free * float(u.sum())
            return excess / self.risk(u) if u.any() else 0.0
        column = {
            "expected_return": self.market.expected_returns,
            "grossed_up_yield": self.cash_yield + self.credits,
            "liquidity": self.liquidity,
        }[goal]
        return float(column @ u)

    def risk(self, w: Vector) -> float:
        """Compute the annual volatility."""
        return sqrt(float(w @ self.market.Sigma @ w))

    def pod_figures(self) -> Iterator[str]:
        """Check the figures of every sleeve."""
        for (pod, part), u in zip(self.pods.items(), self.sleeves, strict=True):
            if set(part["figures"]) != _FIGURES or part["mandate"]["pod"] != pod:
                yield f"{pod} has not the figures, or the mandate, that it should have"
                continue
            for name, told in part["figures"].items():
                if not same(told, self.measure(name, u)):
                    yield f"{pod}'s {name} is {self.measure(name, u)}, not {told}"
            alone = self.vector(part["naive_weights"])
            for name, v in (("effective_holdings_alone", alone / alone.sum()), ("effective_holdings", u)):
                due = 1 / float((v**2).sum()) if v.any() else 0.0
                if not same(part[name], due):
                    yield f"{pod}'s {name} is {due}, not {part[name]}"

    def overview(self, which: str) -> dict[str, float | None]:
        """Compute the compared figures of the separate pods ("naive") or of the coordinated portfolio ("master")."""
        if which not in self._overviews:
            self._overviews[which] = self._overview(which)
        return dict(self._overviews[which])

    def _overview(self, which: str) -> dict[str, float | None]:
        X = self.naive_sleeves * self.shares[:, None] if which == "naive" else self.X
        w, capital = X.sum(axis=0), self.terms["total_capital_aud"]
        brokerage, spread = self.terms["brokerage_aud"] * float((X > 0).sum()), capital * float(self.spreads @ w)
        buying, gains_tax = brokerage + spread, 0.0
        if self.owned:
            move = self.moves[which]
            buying += self.owned.fee * capital * float(w.sum())
            brokerage, spread, gains_tax = move.brokerage_aud, move.spread_aud, move.gains.tax_aud
        return {
            **self.holding(X),
            "trading_cost_aud": brokerage + spread + gains_tax,
            "brokerage_aud": brokerage,
            "spread_aud": spread,
            "capital_gains_tax_aud": gains_tax,
            "buying_cost_aud": buying,
        }

    def holding(self, X: Matrix) -> dict[str, float | None]:
        """Compute the figures that depend on the holdings *X*, shape (pods, n), and not on the trades."""
        key = X.tobytes()
        if key not in self._holdings:
            self._holdings[key] = self._holding(X)
        return dict(self._holdings[key])

    def _holding(self, X: Matrix) -> dict[str, float | None]:
        w, owners, capital = X.sum(axis=0), (X > 0).sum(axis=0), self.terms["total_capital_aud"]
        earned = float(self.market.expected_returns @ w) + self.cash_rate * self.idle(w)
        tax, paid = self.net_tax(w), float(self.cash_yield @ w) + self.cash_rate * self.idle(w)
        return {
            "etfs": float((owners > 0).sum()),
            "positions": float(owners.sum()),
            "duplicated_etfs": float((owners > 1).sum()),
            "economic_duplicates": float(len(self.alike(w))),
            "effective_holdings": 1 / float(((w / w.sum()) ** 2).sum()) if w.any() else 0.0,
            "largest_position": float(w.max()),
            "tax_efficiency": 10 * (earned - tax) / earned if earned > 0 else None,
            "sharpe_ratio": self.ratio(w, earned),
            "expected_return": earned,
            "volatility": self.risk(w),
            "net_tax_aud": capital * tax,
            "income_after_tax_aud": capital * (paid - tax),
            "management_fees_aud": capital * float(self.fees @ w),
        }

    def ratio(self, w: Vector, earned: float) -> float:
        """Compute the Sharpe ratio of the whole; 0 without holdings."""
        excess = earned - self.market.risk_free * float(w.sum() + self.idle(w))
        return excess / self.risk(w) if w.any() else 0.0

    def net_tax(self, w: Vector, cash: float | None = None) -> float:
        """Compute net tax on a year's income, as a fraction of the capital.

        The interest is that of *cash*, a share of the capital; by default, of what the weights leave.
        """
        interest = self.cash_rate * (self.idle(w) if cash is None else cash)
        tax = float(self.net_taxes @ w) + float(self.terms["marginal_tax_rate"]) * interest
        return tax if self.refunds else max(0.0, tax)

    def comparison(self) -> Iterator[str]:
        """Check the comparison with the separate pods: both values, the better side and the never-worse flag."""
        naive, master = self.overview("naive"), self.overview("master")
        naive.pop("buying_cost_aud"), master.pop("buying_cost_aud")
        rows = {row["metric"]: row for row in self.event["comparison"]}
        if set(rows) != set(naive) or len(rows) != len(self.event["comparison"]):
            yield "the comparison has not the rows it should have"
            return
        for metric, row in rows.items():
            # Amounts are differences of sums as large as the capital.
            size = self.terms["total_capital_aud"] if metric.endswith("_aud") else 1.0
            both = ((row["naive"], naive[metric]), (row["master"], master[metric]))
            if not all(same(told, found, size=size) for told, found in both):
                yield f"{metric} is {naive[metric]} and {master[metric]}, not {row['naive']} and {row['master']}"
            better = _INTEREST.get(metric, "lower")
            if (row["better"], row["never_worse"]) != (better, self.never_worse(metric)):
                yield f"{metric} is said to be better, or held, in a way that it is not"

    def never_worse(self, metric: str) -> bool:
        """Whether the optimiser held a metric to be no worse than for the separate pods."""
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
            rho, limit = self.correlation(a, b, self.X), self.limit(a, b)
            room = None if limit is None else limit - rho
            if not same(row["correlation"], rho) or row["limit"] != limit or not same(row["room"], room):
                yield f"the correlation of {a} and {b} is {rho} (limit {limit}), not as told"
        for a in names:
            for b in names:
                if not same(self.event["correlation_matrix"][a][b], 1.0 if a == b else self.correlation(a, b, self.X)):
                    yield f"the matrix of correlations is wrong for {a} and {b}"

    def economic_duplicates(self) -> Iterator[str]:
        """Check the reported pairs of held ETFs whose returns are nearly the same."""
        near, told = self.alike(self.X.sum(axis=0)), self.event["economic_duplicates"]
        if {tuple(pair["tickers"]) for pair in told} != set(near) or len(told) != len(near):
            yield f"the ETFs held that do nearly the same are {sorted(near)}, not as told"
        elif any(not same(pair["correlation"], near[tuple(pair["tickers"])]) for pair in told):
            yield "the correlation of two ETFs is not as told"

    def alike(self, w: Vector) -> dict[tuple[str, str], float]:
        """Find the pairs of ETFs held whose returns are nearly the same, with their correlations."""
        held = np.flatnonzero(w > 0)
        Sigma, etfs = self.market.Sigma[np.ix_(held, held)], self.market.etfs
        rho = Sigma / np.sqrt(np.outer(np.diag(Sigma), np.diag(Sigma)))
        near = np.argwhere(np.triu(rho >= _NEARLY_THE_SAME, 1)).tolist()
        return {(etfs[held[a]].ticker, etfs[held[b]].ticker): float(rho[a, b]) for a, b in near}

    def correlation(self, a: str, b: str, X: Matrix) -> float:
        """Compute the correlation of two pods' sleeves."""
        x, y = (X[list(self.pods).index(pod)] for pod in (a, b))
        # An empty pod moves with no other.
        return float(x @ self.market.Sigma @ y) / (self.risk(x) * self.risk(y)) if x.any() and y.any() else 0.0

    def limit(self, a: str, b: str) -> float | None:
        """Return the limit on the correlation of two pods: the request's, or else the first in their mandates."""
        asked = self.terms["correlation_limits"]
        targets = [self.pods[x]["mandate"]["correlation_targets"].get(y) for x, y in ((a, b), (b, a))]
        return next((t for t in (asked.get(f"{a}-{b}"), asked.get(f"{b}-{a}"), *targets) if t is not None), None)

    def objective(self) -> Iterator[str]:
        """Check the objective, the terms of the objective and the claims of the certificate."""
        terms, certificate = self.event["objective_terms"], self.event["certificate"]
        cost, buying = self.overview("master")["trading_cost_aud"] or 0.0, self.overview("naive")["buying_cost_aud"]
        cost -= self.moves["master"].gains.value_aud if self.moves else 0.0
        computed = self.objective_terms(self.X, trading_cost=cost / buying if buying else 0.0)
        for name, value in computed.items():
            if not same(terms[name], value):
                yield f"the term {name} of the objective is {value}, not {terms[name]}"
        value = self.weighed(terms)
        if abs(value - certificate["objective"]) > RULE:
            yield f"the objective is {value}, not {certificate['objective']}"
        gap = max(0.0, certificate["bound"] - certificate["objective"]) / max(abs(certificate["objective"]), 0.01)
        if not same(gap, certificate["gap"]):
            yield f"the gap is {gap}, not {certificate['gap']}"
        told = set(certificate["restricted"])
        if strange := told - {goal["name"] for goal in self.event["goals"]}:
            yield f"what was restricted is no goal: {sorted(strange)}"
        losing = (self.overview("naive")["sharpe_ratio"] or 0.0) < -FIGURE
        # Given up, it may be met by chance, without any row.
        ratio = any(
            goal["met"] and goal["held"] is not None
            for goal in self.event["goals"]
            if goal["name"] == "never_worse.sharpe_ratio"
        )
        if "never_worse.sharpe_ratio" in told and ratio and not losing:
            yield "a Sharpe ratio that is not negative needs no stronger row"
        limits_met = all(goal["met"] for goal in self.event["goals"] if goal["figure"] == "correlation")
        proven = gap <= certificate["target_gap"] and certificate["levels_proven"] and limits_met
        proven = proven and "never_worse.sharpe_ratio" not in told
        yield from self.headline()
        if certificate["certified"] and not proven:
            yield "the portfolio is said to be certified, but not everything that takes is proven"
        if proven and not certificate["certified"]:
            yield "everything that a certificate takes is proven, but the portfolio is said not to be certified"

    def headline(self) -> Iterator[str]:
        """Check the bound on how much better any portfolio can score than the orders, or than the portfolio."""
        certificate, trading = self.event["certificate"], self.event["trading"]
        score, gave_way = certificate["objective"], []
        if trading is not None:
            score, gave_way = trading["objective"], trading["gave_way"]
        open_to_doubt = bool(gave_way) or "never_worse.sharpe_ratio" in certificate["restricted"]
        due = None if open_to_doubt else max(certificate["bound"] - score, 0.0) / max(abs(score), 0.01)
        if not same(self.event["at_most_better_by"], due):
            yield f"no portfolio is better by more than {due}, not {self.event['at_most_better_by']}"
        if certificate["objective"] > certificate["bound"] + RULE:
            yield f"an objective of {certificate['objective']} is beyond its bound, {certificate['bound']}"

    def weighed(self, terms: Mapping[str, float]) -> float:
        """Sum the terms of the objective, weighted by the preferences."""
        weights: Mapping[str, float] = self.terms["preferences"]
        return (
            weights["pod_score"] * terms["pod_score"]
            - weights["duplication"] * terms["duplication"]
            - weights["trading_cost"] * terms["trading_cost"]
            + weights["tax_efficiency"] * terms["tax_efficiency"]
        )

    def objective_terms(self, X: Matrix, *, trading_cost: float) -> dict[str, float]:
        """Compute the terms of the objective for holdings *X*, shape (pods, n)."""
        naive_X = self.naive_sleeves * self.shares[:, None]
        saved = self.net_tax(naive_X.sum(axis=0)) - self.net_tax(X.sum(axis=0))
        w = naive_X.sum(axis=0)
        gross = float((self.cash_yield + self.credits) @ w) + self.cash_rate * self.idle(w)
        second, was = (np.maximum((Y > 0).sum(axis=0) - 1, 0).sum() for Y in (X, naive_X))
        scores = [
            self.score(part["mandate"]["objective"], best, u)
            for part, best, u in zip(self.pods.values(), self.naive_sleeves, parts(X), strict=True)
        ]
        return {
            "pod_score": float(X.sum(axis=1) @ np.array(scores)),
            "duplication": float(second) / max(float(was), 1.0),
            "trading_cost": trading_cost,
            "tax_efficiency": saved / gross if gross > 0 else 0.0,
        }

    def score(self, objective: str, best: Vector, u: Vector) -> float:
        """Score a sleeve against *best*, the separate pod's portfolio; 1 means equal.

        Scores count in the worst case where the terms ask for one; the size of a return is that of the market.
        """
        if objective == "min_volatility":
            return 2 - self.aimed.risk(u) / self.aimed.risk(best)
        if objective == "max_sharpe":
            excess, of_best = (float(x @ self.aimed.mu) - self.market.risk_free for x in (u, best))
            ratio = of_best / self.aimed.risk(best)
            size = float(best @ self.market.expected_returns) - self.market.risk_free
            return 1 - (ratio * self.aimed.risk(u) - excess) / size
        column, goal = {
            "max_income": (self.cash_yield + self.credits, "grossed_up_yield"),
            "max_return": (self.aimed.mu, "expected_return"),
        }[objective]
        return 1 + float(column @ u - column @ best) / abs(self.measure(goal, best))


def parts(X: Matrix) -> Matrix:
    """Divide each pod's holdings by their sum; an empty pod has zeros."""
    whole = X.sum(axis=1)[:, None]
    found: Matrix = np.divide(X, whole, out=np.zeros_like(X), where=whole > 0)
    return found


def _in_order(event: Event) -> Mapping[str, Event]:
    """Return the pods in the order of the correlations, which breaks ties; JSON objects have no order."""
    pods: Mapping[str, Event] = event["pods"]
    named = dict.fromkeys(pod for row in event["correlations"] for pod in row["pods"])
    return {pod: pods[pod] for pod in named} if set(named) == set(pods) else pods


def _due(name: str, pods: list[str], figure: str, asked: float, value: float | None, *, lower: bool) -> Event:
    """Build a target as the event should report it."""
    better = "lower" if lower else "higher"
    return {"name": name, "pods": pods, "figure": figure, "asked": asked, "delivered": value, "better": better}


def _short(goal: str, asked: float, delivered: float) -> float:
    """Return the distance by which a figure misses the asked value; negative if the figure is better."""
    return delivered - asked if goal == "volatility" else asked - delivered
