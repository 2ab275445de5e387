"""The tax on capital gains, written a second time from the law (ITAA 1997); only the check uses this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# s 115-100; companies have no discount (s 115-10). In the pension phase all gains are disregarded (s 118-320).
_TAXED_OF_LONG_HELD = {"individual": 1 / 2, "super_accumulation": 2 / 3, "company": 1.0}
PENSION = "super_pension"
# Income Tax Rates Act 1986, ss 23, 23AA, 26. An individual may have any rate that a request allows.
RATES: Mapping[str, tuple[float, ...]] = {
    "super_accumulation": (0.15,),
    PENSION: (0.0,),
    "company": (0.30, 0.25),
}
MOST_OF_INDIVIDUALS = 0.60
# From this day the reform applies to individuals (Act No. 49 of 2026). The minimum rate is one of income tax; the
# Medicare levy is paid on top (s 119-10).
REFORM = date(2027, 7, 1)
_LEAST, _LEVY = 0.30, 0.02
# Losses reduce the gains in this order (ss 102-5 and 102-6).
KINDS = ("undiscounted", "discountable", "indexed")


@dataclass(frozen=True, slots=True)
class Payer:
    """The taxpayer: entity, rate, and unused losses of earlier years."""

    entity: str
    rate: float
    carried_aud: float

    def tax_of(self, kind: str) -> float:
        """Compute the tax per dollar of gain, after losses."""
        if self.entity == PENSION:
            return 0.0
        if kind == "indexed" and self.entity == "individual":
            return max(self.rate, _LEAST + min(self.rate, _LEVY))
        return self.rate * (_TAXED_OF_LONG_HELD[self.entity] if kind == "discountable" else 1.0)


@dataclass(frozen=True, slots=True)
class Since:
    """The values from which the reform measures the later part of a gain or loss.

    Attributes:
        value_aud: Value per unit just before the reform; None if the unit was bought later.
        factor: Index factor on this value or, if None, on the cost.
    """

    value_aud: float | None
    factor: float


def long_held(acquired: date, sold: date) -> bool:
    """Whether a full 12 months lie between two days, without counting these days (s 115-25; TD 2002/10)."""
    first = acquired + timedelta(days=1)
    return (sold.year - 1, sold.month, sold.day) >= (first.year, first.month, first.day)


def since_reform(
    payer: Payer,
    acquired: date,
    sold: date,
    *,
    value_aud: float | None,
    cpi: Mapping[date, float],
) -> Since | None:
    """Return the values from which the reform measures a unit's gain; None if the reform does not govern the sale.

    Raises:
        KeyError: If the CPI of a quarter is missing.
        ValueError: If the unit's value just before the reform is missing.
    """
    if payer.entity != "individual" or sold < REFORM:
        return None
    if acquired < REFORM and value_aud is None:
        message = "the value of a unit just before the reform is not told"
        raise ValueError(message)
    value = value_aud if acquired < REFORM else None
    then, now = (_quarter(day) for day in (max(acquired, REFORM), sold))
    if then == now or not long_held(acquired, sold):
        return Since(value, 1.0)
    # Three decimals, rounded half up (s 960-275(5)). A factor below one is not applied (s 960-270(2)).
    thousandths = Fraction(str(cpi[now])) / Fraction(str(cpi[then])) * 1000
    return Since(value, max(1.0, int(thousandths + Fraction(1, 2)) / 1000))


def _quarter(day: date) -> date:
    return date(day.year, (1, 4, 7, 10)[(day.month - 1) // 3], 1)


def result_per_unit(
    payer: Payer, net_aud: float, cost_aud: float, acquired: date, sold: date, since: Since | None = None
) -> dict[str, float]:
    """Compute the gain or loss per unit sold, by kind, with amounts above zero only; empty for a pension fund.

    Under the reform, a unit bought earlier counts as sold and bought again at the value just before the reform
    (ss 112-155, 112-160). From then on, the cost is indexed for a gain and not for a loss (s 110-55).
    """
    if payer.entity == PENSION:
        return {}
    discounted = _TAXED_OF_LONG_HELD[payer.entity] < 1 and long_held(acquired, sold)
    early = "discountable" if discounted else "undiscounted"
    found = dict.fromkeys(("loss", *KINDS), 0.0)
    if since is None:
        found[early] = max(0.0, net_aud - cost_aud)
        found["loss"] = max(0.0, cost_aud - net_aud)
    else:
        start = cost_aud
        if since.value_aud is not None:
            found[early] = max(0.0, since.value_aud - cost_aud)
            found["loss"] = max(0.0, cost_aud - since.value_aud)
            start = since.value_aud
        found["indexed"] = max(0.0, net_aud - start * since.factor)
        found["loss"] += max(0.0, start - net_aud)
    return {kind: aud for kind, aud in found.items() if aud > 0}


@dataclass(frozen=True, slots=True)
class Assessed:
    """A year's gains, the losses used against each kind, the net gain, the tax and the losses carried forward."""

    gains: Mapping[str, float]
    used: Mapping[str, float]
    net_aud: float
    tax_aud: float
    carried_aud: float


def assess(payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]) -> Assessed:
    """Tax the sale of *units*: losses reduce undiscounted gains first, then discountable, then indexed ones."""
    total = {
        kind: sum(n * result.get(kind, 0.0) for result, n in zip(results, units, strict=True))
        for kind in ("loss", *KINDS)
    }
    losses = total.pop("loss") + payer.carried_aud
    full, half, indexed = (total[kind] for kind in KINDS)
    first = min(full, losses)
    second = min(half, losses - first)
    third = min(indexed, losses - first - second)
    part = _TAXED_OF_LONG_HELD.get(payer.entity, 0.0)
    early = (full - first) + part * (half - second)
    return Assessed(
        gains=total,
        used={"undiscounted": first, "discountable": second, "indexed": third},
        net_aud=early + (indexed - third),
        tax_aud=payer.rate * early + payer.tax_of("indexed") * (indexed - third),
        carried_aud=losses - first - second - third,
    )
