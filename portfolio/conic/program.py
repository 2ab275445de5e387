"""State a cone program row by row, each row with a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A cone program in matrix form; see the package's docstring for the meaning of the letters.

    Attributes:
        q: Cost of the variables, shape (n,).
        lower: Lower bounds, finite, shape (n,).
        upper: Upper bounds, finite, shape (n,).
        G: Inequalities, shape (m, n).
        H: Their coefficients on the switches, shape (m, s), not negative.
        h: Their right-hand sides, shape (m,).
        E: Equalities, shape (e, n).
        f: Their right-hand sides, shape (e,).
        cones: Pairs (B, d) with shapes (r, n) and (r,).
        switched: Which variable each switch switches, shape (s,).
        floor: Least value of a variable that is switched on, shape (s,).
        k: Cost of the switches, shape (s,), not negative.
        offset: Constant of the objective.
    """

    q: Vector
    lower: Vector
    upper: Vector
    G: Matrix
    H: Matrix
    h: Vector
    E: Matrix
    f: Vector
    cones: tuple[tuple[Matrix, Vector], ...]
    switched: np.ndarray[tuple[int], np.dtype[np.intp]]
    floor: Vector
    k: Vector
    offset: float

    def __post_init__(self) -> None:
        """Refuse what the relaxations rely on and do not check."""
        if (self.H < 0).any() or (self.k < 0).any():
            message = "a switch may only cost: its coefficients must not be negative"
            raise ValueError(message)
        if not (np.isfinite(self.lower).all() and np.isfinite(self.upper).all()):
            message = "every variable needs finite bounds: without them no bound on the optimum is valid"
            raise ValueError(message)
        if (self.lower[self.switched] != 0).any() or (self.upper[self.switched] <= 0).any():
            message = "a switched variable must have a lower bound of zero and a positive upper bound"
            raise ValueError(message)


@dataclass(slots=True)
class Builder:
    """Collects variables, switches and rows; ``build`` makes the matrices of it."""

    offset: float = 0.0
    _cost: list[float] = field(default_factory=list)
    _lower: list[float] = field(default_factory=list)
    _upper: list[float] = field(default_factory=list)
    _switched: list[int] = field(default_factory=list)
    _floor: list[float] = field(default_factory=list)
    _switch_cost: list[float] = field(default_factory=list)
    _at_most: list[tuple[Mapping[int, float], Mapping[int, float], float]] = field(default_factory=list)
    _equal: list[tuple[Mapping[int, float], float]] = field(default_factory=list)
    _cones: list[tuple[Matrix, Sequence[int], Mapping[int, float], float]] = field(default_factory=list)

    def variable(self, *, lower: float = 0.0, upper: float, cost: float = 0.0) -> int:
        """Add a variable; returns its index."""
        self._cost.append(cost)
        self._lower.append(lower)
        self._upper.append(upper)
        return len(self._cost) - 1

    def upper_of(self, variable: int) -> float:
        """Read the upper bound of a variable."""
        return self._upper[variable]

    def cost(self, row: Mapping[int, float]) -> None:
        """Add ``row.x`` to the objective."""
        for j, a in row.items():
            self._cost[j] += a

    def switch(self, variable: int, *, floor: float = 0.0, cost: float = 0.0) -> int:
        """Make *variable* semicontinuous: zero, or from *floor* to its upper bound; returns the switch's index."""
        self._switched.append(variable)
        self._floor.append(floor)
        self._switch_cost.append(cost)
        return len(self._switched) - 1

    def at_most(self, row: Mapping[int, float], limit: float, *, switches: Mapping[int, float] | None = None) -> None:
        """Require ``row.x + switches.z <= limit``."""
        self._at_most.append((row, switches or {}, limit))

    def at_least(self, row: Mapping[int, float], limit: float) -> None:
        """Require ``row.x >= limit``."""
        self.at_most({j: -a for j, a in row.items()}, -limit)

    def equal(self, row: Mapping[int, float], value: float) -> None:
        """Require ``row.x == value``."""
        self._equal.append((row, value))

    def norm_at_most(self, M: Matrix, variables: Sequence[int], row: Mapping[int, float], limit: float = 0.0) -> None:
        """Require ``|M @ x[variables]| <= row.x + limit``."""
        self._cones.append((M, variables, row, limit))

    def build(self) -> Program:
        """Make the matrices."""
        n, s = len(self._cost), len(self._switched)
        G, H, h = np.zeros((len(self._at_most), n)), np.zeros((len(self._at_most), s)), np.zeros(len(self._at_most))
        for i, (row, switches, limit) in enumerate(self._at_most):
            _fill(G[i], row)
            _fill(H[i], switches)
            h[i] = limit
        E, f = np.zeros((len(self._equal), n)), np.zeros(len(self._equal))
        for i, (row, value) in enumerate(self._equal):
            _fill(E[i], row)
            f[i] = value
        return Program(
            q=np.array(self._cost),
            lower=np.array(self._lower),
            upper=np.array(self._upper),
            G=G,
            H=H,
            h=h,
            E=E,
            f=f,
            cones=tuple(_cone(n, *cone) for cone in self._cones),
            switched=np.array(self._switched, dtype=np.intp),
            floor=np.array(self._floor),
            k=np.array(self._switch_cost),
            offset=self.offset,
        )


def _fill(row: Vector, entries: Mapping[int, float]) -> None:
    for j, a in entries.items():
        row[j] += a


def _cone(n: int, M: Matrix, variables: Sequence[int], row: Mapping[int, float], limit: float) -> tuple[Matrix, Vector]:
    B, d = np.zeros((len(M) + 1, n)), np.zeros(len(M) + 1)
    _fill(B[0], row)
    d[0] = limit
    B[1:, variables] = M
    return B, d
