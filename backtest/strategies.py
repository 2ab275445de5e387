"""The strategies of a backtest: the coordinated portfolio, and its rivals on the same path.

A strategy sees the market of the day and its own ledger, nothing else. Those that optimise ask the engine that answers
requests; the others order whole units by a fixed rule. ``docs/backtest.md`` says why these are like with like.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from backtest.account import Pocket, Trades, quotes_of
from bus.language.messages import MasterPortfolioFailed, encode, parse_request
from portfolio.market.settlement import settles_on
from portfolio.orders.carried import units_sold_of
from portfolio.published.order import Order, Side
from portfolio.tax.regime import Regime
from portfolio.tax.sale import cheapest_sale
from portfolio.terms.mandate import Mandate, Objective

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.account import Costs, Ledger
    from bus.language.messages import FinalEvent, OptimizationRequest
    from portfolio.market.snapshot import Market
    from portfolio.tax.parcels import Parcel, Quotes
    from portfolio.tax.taxpayer import Realised, Taxpayer

# Names of the strategies, as paths have them.
COORDINATED = "coordinated"
SEPARATE = "separate pods"
TOGETHER = "without pods"
EQUAL = "equal weights"
SINGLE = "single ETF"
HOLD = "first purchase held"

# An amount of money that counts as none.
_CENT = 0.005

# The one pocket of a strategy that does not divide its account.
WHOLE = "whole"

Body = dict[str, Any]


class Solve(Protocol):
    """The engine: the final event of a request, by the mandates; *name* tells the strategy or pod that asks."""

    def __call__(self, name: str, request: OptimizationRequest, mandates: Mapping[str, Mandate]) -> Answer:
        """Answer the request."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The engine's answer, as far as a backtest needs it.

    Attributes:
        orders: The orders; empty if there are none.
        refused: The reason for no portfolio; None if there is a portfolio, or if all pods are in cash.
        in_cash: The pods that take no part, since no mix of their ETFs is expected to return more than cash.
    """

    orders: tuple[Order, ...] = ()
    refused: str | None = None
    in_cash: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: FinalEvent) -> Answer:
        """Read a final event."""
        if not isinstance(event, MasterPortfolioFailed):
            return cls(event.trading.orders if event.trading else (), in_cash=tuple(event.in_cash))
        return cls(refused=event.message, in_cash=event.no_better_than_cash)


@dataclass(frozen=True, slots=True, eq=False)
class Today:
    """All that a strategy knows on a day of orders.

    Attributes:
        day: The day.
        market: The market that was made from the history until this day.
        prices: The last price of each ETF that has had one.
        costs: The costs of orders.
        raised_aud: Money that must be in the account after the orders, for withdrawals that are to come.
    """

    day: date
    market: Market
    prices: Mapping[str, float]
    costs: Costs
    raised_aud: float = 0.0


@dataclass(frozen=True, slots=True)
class Decided:
    """The orders of each pocket, the reasons why a pocket has none, and the pods that take no part."""

    trades: Mapping[str, Trades] = field(default_factory=dict)
    refused: str | None = None
    in_cash: tuple[str, ...] = ()


class Strategy(Protocol):
    """A way to invest."""

    @property
    def name(self) -> str:
        """The name of its path."""
        ...

    @property
    def shares(self) -> Mapping[str, float]:
        """The pockets that the capital is divided over, and their shares."""
        ...

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the orders of the day."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine for one customer.

    Attributes:
        request: The customer's request; its market, day, cash and holdings are those of each day of orders.
        mandates: The mandates, by pod.
        solve: The engine.
    """

    request: OptimizationRequest
    mandates: Mapping[str, Mandate]
    solve: Solve

    def body(self, today: Today, ledger: Ledger, pocket: Pocket, *, share: float = 1.0) -> Body:
        """State the request of a day: what the pocket holds, and the year of its owner so far."""
        body: Body = json.loads(encode(self.request))
        account: Body = body["account"] or {}
        body["customer"] |= {"total_capital_aud": None} | _owners(body["customer"], ledger)
        body |= {
            "request_id": f"{self.request.request_id[:48]}-{today.day}",
            "market": today.market.id,
            "challenge": "none",
        }
        # The tax that is owed stays in the account: it is due before the year is over.
        floor_aud = account.get("cash_floor_aud", 0.0) * share + max(ledger.owed_aud(), 0.0) * share
        body["account"] = account | {
            "as_of": today.day.isoformat(),
            "cash_aud": max(pocket.cash_aud, 0.0),
            "cash_floor_aud": floor_aud,
            "holdings": _holdings(pocket, today),
            "realised": None if ledger.taxpayer.owners else _realised(ledger.year_so_far()[0]),
        }
        if (leaves_aud := max(-pocket.cash_aud, 0.0) + today.raised_aud * share) > 0:
            _withdraw(body, today, leaves_aud)
        if any("value_aud" in held for held in body["account"]["holdings"]):
            body["account"]["outside"] = "keep"
        return body

    def ask(self, name: str, body: Body, pocket: Pocket, mandates: Mapping[str, Mandate]) -> Decided:
        """Return the orders that the engine gives to *pocket*, called ``WHOLE``, or its refusal.

        Where all pods are in cash there is no portfolio, and the answer is to order nothing.
        """
        request = parse_request(json.dumps(body).encode(), body["request_id"])
        answer = self.solve(name, request, mandates)
        if answer.refused is not None and set(answer.in_cash) != set(mandates):
            return Decided(refused=answer.refused)
        buys = {order.ticker: round(order.units) for order in answer.orders if order.side is Side.BUY}
        return Decided({WHOLE: Trades(buys, units_sold_of(pocket.parcels, answer.orders))}, in_cash=answer.in_cash)


