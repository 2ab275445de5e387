"""Divide a whole number in proportion, by the largest remainder. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def divide(total: int, parts: Mapping[str, int], *, lot: str) -> dict[str, int]:
    """Divide *total* in proportion to *parts*; the shares add up to *total*.

    Each gets the whole number below the exact share. The units that are left go to the largest remainders, one each
    (Hamilton's method). The SHA-256 of the lot and the name orders equal remainders, so that no name comes first in
    every lot. No share exceeds its part where *total* is at most the sum of the parts: a share is then at most the
    part, and a remainder above zero stands below it.

    Args:
        total: The number to divide, from 0 on.
        parts: Whole numbers from 0 on, by name; above 0 in sum, unless *total* is 0.
        lot: Name of the division, such as the id of a block.
    """
    whole = sum(parts.values())
    if not total:
        return dict.fromkeys(parts, 0)
    shares = {name: total * part // whole for name, part in parts.items()}
    last = sorted(parts, key=lambda name: (-(total * parts[name] % whole), _drawn(lot, name)))
    for name in last[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _drawn(lot: str, name: str) -> str:
    return hashlib.sha256(f"{lot} {name}".encode()).hexdigest()
