"""The orders, and the way to a portfolio, as a final event states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portfolio.published.order import Order
from portfolio.published.step import Step
from portfolio.published.waiting import LaterOptimum, Wait
from portfolio.tax.gains import Assessment
from portfolio.tax.low_income import LowIncome


@dataclass(frozen=True, slots=True)
class Move:
    """The way from the holdings of today to a portfolio.

    Attributes:
        orders: Number of orders.
        bought_aud: Value of the units that are bought, at last prices, AUD.
        sold_aud: Value of the units that are sold, at last prices, AUD.
        brokerage_aud: Brokerage, fixed and proportional, AUD.
        spread_aud: Half the spread on every dollar traded, AUD.
        sales: Units sold of each parcel that is owned, whole or not, in the order of the parcels.
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


@dataclass(frozen=True, slots=True)
class GoalInUnits:
    """A goal in whole units.

    Attributes:
        name: The goal's name.
        delivered: Figure of the orders in whole units; None where the figure is not defined.
        met: Whether this figure meets the goal.
    """

    name: str
    delivered: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class LossReplaced:
    """An ETF sold at a loss while a similar ETF is bought: a pair for a person to review (TR 2008/1).

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
    """A position above its limit that drifted there, within the tolerance: the limit forces no sale.

    Attributes:
        ticker: The ETF.
        pod: The pod that has the limit; None for a limit of the whole portfolio.
        limit: The limit, as a share of the pod, or of the capital where ``pod`` is None.
        position: The position, as a share of the same.
    """

    ticker: str
    pod: str | None
    limit: float
    position: float


@dataclass(frozen=True, slots=True)
class DoesNotPay:
    """The reason for no orders: gain and cost of the portfolio that would be best if trading were free.

    Attributes:
        gain: Gain of the objective from that portfolio.
        cost: Loss of the objective from the trades to that portfolio.
        cost_aud: Cost of the trades to that portfolio, AUD.
        losses_value_aud: Value of the losses that these trades leave for later years, AUD, which reduces the loss of
            the objective.
    """

    gain: float
    cost: float
    cost_aud: float
    losses_value_aud: float = 0.0


@dataclass(frozen=True, slots=True)
class IdleReason:
    """A reason why money stays uninvested.

    Attributes:
        rule: Name of the rule or the goal that prevents the investment; ``objective`` where investing more costs more
            than the gain, ``rules`` where no single rule or goal is the reason.
        amount_aud: Money that could be invested without this reason, AUD.
        words: The reason, in words.
    """

    rule: str
    amount_aud: float
    words: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Money that the orders leave above the cash to be kept, if more than the price of each unit held.

    Attributes:
        amount_aud: Amount of this money, AUD.
        reasons: Up to four reasons; none where the search for reasons ended too early.
    """

    amount_aud: float
    reasons: tuple[IdleReason, ...]


@dataclass(frozen=True, slots=True)
class OwnerGains:
    """One owner's share of the capital gains of the orders, and the owner's tax on it.

    Attributes:
        owner_id: The owner's key.
        share: The owner's part of the account.
        gains: The owner's gains, losses and tax.
    """

    owner_id: str
    share: float
    gains: Assessment


@dataclass(frozen=True, slots=True)
class Trading:
    """The trades: orders, costs, tax and result.

    Attributes:
        naive: The move to the naive portfolio, if each pod traded by itself.
        master: The move to the portfolio, before the orders are rounded to whole units.
        orders: The orders: sales, then purchases.
        units: Units held afterwards, by ticker.
        pods: Value of each pod's holdings afterwards, AUD, by pod and ticker.
        cash_left_aud: Cash after all orders and their costs, AUD; the tax is due later.
        brokerage_aud: Brokerage of the orders, AUD.
        spread_aud: Half the spread of the orders, AUD.
        gains: Capital gains of the orders and the tax on them.
        goals: The goals of the portfolio, in whole units.
        gave_way: Names of goals that no whole units keep at the level of the portfolio: these goals give way further.
        goals_kept: Whether whole units keep all goals that the portfolio meets.
        objective: Objective of the portfolio in whole units.
        rounding_cost: Objective of the portfolio less the objective in whole units.
        losses_replaced: Pairs of ETFs for a person to review.
        tolerated: Positions above their limits by drift.
        idle: Money that stays uninvested, with the reasons; None where the money is not more than the price of the
            dearest unit held.
        does_not_pay: The reason for no orders; None where there are orders, or where the time was too short for the
            reason.
        cut_short: Whether the time ended the search for whole units: other orders may then be better.
        tax_may_exceed_aud: For an individual with a marginal rate: the most by which a resident's brackets may tax the
            net gain above that rate, AUD, since the other income is not known; None for others, and before 2024-25.
        brokerage_in_gains: Whether the gains of the orders are after their fixed brokerage; false in events of before
            this member. The objective and the ways to portfolios in fractions count gains before fixed brokerage.
        waits: Parcels that the orders sell and whose sale would cost less tax within 60 days, each by itself; None in
            events of before this member.
        later: The best portfolio that sells nothing of these parcels now; None where there are none, where the rules
            force these sales, or where the search ended first.
        step: How far the orders come, where a budget lets no portfolio keep a rule that today's holdings break; None
            where all rules are kept.
        low_income: The effect of low-income reliefs on the tax of individuals by brackets; None without one, and in
            events of before this member.
        owners: The gains of each of several owners; their amounts add up to ``gains``. Empty for one owner.
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
    tax_may_exceed_aud: float | None = None
    brokerage_in_gains: bool = False
    waits: tuple[Wait, ...] | None = None
    later: LaterOptimum | None = None
    step: Step | None = None
    low_income: LowIncome | None = None
    owners: tuple[OwnerGains, ...] = ()
