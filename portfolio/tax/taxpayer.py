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
class Taxpayer:
    """The owner of the portfolio, as taxed.

    Attributes:
        entity: The legal form of the taxpayer.
        marginal_rate: Tax on one more dollar of income, levies included, as a fraction. Required for an individual;
            optional for a company (0.25: a base rate entity); the rate of a fund follows from the entity.
        carried_losses_aud: Unused net capital losses of earlier years (s 102-15).
    """

    entity: Entity
    marginal_rate: float | None = None
    carried_losses_aud: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a rate that the entity cannot have, and losses that are negative or not finite."""
        self._refuse_rate()
        if not (math.isfinite(self.carried_losses_aud) and self.carried_losses_aud >= 0):
            message = f"carried losses are {self.carried_losses_aud} AUD; state them as a positive amount, or 0"
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
