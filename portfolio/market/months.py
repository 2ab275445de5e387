"""The months of a year in which an ETF pays, as one text: ``3 6 9 12``, or ``3:0.4 9:0.6`` with shares of the year."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from portfolio.plain_text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTHS = 12
# The parts of a year may differ from one by this much, since people write them with few digits.
_ROUNDING = 0.01


def read_months(text: str) -> tuple[float, ...]:
    """Read the shares of a year's distributions of January to December; they add up to one.

    Raises:
        ValueError: If the text is not in this form; the message is a fault with its mend.
    """
    wrong = (
        f"paid_in is {shown(text)}: give the months of a year, such as 3 6 9 12, or with their shares, such as"
        " 3:0.4 9:0.6"
    )
    items = [item.partition(":") for item in text.split()]
    if not items or len({bool(colon) for _, colon, _ in items}) != 1:
        raise ValueError(wrong)
    shares = [0.0] * MONTHS
    for month, colon, share in items:
        try:
            number, part = int(month), float(share) if colon else 1 / len(items)
        except ValueError:
            raise ValueError(wrong) from None
        if not 1 <= number <= MONTHS or shares[number - 1] or not 0 < part <= 1:
            raise ValueError(wrong)
        shares[number - 1] = part
    total = math.fsum(shares)
    if abs(total - 1) > _ROUNDING:
        message = f"paid_in is {shown(text)}, and the shares add up to {total:g}: make them add up to 1"
        raise ValueError(message)
    return tuple(share / total for share in shares)


def write_months(paid: Mapping[int, float]) -> str:
    """Write the shares of *paid*, the cash by month (1 to 12); empty if there is none."""
    total = math.fsum(paid.values())
    return " ".join(f"{month}:{paid[month] / total:.6f}" for month in sorted(paid) if paid[month]) if total else ""