def _withdraw(body: Body, today: Today, aud: float) -> None:
    """Pay an amount out after the orders, on the day on which sales settle."""
    account = body["account"]
    account["withdraw_aud"] = account.get("withdraw_aud", 0.0) + aud
    account["withdraw_by"] = settles_on(today.day).isoformat()


def _holdings(pocket: Pocket, today: Today) -> list[Body]:
    """State the parcels; an ETF that the market of the day leaves out has a value, and is kept."""
    known = set(today.market.tickers)
    found: dict[str, Body] = {}
    for parcel in pocket.parcels:
        held = found.setdefault(parcel.ticker, {"ticker": parcel.ticker, "units": 0, "parcels": []})
        units = round(parcel.units)
        held["units"] += units
        held["parcels"].append(
            {"acquired": parcel.acquired.isoformat(), "units": units, "cost_base_aud": parcel.cost_base_aud}
        )
    for ticker, held in found.items():
        if ticker not in known:
            held["value_aud"] = held["units"] * today.prices[ticker]
    return list(found.values())


def _owners(customer: Body, ledger: Ledger) -> Body:
    """State the losses of earlier years, and of several owners the year so far, which are each owner's own."""
    taxpayer = ledger.taxpayer
    if not taxpayer.owners:
        return {"carried_losses_aud": taxpayer.carried_losses_aud}
    each = zip(customer["owners"], taxpayer.owners, ledger.year_so_far(), strict=True)
    return {
        "owners": [
            told | {"carried_losses_aud": owner.carried_losses_aud, "realised": _realised(realised)}
            for told, owner, realised in each
        ]
    }


def _realised(realised: Realised) -> Body:
    """State the gains and losses of the financial year so far."""
    return {name: getattr(realised, name) for name in ("undiscounted_aud", "discountable_aud", "losses_aud")}


@dataclass(frozen=True, slots=True)
class Coordinated:
    """All pods together, as in production."""

    engine: Engine
    name: str = COORDINATED
    shares: Mapping[str, float] = field(default_factory=lambda: {WHOLE: 1.0})

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the orders of the coordinated portfolio."""
        pocket = ledger.pockets[WHOLE]
        return self.engine.ask(self.name, self.engine.body(today, ledger, pocket), pocket, self.engine.mandates)


@dataclass(frozen=True, slots=True)
class WithoutPods:
    """One portfolio without pods: the best Sharpe ratio of all ETFs of the customer's pods.

    The rules and the weights of the objective are the customer's; targets of pods do not exist.
    """

    engine: Engine
    name: str = TOGETHER
    shares: Mapping[str, float] = field(default_factory=lambda: {WHOLE: 1.0})

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the orders of the one portfolio."""
        pocket = ledger.pockets[WHOLE]
        body = self.engine.body(today, ledger, pocket)
        _alone(body, WHOLE)
        return self.engine.ask(self.name, body, pocket, {WHOLE: whole_mandate(self.engine)})


def whole_mandate(engine: Engine) -> Mandate:
    """Return the mandate of one portfolio without pods."""
    return Mandate(
        pod=WHOLE,
        purpose="All ETFs of the customer's pods, in one portfolio",
        objective=Objective.MAX_SHARPE,
        goals={},
        universe=universe_of(engine),
        max_position=1.0,
        min_effective_holdings=1.0,
    )


def universe_of(engine: Engine) -> tuple[str, ...]:
    """Return the ETFs that the customer's pods may hold, each once."""
    refused = set(engine.request.rules.never_buy)
    named = (ticker for pod in engine.request.asked() for ticker in engine.mandates[pod].universe)
    return tuple(ticker for ticker in dict.fromkeys(named) if ticker not in refused)


