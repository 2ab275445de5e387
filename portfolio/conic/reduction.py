"""Reduce a relaxation to its free part, and carry multipliers back to the whole program.

Fixed variables move to the right-hand sides. Variables that a row forces to zero, such as all variables that depend on
a switch that is off, are left out, and so are rows that the bounds imply. The multipliers of the omitted rows are
chosen so that the bound equals that of the small program; the bound is valid for any multipliers.

This module never calls a solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF, ON

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

    Indices = npt.NDArray[np.intp]
    Flags = npt.NDArray[np.bool_]

# Sums of double precision that differ by less than this are equal.
_EQUAL = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A relaxation as the solver gets it, in compressed columns, with a record of the omitted variables and rows.

    Attributes:
        q: Costs, shape (n,).
        b: Right-hand sides: of equalities, of inequalities with the bounds among them, of cones.
        data: The entries of the rows, column by column.
        indices: The row of each entry.
        indptr: Start of each column.
        equalities: Number of rows that are equalities.
        inequalities: Number of rows that are inequalities or bounds.
        columns: Flags of the program's variables that remain.
        rows: Flags of the layout's rows that remain.
        fixed: Values of the variables that do not remain.
        forced: Per pass, the variables that rows force to zero: for each variable an entry of the forcing row.
        values: The entries of all rows in these states.
        costs: The costs of all variables in these states.
    """

    q: Vector
    b: Vector
    data: Vector
    indices: Indices
    indptr: Indices
    equalities: int
    inequalities: int
    columns: Flags
    rows: Flags
    fixed: Vector
    forced: list[Indices]
    values: Vector
    costs: Vector


