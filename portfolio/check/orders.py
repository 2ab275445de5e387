"""Check the orders in whole units: each order, the holdings after all orders, and the rules on these holdings."""

from __future__ import annotations

import re
from datetime import date
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, MET, RULE, correlation, differing, same
from portfolio.check.low_income import low_income
from portfolio.check.move import differing_gains, differing_owners, wrong_sales
from portfolio.check.portfolio import parts
from portfolio.check.tax import assess, assess_each, may_exceed
from portfolio.check.trades import FIRST_PURCHASE_AUD, volume
from portfolio.check.waiting import Sales, waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from portfolio import Vector
    from portfolio.check.facts import Event
    from portfolio.check.owned import Parcel
    from portfolio.check.portfolio import Portfolio

# From this correlation on, a purchase replaces an ETF sold at a loss (ITAA 1936, Part IVA; TR 2008/1).
_REPLACES = 0.95
# Amounts within reasons are rounded to a cent.
_ROUNDED = 0.0051


class Orders:
    """The orders of an event; each check yields the faults of one part."""

    def __init__(self, portfolio: Portfolio, told: Event | None = None) -> None:
        assert portfolio.owned is not None  # noqa: S101 - the caller looked
        self.portfolio, self.owned, self.market = portfolio, portfolio.owned, portfolio.market
        self.told: Event = portfolio.event["trading"] if told is None else told
        self.orders: list[Event] = self.told["orders"]
        if self.told.get("brokerage_in_gains", told is not None):
            units = {self._j(order): float(order["units"]) for order in self.orders if order["side"] == "sell"}
            self.owned = self.owned.selling(units, float(portfolio.terms["brokerage_aud"]))
        self.after = portfolio.vector(self.told["units"])
        self.pods = {pod: portfolio.vector(amounts) for pod, amounts in self.told["pods"].items()}
        self.amounts = np.array([self.pods[pod] for pod in portfolio.pods])
        self.capital = self.owned.capital
        self.sold = [0.0] * len(self.owned.parcels)
        self.taken: dict[int, int] = {}
        self.unmatched: list[str] = []
        for order in self.orders:
            self._match(order)
        self.fees = {
            "brokerage_aud": sum(self._brokerage(order) for order in self.orders),
            "spread_aud": sum(self._spread(order) for order in self.orders),
        }
        self.gains = assess(self.owned.payer, self._results(), self.sold)

    def findings(self) -> Iterator[str]:
        """Yield every fault in the orders."""
        yield from self.units()
        yield from self.each()
        yield from self.sales()
        yield from self.holdings()
        yield from self.limits()
        yield from self.money()
        yield from self.goals()
        yield from self.replaced()
        yield from self.tolerated()
        yield from self.objective()
        # Events of before the list have none.
        if (waits := self.told.get("waits")) is not None:
            yield from waiting(waits, Sales(self.owned, self.sold, self.gains.tax_aud))

    def units(self) -> Iterator[str]:
        """Check that units owned before plus the orders give the units held after.

        Also check that each ETF has one order, and the sequence of the orders. Other checks decide which ETFs may be
        held.
        """
        tickers = [order["ticker"] for order in self.orders]
        if len(set(tickers)) < len(tickers):
            yield f"an ETF has several orders: {tickers}"
        after = self.owned.units.copy()
        for order in self.orders:
            after[self._j(order)] += (1 if order["side"] == "buy" else -1) * order["units"]
        if not (after == self.after).all() or (after < 0).any():
            yield "the units held are not those owned before and the orders"
        sorted_orders = sorted(self.orders, key=lambda order: (order["side"] != "sell", self._j(order)))
        if [order["ticker"] for order in sorted_orders] != tickers:
            yield "the orders are not sells, and then buys, in the market's order"

    def each(self) -> Iterator[str]:
        """Check every order."""
        yield from self.unmatched
        for order in self.orders:
            yield from (f"of the order for {order['ticker']}, {words}" for words in self._order(order))

    def _has_numbers(self, why: str, worth: Sequence[float]) -> bool:
        """Return whether a reason has these amounts and no more, in AUD; in older events, as shares of the capital."""
        if re.findall(r"[\d.]+%", why) == [f"{aud / self.capital:.2%}" for aud in worth]:
            return " AUD" not in why
        told = [float(number.replace(",", "")) for number in re.findall(r"([\d,.]+) AUD", why)]
        near = len(told) == len(worth) and all(
            abs(number - aud) <= _ROUNDED for number, aud in zip(told, worth, strict=True)
        )
        return near and "%" not in why

    def _order(self, order: Event) -> Iterator[str]:
        j, rules, units = self._j(order), self.portfolio.rules, order["units"]
        if order["side"] not in ("sell", "buy") or not (units > 0 and float(units).is_integer()):
            yield f"the side is {order['side']} and the units are {units}"
        price = self.market.etfs[j].price_aud
        computed = {
            "units": units,
            "price_aud": price or 0.0,
            "value_aud": units * (price or 0.0),
            "brokerage_aud": self._brokerage(order),
            "spread_aud": self._spread(order),
            "tax_aud": self._tax(order),
        }
        words = ("side", "ticker", "pods", "parcels", "why")
        yield from differing({k: v for k, v in order.items() if k not in words}, computed, size=self.capital)
        owners = [pod for pod in self.portfolio.pods if self.pods[pod][j] > 0]
        if order["pods"] != owners:
            yield f"its pods are {owners}, not {order['pods']}"
        worth = [self.after[j] * self.owned.prices[j], self.owned.had[j] * self.capital] if owners else []
        if not order["why"] or not self._has_numbers(order["why"], worth):
            numbers = " and ".join(f"{aud:,.2f} AUD" for aud in worth)
            yield f"its reason has other numbers than {numbers or 'none'}: {order['why']}"
        forbidden = self.owned.unsold if order["side"] == "sell" else rules["never_buy"]
        if order["ticker"] in forbidden:
            yield f"it must never be made: {order['side']}"
        first = order["side"] == "buy" and not self.owned.units[j]
        if computed["value_aud"] < max(rules["min_order_aud"], FIRST_PURCHASE_AUD if first else 0.0) - RULE:
            yield f"its value of {computed['value_aud']:.2f} AUD is below the least"
        if order["side"] == "buy" and order["parcels"]:
            yield "it buys, and sells parcels"
        for part in order["parcels"]:
            yield from self._part(part, j)

    def _part(self, part: Event, j: int) -> Iterator[str]:
        """Check the report on the units sold from one parcel."""
        k = self._parcel(part, j)
        if k is None:
            return
        parcel, units = self.owned.parcels[k], part["units"]
        if not (units > 0 and float(units).is_integer()):
            yield f"{units} units are sold of a parcel"
        realised = {kind: aud * units for kind, aud in parcel.results.items()}
        wrong = differing(part["realised_aud"], realised, size=self.capital)
        yield from (f"of what a parcel realises, {words}" for words in wrong)
        if set(part) != {"acquired", "units", "cost_base_aud", "realised_aud", "reform"}:
            yield "a parcel is told in other words"
        yield from self._reform(part["reform"], parcel, units)

    def _reform(self, told: Event | None, parcel: Parcel, units: float) -> Iterator[str]:
        """Check the values from which the reform measures the gain on units of one parcel."""
        if told is None or parcel.since is None:
            if (told is None) != (parcel.since is None):
                yield "the reform is told of what it does not govern, or not of what it does"
            return
        value = None if parcel.since.value_aud is None else parcel.since.value_aud * units
        cost = parcel.unit_cost_aud * units if value is None else value
        if not same(told["value_aud"], value, size=self.capital):
            yield f"the value of units just before the reform is {value}, not {told['value_aud']}"
        rest = {name: amount for name, amount in told.items() if name != "value_aud"}
        computed = {
            "index_factor": parcel.since.factor,
            "indexed_cost_aud": cost * parcel.since.factor,
            "proceeds_aud": parcel.net_aud * units,
        }
        yield from (f"under the reform, {words}" for words in differing(rest, computed, size=self.capital))

    def sales(self, kept: Collection[int] = ()) -> Iterator[str]:
        """Check that the units sold from parcels, not of those *kept*, add up to the orders and cause the least tax."""
        asked = {self._j(order): float(order["units"]) for order in self.orders if order["side"] == "sell"}
        yield from (f"of the orders, {words}" for words in wrong_sales(self.owned, asked, self.sold, kept=kept))

    def holdings(self) -> Iterator[str]:
        """Check that the pods' amounts add up to the value of the units and keep the pods' terms."""
        if set(self.pods) != set(self.portfolio.pods):
            yield f"the pods that hold units are {sorted(self.pods)}"
            return
        values = self.after * self.owned.prices
        if (abs(self.amounts.sum(axis=0) - values) > FIGURE * np.maximum(1.0, values)).any():
            yield "the pods' values are not those of the units"
        if (self.amounts < 0).any() or any(0.0 in amounts.values() for amounts in self.told["pods"].values()):
            yield "a pod holds nothing, or less, of an ETF that it is said to hold"
        bought = self.after > self.owned.units
        tolerance = self.portfolio.rules["capital_tolerance"]
        near = self.portfolio.near_shares(self.amounts / self.capital, tolerance)
        yield from (f"in whole units, {words}" for words in near)
        for part, held in zip(self.portfolio.pods.values(), parts(self.amounts), strict=True):
            wrong = self.portfolio.may_hold(part["mandate"], held, part["left_out"], bought)
            yield from (f"in whole units, {words}" for words in wrong)

    def limits(self) -> Iterator[str]:
        """Check the hard rules of the whole portfolio, in whole units."""
        X = self.amounts / self.capital
        yield from (f"in whole units, {words}" for words in self.portfolio.positions(X, self.owned.had))
        traded = sum(order["units"] * float(self.owned.prices[self._j(order)]) for order in self.orders)
        rules, capital = self.portfolio.rules, self.portfolio.terms["total_capital_aud"]
        rooms = self.portfolio.rooms
        wrong = volume(rules, traded / 2, self.gains.tax_aud, capital=capital, slack_aud=RULE, rooms=rooms)
        yield from (f"in whole units, {words}" for words in wrong)

    def money(self) -> Iterator[str]:
        """Check the remaining cash, the trading cost and the tax."""
        left = self.cash_left()
        aside = max(self.gains.tax_aud, 0.0) if self.owned.keeps_tax else 0.0
        kept = self.owned.floor * self.capital + aside
        short = self.portfolio.rooms.get("cash_floor", 0.0) * self.capital
        if left + short < kept - FIGURE * self.capital:
            yield f"{left:.2f} AUD are left after the orders, and {kept:.2f} are to be kept"
        unit = float(self.owned.prices[self.owned.units > 0].max(initial=0.0))
        sold = np.maximum(self.owned.units - self.after, 0.0) * self.owned.prices
        most = self.owned.most_idle * self.capital + (self.owned.most_tax(sold) if self.owned.keeps_tax else 0.0)
        if left > most + RULE * self.capital + unit:
            yield f"units are sold to hold {left:.2f} AUD as cash, more than {most:.2f} and the price of a unit"
        if self.told is self.portfolio.event["trading"]:  # the optimum that waits says no more of idle money
            yield from self.idle(left - kept)
        told = {name: self.told[name] for name in ("cash_left_aud", *self.fees)}
        wrong = differing(told, {"cash_left_aud": left, **self.fees}, size=self.capital)
        yield from (f"of the orders, {words}" for words in wrong)
        yield from (f"of the orders, {words}" for words in differing_gains(self.owned, self.told["gains"], self.sold))
        if self.told is self.portfolio.event["trading"]:
            yield from differing_owners(self.owned, self.told.get("owners") or (), self.sold)
        if "tax_may_exceed_aud" in self.told:
            parts = zip(self.owned.payer.each, assess_each(self.owned.payer, self._results(), self.sold), strict=True)
            more = [may_exceed(alone, part.net_aud, self.owned.as_of) for (_, alone), part in parts]
            known = [aud for aud in more if aud is not None]
            due = sum(known) if known else None
            if not same(self.told["tax_may_exceed_aud"], due, size=self.capital):
                yield f"the tax may be {due} AUD above one rate, not {self.told['tax_may_exceed_aud']}"
        if "low_income" in self.told:
            relief = low_income(self.owned.payer, self._results(), self.sold)
            names = ("change_aud", "most_better_aud")
            its = None if relief is None else dict(zip(names, relief, strict=True))
            told_of_it = self.told["low_income"]
            if (its is None) != (told_of_it is None) or (its and list(differing(told_of_it, its, size=self.capital))):
                yield f"the reliefs of low incomes are {its}, not {told_of_it}"

    def cash_left(self) -> float:
        """Compute the money after all orders and their costs, AUD."""
        left = self.owned.money - sum(self.fees.values())
        for order in self.orders:
            left -= (1 if order["side"] == "buy" else -1) * order["units"] * float(self.owned.prices[self._j(order)])
        return left

    def idle(self, left: float) -> Iterator[str]:
        """Check that money that would buy a unit of what is held is told with its reasons."""
        told, unit = self.told["idle"], float(self.owned.prices[self.after > 0].max(initial=0.0))
        # Next to the price of a unit, rounding decides.
        if abs(left - unit) > FIGURE * self.capital and (told is not None) != (left > unit):
            yield f"{left:.2f} AUD are left above the cash to be kept, which is not told, or told of less than a unit"
        if told is None:
            return
        if not same(told["amount_aud"], left, size=self.capital):
            yield f"the money that is not invested is {left:.2f} AUD, not {told['amount_aud']}"
        for reason in told["reasons"]:
            if not (reason["words"] and 0 < reason["amount_aud"] <= self.capital):
                yield f"a reason for not investing says nothing: {reason}"

    def goals(self) -> Iterator[str]:
        """Check the value of every target in whole units, and whether all targets that were met stay met."""
        cost = sum(self.fees.values()) + self.gains.tax_aud
        due = list(self.portfolio.due(self.amounts / self.capital, trading_cost_aud=cost))
        delivered = {goal["name"]: goal for goal in due}
        goals = self.portfolio.event["goals"]
        if [goal["name"] for goal in self.told["goals"]] != [goal["name"] for goal in goals]:
            yield "the goals in whole units are not those of the portfolio"
            return
        kept = True
        for told, before in zip(self.told["goals"], goals, strict=True):
            goal = delivered[told["name"]]
            met = keeps(goal, goal["asked"])
            kept = kept and (met or not before["met"])
            if not same(told["delivered"], goal["delivered"]) or told["met"] != met:
                yield f"in whole units, {told['name']} is {goal['delivered']} (met: {met}), not as told"
        held = {goal["name"]: goal["held"] for goal in goals}
        gave_way = [name for name, level in held.items() if level is not None and not keeps(delivered[name], level)]
        # An empty pod has no figure, and gives up no goal.
        gave_way = [
            name for name in gave_way if delivered[name]["delivered"] is not None or not delivered[name]["pods"]
        ]
        if self.told["gave_way"] != gave_way:
            yield f"the goals that give way further in whole units are {gave_way}, not {self.told['gave_way']}"
        if self.told["goals_kept"] != kept:
            yield f"whether whole units keep the goals is {kept}, not {self.told['goals_kept']}"

    def tolerated(self) -> Iterator[str]:
        """Check the reported list of positions that drift has moved above their limit."""
        due: dict[tuple[str | None, str], dict[str, float]] = {}
        limits: list[tuple[str | None, float, float, Vector]] = [
            (None, self.capital, self.portfolio.rules["max_weight"], self.amounts.sum(axis=0))
        ]
        for (pod, part), held in zip(self.portfolio.pods.items(), self.amounts, strict=True):
            limits.append((pod, float(held.sum()), part["mandate"]["max_position"], held))
        for whose, total, limit, held in limits:
            position = held / (total or 1.0)
            for j in np.flatnonzero(position > limit + RULE).tolist():
                due[whose, self.market.etfs[j].ticker] = {"limit": limit, "position": float(position[j])}
        if self.portfolio.rooms:
            # Where rules are targets, the step tells which positions are above their limits.
            due = {}
        told = {(one["pod"], one["ticker"]): one for one in self.told["tolerated"]}
        if set(told) != set(due) or len(told) != len(self.told["tolerated"]):
            yield f"the positions above their limits are {sorted(due, key=str)}, not as told"
            return
        for key, computed in due.items():
            numbers = {name: value for name, value in told[key].items() if name not in ("pod", "ticker")}
            yield from (
                f"of the position in {key[1]} above its limit, {words}" for words in differing(numbers, computed)
            )

    def replaced(self) -> Iterator[str]:
        """Check the reported pairs of an ETF sold at a loss and a highly correlated ETF bought."""
        losing = [o for o in self.orders if any(part["realised_aud"].get("loss", 0.0) > 0 for part in o["parcels"])]
        near = {}
        for sold, bought in product(losing, [o for o in self.orders if o["side"] == "buy"]):
            rho = correlation(self.market, self._j(sold), self._j(bought))
            if rho >= _REPLACES:
                near[sold["ticker"], bought["ticker"]] = rho
        told = {(pair["sold"], pair["bought"]): pair["correlation"] for pair in self.told["losses_replaced"]}
        if set(told) != set(near) or len(told) != len(self.told["losses_replaced"]):
            yield f"the losses that are replaced are {sorted(near)}, not {sorted(told)}"
        elif any(not same(told[pair], rho) for pair, rho in near.items()):
            yield "the correlation of a loss and what replaces it is not as told"

    def value(self) -> float:
        """Compute the objective in whole units."""
        buying = self.portfolio.overview("naive")["buying_cost_aud"] or 0.0
        # The objective counts gains before fixed brokerage, as its bound does.
        assert self.portfolio.owned is not None  # noqa: S101 - the caller looked
        results = [parcel.results for parcel in self.portfolio.owned.parcels]
        gains = assess(self.owned.payer, results, self.sold)
        cost = (sum(self.fees.values()) + gains.tax_aud - gains.value_aud) / buying if buying else 0.0
        X = self.amounts / self.capital
        return self.portfolio.weighed(self.portfolio.objective_terms(X, trading_cost=cost))

    def objective(self) -> Iterator[str]:
        """Check the objective in whole units, and the reason given for not trading."""
        naive, weights = self.portfolio.overview("naive"), self.portfolio.terms["preferences"]
        buying, certificate = naive["buying_cost_aud"] or 0.0, self.portfolio.event["certificate"]
        value = self.value()
        lost = certificate["objective"] - value
        # The certificate states the solver's objective, so the tolerance is that of the solver.
        if not same(self.told["objective"], value) or abs(self.told["rounding_cost"] - lost) > RULE:
            yield f"the objective in whole units is {value}, {lost} less than the portfolio's, not as told"
        reason = self.told["does_not_pay"]
        if reason is None:
            return
        if self.orders:
            yield "there are orders, and a reason why there are none"
        net = reason["cost_aud"] - reason.get("losses_value_aud", 0.0)
        dear = weights["trading_cost"] * net / buying if buying else 0.0
        if not same(reason["cost"], dear) or reason["cost_aud"] < -self.gains.so_far_aud:
            yield f"trading would cost {dear} of the objective, not {reason['cost']}"
        leeway = certificate["target_gap"] * max(abs(certificate["objective"]), 0.01) + RULE
        if certificate["certified"] and reason["gain"] > reason["cost"] + leeway:
            yield f"not to trade is said to be best, and trading to gain {reason['gain']} for {reason['cost']}"

    # Facts of one order.

    def _j(self, order: Event) -> int:
        return self.portfolio.index[order["ticker"]]

    def _results(self) -> list[Event]:
        return [parcel.results for parcel in self.owned.parcels]

    def _brokerage(self, order: Event) -> float:
        value = order["units"] * float(self.owned.prices[self._j(order)])
        return float(self.portfolio.terms["brokerage_aud"] + self.owned.fee * value)

    def _spread(self, order: Event) -> float:
        j = self._j(order)
        return float(order["units"] * self.owned.prices[j] * self.market.etfs[j].half_spread)

    def _tax(self, order: Event) -> float:
        """Compute the tax that leaving out this order would save."""
        j = self._j(order)
        others = [0.0 if p.j == j else n for p, n in zip(self.owned.parcels, self.sold, strict=True)]
        return self.gains.tax_aud - assess(self.owned.payer, self._results(), others).tax_aud

    def _match(self, order: Event) -> None:
        """Record the parcels that an order sells; each parcel is matched once."""
        for part in order["parcels"]:
            k = self._parcel(part, self._j(order))
            if k is None:
                self.unmatched.append(f"no parcel of {order['ticker']} is like one that is sold: {part['acquired']}")
            else:
                self.sold[k] = float(part["units"])
                self.taken[id(part)] = k

    def _parcel(self, part: Event, j: int) -> int | None:
        """Find the first unmatched parcel with the reported day and cost; None if there is none."""
        if id(part) in self.taken:
            return self.taken[id(part)]
        day = date.fromisoformat(part["acquired"])
        for k, parcel in enumerate(self.owned.parcels):
            alike = parcel.j == j and parcel.acquired == day and 0 < part["units"] <= parcel.units
            cost = parcel.unit_cost_aud * part["units"]
            if alike and same(part["cost_base_aud"], cost) and k not in self.taken.values():
                return k
        return None


def is_met(goal: Event) -> bool:
    """Whether the delivered value reaches the asked value, within the tolerance for targets."""
    return keeps(goal, goal["asked"])


def keeps(goal: Event, level: float) -> bool:
    """Whether the delivered value reaches a level, within the tolerance for targets."""
    value = goal["delivered"]
    if value is None:
        return False
    return bool((value - level if goal["better"] == "lower" else level - value) <= MET * max(1.0, abs(level)))