def _alone(body: Body, pod: str) -> None:
    """Ask for one pod alone, with the terms that concern it."""
    body["pod_weights"] = {pod: 1.0}
    body["pod_targets"] = {name: aud for name, aud in body["pod_targets"].items() if name.startswith(f"{pod}.")}
    ours = (f"{pod}.", "never_worse.")
    body["priorities"] = {name: rank for name, rank in body["priorities"].items() if name.startswith(ours)}
    body["correlation_limits"] = {}


@dataclass(frozen=True, slots=True)
class SeparatePods:
    """Each pod alone, with an account of its own, by the same engine: no order of one pod is netted with another's.

    The rules of the whole portfolio cannot hold of a pod alone: ``max_weight`` is left to the mandate's own limit. When
    a pod is further from its share than ``capital_tolerance``, as far as the coordinated portfolio may be, money goes
    between the pods until each has its share.
    """

    engine: Engine
    shares: Mapping[str, float]
    name: str = SEPARATE

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the orders of each pod; where one is refused or in cash, no money goes between pods."""
        moves = self._moves(today, ledger)
        found = self._ask(today, ledger, moves)
        if any(moves.values()) and any(made.refused or made.in_cash for made in found.values()):
            moves = dict.fromkeys(moves, 0.0)
            found = self._ask(today, ledger, moves)
        told = "; ".join(f"{pod}: {made.refused}" for pod, made in found.items() if made.refused)
        trades = {
            pod: Trades(one.buys, one.sold, moves[pod]) for pod, made in found.items() for one in made.trades.values()
        }
        return Decided(trades, told or None, tuple(pod for made in found.values() for pod in made.in_cash))

    def _moves(self, today: Today, ledger: Ledger) -> dict[str, float]:
        """Return the money that each pod gets from the others, AUD."""
        values = {
            pod: pocket.value_aud(today.prices) - today.raised_aud * self.shares[pod]
            for pod, pocket in ledger.pockets.items()
        }
        total = math.fsum(values.values())
        wanted = {pod: share * total for pod, share in self.shares.items()}
        tolerance = self.engine.request.rules.capital_tolerance
        if all(abs(values[pod] - wanted[pod]) <= tolerance * wanted[pod] for pod in wanted):
            return dict.fromkeys(wanted, 0.0)
        return {pod: wanted[pod] - values[pod] for pod in wanted}

    def _ask(self, today: Today, ledger: Ledger, moves: Mapping[str, float]) -> dict[str, Decided]:
        """Ask for each pod alone, with the money that it gets from the others."""
        found = {}
        for pod in self.shares:
            pocket = ledger.pockets[pod]
            body = self.engine.body(today, ledger, pocket, share=self.shares[pod])
            _alone(body, pod)
            body["rules"]["max_weight"] = 1.0
            if moves[pod] > 0:
                body["account"]["cash_aud"] += moves[pod]
            elif moves[pod] < 0:
                _withdraw(body, today, -moves[pod])
            found[pod] = self.engine.ask(f"{SEPARATE} {pod}", body, pocket, {pod: self.engine.mandates[pod]})
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of orders towards fixed weights.

    Attributes:
        tolerance: Distance of an ETF from its weight, as a part of the weight, up to which it is left alone.
        floor_aud: Least cash, beside the tax owed.
        min_order_aud: Least value of an order.
    """

    tolerance: float
    floor_aud: float = 0.0
    min_order_aud: float = 0.0


