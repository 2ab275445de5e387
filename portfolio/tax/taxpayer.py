"""The taxpayer and the tax rate."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
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

# Shares that add up to one, as far as decimals go.
_SUM_WITHIN = 1e-9

# A base rate entity's (Income Tax Rates Act 1986, ss 23 and 23AA): its turnover is below 50 million AUD, and no more
# than 80 % of its assessable income is passive (s 23AB): distributions, credits, interest, rent and net capital gains.
BASE_RATE = 0.25

# The rates that an entity may have, the usual rate first: a complying super fund's on the low tax component
# (Income Tax Rates Act 1986, s 26); zero on segregated current pension assets (ss 295-385 and 118-320); a
# company's, and a base rate entity's (Income Tax Rates Act 1986, ss 23 and 23AA).
_RATES = {
    Entity.SUPER_ACCUMULATION: (0.15,),
    Entity.SUPER_PENSION: (0.0,),
    Entity.COMPANY: (0.30, BASE_RATE),
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
class Owner:
    """One of two individuals who own the portfolio together, as joint tenants or tenants in common (s 108-7).

    Each owns a separate asset, an interest in each unit: so gains, losses, distributions and credits are shared by the
    interests, and each owner pays tax on the owner's own part.

    Attributes:
        owner_id: The adviser's own key for the owner.
        share: The owner's interest, above 0; the shares of all owners add up to 1.
        marginal_rate: Tax on one more dollar of income, levies included, as a fraction.
        carried_losses_aud: The owner's unused net capital losses of earlier years.
        realised: The owner's gains and losses of the financial year so far, from this portfolio and elsewhere.
        taxable_income_aud: For tax by brackets: taxable income of the financial year without any capital gain.
        minimum_tax_exempt: Whether the owner pays no minimum tax on gains from 1 July 2027.
    """

    owner_id: str
    share: float
    marginal_rate: float
    carried_losses_aud: float = 0.0
    realised: Realised = Realised()
    taxable_income_aud: float | None = None
    minimum_tax_exempt: bool = False


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
        exempt_share: Of a super fund in accumulation without segregated assets: the part of its income that is exempt,
            by the actuary's certificate (s 295-390).
        owners: The individuals who own the portfolio together; empty for one owner. The other members are then those of
            all owners together (``jointly``).
    """

    entity: Entity
    marginal_rate: float | None = None
    carried_losses_aud: float = 0.0
    realised: Realised = Realised()
    taxable_income_aud: float | None = None
    income_year: int | None = None
    loss_value: float = 0.0
    minimum_tax_exempt: bool = False
    exempt_share: float = 0.0
    owners: tuple[Owner, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rate that the entity cannot have, and losses that are negative or not finite."""
        self._refuse_rate()
        self._refuse_owners()
        if self.exempt_share and not (self.entity is Entity.SUPER_ACCUMULATION and 0 <= self.exempt_share < 1):
            message = (
                f"the exempt share is {self.exempt_share}, of the entity {self.entity}; only super_accumulation has"
                " one, from 0 to below 1: leave it out, or give super_pension for a fund that is all in the pension"
                " phase"
            )
            raise DataError(message)
        if not (math.isfinite(self.carried_losses_aud) and self.carried_losses_aud >= 0):
            message = f"carried losses are {self.carried_losses_aud} AUD; state them as a positive amount, or 0"
            raise DataError(message)
        if not 0 <= self.loss_value <= 1:
            message = f"a dollar of unused losses is worth {self.loss_value} AUD; it must be from 0 to 1"
            raise DataError(message)
        if not self.owners and (self.taxable_income_aud is None) != (self.income_year is None):
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

    @classmethod
    def jointly(cls, owners: tuple[Owner, ...], *, income_year: int | None = None, loss_value: float = 0.0) -> Taxpayer:
        """Return individuals who own a portfolio together as one taxpayer, with the rate of one more joint dollar.

        Args:
            owners: The owners; their shares add up to 1.
            income_year: The year of the brackets, if an owner is taxed by brackets.
            loss_value: Value of a dollar of losses that any of them carries to later years.
        """
        return cls(
            Entity.INDIVIDUAL,
            math.fsum(owner.share * owner.marginal_rate for owner in owners),
            math.fsum(owner.carried_losses_aud for owner in owners),
            realised=Realised(
                *(math.fsum(amounts) for amounts in zip(*(astuple(owner.realised) for owner in owners), strict=True))
            ),
            income_year=income_year,
            loss_value=loss_value,
            owners=owners,
        )

    @property
    def each(self) -> tuple[tuple[float, Taxpayer], ...]:
        """All who pay tax, each with the share of the portfolio; one owner has all of it."""
        if not self.owners:
            return ((1.0, self),)
        return tuple((owner.share, self._alone(owner)) for owner in self.owners)

    def _alone(self, owner: Owner) -> Taxpayer:
        return Taxpayer(
            Entity.INDIVIDUAL,
            owner.marginal_rate,
            owner.carried_losses_aud,
            realised=owner.realised,
            taxable_income_aud=owner.taxable_income_aud,
            income_year=None if owner.taxable_income_aud is None else self.income_year,
            loss_value=self.loss_value,
            minimum_tax_exempt=owner.minimum_tax_exempt,
        )

    def _refuse_owners(self) -> None:
        if not self.owners:
            return
        shares, names = [owner.share for owner in self.owners], [owner.owner_id for owner in self.owners]
        if self.entity is not Entity.INDIVIDUAL or self.taxable_income_aud is not None:
            raise DataError("only individuals own together, each with an income: give each owner's")
        if len(set(names)) < len(names) or min(shares) <= 0 or abs(math.fsum(shares) - 1) > _SUM_WITHIN:
            message = f"the owners {', '.join(names)} have the shares {shares}: above 0, with the sum 1, a name each"
            raise DataError(message)
        for _, alone in self.each:
            if alone.income_year is None and alone.taxable_income_aud is not None:
                raise DataError("brackets need both: give a taxable income and a financial year")

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
        """Tax on one more dollar of income, as a fraction.

        Of a partly exempt fund, that of the taxed part: the certificate's part of the assessable income is exempt, and
        the net capital gain is part of that income.
        """
        rate = _RATES[self.entity][0] if self.marginal_rate is None else self.marginal_rate
        return rate * (1 - self.exempt_share) if self.exempt_share else rate
