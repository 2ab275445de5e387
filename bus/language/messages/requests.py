"""Requests: the messages of people, read strictly."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from bus.language.forms import MARKET
from bus.language.messages.described import Published
from bus.language.messages.fields import WHOLE, Day, GoalName, Id, Pod, PodPair, Share, ShortText, Text, Ticker
from bus.language.messages.tax_year import LEAST_RATE, CostBaseAdjustment, JointOwner, RealisedSoFar, no_trace
from portfolio.errors import DataError
from portfolio.market.age import MOST_DAYS, StalePrices
from portfolio.market.robust import Robust
from portfolio.market.settlement import settles_on
from portfolio.names import doubted
from portfolio.published.robustness import Effort
from portfolio.tax.adjustments import Adjusted, adjust
from portfolio.tax.brackets import rate_at, saved_by_loss
from portfolio.tax.parcels import Parcel
from portfolio.tax.pension import Pension, minimum
from portfolio.tax.regime import DISCOUNTS, DISREGARDED, REFORM_STARTS, Reform, income_year
from portfolio.tax.taxpayer import Entity, Realised, Taxpayer
from portfolio.terms.mandate import OVER_CASH, TARGETS, fault_of
from portfolio.terms.owned import Outside, Owned
from portfolio.terms.payments import Payments
from portfolio.terms.rules import (
    TARGET_TOLERANCE,
    Correlations,
    Duplicates,
    Explain,
    OnUnreachable,
    Preferences,
    Rules,
    Terms,
)
from portfolio.terms.targets import ASSUMED_INFLATION, MOST_YEARS, InflationFrom, Plans, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from portfolio.market.snapshot import Market

# Smaller figures spoil the scale of the optimisation and have no practical meaning: a millionth of the capital in an
# ETF.
LEAST_WEIGHT = 1e-6
# Each parcel is a separate choice in every sale. The search over more parcels takes minutes, and fills the memory.
MOST_PARCELS = 1_000

# The time allowed for a final event: limits, and where a request gives none.
SHORTEST_S, LONGEST_S, USUAL_S = 1, 3_600, 30.0

# Income tax of 30 % and the Medicare levy of 2 %.
_USUAL_RATE = 0.32

# The part of its saving today that a dollar of unused losses is worth by default: later gains are not certain.
_PART_OF_SAVING = 0.5

# Shares that people write by hand add up to one as far as their decimals go.
_SUM_WITHIN = 1e-6


class _Strict(Published, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Customer(_Strict):
    """The owner of the money. Identify people by a key of your own, never by name: the stream is kept.

    Attributes:
        customer_id: The adviser's own key for the customer, 1 to 64 characters; never a name.
    """

    customer_id: ShortText
    total_capital_aud: Annotated[
        float | None,
        Field(
            ge=1_000, le=1e10, description="Capital to invest, AUD; left out where an account lists cash and holdings."
        ),
    ] = None
    risk_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="A position on each pod's efficient frontier: 0 is the least risk, 0.5 the unchanged mandate, "
            "1 the greatest expected return; docs/model.md has the formulas.",
        ),
    ] = 0.5
    entity: Annotated[Entity, Field(strict=False, description="The kind of taxpayer that the customer is.")] = (
        Entity.INDIVIDUAL
    )
    marginal_tax_rate: Annotated[
        float | None,
        Field(
            ge=0,
            le=0.6,
            json_schema_extra={"not": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": LEAST_RATE}},
            description="Tax on the last dollar of income, levies included, as a fraction: 0, or at least 0.0001. The "
            "default of an individual is the rate of a resident with 45,000 to 135,000 AUD in 2025-26: 30 % "
            "and the Medicare levy of 2 %. The rate of a super fund follows from its entity; the rate of a "
            "company is 0.30, or 0.25 for a base rate entity.",
        ),
        AfterValidator(no_trace),
    ] = None
    taxable_income_aud: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e10,
            description="An individual's taxable income of the financial year of the trades without any capital gain, "
            "AUD: gains are then taxed by the brackets of a resident, with the Medicare levy, and income of "
            "the portfolio at the rate of the next dollar. In place of marginal_tax_rate; needs an account.",
        ),
    ] = None
    carried_losses_aud: Annotated[
        float, Field(ge=0, le=1e10, description="Unused capital losses of earlier years, AUD.")
    ] = 0.0
    loss_value: Annotated[
        float | None,
        Field(
            ge=0,
            le=0.6,
            description="Value today of a dollar of capital losses that the trades leave for later years, AUD; losses "
            "of earlier years that they use up cost as much. At most what the loss saves now: the tax rate after "
            "the discount. By default half of that rate where taxable_income_aud or account.realised is given, "
            "else 0.",
        ),
    ] = None
    minimum_tax_exempt: Annotated[
        bool,
        Field(
            description="For an individual: whether a listed income support payment, such as the age pension, exempts "
            "from the minimum tax on gains of sales from 1 July 2027."
        ),
    ] = False
    other_income_uses_credits: Annotated[
        bool,
        Field(
            description="For a company: whether other income owes tax that spare franking credits can pay. Spare "
            "credits are credits above the tax on the distributions. A company gets no refund of spare "
            "credits; all other entities do."
        ),
    ] = False
    exempt_share: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="For a super fund with members in both phases, as super_accumulation: the part of its income "
            "that is exempt by the actuary's certificate. The fund's assets are not segregated.",
        ),
    ] = 0.0
    total_super_balance_aud: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e10,
            description="The total superannuation balance of the customer, or of the fund's member, AUD: above "
            "3,000,000 the pages tell of the Division 296 tax, which is not computed.",
        ),
    ] = None
    owners: Annotated[
        list[JointOwner] | None,
        Field(
            min_length=2,
            max_length=2,
            description="Two individuals who own the account together, each with a share and a rate or an income of "
            "their own: gains, losses, income and credits are shared, and the tax is the sum of theirs. In place of "
            "marginal_tax_rate, taxable_income_aud, carried_losses_aud, minimum_tax_exempt and account.realised; "
            "needs an account.",
        ),
    ] = None

    @field_validator("entity", mode="before")
    @classmethod
    def _no_trust(cls, entity: object) -> object:
        if entity == "trust":
            message = (
                "a trust is not modelled: who is taxed depends on the trustee's resolution of the year, and capital"
                " losses stay in the trust. If one individual is entitled to all of its income and gains, and it has no"
                " capital losses, give individual, with that person's rate"
            )
            raise ValueError(message)
        return entity

    @model_validator(mode="after")
    def _taxed(self) -> Self:
        try:
            self.taxpayer()
        except DataError as error:
            raise ValueError(str(error)) from None
        if self.other_income_uses_credits and self.entity is not Entity.COMPANY:
            message = (
                f"other_income_uses_credits is for companies; the entity {self.entity} is refunded what credits exceed"
                " the tax: leave it out"
            )
            raise ValueError(message)
        if self.minimum_tax_exempt and self.entity is not Entity.INDIVIDUAL:
            message = (
                f"minimum_tax_exempt is for individuals; the entity {self.entity} pays no minimum tax: leave it out"
            )
            raise ValueError(message)
        if self.taxable_income_aud is not None and self.entity is not Entity.INDIVIDUAL:
            message = f"taxable_income_aud is for individuals; the entity {self.entity} has one rate: leave it out"
            raise ValueError(message)
        if self.taxable_income_aud is not None and self.marginal_tax_rate is not None:
            message = "taxable_income_aud and marginal_tax_rate both give a rate: leave marginal_tax_rate out"
            raise ValueError(message)
        if self.total_super_balance_aud is not None and self.entity is Entity.COMPANY:
            message = "total_super_balance_aud is a person's; the entity company has none: leave it out"
            raise ValueError(message)
        if self.owners is not None and (wrong := self._not_of_owners(self.owners)):
            raise ValueError(wrong)
        return self

    def _not_of_owners(self, owners: list[JointOwner]) -> str:
        """Name a member that a customer of several owners cannot have; else ""."""
        if self.entity is not Entity.INDIVIDUAL:
            return f"owners are individuals, and the entity is {self.entity}: leave owners out"
        for name in ("marginal_tax_rate", "taxable_income_aud", "carried_losses_aud", "minimum_tax_exempt"):
            if getattr(self, name):
                return f"{name} is each owner's own: put it into owners, and leave it out here"
        if owners[0].owner_id == owners[1].owner_id:
            return f"owners names {owners[0].owner_id} twice: give each owner a key"
        if abs((total := math.fsum(owner.share for owner in owners)) - 1) > _SUM_WITHIN:
            return f"the shares of the owners add up to {total:g}: give shares that add up to 1"
        return ""

    def taxpayer(self, account: Account | None = None) -> Taxpayer:
        """Return the taxpayer and the tax rate, in the year of the account's trades."""
        rate, year = self.marginal_tax_rate, None
        if rate is None and self.entity is Entity.INDIVIDUAL:
            rate = _USUAL_RATE
        if account is None:
            return Taxpayer(self.entity, rate, self.carried_losses_aud, exempt_share=self.exempt_share)
        if self.owners is not None:
            return self._jointly(self.owners, income_year(account.as_of))
        if self.taxable_income_aud is not None:
            year = income_year(account.as_of)
            rate = rate_at(self.taxable_income_aud, year)
        return Taxpayer(
            self.entity,
            rate,
            self.carried_losses_aud,
            realised=account.realised.realised() if account.realised else Realised(),
            taxable_income_aud=self.taxable_income_aud,
            income_year=year,
            loss_value=self._loss_value(account, rate),
            minimum_tax_exempt=self.minimum_tax_exempt,
            exempt_share=self.exempt_share,
        )

    def _jointly(self, owners: list[JointOwner], year: int) -> Taxpayer:
        """Return the owners as one taxpayer; by default half of the least saving that a dollar of losses has."""
        total = math.fsum(owner.share for owner in owners)
        each = tuple(replace(o, share=o.share / total) for o in (owner.owner(year) for owner in owners))
        by_brackets = any(owner.taxable_income_aud is not None for owner in owners)
        known = by_brackets or any(owner.realised is not None for owner in owners)
        together = Taxpayer.jointly(each, income_year=year if by_brackets else None)
        value = self.loss_value
        if value is None:
            value = _PART_OF_SAVING * saved_by_loss(together) if known else 0.0
        return replace(together, loss_value=value)

    def _loss_value(self, account: Account, rate: float | None) -> float:
        """Return the value of a dollar of unused losses: the request's, or half of what the dollar saves."""
        if self.loss_value is not None:
            return self.loss_value
        if self.taxable_income_aud is None and account.realised is None:
            return 0.0
        return _PART_OF_SAVING * saved_by_loss(Taxpayer(self.entity, rate, exempt_share=self.exempt_share))


