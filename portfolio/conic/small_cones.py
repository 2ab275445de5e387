"""Cones over few variables, made as small as these variables allow, and multipliers carried back to the whole cones.

A cone's rows on few variables are ``M u - c``; with ``(M c) = Q (R r)``, the norm ``|M u - c|`` equals ``|R u - r|``,
which has at most one row per variable and one more. Multipliers ``v`` of the small rows prove the same bound as the
multipliers ``Q v`` of the whole rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class SmallCones:
    """The cones of some rows, over few variables.

    Attributes:
        A: The rows of the small cones, shape (k, n).
        b: Their right-hand sides, shape (k,).
        sizes: Number of rows of each small cone.
        turns: The place of each cone in the whole rows, and the factor ``Q`` of its inner rows.
    """

    A: Matrix
    b: Vector
    sizes: tuple[int, ...]
    turns: tuple[tuple[slice, Matrix], ...]

    def lift(self, multipliers: Vector, y: Vector) -> None:
        """Set the multipliers of the whole cones in *y* from the multipliers of the small cones."""
        first = 0
        for (rows, Q), size in zip(self.turns, self.sizes, strict=True):
            y[rows.start], y[rows.start + 1 : rows.stop] = multipliers[first], Q @ multipliers[first + 1 : first + size]
            first += size


def small_cones(A: Matrix, b: Vector, cones: Sequence[slice], *, sparse: bool = False) -> SmallCones:
    """Make cones small.

    Args:
        A: The whole rows on the few variables, shape (r, n).
        b: The right-hand sides of the whole rows, shape (r,).
        cones: The rows of each cone; the first row of a cone bounds the norm of the other rows.
        sparse: Whether each cone is over its own variables only: then the other columns are left out of the factors.
    """
    parts, sides, turns = [A[:0]], [b[:0]], []
    for rows in cones:
        head, inner = slice(rows.start, rows.start + 1), slice(rows.start + 1, rows.stop)
        used = np.flatnonzero(A[inner].any(axis=0)) if sparse else np.arange(A.shape[1])
        Q, R = np.linalg.qr(np.column_stack([A[inner][:, used], b[inner]]))
        turned = np.zeros((len(R), A.shape[1]))
        turned[:, used] = R[:, :-1]
        parts += [A[head], turned]
        sides += [b[head], R[:, -1]]
        turns.append((rows, Q))
    sizes = tuple(Q.shape[1] + 1 for _, Q in turns)
    return SmallCones(np.vstack(parts), np.concatenate(sides), sizes, tuple(turns))
