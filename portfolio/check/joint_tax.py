"""A lower bound on the tax of two owners together, over all choices of parcels; only the check uses this module.

Each owner's tax is the largest of linear functions of the owner's gains and losses: one for each line of the tax and
each value of a dollar of losses at which another kind of gain is used up (``least_tax`` has the two cases of the law).
A mix of an owner's functions is at most the owner's tax. So for any mixes, selling the units of each ETF for which the
sum of the mixes is least gives a lower bound, which is concave in the mixes. The ellipsoid method (Shor; Yudin &
Nemirovski 1976) finds the largest bound, over mixes of the functions that are nearest to the tax as told.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.check.tax import Payer

    Results = Sequence[Mapping[str, float]]
    Held = Sequence[Sequence[tuple[int, float]]]

_KINDS = ("loss", "undiscounted", "discountable", "indexed")
# The functions of one owner that are mixed: where a bracket ends and losses end with a kind of gain, four meet. And the
# steps of the ellipsoid method: of mixes in six dimensions, 84 steps divide the ellipsoid's radius by e.
_MIXED, _STEPS = 4, 1_500
# Multipliers of the condition that losses cover other gains: each gives a valid bound.
_MULTIPLIERS = (1.0, 16.0, 256.0)
_ROUNDING = 1e-12


class _Sales:
    """What is sold: results per unit, shape (parcels, kinds), and the units asked of each ETF's parcels."""

    def __init__(self, results: Results, held: Held, asked: Sequence[float]) -> None:
        # Without a parcel that may be sold, there are no rows, and as many columns.
        rows = [[result.get(kind, 0.0) for kind in _KINDS] for result in results]
        self.results = np.array(rows).reshape(-1, len(_KINDS))
        self.etfs = [
            (np.array([k for k, _ in parcels]), np.array([units for _, units in parcels]), wanted)
            for parcels, wanted in zip(held, asked, strict=True)
            if parcels
        ]

    def cheapest(self, worth: Vector) -> Vector:
        """Return the totals by kind of selling the units that cost least, at a price of each kind."""
        costs, totals = self.results @ worth, np.zeros(len(_KINDS))
        for parcels, units, wanted in self.etfs:
            order = np.argsort(costs[parcels], kind="stable")
            before = np.concatenate([[0.0], np.cumsum(units[order])[:-1]])
            taken = np.clip(wanted - before, 0.0, units[order])
            totals += taken @ self.results[parcels[order]]
        return totals


def least_joint_tax(
    owners: Sequence[tuple[float, Payer]],
    results: Results,
    held: Held,
    asked: Sequence[float],
    *,
    sold: Sequence[float],
    enough: float,
) -> float:
    """Compute a lower bound on the year's tax of all owners when *asked* units of each ETF are sold.

    Args:
        owners: Each owner's share, and the owner as a taxpayer.
        results: Gain or loss per unit of each parcel, by kind.
        held: Per ETF: the parcels, each as (index, units).
        asked: Per ETF: units to sell.
        sold: Units sold of each parcel, as told.
        enough: A bound that proves what is to be proven: no better one is then looked for.
    """
    sales = _Sales(results, held, asked)
    told = np.array(sold) @ sales.results
    indexed = bool(sales.results[:, 3].any()) or any(payer.so_far.get("indexed") for _, payer in owners)
    bounds = []
    for case in product((False, True) if indexed else (False,), repeat=len(owners)):
        best = -math.inf
        for more in _MULTIPLIERS if any(case) else (0.0,):
            parts = [
                _functions(share, payer, sales, covered=covered, more=more)
                for (share, payer), covered in zip(owners, case, strict=True)
            ]
            best = max(best, math.inf if any(one is None for one in parts) else _largest(parts, sales, told, enough))  # type: ignore[arg-type]
            if best >= enough:
                break
        bounds.append(best)
    return min(bounds)


def _functions(share: float, payer: Payer, sales: _Sales, *, covered: bool, more: float) -> Matrix | None:
    """List linear functions that are at most an owner's tax in a case: rows ``(worth by kind, constant)``.

    None where losses cannot cover the owner's other gains.
    """
    so_far = np.array([payer.so_far.get(kind, 0.0) for kind in _KINDS])
    if covered:
        other = np.array([-1.0, 1.0, 1.0, 0.0])
        open_aud = share * float(other @ sales.cheapest(other)) + float(other @ so_far) - payer.carried_aud
        if open_aud > _ROUNDING * (payer.carried_aud + abs(so_far).sum() + 1):
            return None
        rows = [np.zeros(6)]
        for _, rate, less in payer.lines():
            rows += [_row((-m, m, m, rate), m, less) for m in (rate, rate + more)]
        rows += [_row((-more, more, more, 0.0), more, 0.0)]
    else:
        rows = []
        for rate, on_indexed, less in payer.lines():
            half = rate * payer.part_taxed("discountable")
            rows += [_row((-v, min(rate, v), min(half, v), on_indexed), v, less) for v in (0.0, half, rate)]
    # The losses of earlier years are worth as much as those of the sales; what the year has so far counts in full.
    found = np.array(rows)
    constant = found[:, :4] @ so_far - found[:, 4] * payer.carried_aud
    return np.column_stack([share * found[:, :4], constant - np.array([row[5] for row in rows])])


def _row(worth: tuple[float, float, float, float], value: float, less: float) -> Vector:
    return np.array([*worth, value, less])


def _largest(parts: Sequence[Matrix], sales: _Sales, told: Vector, enough: float) -> float:
    """Maximise the bound over mixes of the functions of each owner that are nearest to the tax as told."""
    near = []
    for part in parts:
        values = part[:, :4] @ told + part[:, 4]
        near.append(part[np.argsort(-values, kind="stable")[:_MIXED]])
    sizes = [len(part) - 1 for part in near]
    ends = np.cumsum(sizes)
    base, steps = [part[0] for part in near], np.vstack([part[1:] - part[0] for part in near])
    constant, start = sum(base), len(steps)

    def value(x: Vector) -> tuple[float, Vector]:
        """Return the bound of mixes, and a supergradient."""
        mixed = constant + x @ steps
        totals = np.append(sales.cheapest(mixed[:4]), 1.0)
        return float(mixed @ totals), steps @ totals

    # The functions nearest to the tax are the mixes at zero; there the bound is often all that is needed.
    best, _ = value(np.zeros(start))
    if best >= enough or start < 2:  # noqa: PLR2004 - an ellipsoid has two dimensions at least
        return best
    x = np.concatenate([np.full(size, 1 / (size + 1)) for size in sizes])
    shape = np.eye(start) * start
    for _ in range(_STEPS):
        outside = next(_broken(x, ends), None)
        if outside is None:
            bound, ascent = value(x)
            best = max(best, bound)
            if best >= enough:
                break
        else:
            ascent = -outside
        width = math.sqrt(max(float(ascent @ shape @ ascent), 0.0))
        if width <= _ROUNDING:
            break
        step = shape @ ascent / width
        x = x + step / (start + 1)
        shape = start**2 / (start**2 - 1) * (shape - 2 / (start + 1) * np.outer(step, step))
    return best


def _broken(x: Vector, ends: Vector) -> Iterator[Vector]:
    """Yield the outward normals of the limits that mixes break: no part below zero, and no sum above one."""
    for k in np.flatnonzero(x < 0):
        yield -np.eye(len(x))[k]
    begin = 0
    for end in ends:
        if x[begin:end].sum() > 1:
            normal = np.zeros(len(x))
            normal[begin:end] = 1.0
            yield normal
        begin = end
