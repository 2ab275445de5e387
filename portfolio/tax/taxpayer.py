"""The taxpayer and the tax rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from portfolio.errors import DataError


class Entity(StrEnum):
    """The legal form of the taxpayer."""

    INDIVIDUAL = "individual"
    SUPER_ACCUMULATION = "super_accumulation"
    SUPER_PENSION = "super_pension"
    COMPANY = "company"


# The highest rate for individuals is 45 % and the Medicare levy 2 % (Income Tax Rates Act 1986, Sch 7;
# Medicare Levy Act 1986, s 6), to which a surcharge adds up to 1.5 %. This limit on a request's rate leaves room for
# benefits that shrink with income; a higher rate was meant as a percentage.
_MOST = 0.60

# The rates that an entity may have, the usual rate first: a complying super fund's on the low tax component
# (Income Tax Rates Act 1986, s 26); zero on segregated current pension assets (ss 295-385 and 118-320); a
# company's, and a base rate entity's (Income Tax Rates Act 1986, ss 23 and 23AA).
_RATES = {
    Entity.SUPER_ACCUMULATION: (0.15,),
    Entity.SUPER_PENSION: (0.0,),
    Entity.COMPANY: (0.30, 0.25),
}


@dataclass(frozen=True, slots=True)
class Realised:
    """Gains and losses of a financial year so far, before the sales that are planned, AUD; each at least 0.

    Attributes:
        undiscounted_aud: Gains that are taxed in full: held for less than 12 months, or a company's.
        discountable_aud: Gains before the discount that apply to it (Div 115).
        indexed_aud: An individual's gains of the time from 1 July 2027, over the indexed cost base.
        losses_aud: Capital losses of this year.
    """

    undiscounted_aud: float = 0.0
    discountable_aud: float = 0.0
    indexed_aud: float = 0.0
    losses_aud: float = 0.0

    def __post_init__(self) -> None:
        """Refuse amounts that are negative or not finite."""
        amounts = (self.undiscounted_aud, self.discountable_aud, self.indexed_aud, self.losses_aud)
        if not all(math.isfinite(amount) and amount >= 0 for amount in amounts):
            message = f"gains and losses realised are {amounts}; each must be an amount from 0, losses too"
            raise DataError(message)

    @property
    def is_any(self) -> bool:
        """Whether there is a gain or a loss."""
        return max(self.undiscounted_aud, self.discountable_aud, self.indexed_aud, self.losses_aud) > 0


@dataclass(frozen=True, slots=True)
class Taxpayer:
    """The owner of the portfolio, as taxed.

    Attributes:
        entity: The legal form of the taxpayer.
        marginal_rate: Tax on one more dollar of income, levies included, as a fraction. Required for an individual;
            optional for a company (0.25: a base rate entity); the rate of a fund follows from the entity.
        carried_losses_aud: Unused net capital losses of earlier years (s 102-15).
        realised: Gains and losses of the financial year so far.
        taxable_income_aud: For an individual taxed by brackets: taxable income of the financial year without any
            capital gain; None for tax at the marginal rate.
        minimum_tax_exempt: Whether an individual pays no minimum tax on gains from 1 July 2027, as a recipient of an
            income support payment that the law lists.
        loss_value: Value of a dollar of losses carried to later years, AUD.
        income_year: The calendar year in which the financial year of the sales ends, which selects the brackets; None
            for tax at the marginal rate.
    """

    entity: Entity
    marginal_rate: float | None = None
    carried_losses_aud: float = 0.0
    realised: Realised = Realised()
    taxable_income_aud: float | None = None
    income_year: int | None = None
    loss_value: float = 0.0
    minimum_tax_exempt: bool = False

    def __post_init__(self) -> None:
        """Refuse a rate that the entity cannot have, and losses that are negative or not finite."""
        self._refuse_rate()
        if not (math.isfinite(self.carried_losses_aud) and self.carried_losses_aud >= 0):
            message = f"carried losses are {self.carried_losses_aud} AUD; state them as a positive amount, or 0"
            raise DataError(message)
        if not 0 <= self.loss_value <= 1:
            message = f"a dollar of unused losses is worth {self.loss_value} AUD; it must be from 0 to 1"
            raise DataError(message)
        if (self.taxable_income_aud is None) != (self.income_year is None):
            raise DataError("brackets need both: give a taxable income and a financial year")
        if (income := self.taxable_income_aud) is not None:
            if self.entity is not Entity.INDIVIDUAL:
                message = (
                    f"brackets are an individual's; the entity {self.entity} has one rate: leave taxable income out"
                )
                raise DataError(message)
            if not (math.isfinite(income) and income >= 0):
                message = f"the taxable income is {income} AUD; it must not be negative"
                raise DataError(message)

    def _refuse_rate(self) -> None:
        rate = self.marginal_rate
        if self.entity is Entity.INDIVIDUAL:
            if rate is None:
                message = "an individual needs a marginal rate: give marginal_tax_rate, such as 0.32"
                raise DataError(message)
            if not 0 <= rate <= _MOST:
                message = f"the marginal rate is {rate}; it must be a fraction from 0 to {_MOST}, such as 0.32"
                raise DataError(message)
        elif rate is not None and rate not in _RATES[self.entity]:
            rates = " or ".join(str(known) for known in _RATES[self.entity])
            message = (
                f"the marginal rate is {rate}; that of the entity {self.entity} is {rates}:"
                " give that, or leave marginal_tax_rate out"
            )
            raise DataError(message)

    @property
    def rate(self) -> float:
        """Tax on one more dollar of income, as a fraction."""
        return _RATES[self.entity][0] if self.marginal_rate is None else self.marginal_rate
