"""Recognise a block in the matrices of a program: the meaning of each variable and each row.

A block has switched variables that sum to one; a risk that bounds one cone of them; a count that bounds a sum of
switches; rows on the variables, some with the risk; rows on switches alone. This module solves no program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.large.perspective.not_a_block import NotABlockError

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program

ABSENT = -1
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Roles of the variables and rows; every index is the program's.

    Attributes:
        risk: The variable that bounds the cone, or ABSENT.
        M: The cone on the switched variables per unit of risk: ``|M u| <= risk``, shape (k, s).
        high: Greatest risk that bounds and rows allow.
        reach: Greatest possible risk: a cap above this value has no effect.
        count: The variable that bounds the count, or ABSENT.
        budget: The row that fixes the sum of the variables.
        total: The sum of the variables.
        goals: The other rows on variables, equalities first.
        equalities: Number of these rows that are equalities.
        counting: The row that bounds the count, or ABSENT: of the count variable, or on switches alone.
        h: Contribution of each switch to the count, shape (s,).
        least: Least count that is paid for.
        most: Greatest count.
        count_cap: The row that caps the count variable at *most*, or ABSENT.
        alone: The rows on switches alone.
    """

    risk: int
    M: Matrix
    high: float
    reach: float
    count: int
    budget: int
    total: float
    goals: tuple[int, ...]
    equalities: int
    counting: int
    h: Vector
    least: float
    most: float
    count_cap: int
    alone: tuple[int, ...]


def recognise(program: Program) -> Shape:
    """Recognise a block.

    Raises:
        NotABlockError: If the program is not a block.
    """
    return _Reader(program).read()


class _Reader:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.switched = program.switched
        plain = np.ones(len(program.q), dtype=bool)
        plain[self.switched] = False
        self.plain = [int(j) for j in np.flatnonzero(plain)]
        self.inequalities = range(program.equalities, program.equalities + program.inequalities)

    def read(self) -> Shape:  # noqa: C901, PLR0912 - one case per kind of row
        """Assign a role to every variable and row."""
        program, j = self.program, self.switched
        if not len(j) or len(np.unique(j)) < len(j):
            raise NotABlockError("each variable needs one switch")
        risk, M = self.cone()
        count = self.count(risk)
        if set(self.plain) - {risk, count}:
            raise NotABlockError("a variable is neither switched, nor the risk, nor the count")
        budget = self.budget()
        others = [r for r in range(program.equalities) if r != budget]
        if any(program.A[r, v] for r in others for v in self.plain):
            raise NotABlockError("an equality names the risk or the count")
        goals, alone = list(others), []
        high = float(program.upper[risk]) if risk != ABSENT else 0.0
        least, most, counting, cap = 0.0, np.inf, ABSENT, ABSENT
        h = np.ones(len(j))
        if count != ABSENT:
            least, most = float(program.lower[count]), float(program.upper[count])
        for r in self.inequalities:
            on_u, on_z = program.A[r, j].any(), program.H[r].any()
            on_risk = float(program.A[r, risk]) if risk != ABSENT else 0.0
            on_count = float(program.A[r, count]) if count != ABSENT else 0.0
            b = float(program.b[r])
            if on_z and not on_u and not on_risk and on_count < 0 and counting == ABSENT and b == 0.0:
                counting, h = r, program.H[r] / -on_count
            elif on_z and not on_u and not on_risk and not on_count:
                alone.append(r)
            elif on_count > 0 and not on_u and not on_z and not on_risk:
                if b / on_count < most:
                    most, cap = b / on_count, r
            elif on_risk > 0 and not on_u and not on_z and not on_count:
                high = min(high, b / on_risk)
            elif on_u and on_risk >= 0 and not on_z and not on_count:
                goals.append(r)
            elif on_u or on_z or on_risk or on_count or b < 0:
                raise NotABlockError(f"row {r} is none that a block has")
        if count == ABSENT:
            whole = [r for r in alone if (program.H[r] > 0).all()]
            if whole:
                counting = min(whole, key=lambda r: float(program.b[r]) / float(program.H[r].mean()))
                h, most = program.H[counting], float(program.b[counting])
        elif counting == ABSENT:
            raise NotABlockError("the count counts nothing")
        if high < 0 or least > most:
            raise NotABlockError("the risk or the count is below its least")
        return Shape(
            risk=risk,
            M=M,
            high=high,
            reach=_reach(M, self.total(budget)),
            count=count,
            budget=budget,
            total=self.total(budget),
            goals=tuple(goals),
            equalities=len(others),
            counting=counting,
            h=h,
            least=least,
            most=most,
            count_cap=cap,
            alone=tuple(alone),
        )

    def cone(self) -> tuple[int, Matrix]:
        """Find the risk variable and the cone that this variable bounds."""
        program, j = self.program, self.switched
        if not program.cones:
            return ABSENT, np.zeros((0, len(j)))
        if len(program.cones) > 1:
            raise NotABlockError(f"{len(program.cones)} cones, a block has one")
        rows = program.cone_rows[0]
        first = program.A[rows.start]
        named = np.flatnonzero(first)
        if len(named) != 1 or named[0] in j or first[named[0]] >= 0 or program.b[rows].any():
            raise NotABlockError("the cone is not bounded by one variable alone")
        risk = int(named[0])
        tail = program.A[rows][1:]
        if tail[:, self.plain].any() or program.lower[risk] > 0:
            raise NotABlockError("the cone names more than the switched variables, or the risk has a floor")
        return risk, tail[:, j] / first[risk]

    def count(self, risk: int) -> int:
        """Find the variable that is neither switched nor the risk."""
        others = [v for v in self.plain if v != risk]
        return others[0] if others else ABSENT

    def budget(self) -> int:
        """Find the row that fixes the sum of the variables."""
        program = self.program
        for r in range(program.equalities):
            row = program.A[r]
            on_u = row[self.switched]
            if row[self.plain].any() or not on_u[0] or not program.b[r] / on_u[0] > 0:
                continue
            if (abs(on_u / on_u[0] - 1) < _SAME).all():
                return r
        raise NotABlockError("no row says what the variables sum to")

    def total(self, budget: int) -> float:
        """Read the sum of the variables."""
        return float(self.program.b[budget] / self.program.A[budget, self.switched[0]])


def _reach(M: Matrix, total: float) -> float:
    """Bound the risk of nonnegative variables that sum to *total*: convex, so greatest with one variable alone."""
    return float(np.sqrt((M**2).sum(axis=0).max())) * total if len(M) else 0.0
