"""Requests: what people publish, read strictly."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from bus.language.forms import MARKET
from bus.language.messages.fields import GoalName, Id, Pod, PodPair, Share, ShortText, Text, Ticker
from portfolio.errors import DataError
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import Reform
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.owned import Outside, Owned
from portfolio.terms.rules import Correlations, Duplicates, Explain, OnUnreachable, Preferences, Rules, Terms
from portfolio.terms.targets import Target, shares_from_targets

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market

# A pod with less than a basis point of the capital holds nothing that anybody would buy.
LEAST_SHARE = 1e-4

# Less than these spoils the scale of what is solved and means nothing: a millionth of the capital in an ETF, and a tax
# of a dollar on 10,000. No tax at all is another thing.
LEAST_WEIGHT = 1e-6
LEAST_RATE = 1e-4
# Each is a choice of its own when something is sold. More are searched for minutes, and fill the memory.
MOST_PARCELS = 1_000

# Income tax of 30 % and the Medicare levy of 2 %.
_USUAL_RATE = 0.32

# Shares that people write by hand add up to one as far as their decimals go.
_SUM_WITHIN = 1e-6


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Customer(_Strict):
    """Whose money it is. Identify people by a key of your own, never by name: the stream is kept."""

    customer_id: ShortText
    total_capital_aud: Annotated[
        float | None,
        Field(ge=1_000, le=1e10, description="Capital to invest, AUD; left out where an account says what is owned."),
    ] = None
    risk_tolerance: Annotated[
        float,
        Field(ge=0, le=1, description="The pods' caps on volatility are multiplied by 0.5 + risk_tolerance."),
    ] = 0.5
    entity: Annotated[Entity, Field(strict=False, description="What the tax law takes the customer for.")] = (
        Entity.INDIVIDUAL
    )
    marginal_tax_rate: Annotated[
        float | None,
        Field(
            ge=0,
            le=0.6,
            json_schema_extra={"not": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": LEAST_RATE}},
            description="Tax on the last dollar of income, levies included: 0, or at least 0.0001. An individual's is "
            "by default that of a resident with 45,000 to 135,000 AUD in 2025-26: 30 % and the Medicare levy of 2 %. A "
            "super fund's follows from its entity; a company's is 0.30, or 0.25 for a base rate entity.",
        ),
    ] = None
    carried_losses_aud: Annotated[
        float, Field(ge=0, le=1e10, description="Capital losses of earlier years that were not used yet.")
    ] = 0.0

    @field_validator("marginal_tax_rate")
    @classmethod
    def _no_trace(cls, rate: float | None) -> float | None:
        if rate and rate < LEAST_RATE:
            message = f"{rate:g} is less than {LEAST_RATE:g}: give 0, or a fraction such as 0.32"
            raise ValueError(message)
        return rate

    @model_validator(mode="after")
    def _taxed(self) -> Self:
        try:
            self.taxpayer()
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    def taxpayer(self) -> Taxpayer:
        """Say who pays the tax, and at what rate."""
        rate = self.marginal_tax_rate
        if rate is None and self.entity is Entity.INDIVIDUAL:
            rate = _USUAL_RATE
        return Taxpayer(self.entity, rate, self.carried_losses_aud)


class ParcelOwned(_Strict):
    """Units of an ETF that were bought together."""

    acquired: Annotated[date, Field(description="Day of the contract to buy, not of its settlement.")]
    units: Annotated[int, Field(ge=1, le=10**9, description="Whole units.")]
    cost_base_aud: Annotated[
        float,
        Field(gt=0, le=1e10, description="Of the whole parcel, AUD, brokerage included, as adjusted by the fund."),
    ]


class HoldingOwned(_Strict):
    """What the customer owns of one ETF."""

    ticker: Ticker
    units: Annotated[int, Field(ge=1, le=10**9, description="Whole units; those of all parcels.")]
    parcels: Annotated[list[ParcelOwned], Field(min_length=1, max_length=1_000)]
    currency: Annotated[
        Literal["AUD"], Field(description="Of the cost bases; convert others at the day of purchase.")
    ] = "AUD"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        there = sum(parcel.units for parcel in self.parcels)
        if there != self.units:
            message = f"{self.ticker} has {self.units} units, its parcels have {there}: make them equal"
            raise ValueError(message)
        return self


class ReformFacts(_Strict):
    """Facts that the tax on what an individual sells from 1 July 2027 needs; others do without."""

    cpi: Annotated[
        dict[date, Annotated[float, Field(ge=10, le=10_000)]],
        Field(
            max_length=400,
            description="All Groups CPI, weighted average of the eight capital cities, by the first day of the "
            "quarter: index numbers, such as 102.4. It is asked for where a parcel was held for 12 months: of the "
            "quarter of its purchase (of 1 July 2027, if that is later) and of the day of the trades; estimate what "
            "is not published yet.",
        ),
    ] = {}
    values_aud: Annotated[
        dict[Ticker, Annotated[float, Field(gt=0, le=1e6)]],
        Field(
            max_length=1_000,
            description="Market value of a unit just before 1 July 2027, AUD, of every ETF of which a parcel was "
            "acquired before.",
        ),
    ] = {}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            self.reform()
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    def reform(self) -> Reform:
        """Hand over the facts."""
        return Reform(self.cpi, self.values_aud)


class Account(_Strict):
    """What the customer owns on the day of the trades: with it, the final event has orders in whole units."""

    as_of: Annotated[date, Field(description="Day of the trades; parcels' ages count to it.")]
    cash_aud: Annotated[float, Field(ge=0, le=1e10, description="Money to invest, AUD.")]
    holdings: Annotated[
        list[HoldingOwned], Field(max_length=1_000, description=f"At most {MOST_PARCELS:,} parcels in all.")
    ] = []
    outside: Annotated[
        Outside, Field(strict=False, description="Are holdings sold or kept that no pod of the customer may hold?")
    ] = Outside.SELL
    brokerage_share: Annotated[
        float, Field(ge=0, le=0.1, description="Cost of an order as a share of its value, on top of brokerage_aud.")
    ] = 0.0
    reform: ReformFacts = ReformFacts()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        tickers = [holding.ticker for holding in self.holdings]
        if twice := sorted({ticker for ticker in tickers if tickers.count(ticker) > 1}):
            message = f"holdings names {', '.join(twice)} twice: put all parcels into one"
            raise ValueError(message)
        if (parcels := sum(len(holding.parcels) for holding in self.holdings)) > MOST_PARCELS:
            message = (
                f"holdings has {parcels:,} parcels, at most {MOST_PARCELS:,} can be planned for in time: put those "
                "together that were bought on the same day, or ask for a part of the account"
            )
            raise ValueError(message)
        later = [(h.ticker, p.acquired) for h in self.holdings for p in h.parcels if p.acquired > self.as_of]
        if later:
            told = ", ".join(f"{ticker} on {acquired}" for ticker, acquired in later)
            message = f"parcels were acquired after the day of the trades, {self.as_of}: {told}; correct one of the two"
            raise ValueError(message)
        return self

    def owned(self, taxpayer: Taxpayer) -> Owned:
        """Hand over what is owned."""
        return Owned(
            as_of=self.as_of,
            cash_aud=self.cash_aud,
            parcels=tuple(
                Parcel(holding.ticker, parcel.units, parcel.acquired, parcel.cost_base_aud)
                for holding in self.holdings
                for parcel in holding.parcels
            ),
            taxpayer=taxpayer,
            outside=self.outside,
            brokerage_share=self.brokerage_share,
            reform=self.reform.reform(),
        )


class Goal(_Strict):
    """An amount of money that the customer wants, and the pod that is to provide it."""

    goal_id: Id
    name: Text
    pod: Pod
    target_amount_aud: Annotated[float, Field(ge=1, le=1e10)]
    years: Annotated[float, Field(ge=0, le=100)]
    priority: Annotated[
        int,
        Field(
            ge=1,
            le=9,
            description="1 is the most important: where not all can be met, among goals of one priority "
            "those of its pod are served first.",
        ),
    ] = 1


class RequestRules(_Strict):
    """Hard rules of the whole portfolio."""

    max_etfs: Annotated[int, Field(ge=1, le=1_000)] = 12
    min_weight: Annotated[
        float, Field(ge=LEAST_WEIGHT, le=1, description="Least share of the capital in an ETF held.")
    ] = 0.02
    max_weight: Annotated[float, Field(gt=0, le=1, description="Largest share of the capital in one ETF.")] = 0.30
    duplicates: Annotated[Duplicates, Field(strict=False, description="May two pods hold the same ETF?")] = (
        Duplicates.FORBID
    )
    min_correlation_distance: Annotated[
        float, Field(ge=0, le=1, description="Two ETFs nearer than this, sqrt((1 - rho) / 2), are not both held.")
    ] = 0.0
    never_buy: Annotated[list[Ticker], Field(max_length=1_000)] = []
    never_sell: Annotated[list[Ticker], Field(max_length=1_000)] = []
    capital_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="With an account: how far a pod's holdings may be from its share of the capital, as a part of "
            "that share; what is owned drifts, and units are whole.",
        ),
    ] = 0.05
    position_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="With an account: how far a position may be above max_weight, or (with one owner an ETF) a "
            "pod's max_position, as a part of that limit, if what is owned drifted there and nothing of it is bought.",
        ),
    ] = 0.0
    min_order_aud: Annotated[float, Field(ge=0, le=1e6, description="With an account: least value of an order.")] = 0.0
    max_turnover: Annotated[
        float | None,
        Field(ge=0, le=1, description="With an account: half of what is bought and sold, as a share of the capital."),
    ] = None
    max_tax_aud: Annotated[
        float | None, Field(ge=0, le=1e10, description="With an account: most tax on capital gains that sales cause.")
    ] = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_weight > self.max_weight:
            message = (
                f"min_weight {self.min_weight} is above max_weight {self.max_weight}: lower the one or raise the other"
            )
            raise ValueError(message)
        return self


class RequestPreferences(_Strict):
    """Weights of the objective's four terms."""

    pod_score: Annotated[float, Field(ge=0.01, le=10)] = 0.60
    duplication: Annotated[float, Field(ge=0, le=10)] = 0.20
    trading_cost: Annotated[float, Field(ge=0, le=10)] = 0.10
    tax_efficiency: Annotated[float, Field(ge=0, le=10)] = 0.10


