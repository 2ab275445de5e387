"""Check what sales would save by waiting: each parcel sold again on the later day, by the law of that day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from portfolio.check.facts import differing
from portfolio.check.tax import (
    REFORM,
    assess,
    assess_each,
    ends_in,
    long_held,
    rate_on_next,
    result_per_unit,
    since_reform,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio.check.facts import Event
    from portfolio.check.owned import Owned, Parcel

_LONGEST_DAYS, _CENT = 60, 0.01
# Next to a cent, rounding decides whether a saving is told.
_NEAR_CENT = 1e-6


@dataclass(frozen=True, slots=True)
class Sales:
    """The sales of the orders: the holdings with gains after brokerage, units sold per parcel, and their tax."""

    owned: Owned
    sold: Sequence[float]
    tax_aud: float


def waiting(told: Sequence[Event], orders: Sales) -> Iterator[str]:
    """Check the list of sales that would cost less tax within 60 days."""
    listed = [(one["ticker"], one["acquired"], one["units"]) for one in told]
    due: list[tuple[tuple[str, str, float], Mapping[str, Event]]] = []
    for k, parcel in enumerate(orders.owned.parcels):
        if orders.sold[k] and (days := _days(orders, k, parcel)):
            due.append(((parcel.ticker, parcel.acquired.isoformat(), orders.sold[k]), days))
    needed = [key for key, days in due if max(one["saves_aud"] for one in days.values()) >= _CENT + _NEAR_CENT]
    if len(listed) > len(due) or not set(needed) <= set(listed) or not set(listed) <= {key for key, _ in due}:
        yield f"the sales that would save by waiting are {needed}, not {listed}"
        return
    for one in told:
        choices = [days for key, days in due if key == (one["ticker"], one["acquired"], one["units"])]
        if not any(_is(one, days, orders.owned.capital) for days in choices):
            yield f"the sale of {one['ticker']} of {one['acquired']} would save by waiting {choices}, not {one}"


def _is(told: Event, days: Mapping[str, Event], size: float) -> bool:
    """Whether a wait is one of the days, with its saving, and no other day saves more, or as much and sooner."""
    mine = days.get(told["day"])
    if mine is None or mine["waits_for"] != told["waits_for"] or set(told) != _MEMBERS:
        return False
    if differing({"saves_aud": told["saves_aud"]}, {"saves_aud": mine["saves_aud"]}, size=size):
        return False
    return all(
        one["saves_aud"] < told["saves_aud"] + _CENT and (day >= told["day"] or one["saves_aud"] < told["saves_aud"])
        for day, one in days.items()
    )


_MEMBERS = {"ticker", "acquired", "units", "day", "waits_for", "saves_aud"}


def _days(orders: Sales, k: int, parcel: Parcel) -> dict[str, Event]:
    """Compute the saving of each later day of one parcel, above zero, by day."""
    today = orders.owned.as_of
    last = today + timedelta(days=_LONGEST_DAYS)
    anniversary = next((d for d in _range(today, last) if long_held(parcel.acquired, d)), None)
    days = {}
    if anniversary is not None and not long_held(parcel.acquired, today):
        days[anniversary] = "twelve_months"
    first = date(ends_in(today), 7, 1)
    if first <= last:
        days.setdefault(first, "next_year")
    found: dict[str, Event] = {}
    for day, event in days.items():
        later = _later(orders, k, parcel, day)
        if later is not None and orders.tax_aud - later > 0:
            found[day.isoformat()] = {"waits_for": event, "saves_aud": orders.tax_aud - later}
    return found


def _range(today: date, last: date) -> Iterator[date]:
    yield from (today + timedelta(days=n) for n in range(1, (last - today).days + 1))


def _later(orders: Sales, k: int, parcel: Parcel, day: date) -> float | None:
    owned, payer = orders.owned, orders.owned.payer
    value = owned.values.get(parcel.ticker)
    if owned.as_of < REFORM:
        value = float(owned.prices[parcel.j]) * (1 - owned.market.etfs[parcel.j].half_spread)
    cpi = dict(owned.cpi)
    if cpi:
        cpi.setdefault(date(day.year, (1, 4, 7, 10)[(day.month - 1) // 3], 1), cpi[max(cpi)])
    try:
        since = since_reform(payer, parcel.acquired, day, value_aud=value, cpi=cpi)
    except (KeyError, ValueError):
        return None
    result = result_per_unit(payer, parcel.net_aud, parcel.unit_cost_aud, parcel.acquired, day, since)
    results = [one.results for one in owned.parcels]
    others = [0.0 if i == k else units for i, units in enumerate(orders.sold)]
    if ends_in(day) == ends_in(owned.as_of):
        return assess(payer, [*results, result], [*others, orders.sold[k]]).tax_aud
    tax = 0.0
    for (share, alone), now in zip(payer.each, assess_each(payer, results, others), strict=True):
        then = replace(alone, carried_aud=now.carried_aud, so_far={})
        if alone.income_aud is not None and alone.year is not None:
            then = replace(then, year=alone.year + 1, rate=rate_on_next(alone.income_aud, alone.year + 1))
        tax += now.tax_aud + assess(then, [result], [share * orders.sold[k]]).tax_aud
    return tax