class Layout:
    """All rows of a program's relaxations: equalities, inequalities, lower bounds, upper bounds, cones.

    Args:
        program: The program.
        free_A: The program's rows with all switches projected out.
        free_q: The program's costs with all switches projected out.
    """

    def __init__(self, program: Program, free_A: Matrix, free_q: Vector) -> None:
        self.program, self._free_A, self._free_q = program, free_A, free_q
        n, self._before = len(program.q), program.equalities + program.inequalities
        columns, rows = np.nonzero(((free_A != 0) | (program.A != 0)).T)
        every, late = np.arange(n), rows >= self._before
        # Entry by entry: the rows of the bounds as matrices would be larger than all others.
        all_columns = np.concatenate([columns, every, every])
        all_rows = np.concatenate([rows + 2 * n * late, self._before + every, self._before + n + every])
        order = np.lexsort((all_rows, all_columns))
        self._columns, self._rows = all_columns[order], all_rows[order]
        # Scale rows for the solver to a largest entry of one: trades mix shares of a thousandth with gains of tens.
        largest = np.maximum(abs(free_A), abs(program.A)).max(axis=1, initial=0.0)
        largest = np.concatenate([largest[: self._before], np.ones(2 * n), largest[self._before :]])
        self._scale = _scale(largest, program.cones)
        scale = self._scale[self._rows]
        self._free, self._on = (
            np.concatenate([table[rows, columns], -np.ones(n), np.ones(n)])[order] * scale
            for table in (free_A, program.A)
        )
        self._inequality = (self._rows >= program.equalities) & (self._rows < self._before)
        self._implied_by = self._implying()

    def _implying(self) -> Indices:
        """For each variable, find an inequality that implies the upper bound, given the switches' bounds; or -1."""
        program, rows = self.program, slice(self.program.equalities, self._before)
        A, b = program.A[rows], program.b[rows]
        switched = np.zeros(len(program.q), dtype=bool)
        switched[program.switched] = True
        alone = ((A > 0).sum(axis=1) == 1) & ~program.H[rows].any(axis=1) & ~((A < 0) & ~switched).any(axis=1)
        most = b - np.minimum(A, 0.0) @ program.upper
        implied = alone[:, None] & (A > 0) & ~switched & (most[:, None] <= A * program.upper * (1 + _EQUAL))
        implying_rows: Indices = np.full(len(program.q), -1, dtype=np.intp)
        if len(b):
            implying_rows[implied.any(axis=0)] = program.equalities + implied.argmax(axis=0)[implied.any(axis=0)]
        return implying_rows

    def reduce(self, states: States) -> Reduced:
        """Reduce the relaxation with the switches in *states*."""
        program, before, j = self.program, self._before, self.program.switched
        n, on = len(program.q), j[states == ON]
        is_on = np.zeros(n, dtype=bool)
        is_on[on] = True
        lower = program.lower.copy()
        lower[on] = program.floor[states == ON]
        values = np.where(is_on[self._columns], self._on, self._free)
        columns = lower < program.upper
        fixed = np.where(columns, 0.0, lower)
        columns[j[states == OFF]] = False
        fixed[j[states == OFF]] = 0.0
        y_b = program.b - program.H @ (states == ON)
        b = np.concatenate([y_b[:before], -lower, program.upper, y_b[before:]]) * self._scale
        b -= np.bincount(self._rows, weights=values * fixed[self._columns], minlength=len(b))
        forced = self._force(values, columns, lower, b)
        rows = self._keep(values, columns, lower, b)
        entries = columns[self._columns] & rows[self._rows] & (values != 0)
        number = np.cumsum(rows) - 1
        counts = np.bincount(self._columns[entries], minlength=n)[columns]
        q = np.where(is_on, program.q, self._free_q)
        return Reduced(
            q=q[columns],
            b=b[rows],
            data=values[entries],
            indices=number[self._rows[entries]],
            indptr=np.concatenate([[0], np.cumsum(counts)]),
            equalities=int(rows[: program.equalities].sum()),
            inequalities=int(rows[program.equalities : before + 2 * n].sum()),
            columns=columns,
            rows=rows,
            fixed=fixed,
            forced=forced,
            values=values,
            costs=q,
        )

    def _force(self, values: Vector, columns: Flags, lower: Vector, b: Vector) -> list[Indices]:
        """Remove variables that must be zero: some row bounds a sum of nonnegative terms by zero.

        Return the entries of the forcing rows, pass by pass.
        """
        forced: list[Indices] = []
        while True:
            entries_on = self._inequality & columns[self._columns] & (values != 0)
            other = entries_on & ((values < 0) | (lower[self._columns] != 0))
            zero = b == 0.0
            zero[self._rows[other]] = False
            entries = np.flatnonzero(entries_on & zero[self._rows])
            if not len(entries):
                return forced
            variables, first = np.unique(self._columns[entries], return_index=True)
            columns[variables] = False
            forced.append(entries[first])

    def _keep(self, values: Vector, columns: Flags, lower: Vector, b: Vector) -> Flags:
        """Keep only rows that the remaining variables can violate."""
        program, before, n = self.program, self._before, len(self.program.q)
        present = columns[self._columns]
        most = np.where(values > 0, program.upper[self._columns], lower[self._columns]) * values
        reach = np.bincount(self._rows, weights=np.where(present, most, 0.0), minlength=len(b))
        rows = np.ones(len(b), dtype=bool)
        inequalities = slice(program.equalities, before)
        rows[inequalities] = reach[inequalities] > b[inequalities] + _EQUAL
        empty = np.bincount(self._rows[present & (values != 0)], minlength=len(b)) == 0
        rows[: program.equalities] &= ~(empty & (abs(b) <= _EQUAL))[: program.equalities]
        rows[before : before + n] = columns
        rows[before + n : before + 2 * n] = columns & ((self._implied_by < 0) | ~rows[self._implied_by])
        return rows

    def point(self, reduced: Reduced, x: Vector) -> Vector:
        """Carry a point back to the whole program."""
        whole = reduced.fixed.copy()
        whole[reduced.columns] = x
        return whole

    def multipliers(self, reduced: Reduced, z: Vector, *, costs: bool) -> Vector:
        """Carry multipliers back: a row that forced a variable to zero pays the gain that the variable would bring."""
        n = len(self.program.q)
        y = np.zeros(len(reduced.rows))
        y[reduced.rows] = z
        box = slice(self._before, self._before + 2 * n)
        y[box] = 0.0
        for entries in reversed(reduced.forced):
            variables, rows = self._columns[entries], self._rows[entries]
            slopes = np.bincount(self._columns, weights=y[self._rows] * reduced.values, minlength=n)
            slope = slopes[variables] + (reduced.costs[variables] if costs else 0.0)
            np.maximum.at(y, rows, y[rows] + np.maximum(-slope, 0.0) / reduced.values[entries])
        y *= self._scale
        return np.concatenate([y[: box.start], y[box.stop :]])


def _scale(largest: Vector, cones: tuple[int, ...]) -> Vector:
    """Return the factor for each row, equal for all rows of a cone; *largest* holds the largest entry of each row."""
    largest = largest.copy()
    end = len(largest)
    for size in reversed(cones):
        largest[end - size : end] = largest[end - size : end].max()
        end -= size
    scale: Vector = 1 / np.where(largest > 0, largest, 1.0)
    return scale
