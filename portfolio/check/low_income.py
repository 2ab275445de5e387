"""The reliefs of low incomes, written a second time from the law; only the check uses this module.

A whole tax with the reliefs is computed, and compared with the tax without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.tax import assess, assess_each, brackets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.check.tax import Payer

_LEVY, _STEEP = 0.02, 0.10
# Medicare Levy Act 1986, s 7, of 2024-25: no levy up to here; ten per cent of the excess up to 5/4 of it.
_NO_LEVY = 27_222.0


def low_income(
    payer: Payer, results: Sequence[Mapping[str, float]], units: Sequence[float]
) -> tuple[float, float] | None:
    """Compute the change of the tax by the reliefs, and how much less other sales could cost by them.

    None if no owner is taxed by brackets.
    """
    found = []
    for (_, alone), sold in zip(payer.each, assess_each(payer, results, units), strict=True):
        if alone.income_aud is not None and alone.year is not None:
            income, year = alone.income_aud, alone.year
            idle, now = (income + part.net_aud for part in (assess(alone, [], []), sold))
            relieved = _plain(now, year) - _relieved(now, year)
            change = _plain(idle, year) - _relieved(idle, year) - relieved
            highest = max(_plain(x, year) - _relieved(x, year) for x in _corners(income, year))
            found.append((change, highest - relieved))
    return (sum(a for a, _ in found), sum(b for _, b in found)) if found else None


def _plain(income: float, year: int) -> float:
    """Tax an income by brackets, with two per cent of levy."""
    table = brackets(year)
    ends = [*(start for start, _ in table[1:]), max(income, table[-1][0])]
    parts = [
        max(min(income, end) - start, 0.0) * (rate + _LEVY) for (start, rate), end in zip(table, ends, strict=True)
    ]
    return sum(parts)


def _relieved(income: float, year: int) -> float:
    """Tax an income with the offset of s 61-115 and the levy of s 7."""
    if income <= 37_500:  # noqa: PLR2004 - the figures of the section
        offset = 700.0
    elif income <= 45_000:  # noqa: PLR2004
        offset = 700.0 - 0.05 * (income - 37_500)
    else:
        offset = max(325.0 - 0.015 * (income - 45_000), 0.0)
    basic = max(_plain(income, year) - _LEVY * income - offset, 0.0)
    if income <= _NO_LEVY:
        return basic
    return basic + (_STEEP * (income - _NO_LEVY) if income <= 1.25 * _NO_LEVY else _LEVY * income)


def _corners(income: float, year: int) -> list[float]:
    """List incomes from *income* on, one of which has the most relief: it is linear in between, and ends at nothing."""
    pays = brackets(year)[1][0] + 700.0 / brackets(year)[1][1]
    fixed = (18_200.0, pays, _NO_LEVY, 1.25 * _NO_LEVY, 37_500.0, 45_000.0, 45_000 + 325 / 0.015, 66_667.0)
    return [income, *(x for x in fixed if x > income)]
