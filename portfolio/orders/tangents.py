"""Tangents that replace a program's cones, and the check that finds violated cones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix, Vector
    from portfolio.master.statement.formulation import Formulation

# Rows of an integer program with their limits.
Row = tuple["Matrix", "Vector", "Vector"]

# Amounts are in millionths of the capital: on this scale the solver is accurate enough.
SCALE = 1e6

# Where goals may be missed, the first tangents also touch the cones at points with this fraction more or less of each
# ETF: the price of missed goals makes the cost steep.
_AROUND = (-0.1, 0.1)

# A cone needs another tangent if a point violates the cone by more than this.
_BROKEN = 3e-8


class Tangents:
    """The tangents of one program.

    Args:
        form: The program of stage 2.
        unit: The amount that 1 in each variable's column represents, shape (n,).
        short: Columns of the shortfalls of goals that may be missed, by name.
        columns: The number of columns; the variables come first.
    """

    def __init__(self, form: Formulation, unit: Vector, short: Mapping[str, int], columns: int) -> None:
        self.form, self.program, self.unit, self.short, self.columns = form, form.program, unit, short, columns
        self.cones = {form.levers[name].row: x for name, x in short.items() if form.levers[name].cone}

    def around(self, X: Matrix) -> list[Row]:
        """Make the tangents of all cones at the holdings *X*, shape (pods, n)."""
        return [row for x in self._points(X) for row in self._at(x)]

    def broken(self, point: Vector) -> list[Row]:
        """Make the tangents of the cones that a point violates."""
        return list(self._at(self._variables(point), point))

    def priced(self, point: Vector, rows: Row) -> Vector:
        """Set the true risk in a point, and the shortfalls of goals that follow: tangents underestimate both.

        *rows* are the rows of stage 2 without cones.
        """
        x, point = self._variables(point), point.copy()
        for number, risk in self.form.risk_cones.items():
            x[risk] = self._norm(number, x)[0]
            point[risk] = x[risk] / self.unit[risk]
        A, _, most = rows
        for name, column in self.short.items():
            lever = self.form.levers[name]
            if lever.cone:
                norm, limit = self._norm(lever.row, x)
                point[column] = SCALE * max(norm - limit, 0.0)
            else:
                row = self.program.equalities + lever.row
                point[column] = max(float(A[row] @ point + point[column] - most[row]), 0.0)
        return point

    def _at(self, x: Vector, point: Vector | None = None) -> Iterator[Row]:
        for number, rows in enumerate(self.program.cone_rows):
            A, b = self.program.A[rows], self.program.b[rows]
            norm, limit = self._norm(number, x)
            short = self.cones.get(number)
            if point is not None and short is not None:
                limit += float(point[short]) / SCALE
            if norm > 0 and (point is None or norm - limit > _BROKEN):
                weigh = np.concatenate([[1.0], (A[1:] @ x - b[1:]) / norm])
                row = np.zeros((1, self.columns))
                row[0, : len(x)] = SCALE * self.unit * (weigh @ A)
                if short is not None:
                    row[0, short] = -1.0
                yield row, np.array([-np.inf]), np.array([SCALE * float(weigh @ b)])

    def _norm(self, number: int, x: Vector) -> tuple[float, float]:
        """Compute the norm that a cone bounds, and the bound."""
        rows = self.program.cone_rows[number]
        left = self.program.b[rows] - self.program.A[rows] @ x
        return float(np.linalg.norm(left[1:])), float(left[0])

    def _variables(self, point: Vector) -> Vector:
        return self.unit * point[: len(self.unit)]

    def _points(self, X: Matrix) -> Iterator[Vector]:
        """Yield the point of the holdings, in the variables that cones use, and points around this point."""
        x = np.zeros(len(self.unit))
        for h in self.form.holdings:
            x[h.u] = X[h.p, h.j] / self.form.sleeves[h.p].share
        yield x
        for u in np.flatnonzero(x).tolist() if self.short else ():
            for part in _AROUND:
                moved = x.copy()
                moved[u] *= 1 + part
                yield moved
