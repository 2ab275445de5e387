"""Check that parts of a tree leave nothing out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.conic.bound import States


def cover(parts: Sequence[States]) -> bool:
    """Whether parts of a tree, each a setting of some switches, leave no setting out.

    Some switch splits them all, as the root's did; each side must be covered in turn.
    """
    if not parts:
        return False
    left = [np.array(parts)]
    while left:
        table = left.pop()
        if (table == FREE).all(axis=1).any():
            continue
        splits = np.flatnonzero((table != FREE).all(axis=0))
        if not len(splits):
            return False
        for state in (OFF, ON):
            side = table[table[:, splits[0]] == state]
            if not len(side):
                return False
            side[:, splits[0]] = FREE
            left.append(side)
    return True