class ParcelOwned(_Strict):
    """Units of an ETF that were bought together."""

    acquired: Annotated[Day, Field(description="Day of the contract to buy, not of its settlement.")]
    units: Annotated[int, Field(ge=1, le=10**9, description="Whole units."), WHOLE]
    cost_base_aud: Annotated[
        float,
        Field(
            ge=0,
            le=1e10,
            description="Cost base of the whole parcel, AUD, brokerage included, as adjusted by the fund; 0 if its "
            "payments have reduced the cost base to nil.",
        ),
    ]


class HoldingOwned(_Strict):
    """The customer's holding of one ETF.

    Attributes:
        ticker: The ETF.
        parcels: Parcels of units that were bought together; their units add up to ``units``.
    """

    ticker: Ticker
    units: Annotated[int, Field(ge=1, le=10**9, description="Whole units of all parcels together."), WHOLE]
    parcels: Annotated[list[ParcelOwned], Field(min_length=1, max_length=1_000)]
    currency: Annotated[
        Literal["AUD"],
        Field(description="Currency of the cost bases; convert other currencies at the day of purchase."),
    ] = "AUD"
    value_aud: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e10,
            description="Value of all units, AUD, where the market has no price; required for a ticker that the "
            "market does not know, together with outside: keep. The value counts in the totals, and in no "
            "return or risk.",
        ),
    ] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        there = sum(parcel.units for parcel in self.parcels)
        if there != self.units:
            message = f"{self.ticker} has {self.units} units, its parcels have {there}: make them equal"
            raise ValueError(message)
        return self


