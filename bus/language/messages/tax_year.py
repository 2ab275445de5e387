"""The parts of a request about tax: gains realised so far, adjusted cost bases, and the owners of a joint account."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bus.language.messages.described import Published
from bus.language.messages.fields import WHOLE, ShortText, Ticker
from portfolio.tax.adjustments import Adjustment
from portfolio.tax.brackets import rate_at
from portfolio.tax.regime import distributed_before_discount
from portfolio.tax.taxpayer import Owner, Realised

# Smaller tax rates spoil the scale of the optimisation and have no practical meaning: a dollar of tax on 10,000.
LEAST_RATE = 1e-4


def no_trace(rate: float | None) -> float | None:
    """Return a tax rate that is none, zero or large enough.

    Raises:
        ValueError: If the rate is above zero and less than ``LEAST_RATE``.
    """
    if rate and rate < LEAST_RATE:
        message = f"{rate:g} is less than {LEAST_RATE:g}: give 0, or a fraction such as 0.32"
        raise ValueError(message)
    return rate


_Aud = Annotated[float, Field(ge=0, le=1e10)]


class RealisedSoFar(Published, BaseModel):
    """Gains and losses of the financial year of the trades, realised before them; losses of the trades reduce these.

    Attributes:
        undiscounted_aud: Gains that are taxed in full, AUD: on what was held for less than 12 months, all gains of a
            company, and gains without a discount that funds distributed.
        discountable_aud: Gains that the discount applies to, before losses and discount, AUD.
        indexed_aud: Gains of the time from 1 July 2027 over the indexed cost base, AUD.
        losses_aud: Capital losses, as a positive amount, AUD.
        distributed_discounted_aud: Discounted capital gains that funds distributed, as their statements give them,
            after the funds' discount, AUD: twice this amount counts as a discountable gain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    undiscounted_aud: _Aud = 0.0
    discountable_aud: _Aud = 0.0
    indexed_aud: _Aud = 0.0
    losses_aud: _Aud = 0.0
    distributed_discounted_aud: _Aud = 0.0

    def realised(self) -> Realised:
        """Hand over the gains by kind."""
        distributed = distributed_before_discount(self.distributed_discounted_aud)
        return Realised(self.undiscounted_aud, self.discountable_aud + distributed, self.indexed_aud, self.losses_aud)


class CostBaseAdjustment(Published, BaseModel):
    """The change of the cost base of an ETF's units in a financial year, from the fund's statement (AMIT).

    Attributes:
        ticker: The ETF.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    ticker: Ticker
    year: Annotated[
        int,
        Field(ge=2016, le=2100, description="The calendar year in which the financial year ends: 2025 for 2024-25."),
        WHOLE,
    ]
    change_aud: Annotated[
        float,
        Field(
            ge=-1e10,
            le=1e10,
            description="AMIT cost base net amount of the units that are still owned, AUD: below 0 if it lowers the "
            "cost base. It is spread over the parcels by the units owned at the end of the year.",
        ),
    ]

    def adjustment(self) -> Adjustment:
        """Hand over the adjustment."""
        return Adjustment(self.ticker, self.year, self.change_aud)


class JointOwner(Published, BaseModel):
    """One of two individuals who own the account together, each taxed on the share: a rate or an income is needed.

    Attributes:
        owner_id: The adviser's own key for the owner, 1 to 64 characters; never a name.
        realised: The owner's gains and losses of the financial year of the trades, realised before them, from this
            account and elsewhere; null for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    owner_id: ShortText
    share: Annotated[
        float, Field(gt=0, lt=1, description="The owner's part of the account; half each for joint tenants.")
    ] = 0.5
    marginal_tax_rate: Annotated[
        float | None,
        Field(
            ge=0,
            le=0.6,
            json_schema_extra={"not": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": LEAST_RATE}},
            description="Tax on the owner's last dollar of income, levies included, as a fraction: 0, or at least "
            "0.0001.",
        ),
        AfterValidator(no_trace),
    ] = None
    taxable_income_aud: Annotated[
        float | None,
        Field(
            ge=0,
            le=1e10,
            description="The owner's taxable income of the financial year of the trades without any capital gain, AUD: "
            "the owner's gains are then taxed by the brackets of a resident. In place of marginal_tax_rate.",
        ),
    ] = None
    carried_losses_aud: Annotated[
        float, Field(ge=0, le=1e10, description="The owner's unused capital losses of earlier years, AUD.")
    ] = 0.0
    realised: RealisedSoFar | None = None
    minimum_tax_exempt: Annotated[
        bool,
        Field(
            description="Whether a listed income support payment, such as the age pension, exempts the owner from the "
            "minimum tax on gains of sales from 1 July 2027."
        ),
    ] = False

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if (self.marginal_tax_rate is None) == (self.taxable_income_aud is None):
            both = "neither is given" if self.marginal_tax_rate is None else "both are given"
            message = f"marginal_tax_rate and taxable_income_aud: {both}; give one of them for each owner"
            raise ValueError(message)
        return self

    def owner(self, year: int) -> Owner:
        """Hand over the owner, in the financial *year* of the trades."""
        rate = self.marginal_tax_rate
        if rate is None:
            assert self.taxable_income_aud is not None  # noqa: S101 - one of the two is given
            rate = rate_at(self.taxable_income_aud, year)
        return Owner(
            self.owner_id,
            self.share,
            rate,
            self.carried_losses_aud,
            realised=self.realised.realised() if self.realised else Realised(),
            taxable_income_aud=self.taxable_income_aud,
            minimum_tax_exempt=self.minimum_tax_exempt,
        )
