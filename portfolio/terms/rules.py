"""The hard rules of a portfolio, the weights of its objective, and all terms of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from portfolio.errors import DataError
from portfolio.market.robust import Robust
from portfolio.tax.regime import DISCOUNTS, REFORM_STARTS, REFUNDED
from portfolio.tax.taxpayer import Entity
from portfolio.terms.owned import Owned


class Duplicates(StrEnum):
    """Whether two pods may hold the same ETF."""

    FORBID = "forbid"
    PENALISE = "penalise"


class OnUnreachable(StrEnum):
    """The action where not all goals can be met."""

    RELAX = "relax"
    FAIL = "fail"


class Explain(StrEnum):
    """The goals for which the best possible figure is found and proven."""

    UNMET = "unmet"
    ALL = "all"


class Correlations(StrEnum):
    """The use of the limits on correlations between pods."""

    REPORT = "report"
    LIMIT = "limit"


# How far below its best figure a goal that gives way is held, as a part of the figure, where a request does not say.
TARGET_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Preferences:
    """Weights of the four terms of the objective, each term without unit.

    Attributes:
        pod_score: Weight of the pods' scores.
        duplication: Weight of holding no ETF for two pods.
        trading_cost: Weight of a low cost of the trades.
        tax_efficiency: Weight of a low tax on income.
    """

    pod_score: float = 0.60
    duplication: float = 0.20
    trading_cost: float = 0.10
    tax_efficiency: float = 0.10

    def __post_init__(self) -> None:
        """Refuse a weight that would turn a term around."""
        if min(self.pod_score, self.duplication, self.trading_cost, self.tax_efficiency) < 0 or self.pod_score <= 0:
            message = "preferences must not be negative, and pod_score must be above 0"
            raise DataError(message)


@dataclass(frozen=True, slots=True)
class Rules:
    """Hard rules of the whole portfolio.

    Attributes:
        max_etfs: Most ETFs held.
        min_weight: Least share of the capital in an ETF that is held.
        max_weight: Largest share of the capital in one ETF.
        duplicates: Whether an ETF may have more than one owner.
        min_correlation_distance: Least distance, ``sqrt((1 - rho) / 2)``, between two ETFs that are both held.
        never_buy: Tickers that are not to be bought; units that are owned may stay.
        never_sell: Tickers of which no unit is to be sold.
        capital_tolerance: Largest distance of a pod's holdings from its share of the capital, as a part of that share:
            holdings drift, and units are whole. This rule and the rules below matter only with an account.
        position_tolerance: Largest excess of a position above its limit, as a part of the limit, if the holdings
            drifted there and no unit of the ETF is bought.
        min_order_aud: Least value of an order, AUD.
        max_turnover: Largest turnover: half the value of purchases and sales, as a share of the capital; None without a
            limit.
        max_tax_aud: Most tax on capital gains that sales may cause, AUD; None without a limit.
        buy_only: Whether no unit of any ETF is sold.
    """

    max_etfs: int = 12
    min_weight: float = 0.02
    max_weight: float = 0.30
    duplicates: Duplicates = Duplicates.FORBID
    min_correlation_distance: float = 0.0
    never_buy: tuple[str, ...] = ()
    never_sell: tuple[str, ...] = ()
    capital_tolerance: float = 0.05
    position_tolerance: float = 0.0
    min_order_aud: float = 0.0
    max_turnover: float | None = None
    max_tax_aud: float | None = None
    buy_only: bool = False

    def __post_init__(self) -> None:
        """Refuse rules that no portfolio could keep."""
        if self.max_etfs < 1:
            message = f"max_etfs is {self.max_etfs}; it must be at least 1"
            raise DataError(message)
        if not 0 < self.min_weight <= self.max_weight <= 1:
            message = (
                f"min_weight is {self.min_weight} and max_weight {self.max_weight}; both must be above 0 and at most 1,"
                " and min_weight no larger than max_weight"
            )
            raise DataError(message)
        if not 0 <= self.min_correlation_distance <= 1:
            message = f"min_correlation_distance is {self.min_correlation_distance}; it must be from 0 to 1"
            raise DataError(message)
        if not 0 <= self.capital_tolerance < 1:
            message = f"capital_tolerance is {self.capital_tolerance}; it must be from 0 to below 1"
            raise DataError(message)
        if not 0 <= self.position_tolerance <= 1:
            message = f"position_tolerance is {self.position_tolerance}; it must be from 0 to 1"
            raise DataError(message)
        limits = (self.min_order_aud, self.max_turnover or 0.0, self.max_tax_aud or 0.0)
        if min(limits) < 0:
            message = "min_order_aud, max_turnover and max_tax_aud must not be negative"
            raise DataError(message)

    def stays(self, ticker: str) -> bool:
        """Return whether no unit of an ETF may be sold."""
        return self.buy_only or ticker in self.never_sell


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a customer's request sets, apart from how the capital is split.

    Attributes:
        total_capital_aud: Capital to invest, AUD.
        marginal_tax_rate: Tax rate on income, levies included, as a fraction.
        entity: The kind of taxpayer that the customer is.
        brokerage_aud: Fixed cost of one order, AUD.
        rules: Hard rules.
        preferences: Weights of the terms of the objective.
        priorities: Priorities of goals by name, 1 first, where they differ from the default (``goals``).
        pod_ranks: Ranks of pods, 1 first: among goals of one priority, those of the first pod are served first.
        on_unreachable: Whether goals give way where not all can be met.
        explain: The goals whose best figure is reported: a search for one such figure takes as long as a portfolio.
        correlations: Whether limits on the pods' correlations are goals, or only reported.
        correlation_limits: Limits by pair (``alpha-beta``), where they differ from the limits of the mandates.
        owned: Cash and holdings of the customer; None where the capital is cash and the request wants only weights.
        other_income_uses_credits: For a company: whether other income owes tax that spare franking credits can pay.
            Spare credits are credits above the tax on the distributions. A company gets no refund of spare credits; all
            other entities do.
        risk_tolerance: 0 to 1: the pods' places on their efficient frontiers; at one half the mandates apply unchanged.
        target_tolerance: Distance below its best figure at which a goal that gives way is held, as a part of the
            figure.
        pod_targets: Goals of pods, by name (``gamma.sharpe_ratio``), that replace those of their mandates.
        exempt_share: Of a super fund in accumulation: the part of its income that is exempt, by the actuary's
            certificate; ``marginal_tax_rate`` is after it.
        total_super_balance_aud: Total superannuation balance of the customer or the fund's member, AUD: the pages tell
            of a tax that follows; None where the request does not give it.
        share_excess: How far the pods together may be from their shares beyond the ``capital_tolerance``, as a share of
            the capital: above zero only where holdings that are never sold let no portfolio be nearer.
        robust: The worst case in which the pods' scores count; None for the market's own figures.
        in_cash: Money of the pods in cash, by pod, as shares of the capital: it stays in the account.
    """

    total_capital_aud: float
    marginal_tax_rate: float = 0.32
    brokerage_aud: float = 10.0
    rules: Rules = field(default_factory=Rules)
    preferences: Preferences = field(default_factory=Preferences)
    priorities: Mapping[str, int] = field(default_factory=dict)
    pod_ranks: Mapping[str, int] = field(default_factory=dict)
    on_unreachable: OnUnreachable = OnUnreachable.RELAX
    explain: Explain = Explain.UNMET
    correlations: Correlations = Correlations.REPORT
    correlation_limits: Mapping[str, float] = field(default_factory=dict)
    owned: Owned | None = None
    entity: Entity = Entity.INDIVIDUAL
    other_income_uses_credits: bool = False
    risk_tolerance: float = 0.5
    target_tolerance: float = TARGET_TOLERANCE
    pod_targets: Mapping[str, float] = field(default_factory=dict)
    share_excess: float = 0.0
    exempt_share: float = 0.0
    total_super_balance_aud: float | None = None
    robust: Robust | None = None
    in_cash: Mapping[str, float] = field(default_factory=dict)

    @property
    def wastes_credits(self) -> bool:
        """Whether franking credits above the tax on the distributions have no value this year (ss 36-55, 67-25)."""
        return self.entity not in REFUNDED and not self.other_income_uses_credits

    @property
    def gains_counted(self) -> float:
        """The part that is taxed of capital gains that funds distribute with the discount.

        From 1 July 2027 individuals and trusts have no discount; the whole gain is then taken to be taxed.
        """
        if self.entity is Entity.INDIVIDUAL and self.owned is not None and self.owned.as_of >= REFORM_STARTS:
            return 1.0
        return 1 - DISCOUNTS[self.entity]

    @property
    def largest_share(self) -> float:
        """The largest share that one taxpayer has of the income: 1 unless there are several owners."""
        return 1.0 if self.owned is None else max(share for share, _ in self.owned.taxpayer.each)

    @property
    def has_cash(self) -> bool:
        """Whether some of the capital may stay money: with an account, or for pods in cash."""
        return self.owned is not None or bool(self.in_cash)

    @property
    def cash_rate(self) -> float:
        """Interest on cash per year, as a fraction."""
        return 0.0 if self.owned is None else self.owned.cash_rate
