"""The orders, and the way to a portfolio, as a final event states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portfolio.tax.gains import Assessment
from portfolio.tax.kinds import Kind


@dataclass(frozen=True, slots=True)
class Move:
    """The way from what is owned to a portfolio.

    Attributes:
        orders: Number of orders.
        bought_aud: Value of what is bought, at last prices.
        sold_aud: Value of what is sold, at last prices.
        brokerage_aud: Fixed and proportional.
        spread_aud: Half the spread on every dollar traded.
        sales: Units sold of each parcel that is owned, whole or not.
        gains: The capital gains and the tax on them.
    """

    orders: int
    bought_aud: float
    sold_aud: float
    brokerage_aud: float
    spread_aud: float
    sales: tuple[float, ...]
    gains: Assessment

    @property
    def cost_aud(self) -> float:
        """Everything that it costs."""
        return self.brokerage_aud + self.spread_aud + self.gains.tax_aud


class Side(StrEnum):
    """Which way an order goes."""

    SELL = "sell"
    BUY = "buy"


@dataclass(frozen=True, slots=True)
class UnderReform:
    """How the reform of capital gains measures units that an individual sells from 1 July 2027.

    Attributes:
        value_aud: Their market value just before that day, which ends one gain or loss and begins the other; None
            where they were bought since.
        index_factor: By how much the cost of the later part is indexed.
        indexed_cost_aud: What it comes to: the later gain is what the proceeds are above it. A loss is measured from
            the cost before indexing.
        proceeds_aud: What they fetch, after half the spread and proportional brokerage.
    """

    value_aud: float | None
    index_factor: float
    indexed_cost_aud: float
    proceeds_aud: float


@dataclass(frozen=True, slots=True)
class ParcelSold:
    """Units sold of one parcel.

    Attributes:
        acquired: Day of the purchase.
        units: Units that are sold of the parcel.
        cost_base_aud: Cost base of these units, AUD.
        realised_aud: What that gains or loses, by kind, after half the spread and proportional brokerage.
        reform: How it is measured, where the reform governs the sale.
    """

    acquired: date
    units: float
    cost_base_aud: float
    realised_aud: Mapping[Kind, float]
    reform: UnderReform | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order, at the last price.

    Attributes:
        side: Whether units are bought or sold.
        ticker: The ETF.
        units: Whole units.
        price_aud: The last price of a unit, AUD.
        value_aud: Units times price, AUD.
        brokerage_aud: Brokerage of the order, AUD.
        spread_aud: Half the spread of the order, AUD.
        pods: Whose pod holds the ETF afterwards.
        parcels: Of a sale: the units that are sold.
        tax_aud: Of a sale: by how much less tax would be due if this order alone were not made.
        why: The reason, in words.
    """

    side: Side
    ticker: str
    units: float
    price_aud: float
    value_aud: float
    brokerage_aud: float
    spread_aud: float
    pods: tuple[str, ...]
    parcels: tuple[ParcelSold, ...]
    tax_aud: float
    why: str


@dataclass(frozen=True, slots=True)
class GoalInUnits:
    """What whole units do to a goal.

    Attributes:
        name: The goal's name.
        delivered: What the orders in whole units give; None where the figure is not defined.
        met: Whether that is what was asked.
    """

    name: str
    delivered: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class LossReplaced:
    """An ETF sold at a loss while one that moves like it is bought: for a person to look at (TR 2008/1).

    Attributes:
        sold: The ETF that is sold at a loss.
        bought: The ETF that is bought.
        correlation: The correlation of their returns.
    """

    sold: str
    bought: str
    correlation: float


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A position above its limit that drifted there, within the tolerance: it need not be sold for that.

    Attributes:
        ticker: The ETF.
        pod: Whose limit it is; None for that of the whole portfolio.
        limit: As a part of the pod, or of the capital.
        position: Likewise.
    """

    ticker: str
    pod: str | None
    limit: float
    position: float


@dataclass(frozen=True, slots=True)
class DoesNotPay:
    """Why nothing is traded: what the best portfolio, were trading free, would bring and take.

    Attributes:
        gain: What it adds to the objective.
        cost: What getting there takes from it.
        cost_aud: What getting there costs.
    """

    gain: float
    cost: float
    cost_aud: float


@dataclass(frozen=True, slots=True)
class IdleReason:
    """A reason why money stays uninvested.

    Attributes:
        rule: The rule or the goal that is in the way, by name; ``objective`` where investing more costs more than it
            brings.
        amount_aud: How much could be invested but for this.
        words: The reason, in words.
    """

    rule: str
    amount_aud: float
    words: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Money that the orders leave above the cash to be kept, where it would buy a unit of what is held.

    Attributes:
        amount_aud: How much.
        reasons: Why, up to four; none where the search for them ended first.
    """

    amount_aud: float
    reasons: tuple[IdleReason, ...]


@dataclass(frozen=True, slots=True)
class Trading:
    """Everything about the trades.

    Attributes:
        naive: What getting to the naive portfolio would cost, each pod trading by itself.
        master: What getting to the portfolio costs, before it is rounded to whole units.
        orders: Sells, then buys.
        units: Held afterwards, by ticker.
        pods: Value of what each pod holds afterwards, by ticker, AUD.
        cash_left_aud: Cash after all orders and their costs; the tax is due later.
        brokerage_aud: Of the orders.
        spread_aud: Of the orders.
        gains: Capital gains of the orders and the tax on them.
        goals: The goals of the portfolio, in whole units.
        gave_way: Goals, by name, that no whole units keep at the level of the portfolio: they give way further.
        goals_kept: Whether whole units keep all goals that the portfolio meets.
        objective: In whole units.
        rounding_cost: By how much that is less than the portfolio's.
        losses_replaced: Pairs for a person to look at.
        tolerated: Positions above their limits by drift.
        idle: Money that stays uninvested, and why; None where it is less than the price of a unit.
        does_not_pay: Where there are no orders, why.
        cut_short: Whether time ended the search for whole units: then others may be better.
    """

    naive: Move
    master: Move
    orders: tuple[Order, ...]
    units: Mapping[str, float]
    pods: Mapping[str, Mapping[str, float]]
    cash_left_aud: float
    brokerage_aud: float
    spread_aud: float
    gains: Assessment
    goals: tuple[GoalInUnits, ...]
    goals_kept: bool
    objective: float
    rounding_cost: float
    losses_replaced: tuple[LossReplaced, ...]
    tolerated: tuple[Tolerated, ...] = ()
    idle: Idle | None = None
    does_not_pay: DoesNotPay | None = None
    cut_short: bool = False
    gave_way: tuple[str, ...] = ()