class ReformFacts(_Strict):
    """Facts for the tax on an individual's sales from 1 July 2027; other customers need none."""

    cpi: Annotated[
        dict[Day, Annotated[float, Field(ge=10, le=10_000)]],
        Field(
            max_length=400,
            description="All Groups CPI, weighted average of the eight capital cities, by the first day of the "
            "quarter: index numbers, such as 102.4. Required where a parcel was held for 12 months: for the "
            "quarter of its purchase (or of 1 July 2027, if that is later) and for the quarter of the "
            "trades; estimate figures that are not published yet.",
        ),
    ] = {}
    values_aud: Annotated[
        dict[Ticker, Annotated[float, Field(gt=0, le=1e6)]],
        Field(
            max_length=1_000,
            description="Market value of a unit just before 1 July 2027, AUD, for every ETF with a parcel acquired "
            "before that day.",
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


class PensionPaid(_Strict):
    """A pension that is paid from a super fund's account (SIS Regulations 1994, Schedule 7)."""

    age: Annotated[
        int,
        Field(ge=0, le=130, description="The member's age in whole years, on the day of balance_aud."),
        WHOLE,
    ]
    balance_aud: Annotated[
        float,
        Field(
            ge=0,
            le=1e10,
            description="Balance of the pension on 1 July of the financial year of as_of, or on the day on which the "
            "pension started, if that is later, AUD.",
        ),
    ]
    started: Annotated[
        Day | None,
        Field(description="The day on which the pension started; null for a pension of an earlier financial year."),
    ] = None
    drawn_aud: Annotated[float, Field(ge=0, le=1e10, description="Payments since the day of balance_aud, AUD.")] = 0.0
    withdraw_minimum: Annotated[
        bool,
        Field(
            description="Whether to pay out at least the rest of the year's minimum, which is still to draw, by "
            "withdraw_by."
        ),
    ] = False


class MoneyInAndOut(_Strict):
    """Payments into and out of an account."""

    contribution_aud: Annotated[
        float,
        Field(
            ge=0,
            le=1e10,
            description="Money that comes in and is invested with the cash, AUD; it must be there when the purchases "
            "settle, two trading days after as_of.",
        ),
    ] = 0.0
    withdraw_aud: Annotated[
        float, Field(ge=0, le=1e10, description="Money that is paid out, after all orders and their costs, AUD.")
    ] = 0.0
    withdraw_by: Annotated[
        Day | None,
        Field(
            description="The last day of the payment. Sales settle two trading days of ASX after as_of. "
            "By default, for a pension's minimum: 30 June."
        ),
    ] = None
    keep_tax_aside: Annotated[
        bool,
        Field(description="Whether the tax that the sales add stays in the account as cash; it is due later."),
    ] = False
    pension: Annotated[
        PensionPaid | None, Field(description="The pension that is paid from the account of a super fund.")
    ] = None

    def payments(self) -> Payments:
        """Return the payments."""
        pension = None if self.pension is None else Pension(**self.pension.model_dump())
        return Payments(self.contribution_aud, self.withdraw_aud, self.withdraw_by, self.keep_tax_aside, pension)

    def impossible(self, as_of: date, cash_aud: float) -> str:
        """Say which payment cannot be made, and the mend; empty if all can be.

        Args:
            as_of: The day of the trades.
            cash_aud: The cash on that day.
        """
        try:
            amount, by = self.payments().withdrawal_aud(as_of), self.payments().paid_by(as_of)
            if self.pension is not None:
                minimum(Pension(**self.pension.model_dump()), as_of)
        except DataError as error:
            return str(error)
        asked = self.withdraw_aud or (self.pension is not None and self.pension.withdraw_minimum)
        if self.withdraw_by is not None and not asked:
            return "withdraw_by is given without an amount: give withdraw_aud, or leave withdraw_by out"
        if self.withdraw_aud and self.withdraw_by is None and not (self.pension and self.pension.withdraw_minimum):
            return f"withdraw_aud is {self.withdraw_aud:,.2f} and withdraw_by is missing: give the day of the payment"
        if by is not None and by < as_of:
            return f"withdraw_by is {by}, before as_of, {as_of}: correct one of the two"
        settled = settles_on(as_of)
        if by is not None and by < settled and amount > cash_aud:
            return (
                f"withdraw_by is {by}, and sales of {as_of} settle on {settled}: give that day or a later one, or"
                f" withdraw at most {cash_aud:,.2f}, the cash_aud"
            )
        return ""


class Account(MoneyInAndOut):
    """Cash and holdings on the day of the trades: with an account, the final event has orders in whole units.

    Attributes:
        reform: Facts for the tax on sales from 1 July 2027.
        realised: Gains and losses of the financial year of the trades, realised before them; null for none.
    """

    as_of: Annotated[Day, Field(description="Day of the trades; the age of a parcel is measured on this day.")]
    cash_aud: Annotated[float, Field(ge=0, le=1e10, description="Money to invest, AUD.")]
    holdings: Annotated[
        list[HoldingOwned],
        Field(max_length=1_000, description=f"The holdings, one per ETF; at most {MOST_PARCELS:,} parcels in all."),
    ] = []
    outside: Annotated[
        Outside,
        Field(strict=False, description="Treatment of holdings that no pod of the customer may hold: sell or keep."),
    ] = Outside.SELL
    brokerage_share: Annotated[
        float, Field(ge=0, le=0.1, description="Cost of an order as a share of its value, on top of brokerage_aud.")
    ] = 0.0
    cash_rate: Annotated[
        float, Field(ge=0, le=0.2, description="Interest per year on money that is not invested, as a fraction.")
    ] = 0.0
    cash_floor_aud: Annotated[
        float, Field(ge=0, le=1e10, description="Least money that stays uninvested, after all orders, AUD.")
    ] = 0.0
    min_cash_share: Annotated[
        float,
        Field(
            ge=0,
            le=0.95,
            description="The same as a share of cash_aud and holdings at last prices; the larger amount counts.",
        ),
    ] = 0.0
    reform: ReformFacts = ReformFacts()
    realised: RealisedSoFar | None = None
    cost_base_adjustments: Annotated[
        list[CostBaseAdjustment],
        Field(
            max_length=1_000,
            description="Changes of cost bases by the funds' statements (AMIT) that the cost bases of the parcels do "
            "not have yet, one per ETF and financial year that has ended.",
        ),
    ] = []

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
        if impossible := self.impossible(self.as_of, self.cash_aud):
            raise ValueError(impossible)
        for one in self.cost_base_adjustments:
            if one.adjustment().ends >= self.as_of:
                message = (
                    f"cost_base_adjustments has the year to {one.adjustment().ends}, which has not ended on"
                    f" {self.as_of}: leave it out"
                )
                raise ValueError(message)
        try:
            self._adjusted()
        except DataError as error:
            message = f"cost_base_adjustments: {error}"
            raise ValueError(message) from None
        return self

    def _adjusted(self) -> tuple[tuple[Parcel, ...], tuple[Adjusted, ...]]:
        """Adjust the cost bases of the parcels."""
        parcels = [
            Parcel(holding.ticker, parcel.units, parcel.acquired, parcel.cost_base_aud)
            for holding in self.holdings
            for parcel in holding.parcels
        ]
        return adjust(parcels, [one.adjustment() for one in self.cost_base_adjustments])

    def owned(self, taxpayer: Taxpayer, stale_prices: StalePrices) -> Owned:
        """Return cash and holdings."""
        parcels, adjusted = self._adjusted()
        return Owned(
            as_of=self.as_of,
            cash_aud=self.cash_aud,
            parcels=parcels,
            adjusted=adjusted,
            taxpayer=taxpayer,
            outside=self.outside,
            brokerage_share=self.brokerage_share,
            cash_rate=self.cash_rate,
            cash_floor_aud=self.cash_floor_aud,
            min_cash_share=self.min_cash_share,
            values_aud={h.ticker: h.value_aud for h in self.holdings if h.value_aud is not None},
            reform=self.reform.reform(),
            stale_prices=stale_prices,
            payments=self.payments(),
        )


class Goal(_Strict):
    """An amount of money that the customer wants, after fees and tax on income, before tax on a final sale.

    Attributes:
        goal_id: The adviser's own key for the goal, used once per request.
        name: The purpose of the money, for people.
        target_amount_aud: The amount that is wanted, AUD.
        years: Years from now until the money is wanted.
    """

    goal_id: Id
    name: Text
    pod: Annotated[
        Pod | None,
        Field(
            description="The pod that is to provide the money; by default, of the pods asked, the pod that needs the "
            "least capital."
        ),
    ] = None
    target_amount_aud: Annotated[float, Field(ge=1, le=1e10)]
    years: Annotated[float, Field(ge=0, le=MOST_YEARS)]
    priority: Annotated[
        int,
        Field(
            ge=1,
            le=9,
            description="1 is the most important goal, and gets its capital first. Where not all goals of mandates "
            "can be met, the mandate goals of this goal's pod are also served first among those of one "
            "priority.",
        ),
        WHOLE,
    ] = 1
    wanted_probability: Annotated[
        float, Field(ge=0.01, le=0.99, description="The wanted chance of reaching the amount, as a fraction.")
    ] = 0.75
    in_todays_money: Annotated[
        bool, Field(description="Whether amount and contributions are in today's money, and grow with inflation.")
    ] = True
    contribution_aud_per_month: Annotated[
        float, Field(ge=0, le=1e8, description="The customer's payment at the end of every month until then, AUD.")
    ] = 0.0


class RequestRules(_Strict):
    """Hard rules of the whole portfolio.

    Attributes:
        max_etfs: Most ETFs in the portfolio.
        never_buy: ETFs of which no unit is bought.
        never_sell: ETFs of which no unit is sold.
    """

    max_etfs: Annotated[int, Field(ge=1, le=1_000), WHOLE] = 12
    min_weight: Annotated[
        float, Field(ge=LEAST_WEIGHT, le=1, description="Least share of the capital in an ETF held.")
    ] = 0.02
    max_weight: Annotated[float, Field(gt=0, le=1, description="Largest share of the capital in one ETF.")] = 0.30
    duplicates: Annotated[
        Duplicates,
        Field(
            strict=False, description="Whether two pods may hold the same ETF: forbid, or penalise in the objective."
        ),
    ] = Duplicates.FORBID
    min_correlation_distance: Annotated[
        float,
        Field(ge=0, le=1, description="Least distance, sqrt((1 - rho) / 2), between two ETFs that are both held."),
    ] = 0.0
    never_buy: Annotated[list[Ticker], Field(max_length=1_000)] = []
    never_sell: Annotated[list[Ticker], Field(max_length=1_000)] = []
    capital_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="With an account: largest distance of a pod's holdings from its share of the capital, as a "
            "part of that share; holdings drift, and units are whole.",
        ),
    ] = 0.05
    position_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="With an account: largest excess of a position above max_weight, or (with one owner per ETF) "
            "above a pod's max_position, as a part of that limit, if the holdings drifted there and no unit "
            "of the ETF is bought.",
        ),
    ] = 0.0
    min_order_aud: Annotated[
        float, Field(ge=0, le=1e6, description="With an account: least value of an order, AUD.")
    ] = 0.0
    max_turnover: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="With an account: largest turnover, half the value of purchases and sales, as a share of the "
            "capital. Null: no limit.",
        ),
    ] = None
    max_tax_aud: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e10,
            description="With an account: most tax on capital gains that sales may cause, AUD. Null: no limit.",
        ),
    ] = None
    buy_only: Annotated[
        bool,
        Field(
            description="With an account: whether no unit of any ETF is sold. A limit that today's holdings break then "
            "becomes the holding itself, and the pods come as near to their shares as purchases allow."
        ),
    ] = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_weight > self.max_weight:
            message = (
                f"min_weight {self.min_weight} is above max_weight {self.max_weight}: lower the one or raise the other"
            )
            raise ValueError(message)
        return self