@dataclass(frozen=True, slots=True)
class FixedWeights:
    """The same weights at each date: all ETFs of the pods equally, or one ETF.

    An ETF that is within the tolerance of its weight is left alone, as the coordinated portfolio leaves its pods.
    """

    name: str
    universe: tuple[str, ...]
    limits: Limits
    shares: Mapping[str, float] = field(default_factory=lambda: {WHOLE: 1.0})

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the orders towards the weights."""
        pocket = ledger.pockets[WHOLE]
        there = [ticker for ticker in self.universe if ticker in today.costs.half_spreads and ticker in today.prices]
        if not there:
            return Decided(refused=f"the market of {today.day} has none of {', '.join(self.universe)}")
        kept_aud = max(ledger.owed_aud(), 0.0) + self.limits.floor_aud + today.raised_aud
        units = _whole_units(there, pocket, today, kept_aud, self.limits)
        held = pocket.units()
        buys = {ticker: number for ticker, number in units.items() if number > 0}
        sells = {ticker: -number for ticker, number in units.items() if number < 0}
        sold: tuple[float, ...] = ()
        if sells and held:
            quotes = quotes_of(today.day, today.prices, today.costs).with_brokerage(today.costs.brokerage_aud, sells)
            sold = cheapest_sale(pocket.parcels, sells, quotes, ledger.seller(), Regime()).units
        return Decided({WHOLE: Trades(buys, tuple(float(round(units)) for units in sold))})


def _whole_units(
    tickers: Sequence[str], pocket: Pocket, today: Today, kept_aud: float, limits: Limits
) -> dict[str, int]:
    """Return the units to buy, negative to sell, towards equal weights of *tickers*; the cash stays above *kept_aud*.

    The amount to invest falls until the orders and their costs can be paid.
    """
    prices, costs, held = today.prices, today.costs, pocket.units()
    spare_aud = pocket.value_aud(prices) - kept_aud
    tradable = [ticker for ticker in {**dict.fromkeys(tickers), **held} if ticker in costs.half_spreads]
    spare_aud -= math.fsum(units * prices[ticker] for ticker, units in held.items() if ticker not in tradable)
    while True:
        wanted_aud = max(spare_aud, 0.0) / len(tickers)
        orders = {}
        for ticker in tradable:
            target_aud, has_aud = wanted_aud if ticker in tickers else 0.0, held.get(ticker, 0) * prices[ticker]
            number = math.floor(target_aud / prices[ticker]) - round(held.get(ticker, 0))
            near = abs(has_aud - target_aud) <= limits.tolerance * target_aud
            if number and not near and abs(number) * prices[ticker] >= limits.min_order_aud:
                orders[ticker] = number
        cash_aud = pocket.cash_aud - math.fsum(_paid_aud(n, prices[t], t, costs) for t, n in orders.items())
        short_aud = kept_aud - cash_aud
        if short_aud <= 0 or spare_aud <= 0:
            return orders
        spare_aud -= max(short_aud, 1.0)


def _paid_aud(number: int, price: float, ticker: str, costs: Costs) -> float:
    """Return the money that an order takes out of the account, costs included; negative for a sale."""
    value_aud = abs(number) * price
    share = costs.brokerage_share + costs.half_spreads[ticker]
    return number * price + costs.brokerage_aud + share * value_aud


@dataclass(frozen=True, slots=True)
class FirstPurchaseHeld:
    """Order as the coordinated portfolio once, then only sell for tax bills and withdrawals; income stays as cash.

    Attributes:
        first: The coordinated portfolio.
        begun: The parcels of the start.
    """

    first: Coordinated
    begun: tuple[Parcel, ...] = ()
    name: str = HOLD
    shares: Mapping[str, float] = field(default_factory=lambda: {WHOLE: 1.0})

    def decide(self, today: Today, ledger: Ledger) -> Decided:
        """Return the first orders; later, sales of the largest holdings if cash is short."""
        pocket = ledger.pockets[WHOLE]
        if pocket.parcels == self.begun:
            return self.first.decide(today, ledger)
        return Decided(raising(ledger, today.raised_aud, today.day, today.prices, today.costs))


def raising(ledger: Ledger, aud: float, day: date, prices: Mapping[str, float], costs: Costs) -> dict[str, Trades]:
    """Return the sales, from the largest holding on, after which each pocket has its share of *aud* in cash.

    A pocket that has nothing left to sell stays short.
    """
    found = {
        name: _sold_for(p, aud * ledger.shares[name], ledger.seller(), quotes_of(day, prices, costs), prices, costs)
        for name, p in ledger.pockets.items()
    }
    return {name: Trades({}, sold) for name, sold in found.items() if sold}


def _sold_for(
    pocket: Pocket, wanted_aud: float, seller: Taxpayer, quotes: Quotes, prices: Mapping[str, float], costs: Costs
) -> tuple[float, ...]:
    """Return the units to sell of each parcel, so that the pocket has *wanted_aud* in cash; empty for none."""
    held = {ticker: units for ticker, units in pocket.units().items() if ticker in costs.half_spreads}
    lacks_aud, sells = wanted_aud - pocket.cash_aud, dict[str, int]()
    for ticker in sorted(held, key=lambda ticker: (held[ticker] * prices[ticker], ticker), reverse=True):
        if lacks_aud < _CENT:
            break
        a_unit_aud = -_paid_aud(-1, prices[ticker], ticker, costs) + costs.brokerage_aud
        sells[ticker] = min(math.ceil((costs.brokerage_aud + lacks_aud) / a_unit_aud), round(held[ticker]))
        lacks_aud -= -_paid_aud(-sells[ticker], prices[ticker], ticker, costs)
    if not sells:
        return ()
    units = cheapest_sale(
        pocket.parcels, sells, quotes.with_brokerage(costs.brokerage_aud, sells), seller, Regime()
    ).units
    return tuple(float(round(each)) for each in units)
