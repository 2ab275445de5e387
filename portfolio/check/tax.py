"""The tax on capital gains, written a second time from the law (ITAA 1997); only the check uses this module."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.market.snapshot import Etf

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
# Income Tax Rates Act 1986, Sch 7, Pt I: where a resident's brackets start, and their rates by the calendar year in
# which the financial year ends; the first rate that is not nil changes.
_STARTS, _RATES_ABOVE = (0.0, 18_200.0, 45_000.0, 135_000.0, 190_000.0), (0.30, 0.37, 0.45)
_FIRST_RATE = {2025: 0.16, 2026: 0.16, 2027: 0.15}
_FIRST_RATE_SINCE = 0.14
_NEAR, _A_CENT = 1e-9, 0.01
# Losses reduce the gains in this order (ss 102-5 and 102-6).
KINDS = ("undiscounted", "discountable", "indexed")


@dataclass(frozen=True, slots=True)
class Payer:
    """The taxpayer: entity, rate, unused losses of earlier years, the year so far, and the income of brackets.

    Attributes:
        so_far: Gains and losses of the year before the sales, by kind, AUD.
        loss_value: Value of a dollar of losses carried forward.
        exempt: Whether an individual pays no minimum tax on gains since the reform.
        income_aud: Taxable income without gains, and *year*, in which the financial year ends: None for one rate.
        owners: Individuals who own together, each with the share (s 108-7); empty for one owner. The other members are
            then those of all of them.
    """

    entity: str
    rate: float
    carried_aud: float
    so_far: Mapping[str, float] = field(default_factory=dict)
    income_aud: float | None = None
    year: int | None = None
    loss_value: float = 0.0
    exempt: bool = False
    owners: tuple[tuple[float, Payer], ...] = ()

    @property
    def each(self) -> tuple[tuple[float, Payer], ...]:
        """All who pay tax, each with the share."""
        return self.owners or ((1.0, self),)

    def lines(self) -> list[tuple[float, float, float]]:
        """Return the tax as the largest of lines: per dollar of other net gain, per dollar of indexed gain, less AUD.

        A line of a bracket is its rate, through the tax at the bracket's start.
        """
        if self.income_aud is None or self.year is None:
            return [(self.rate, self.tax_of("indexed"), 0.0)]
        found, tax, starts, least = [], 0.0, brackets(self.year), 0.0 if self.exempt else _LEAST
        for (start, rate), (end, _) in zip(starts, [*starts[1:], (float("inf"), 0.0)], strict=True):
            if end > self.income_aud:
                begin = max(start - self.income_aud, 0.0)
                found.append((rate + _LEVY, max(rate, least) + _LEVY, (rate + _LEVY) * begin - tax))
                tax += (rate + _LEVY) * (end - self.income_aud - begin)
        return found

    def most_tax_of(self, kind: str, owned: Mapping[str, float]) -> float:
        """Bound the tax on a dollar of gain: on the highest line that the year and all that is *owned* reach."""
        if self.owners:
            shared = [(part, {k: part * aud for k, aud in owned.items()}) for part, _ in self.owners]
            return sum(
                part * payer.most_tax_of(kind, mine)
                for (_, payer), (part, mine) in zip(self.owners, shared, strict=True)
            )
        if self.entity == PENSION:
            return 0.0
        there = {k: owned[k] + self.so_far.get(k, 0.0) for k in KINDS}
        plain = sum(self.part_taxed(k) * there[k] for k in KINDS if k != "indexed")
        lines = self.lines()
        taxes = [a * plain + b * there["indexed"] - less for a, b, less in lines]
        # Of lines that meet there, the steepest.
        a, b, _ = [line for line, tax in zip(lines, taxes, strict=True) if tax >= max(taxes) - _A_CENT][-1]
        if kind == "indexed":
            return b
        # A gain of another kind may take losses from the indexed gains of the year so far.
        return max(a * self.part_taxed(kind), b if self.so_far.get("indexed", 0.0) > 0 else 0.0)

    def part_taxed(self, kind: str) -> float:
        """Return the part of a gain that is taxed, after losses."""
        if self.entity == PENSION:
            return 0.0
        return _TAXED_OF_LONG_HELD[self.entity] if kind == "discountable" else 1.0

    def tax_of(self, kind: str) -> float:
        """Compute the tax per dollar of gain, after losses, at one rate."""
        if self.entity == PENSION:
            return 0.0
        if self.owners:
            return sum(share * payer.tax_of(kind) for share, payer in self.owners)
        if kind == "indexed" and self.entity == "individual" and not self.exempt:
            return max(self.rate, _LEAST + min(self.rate, _LEVY))
        return self.rate * (_TAXED_OF_LONG_HELD[self.entity] if kind == "discountable" else 1.0)


def gains_counted(entity: str, as_of: date | None) -> float:
    """Return the part that is taxed of gains that funds distribute with the discount; later all of an individual's."""
    if entity == "individual" and as_of is not None and as_of >= REFORM:
        return 1.0
    # A pension's rate is nil, so that the part has no effect but on the amount that is told.
    return _TAXED_OF_LONG_HELD.get(entity, 2 / 3)


