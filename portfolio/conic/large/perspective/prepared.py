"""Prepare a block for its searches: the units of the search, the split of the variance, the rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.diagonal import safe_diagonal
from portfolio.conic.large.perspective.lagrangian import BlockData
from portfolio.conic.large.perspective.leaf import Splitting
from portfolio.conic.large.perspective.shape import ABSENT, recognise
from portfolio.conic.limits import never

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.conic.program import Program

_UNBOUNDED = 1e30
# Multiple of the variance's mean diagonal entry at which the budget's square is added: enough, and still well
# conditioned.
_SHIFT = 10.0


class PreparedBlock:
    """A block in the units of its searches.

    Args:
        program: A block; see ``shape``.
        stop: Called during preparation; true ends the preparation early, with a weaker split of the variance.

    Raises:
        NotABlockError: If the program is not a block.
    """

    def __init__(self, program: Program, stop: Callable[[], bool] = never) -> None:
        self.program = program
        self.shape = shape = recognise(program)
        j, total = program.switched, shape.total
        # The search's own units: variables sum to one, the variance of equal weights is one, rows are of order one.
        S = shape.M.T @ shape.M * total**2
        n = len(j)
        self.unit = math.sqrt(max(float(S.mean()), 1e-300)) if shape.risk != ABSENT else 1.0
        S = S / self.unit**2
        self.shift = _SHIFT * float(np.diag(S).mean())
        S = S + self.shift
        D = safe_diagonal(S, stop) if shape.risk != ABSENT else np.zeros(n)
        self.splitting = Splitting(D * (self.unit / total) ** 2, self.shift * self.unit**2)
        self.rows = [_Row(program, r, shape.risk, total, self.unit) for r in shape.goals]
        A = [np.ones(n), *(row.a for row in self.rows)]
        alpha = [0.0, *(row.alpha for row in self.rows)]
        rhs = [1.0, *(row.b for row in self.rows)]
        eta = [0.0] * len(A)
        self.paid = self.capped = self.cap = ABSENT
        if shape.count != ABSENT:
            self.paid = len(A)
            A.append(np.zeros(n))
            alpha.append(0.0)
            eta.append(1.0)
            rhs.append(shape.least)
        if shape.counting != ABSENT and shape.most < shape.h.sum():
            self.capped = len(A)
            A.append(np.zeros(n))
            alpha.append(0.0)
            eta.append(1.0)
            rhs.append(shape.most)
        if shape.risk != ABSENT and shape.high < shape.reach * (1 - 1e-9):
            self.cap = len(A)
            A.append(np.zeros(n))
            alpha.append(0.0)
            eta.append(0.0)
            rhs.append(0.0)
        self.alpha, self.rhs = np.array(alpha), np.array(rhs)
        self.block = BlockData(
            R=np.ascontiguousarray(S - np.diag(D)),
            D=D,
            floor=program.floor / total,
            upper=program.upper[j] / total,
            A=np.array(A),
            eta=np.array(eta),
            h=shape.h,
            most=np.full(len(A), _UNBOUNDED),
            equalities=1 + shape.equalities,
            shift=self.shift,
        )


class _Row:
    """A row on the variables, scaled to order one."""

    def __init__(self, program: Program, row: int, risk: int, total: float, unit: float) -> None:
        a = program.A[row, program.switched] * total
        alpha = float(program.A[row, risk]) * unit if risk != ABSENT else 0.0
        self.row = row
        self.scale = max(float(abs(a).max()), alpha)
        self.a, self.alpha, self.b = a / self.scale, alpha / self.scale, float(program.b[row]) / self.scale
