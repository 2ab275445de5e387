"""Tangents in the place of a program's cones, and the points that show where they are wanting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix, Vector
    from portfolio.master.statement.formulation import Formulation

# Rows of an integer program with their limits.
Row = tuple["Matrix", "Vector", "Vector"]

# Amounts are in millionths of the capital, which makes the solver exact.
SCALE = 1e6

# Where goals may be missed, tangents are first with so much more or less of each ETF too: the price makes them steep.
_AROUND = (-0.1, 0.1)

# A tangent is wanted where a cone is broken by more.
_BROKEN = 3e-8


class Tangents:
    """The tangents of one program.

    Args:
        form: Stage 2.
        unit: What one of each variable's column stands for, shape (n,).
        short: Columns of the shortfalls of goals that may be missed, by name.
        columns: How many columns there are; variables are the first.
    """

    def __init__(self, form: Formulation, unit: Vector, short: Mapping[str, int], columns: int) -> None:
        self.form, self.program, self.unit, self.short, self.columns = form, form.program, unit, short, columns
        self.cones = {form.levers[name].row: x for name, x in short.items() if form.levers[name].cone}

    def around(self, X: Matrix) -> list[Row]:
        """Make all tangents at holdings, shape (pods, n)."""
        return [row for x in self._points(X) for row in self._at(x)]

    def broken(self, point: Vector) -> list[Row]:
        """Make the tangents of the cones that a point breaks."""
        return list(self._at(self._variables(point), point))

    def priced(self, point: Vector, rows: Row) -> Vector:
        """Give a point the risk that it has, and goals the shortfalls that follow: tangents are below both.

        *rows* are those of stage 2 but for cones.
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
        """Compute what a cone bounds, and its bound."""
        rows = self.program.cone_rows[number]
        left = self.program.b[rows] - self.program.A[rows] @ x
        return float(np.linalg.norm(left[1:])), float(left[0])

    def _variables(self, point: Vector) -> Vector:
        return self.unit * point[: len(self.unit)]

    def _points(self, X: Matrix) -> Iterator[Vector]:
        """Say where holdings stand, as far as cones are concerned, and points around that."""
        x = np.zeros(len(self.unit))
        for h in self.form.holdings:
            x[h.u] = X[h.p, h.j] / self.form.sleeves[h.p].share
        yield x
        for u in np.flatnonzero(x).tolist() if self.short else ():
            for part in _AROUND:
                moved = x.copy()
                moved[u] *= 1 + part
                yield moved
