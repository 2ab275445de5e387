"""Find sales that would cost less tax weeks later: after 12 months of holding, or in the next financial year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.published.waiting import Wait, WaitFor
from portfolio.tax.brackets import rate_at
from portfolio.tax.gains import assess, assess_each
from portfolio.tax.parcels import gain_per_unit
from portfolio.tax.regime import REFORM_STARTS, Reform, Regime, first_long_term_day, first_of_quarter, income_year
from portfolio.tax.sale import realise
from portfolio.tax.taxpayer import Realised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio.case.inventory import Inventory
    from portfolio.tax.kinds import Kind
    from portfolio.tax.parcels import Parcel
    from portfolio.tax.taxpayer import Taxpayer
    from portfolio.terms.owned import Owned

# The longest wait that is looked at, and the least saving that is told.
DAYS, _LEAST_AUD = 60, 0.01


def find_waits(owned: Owned, stock: Inventory, sold: Sequence[float]) -> Iterator[Wait]:
    """List the parcels that the orders sell and that cost less tax on a day within 60 days, each by itself.

    Args:
        owned: The holdings of today.
        stock: The same, with the quotes of the orders: after fixed brokerage.
        sold: Units sold per parcel.
    """
    tax = _tax(owned, stock, sold, {})
    for k, parcel in enumerate(owned.parcels):
        if not sold[k]:
            continue
        found = []
        for day, event in _days(owned.as_of, parcel):
            later = _later(owned, stock, sold, k, day)
            if later is not None and tax - later >= _LEAST_AUD:
                found.append(Wait(parcel.ticker, parcel.acquired, sold[k], day, event, tax - later))
        if found:
            yield max(found, key=lambda wait: (round(wait.saves_aud, 2), -wait.day.toordinal()))


def _days(as_of: date, parcel: Parcel) -> Iterator[tuple[date, WaitFor]]:
    """List the days within the wait on which the law treats a sale in another way."""
    days = (
        (first_long_term_day(parcel.acquired), WaitFor.TWELVE_MONTHS),
        (date(income_year(as_of), 7, 1), WaitFor.NEXT_YEAR),
    )
    yield from ((day, event) for day, event in days if as_of < day <= as_of + timedelta(days=DAYS))


def _later(owned: Owned, stock: Inventory, sold: Sequence[float], k: int, day: date) -> float | None:
    """Compute the tax if the units of parcel *k* are sold on *day*; None where the facts of that day are missing."""
    parcel = owned.parcels[k]
    try:
        per_unit = gain_per_unit(parcel, replace(stock.quotes, on=day), owned.taxpayer, _law(owned, stock, parcel, day))
    except DataError:
        return None
    alone = {kind: aud * sold[k] for kind, aud in per_unit.items()}
    others = [0.0 if i == k else units for i, units in enumerate(sold)]
    if income_year(day) == income_year(owned.as_of):
        return _tax(owned, stock, others, alone)
    realised = realise(owned.parcels, others, stock.quotes, owned.taxpayer, owned.law)
    tax = 0.0
    for (share, payer), now in zip(owned.taxpayer.each, assess_each(owned.taxpayer, realised), strict=True):
        then = {kind: share * aud for kind, aud in alone.items()}
        tax += now.tax_aud + assess(_next_year(payer, now.losses_carried_aud), then).tax_aud
    return tax


def _law(owned: Owned, stock: Inventory, parcel: Parcel, day: date) -> Regime:
    """Return the law of a later day: prices, and the CPI, are taken to stay as they are."""
    cpi = dict(owned.reform.cpi)
    if cpi:
        cpi.setdefault(first_of_quarter(day), cpi[max(cpi)])
    values = dict(owned.reform.values_aud)
    if owned.as_of < REFORM_STARTS:
        values[parcel.ticker] = stock.quotes.prices_aud[parcel.ticker]
    return Regime(Reform(cpi, values))


def _next_year(taxpayer: Taxpayer, losses_aud: float) -> Taxpayer:
    """Return the taxpayer in the next financial year, with the losses that this year leaves and no gains yet."""
    later = replace(taxpayer, carried_losses_aud=losses_aud, realised=Realised())
    if taxpayer.taxable_income_aud is None or taxpayer.income_year is None:
        return later
    year = taxpayer.income_year + 1
    return replace(later, income_year=year, marginal_rate=rate_at(taxpayer.taxable_income_aud, year))


def _tax(owned: Owned, stock: Inventory, sold: Sequence[float], more: Mapping[Kind, float]) -> float:
    """Compute the tax of selling units now, with further gains of this year."""
    realised = realise(owned.parcels, sold, stock.quotes, owned.taxpayer, owned.law)
    return assess(owned.taxpayer, {kind: aud + more.get(kind, 0.0) for kind, aud in realised.items()}).tax_aud
