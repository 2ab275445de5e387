"""The tax on capital gains, written a second time from the law (ITAA 1997), for the check alone.

Not here: the reform of individuals' gains from 1 July 2027; sales that fall under it are not checked, and
``owned`` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# s 115-100; companies have no discount (s 115-10). In the pension phase all is disregarded (s 118-320).
_TAXED_OF_LONG_HELD = {"individual": 1 / 2, "super_accumulation": 2 / 3, "company": 1.0}
PENSION = "super_pension"
# Income Tax Rates Act 1986, ss 23, 23AA, 26; an individual's is anything a request may say.
RATES: Mapping[str, tuple[float, ...]] = {
    "super_accumulation": (0.15,),
    PENSION: (0.0,),
    "company": (0.30, 0.25),
}
MOST_OF_INDIVIDUALS = 0.60
_KINDS = ("undiscounted", "discountable", "indexed")

# Steps of the search for the best multiplier: each leaves two thirds of the range.
_STEPS = 80


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: entity, rate, and losses of earlier years."""

    entity: str
    rate: float
    carried_aud: float

    def tax_of(self, kind: str) -> float:
        """Tax on a dollar of gain, after losses."""
        if self.entity == PENSION:
            return 0.0
        return self.rate * (_TAXED_OF_LONG_HELD[self.entity] if kind == "discountable" else 1.0)


def long_held(acquired: date, sold: date) -> bool:
    """Whether a clear 12 months lie between two days, neither counted (s 115-25; TD 2002/10)."""
    first = acquired + timedelta(days=1)
    return (sold.year - 1, sold.month, sold.day) >= (first.year, first.month, first.day)


def result_per_unit(payer: Payer, net_aud: float, cost_aud: float, acquired: date, sold: date) -> dict[str, float]:
    """Say what selling a unit gains or loses, by kind; nothing where it does neither, or nothing counts."""
    if payer.entity == PENSION or net_aud == cost_aud:
        return {}
    if net_aud < cost_aud:
        return {"loss": cost_aud - net_aud}
    discounted = _TAXED_OF_LONG_HELD[payer.entity] < 1 and long_held(acquired, sold)
    return {"discountable" if discounted else "undiscounted": net_aud - cost_aud}


@dataclass(frozen=True, slots=True)
class Assessed:
    """A year's gains, the losses used against each kind, and what follows."""

    gains: Mapping[str, float]
    used: Mapping[str, float]
    net_aud: float
    tax_aud: float
    carried_aud: float


def assess(payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]) -> Assessed:
    """Tax what selling *units* realises: losses first against undiscounted gains, then discountable (s 102-5)."""
    total = {
        kind: sum(n * result.get(kind, 0.0) for result, n in zip(results, units, strict=True))
        for kind in ("loss", *_KINDS)
    }
    losses = total.pop("loss") + payer.carried_aud
    full, half = total["undiscounted"], total["discountable"]
    first = min(full, losses)
    second = min(half, losses - first)
    part = _TAXED_OF_LONG_HELD.get(payer.entity, 0.0)
    net = (full - first) + part * (half - second)
    return Assessed(
        gains=total,
        used={"undiscounted": first, "discountable": second, "indexed": 0.0},
        net_aud=net,
        tax_aud=payer.rate * net,
        carried_aud=losses - first - second,
    )


def least_tax(
    payer: Payer,
    results: Sequence[Mapping[str, float]],
    held: Sequence[Sequence[tuple[int, float]]],
    asked: list[float],
) -> float:
    """Bound the tax on selling so many units of each ETF from below, whichever parcels they come from.

    With ``G[k]`` the gains of a kind, taxed at ``r[k]``, and ``L`` all losses, the tax is
    ``max over v in [0, max r] of sum_k min(r[k], v) G[k] - v L``, where ``v`` is what a dollar of loss is worth.
    Least and most exchanged: for any ``v`` the cheapest units of each ETF, sorted by what a unit costs, are a
    lower bound (linear programming duality), and the best of them, concave in ``v``, is the least tax itself,
    but for what whole units cost.

    Args:
        payer: Who pays.
        results: Of selling a unit of each parcel, by kind.
        held: By ETF: its parcels, each with its units.
        asked: By ETF: units to sell.
    """

    def bound(value: float) -> float:
        total = -value * payer.carried_aud
        for parcels, wanted in zip(held, asked, strict=True):
            left = wanted
            for cost, units in sorted((_cost(payer, results[k], value), units) for k, units in parcels):
                taken = min(left, units)
                total += cost * taken
                left -= taken
        return total

    low, high = 0.0, payer.tax_of("undiscounted")
    best = max(bound(low), bound(high), bound(payer.tax_of("discountable")))
    for _ in range(_STEPS):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        at_a, at_b = bound(a), bound(b)
        best = max(best, at_a, at_b)
        low, high = (a, high) if at_a < at_b else (low, b)
    return best


def _cost(payer: Payer, result: Mapping[str, float], value: float) -> float:
    return sum(-value * aud if kind == "loss" else min(payer.tax_of(kind), value) * aud for kind, aud in result.items())