class RequestPreferences(_Strict):
    """Weights of the objective's four terms.

    Attributes:
        pod_score: Weight of the pods' scores: the closeness of each pod to its result alone.
        duplication: Weight of holding no ETF for two pods.
        trading_cost: Weight of a low cost of the trades.
        tax_efficiency: Weight of a low tax on income.
    """

    pod_score: Annotated[float, Field(ge=0.01, le=10)] = 0.60
    duplication: Annotated[float, Field(ge=0, le=10)] = 0.20
    trading_cost: Annotated[float, Field(ge=0, le=10)] = 0.10
    tax_efficiency: Annotated[float, Field(ge=0, le=10)] = 0.10


class RequestRobust(_Strict):
    """The worst case in which the portfolio is to be best; see docs/model.md, "The worst case"."""

    returns: Annotated[
        float,
        Field(
            ge=0,
            le=3,
            description="How far below the market's figure each return is, in units of its error: half of the range "
            "that an outlook states, or the standard error of a history's mean. Above 0 only in a market that states "
            "ranges, or of a history.",
        ),
    ] = 0.0
    covariance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="How far above the market's figure each covariance is, as a part of the product of both "
            "volatilities.",
        ),
    ] = 0.0


class OptimizationRequest(_Strict):
    """Ask for one master portfolio. Publish it on ``podfolio.v1.request.<request_id>``, once.

    Attributes:
        version: The version of the message.
        request_id: The id of the request, used once; the last part of the subject.
        customer: The owner of the money.
        market: The name of the market: a snapshot of the figures of ETFs.
        rules: Hard rules of the whole portfolio.
        preferences: Weights of the terms of the objective.
    """

    version: Literal[1] = 1
    request_id: Id
    customer: Customer
    market: Annotated[str, StringConstraints(pattern=MARKET)]
    pod_weights: Annotated[
        dict[Pod, Share] | None,
        Field(
            min_length=1,
            max_length=32,
            description="Shares of the capital, by pod; sum 1. Null: the shares follow from the goals.",
        ),
    ] = None
    goals: Annotated[
        list[Goal],
        Field(
            max_length=100,
            description="The purposes of the money. Without pod_weights, the coordinator derives the pods' shares "
            "from these goals when all pods have answered: by priority, each goal gets the least capital "
            "that gives it its wanted_probability.",
        ),
    ] = []
    pods: Annotated[
        list[Pod],
        Field(
            max_length=32,
            description="Pods that take part, beside the pods that goals name; goals that name no pod choose among "
            "all. Not with pod_weights.",
        ),
    ] = []
    surplus_pod: Annotated[
        Pod | None,
        Field(
            description="The pod for capital that no goal needs; by default the pod of the longest goal. Not with "
            "pod_weights."
        ),
    ] = None
    inflation: Annotated[
        float | None,
        Field(
            ge=-0.05,
            le=0.25,
            description="Inflation per year, as a fraction, for goals in today's money; by default the market's, or "
            f"else {ASSUMED_INFLATION}.",
        ),
    ] = None
    rules: RequestRules = RequestRules()
    preferences: RequestPreferences = RequestPreferences()
    on_unreachable: Annotated[
        OnUnreachable,
        Field(
            strict=False,
            description="Action where not all goals can be met: relax lets goals give way, the least important first; "
            "fail refuses.",
        ),
    ] = OnUnreachable.RELAX
    priorities: Annotated[
        dict[GoalName, Annotated[int, Field(ge=1, le=9), WHOLE]],
        Field(
            max_length=200,
            description="Priorities of goals by name, such as gamma.sharpe_ratio or never_worse.trading_cost_aud; 1 "
            "is served first. By default: volatility 1, liquidity 2, yield, Sharpe ratio and return 3, "
            "never_worse 4.",
        ),
    ] = {}
    pod_targets: Annotated[
        dict[GoalName, float],
        Field(
            max_length=200,
            description="Goals for this request's pods, such as gamma.sharpe_ratio or "
            "beta.grossed_up_yield_over_cash, that replace, or add to, the goals of the mandates; write 4 % "
            "as 0.04.",
        ),
    ] = {}
    target_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="A goal that cannot be met is held at its best figure less this part of the figure, or less "
            "0.0001 if that is more: the last digit costs much and gains little.",
        ),
    ] = TARGET_TOLERANCE
    explain: Annotated[
        Explain,
        Field(
            strict=False,
            description="The goals whose best possible figure is found, proven and reported: unmet for those that "
            "gave way, or all, which takes about ten times as long.",
        ),
    ] = Explain.UNMET
    correlations: Annotated[
        Correlations,
        Field(
            strict=False,
            description="Use of the limits on the pods' correlations: report only, or limit, which makes them the "
            "last goals of all.",
        ),
    ] = Correlations.REPORT
    correlation_limits: Annotated[
        dict[PodPair, Annotated[float, Field(ge=-1, le=1)]],
        Field(
            max_length=500,
            description="Upper limits by pair, such as alpha-beta, where they differ from the limits of the mandates.",
        ),
    ] = {}
    robust: Annotated[
        RequestRobust | None,
        Field(
            description="Score the pods in the worst case within this distance of the market's figures, so that the "
            "portfolio depends less on their error. Rules, targets and reported figures stay those of the market. "
            "Null: score in the market's own figures."
        ),
    ] = None
    brokerage_aud: Annotated[float, Field(ge=0, le=1_000, description="Cost of one order, AUD.")] = 10.0
    account: Annotated[
        Account | None, Field(description="Cash and holdings of the customer; left out where the capital is all cash.")
    ] = None
    stale_prices: Annotated[
        StalePrices,
        Field(
            strict=False,
            description=f"With an account: refuse or allow an as_of that is more than {MOST_DAYS} days from the day of "
            "the market's prices. From six trading days on, the final event gives the distance "
            "(prices_age_days).",
        ),
    ] = StalePrices.REFUSE
    challenge: Annotated[
        Effort,
        Field(
            strict=False,
            description="How much is computed about how sure the portfolio is, and published beside the final event, "
            "which does not wait for it: none, quick, or full.",
        ),
    ] = Effort.QUICK
    deadline_s: Annotated[
        float, Field(ge=SHORTEST_S, le=LONGEST_S, description="Time allowed for the final event, seconds.")
    ] = USUAL_S

    @model_validator(mode="after")
    def _split(self) -> Self:
        if self.pod_weights is None and not self.goals:
            message = "give pod_weights or goals: without either, the capital cannot be split over the pods"
            raise ValueError(message)
        if self.pod_weights is not None and (self.pods or self.surplus_pod):
            message = "pods and surplus_pod say nothing beside pod_weights, which divide all capital: leave them out"
            raise ValueError(message)
        if not self.asked():
            message = "no goal names a pod: give pods, the names of those to choose from, such as alpha and gamma"
            raise ValueError(message)
        if self.pod_weights is not None and not math.isclose(sum(self.pod_weights.values()), 1.0, abs_tol=_SUM_WITHIN):
            message = f"pod_weights sum to {sum(self.pod_weights.values()):.6g}, not to 1: change them so that they do"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _goals_by_id(self) -> Self:
        ids = [goal.goal_id for goal in self.goals]
        if twice := sorted({goal_id for goal_id in ids if ids.count(goal_id) > 1}):
            message = f"goals has {', '.join(twice)} twice: give each goal an id of its own"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _targets(self) -> Self:
        if faults := list(self._wrong_targets()):
            raise ValueError("; ".join(faults))
        return self

    def _wrong_targets(self) -> Iterator[str]:
        pods = sorted(self.asked())
        known = ", ".join(pods)
        for name, asked in self.pod_targets.items():
            pod, _, figure = name.partition(".")
            if pod not in pods:
                yield f"pod_targets.{name} names the pod {doubted([pod], pods)}; the pods of this request are {known}"
            elif figure not in TARGETS:
                yield f"pod_targets.{name} names {doubted([figure], TARGETS)}; the figures are {', '.join(TARGETS)}"
            elif fault := fault_of(figure, asked):
                yield f"pod_targets.{name} is {fault}"
            elif f"{name}{OVER_CASH}" in self.pod_targets:
                yield f"pod_targets has {name} and {figure}{OVER_CASH}: leave one of them out"

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

    @model_validator(mode="after")
    def _payments(self) -> Self:
        if (account := self.account) is None:
            return self
        entity, payments = self.customer.entity, account.payments()
        if payments.pension is not None and entity not in (Entity.SUPER_ACCUMULATION, Entity.SUPER_PENSION):
            message = (
                f"account.pension is for super funds, and customer.entity is {entity}: leave pension out, or give"
                " super_pension"
            )
            raise ValueError(message)
        there, amount = account.cash_aud + account.contribution_aud, payments.withdrawal_aud(account.as_of)
        if self.rules.buy_only and amount > there:
            message = (
                f"rules.buy_only sells nothing, and {amount:,.2f} AUD are to be paid out: withdraw at most"
                f" {there:,.2f}, cash_aud and contribution_aud, or leave buy_only out"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _tax_year(self) -> Self:
        account, customer = self.account, self.customer
        if account is None:
            if customer.taxable_income_aud is not None:
                message = (
                    "customer.taxable_income_aud needs an account, whose as_of says the financial year: give"
                    " customer.marginal_tax_rate instead"
                )
                raise ValueError(message)
            if customer.owners is not None:
                message = (
                    "customer.owners needs an account: give customer.marginal_tax_rate instead, the mean of the owners'"
                    " rates by their shares"
                )
                raise ValueError(message)
            return self
        if customer.owners is not None and account.realised is not None:
            message = "account.realised is each owner's own with customer.owners: put it into owners"
            raise ValueError(message)
        try:
            taxpayer = customer.taxpayer(account)
        except DataError as error:
            message = f"customer.taxable_income_aud: {error}"
            raise ValueError(message) from None
        for _, alone in taxpayer.each:
            for wrong in _not_of_the_year(alone, account.as_of):
                raise ValueError(wrong)
        return self

    def refused(self, market: Market) -> frozenset[str]:
        """List the tickers that pods are not to hold: never to be bought, or without a price to order at."""
        unpriced = [etf.ticker for etf in market.etfs if etf.price_aud is None] if self.account else []
        return frozenset([*self.rules.never_buy, *unpriced])

    def asked(self) -> tuple[str, ...]:
        """Name the pods that are asked, in order: those of ``pod_weights`` or ``pods``, and of the goals."""
        named = [*(self.shares() or self.pods), *(goal.pod for goal in self.goals), self.surplus_pod]
        return tuple(dict.fromkeys(pod for pod in named if pod is not None))

    def shares(self) -> dict[str, float] | None:
        """Return the pods' shares of the capital by ``pod_weights``; None where they follow from the goals."""
        if self.pod_weights is None:
            return None
        # Sums that people round are made exact here, by a part in a million at most.
        total = sum(self.pod_weights.values())
        return {pod: weight / total for pod, weight in self.pod_weights.items() if weight > 0}

    def worst_case(self) -> Robust | None:
        """Return the worst case in which the pods' scores count; None for the market's own figures."""
        return None if self.robust is None else Robust(self.robust.returns, self.robust.covariance)

    def plans(self, market: Market) -> Plans:
        """Collect the purposes of the capital; *market* states the inflation where the request does not."""
        inflation, by = ASSUMED_INFLATION, InflationFrom.ASSUMED
        if self.inflation is not None:
            inflation, by = self.inflation, InflationFrom.REQUEST
        elif market.inflation is not None:
            inflation, by = market.inflation, InflationFrom.MARKET
        return Plans(tuple(self.targets()), inflation, by, self.shares(), self.surplus_pod)

    def targets_of(self, pod: str) -> dict[str, float]:
        """List the goals that this request sets for a pod, by the figure's name."""
        named = (name.split(".") for name in self.pod_targets)
        return {figure: self.pod_targets[f"{whose}.{figure}"] for whose, figure in named if whose == pod}

    def targets(self) -> list[Target]:
        """List the money goals."""
        return [Target(**goal.model_dump()) for goal in self.goals]

    def terms(self) -> Terms:
        """Collect the terms for the optimisation; the capital of an account comes from prices."""
        taxpayer = self.customer.taxpayer(self.account)
        return Terms(
            total_capital_aud=self.customer.total_capital_aud or 0.0,
            marginal_tax_rate=taxpayer.rate,
            entity=taxpayer.entity,
            exempt_share=taxpayer.exempt_share,
            total_super_balance_aud=self.customer.total_super_balance_aud,
            other_income_uses_credits=self.customer.other_income_uses_credits,
            owned=self.account.owned(taxpayer, self.stale_prices) if self.account else None,
            brokerage_aud=self.brokerage_aud,
            rules=Rules(
                **self.rules.model_dump(exclude={"never_buy", "never_sell"}),
                never_buy=tuple(self.rules.never_buy),
                never_sell=tuple(self.rules.never_sell),
            ),
            preferences=Preferences(**self.preferences.model_dump()),
            priorities=self.priorities,
            on_unreachable=self.on_unreachable,
            explain=self.explain,
            correlations=self.correlations,
            correlation_limits=self.correlation_limits,
            risk_tolerance=self.customer.risk_tolerance,
            target_tolerance=self.target_tolerance,
            pod_targets=self.pod_targets,
            robust=self.worst_case(),
        )


def _not_of_the_year(taxpayer: Taxpayer, as_of: date) -> Iterator[str]:
    """List what cannot have been realised in the year of the trades by this entity."""
    realised, saved = taxpayer.realised, saved_by_loss(taxpayer)
    if taxpayer.loss_value > saved + _SUM_WITHIN:
        yield (
            f"customer.loss_value is {taxpayer.loss_value:g}: a dollar of losses saves {saved:.4g} AUD of tax on a gain"
            f" after the discount; give at most that, or leave loss_value out"
        )
    if realised.is_any and taxpayer.entity in DISREGARDED:
        yield f"account.realised is of gains that do not count for the entity {taxpayer.entity}: leave realised out"
    if realised.discountable_aud and not DISCOUNTS[taxpayer.entity]:
        yield (
            f"account.realised.discountable_aud and distributed_discounted_aud: the entity {taxpayer.entity} has no"
            " discount: put the gain into undiscounted_aud, and twice what funds distributed after their discount"
        )
    if realised.indexed_aud and (as_of < REFORM_STARTS or taxpayer.entity is not Entity.INDIVIDUAL):
        yield (
            f"account.realised.indexed_aud is of an individual's sales from {REFORM_STARTS}, and the trades are those"
            f" of the entity {taxpayer.entity} on {as_of}: put the gain into discountable_aud or undiscounted_aud"
        )
