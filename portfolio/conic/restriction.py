"""A program with most of its switches permanently off: small, and without rows that can no longer bind.

The restriction drops variables that are off, joint variables that no row lifts, and inequalities that the bounds alone
imply, and its cones are small (``small_cones``). Multipliers of the small program are lifted back to the whole
program's rows, where they prove the same bound: multipliers of dropped rows are zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF
from portfolio.conic.program import Program
from portfolio.conic.small_cones import small_cones
from portfolio.conic.solution import Leaf

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.small_cones import SmallCones

    Flags = npt.NDArray[np.bool_]
    Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class KeptColumns:
    """The columns of a program that are kept: all variables but those with a switch that is off.

    Attributes:
        variables: Indices of the variables.
        switches: Indices of the switches.
    """

    variables: Indices
    switches: Indices


def kept_by(program: Program, off: Flags) -> KeptColumns:
    """Find the columns that remain with the switches in *off*, shape (s,), off."""
    there = np.ones(len(program.q), dtype=bool)
    there[program.switched[off]] = False
    return KeptColumns(np.flatnonzero(there), np.flatnonzero(~off))


def columns(program: Program, kept: KeptColumns) -> Program:
    """Make the program of some columns; all rows stay as they are."""
    H = program.H[:, kept.switches]
    return _select(program, kept, program.A[:, kept.variables], H, program.b, program.inequalities, program.cones)


def _select(  # noqa: PLR0913, PLR0917 - the parts of a program that differ
    whole: Program, kept: KeptColumns, A: Matrix, H: Matrix, b: Vector, inequalities: int, cones: tuple[int, ...]
) -> Program:
    place = np.full(len(whole.q), -1)
    place[kept.variables] = np.arange(len(kept.variables))
    return Program(
        q=whole.q[kept.variables],
        lower=whole.lower[kept.variables],
        upper=whole.upper[kept.variables],
        A=A,
        H=H,
        b=b,
        equalities=whole.equalities,
        inequalities=inequalities,
        cones=cones,
        switched=place[whole.switched[kept.switches]],
        floor=whole.floor[kept.switches],
        k=whole.k[kept.switches],
        offset=whole.offset,
        blocks=whole.blocks[kept.variables],
    )


@dataclass(slots=True)
class Restriction:
    """A program of few columns, with the maps back to the whole program.

    Attributes:
        whole: The whole program.
        kept: The kept columns.
        program: The small program.
    """

    whole: Program
    kept: KeptColumns
    program: Program = field(init=False)
    _rows: Indices = field(init=False)
    _cones: SmallCones = field(init=False)

    def __post_init__(self) -> None:
        """Drop variables and rows that cannot matter, and reduce the cones."""
        whole = self.whole
        e = whole.equalities
        A, H = whole.A[:, self.kept.variables], whole.H[:, self.kept.switches]
        binding = self._binding(A, H)
        before = np.concatenate([np.arange(e), binding])
        idle = self._idle(A, before)
        self.kept = kept = KeptColumns(self.kept.variables[~idle], self.kept.switches)
        A = A[:, ~idle]
        self._rows, self._cones = before, (cones := small_cones(A, whole.b, whole.cone_rows, sparse=True))
        self.program = _select(
            whole,
            kept,
            np.vstack([A[before], cones.A]),
            np.vstack([H[before], np.zeros((len(cones.b), H.shape[1]))]),
            np.concatenate([whole.b[before], cones.b]),
            len(binding),
            cones.sizes,
        )

    def _binding(self, A: Matrix, H: Matrix) -> Indices:
        """Find the inequalities that the bounds alone do not imply."""
        whole, variables = self.whole, self.kept.variables
        middle = slice(whole.equalities, whole.equalities + whole.inequalities)
        lower, upper = whole.lower[variables], whole.upper[variables]
        most = 0.5 * (A[middle] @ (lower + upper) + abs(A[middle]) @ (upper - lower)) + H[middle].sum(axis=1)
        return np.flatnonzero(most > whole.b[middle]) + whole.equalities

    def _idle(self, A: Matrix, before: Indices) -> Flags:
        """Find variables that only cost: no remaining row becomes easier to keep when they rise above zero."""
        whole, variables = self.whole, self.kept.variables
        fixed = np.concatenate([np.arange(whole.equalities), *(np.r_[rows] for rows in whole.cone_rows)]).astype(int)
        helps: Flags = (A[before] < 0).any(axis=0) | A[fixed].any(axis=0)
        idle: Flags = ~helps & ~np.isin(variables, whole.switched)
        idle &= (whole.q[variables] >= 0) & (whole.lower[variables] == 0)
        return idle

    def lift(self, multipliers: Vector) -> Vector:
        """Lift multipliers of the small program's rows to the whole program's rows."""
        y = np.zeros(len(self.whole.b))
        y[self._rows] = multipliers[: len(self._rows)]
        self._cones.lift(multipliers[len(self._rows) :], y)
        return y

    def lift_leaf(self, leaf: Leaf) -> Leaf:
        """Lift a leaf's multipliers to the whole program's rows; the states stay those of the kept switches."""
        return Leaf(leaf.states, None if leaf.multipliers is None else self.lift(leaf.multipliers), leaf.infeasible)

    def point(self, x: Vector) -> Vector:
        """Map a point of the small program to the whole program's variables; the others are zero."""
        full = np.zeros(len(self.whole.q))
        full[self.kept.variables] = x
        return full

    def states(self, states: States) -> States:
        """Map set switches of the small program to all switches; the others are off."""
        full = np.full(len(self.whole.switched), OFF, dtype=np.int8)
        full[self.kept.switches] = states
        return full