def taxed_yield(etf: Etf, counted: float) -> float:
    """Compute the cash that an ETF pays and that is taxed then, as a fraction of the price."""
    return etf.distribution_yield * (1 - etf.tax_deferred_share - (1 - counted) * etf.discounted_gain_share)


def brackets(year: int) -> list[tuple[float, float]]:
    """Return a resident's brackets, each with its start and its rate of income tax; ValueError before 2024-25."""
    if year < min(_FIRST_RATE):
        message = f"there are no brackets of {year}"
        raise ValueError(message)
    return list(zip(_STARTS, (0.0, _FIRST_RATE.get(year, _FIRST_RATE_SINCE), *_RATES_ABOVE), strict=True))


def rate_on_next(income_aud: float, year: int) -> float:
    """Return the tax on the next dollar of an income, levy included."""
    return next(rate for start, rate in reversed(brackets(year)) if start <= income_aud) + _LEVY


def ends_in(day: date) -> int:
    """Return the calendar year in which the financial year of a day ends."""
    return day.year if (day.month, day.day) <= (6, 30) else day.year + 1


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
    """A year's gains, the losses used against each kind, the net gain, the tax and the losses carried forward.

    The tax is that which the sales add to the tax of the year so far.
    """

    gains: Mapping[str, float]
    used: Mapping[str, float]
    net_aud: float
    tax_aud: float
    carried_aud: float
    so_far_aud: float
    value_aud: float


def assess(payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]) -> Assessed:
    """Tax the sale of *units*: losses reduce undiscounted gains first, then discountable, then indexed ones.

    Each owner is taxed on the owner's share, with the owner's own losses and income.
    """
    parts = assess_each(payer, results, units)
    if len(parts) == 1:
        return parts[0]
    return Assessed(
        gains={kind: sum(part.gains[kind] for part in parts) for kind in KINDS},
        used={kind: sum(part.used[kind] for part in parts) for kind in KINDS},
        net_aud=sum(part.net_aud for part in parts),
        tax_aud=sum(part.tax_aud for part in parts),
        carried_aud=sum(part.carried_aud for part in parts),
        so_far_aud=sum(part.so_far_aud for part in parts),
        value_aud=sum(part.value_aud for part in parts),
    )


def assess_each(payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]) -> list[Assessed]:
    """Tax each owner's share of the sale of *units*."""
    return [_assess(alone, results, [share * n for n in units]) for share, alone in payer.each]


def _assess(payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]) -> Assessed:
    """Tax one owner's part of the sales."""
    sold = {
        kind: sum(n * result.get(kind, 0.0) for result, n in zip(results, units, strict=True))
        for kind in ("loss", *KINDS)
    }
    before = {kind: payer.so_far.get(kind, 0.0) for kind in sold}
    whole = _year(payer, {kind: before[kind] + aud for kind, aud in sold.items()})
    without = _year(payer, before)
    value = payer.loss_value * (whole.carried_aud - without.carried_aud)
    return replace(whole, tax_aud=whole.tax_aud - without.tax_aud, so_far_aud=without.tax_aud, value_aud=value)


def _year(payer: Payer, total: dict[str, float]) -> Assessed:
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
        tax_aud=max(a * early + b * (indexed - third) - less for a, b, less in payer.lines()),
        carried_aud=losses - first - second - third,
        so_far_aud=0.0,
        value_aud=0.0,
    )


def may_exceed(payer: Payer, net_aud: float, sold: date) -> float | None:
    """Compute the most by which brackets tax a net gain above one rate: the income is then at its bracket's end."""
    year = ends_in(sold)
    if payer.entity != "individual" or payer.income_aud is not None or year < min(_FIRST_RATE):
        return None
    table = brackets(year)
    own = [k for k, (_, rate) in enumerate(table) if not k or rate + _LEVY <= payer.rate + _NEAR][-1]
    above = table[own + 1 :]
    if not above:
        return 0.0
    income = above[0][0] + net_aud
    more = 0.0
    for (start, rate), (end, _) in zip(above, [*above[1:], (float("inf"), 0.0)], strict=True):
        more += max(0.0, min(income, end) - start) * max(0.0, rate + _LEVY - payer.rate)
    return more
