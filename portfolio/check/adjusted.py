"""Check the yearly adjustments of cost bases (ITAA 1997, ss 104-107A to 104-107C), computed a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import same

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from portfolio.check.facts import Event

    Rows = list[tuple[str, float, float]]


def adjusted(told: Sequence[Event], parcels: Sequence[Event], kept: Collection[str], as_of: str) -> Iterator[str]:
    """Check that each year's change is spread by units, starts where the year before ended, and ends in the parcels.

    Args:
        told: The adjustments, in the order of their years.
        parcels: The parcels as traded.
        kept: The ETFs that are not traded, of whose parcels the event has only the units.
        as_of: The day of the trades: all years have ended by then.
    """
    if [one["year"] for one in told] != sorted(one["year"] for one in told):
        yield "the adjustments of cost bases are not in the order of their years"
    last: dict[str, tuple[str, Rows]] = {}
    for one in told:
        ends, name = f"{one['year']}-06-30", f"the adjustment of {one['ticker']} for the year to 30 June {one['year']}"
        if ends >= as_of or not one["parcels"]:
            yield f"{name} is of a year that has not ended, or of no parcel"
            continue
        units = sum(part["units"] for part in one["parcels"])
        for part in one["parcels"]:
            left = part["before_aud"] + one["change_aud"] * part["units"] / units
            if part["acquired"] > ends:
                yield f"{name} changes a parcel of {part['acquired']}"
            if not same(part["after_aud"], max(0.0, left)) or not same(part["gain_aud"], max(0.0, -left)):
                yield f"{name} leaves {left:.2f} AUD, not {part['after_aud']} and a gain of {part['gain_aud']}"
        if one["ticker"] in last:
            yield from _follows(name, last[one["ticker"]], [_row(part, "before_aud") for part in one["parcels"]])
        last[one["ticker"]] = (ends, [_row(part, "after_aud") for part in one["parcels"]])
    for ticker, step in last.items():
        if ticker not in kept:
            now = [_row(part, "cost_base_aud") for part in parcels if part["ticker"] == ticker]
            yield from _follows(f"the holding of {ticker}", step, now)


def _row(part: Event, cost: str) -> tuple[str, float, float]:
    return part["acquired"], float(part["units"]), float(part[cost])


def _follows(name: str, step: tuple[str, Rows], now: Rows) -> Iterator[str]:
    """Check that the parcels of a year's end have the cost bases that the adjustment left them."""
    ends, left = step
    there = sorted(row for row in now if row[0] <= ends)
    pairs = zip(sorted(left), there, strict=False)
    if len(there) != len(left) or any(a[:2] != b[:2] or not same(a[2], b[2]) for a, b in pairs):
        yield f"{name} has other cost bases than the adjustment to {ends} left"