class OptimizationRequest(_Strict):
    """Ask for one master portfolio. Publish it on ``podfolio.v1.request.<request_id>``, once."""

    version: Literal[1] = 1
    request_id: Id
    customer: Customer
    market: Annotated[str, StringConstraints(pattern=MARKET)]
    pod_weights: Annotated[
        dict[Pod, Share] | None, Field(min_length=1, max_length=32, description="Shares of the capital; sum 1.")
    ] = None
    goals: Annotated[
        list[Goal],
        Field(max_length=100, description="Where there are no pod_weights, they follow from these; see the README."),
    ] = []
    rules: RequestRules = RequestRules()
    preferences: RequestPreferences = RequestPreferences()
    on_unreachable: Annotated[
        OnUnreachable,
        Field(strict=False, description="Where not all goals can be met: do they give way, the least important first?"),
    ] = OnUnreachable.RELAX
    priorities: Annotated[
        dict[GoalName, Annotated[int, Field(ge=1, le=9)]],
        Field(
            max_length=200,
            description="Of goals by name, such as gamma.sharpe_ratio or never_worse.trading_cost_aud; 1 is served "
            "first. By default: volatility 1, liquidity 2, yield, Sharpe ratio and return 3, never_worse 4.",
        ),
    ] = {}
    explain: Annotated[
        Explain,
        Field(
            strict=False,
            description="For which goals the best that was possible is found, proven and told: those that gave way, "
            "or all, which takes about ten times as long.",
        ),
    ] = Explain.UNMET
    correlations: Annotated[
        Correlations,
        Field(strict=False, description="Are limits on the pods' correlations goals, the last of all, or only told?"),
    ] = Correlations.REPORT
    correlation_limits: Annotated[
        dict[PodPair, Annotated[float, Field(ge=-1, le=1)]],
        Field(max_length=500, description="By pair, such as alpha-beta, where they are not those of the mandates."),
    ] = {}
    brokerage_aud: Annotated[float, Field(ge=0, le=1_000, description="Cost of one order, AUD.")] = 10.0
    account: Annotated[
        Account | None, Field(description="What the customer owns; left out where the capital is all cash.")
    ] = None
    deadline_s: Annotated[float, Field(ge=1, le=3_600, description="Time allowed for the final event.")] = 30.0

    @model_validator(mode="after")
    def _split(self) -> Self:
        if self.pod_weights is None and not self.goals:
            message = "give pod_weights or goals: without either, the capital cannot be split over the pods"
            raise ValueError(message)
        if self.pod_weights is not None and not math.isclose(sum(self.pod_weights.values()), 1.0, abs_tol=_SUM_WITHIN):
            message = f"pod_weights sum to {sum(self.pod_weights.values()):.6g}, not to 1: change them so that they do"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _capital(self) -> Self:
        given = self.customer.total_capital_aud is not None
        if given == (self.account is not None):
            wrong = (
                "customer.total_capital_aud and an account are both given"
                if given
                else "neither customer.total_capital_aud nor an account is given"
            )
            message = f"{wrong}: give total_capital_aud to start from cash, or an account with what is owned"
            raise ValueError(message)
        return self

    def refused(self, market: Market) -> frozenset[str]:
        """List the tickers that pods are not to hold: never to be bought, or without a price to order at."""
        unpriced = [etf.ticker for etf in market.etfs if etf.price_aud is None] if self.account else []
        return frozenset([*self.rules.never_buy, *unpriced])

    def shares(self, risk_free: float) -> dict[str, float]:
        """Split the capital over the pods: by ``pod_weights``, or else by the goals' present values.

        Pods with no share are left out: they are not asked and not waited for.
        """
        if self.pod_weights is not None:
            # Sums that people round are made exact here, by a part in a million at most.
            total = sum(self.pod_weights.values())
            shares = {pod: weight / total for pod, weight in self.pod_weights.items()}
        else:
            shares = shares_from_targets(self.targets(), risk_free)
        return {pod: share for pod, share in shares.items() if share > 0}

    def targets(self) -> list[Target]:
        """List what the customer wants money for."""
        return [Target(**goal.model_dump()) for goal in self.goals]

    def terms(self) -> Terms:
        """Collect what the optimisation needs to know of the request; the capital of an account comes from prices."""
        taxpayer = self.customer.taxpayer()
        return Terms(
            total_capital_aud=self.customer.total_capital_aud or 0.0,
            marginal_tax_rate=taxpayer.rate,
            entity=taxpayer.entity,
            owned=self.account.owned(taxpayer) if self.account else None,
            brokerage_aud=self.brokerage_aud,
            rules=Rules(
                **self.rules.model_dump(exclude={"never_buy", "never_sell"}),
                never_buy=tuple(self.rules.never_buy),
                never_sell=tuple(self.rules.never_sell),
            ),
            preferences=Preferences(**self.preferences.model_dump()),
            priorities=self.priorities,
            pod_ranks={g.pod: min(o.priority for o in self.goals if o.pod == g.pod) for g in self.goals},
            on_unreachable=self.on_unreachable,
            explain=self.explain,
            correlations=self.correlations,
            correlation_limits=self.correlation_limits,
        )
