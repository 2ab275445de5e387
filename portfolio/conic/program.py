"""Build a cone program row by row."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from portfolio import Matrix, Vector

# The block of a variable that belongs to no block.
JOINT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A cone program in matrix form; see the package's docstring.

    One matrix holds all rows, in the order equalities, inequalities, cones. The residual ``b - A x - H z`` must be zero
    in the equalities, not negative in the inequalities, and inside the cone in the rows of each cone.

    Attributes:
        q: Cost of the variables, shape (n,).
        lower: Lower bounds, finite, shape (n,).
        upper: Upper bounds, finite, shape (n,).
        A: Rows on the variables, shape (r, n).
        H: Rows on the switches, shape (r, s); not negative, and zero except in inequalities.
        b: Right-hand sides, shape (r,).
        equalities: Number of rows that are equalities.
        inequalities: Number of rows that are inequalities.
        cones: Number of rows of each second-order cone; the first row bounds the norm of the others.
        switched: The variable of each switch, shape (s,).
        floor: Least value of a variable that is switched on, shape (s,).
        k: Cost of the switches, shape (s,), not negative.
        offset: Constant of the objective.
        blocks: The block of each variable, shape (n,), or JOINT: without the rows that name variables of several
            blocks, or joint variables, the program would separate into its blocks.
        urgency: Priority of each switch for branching, relative to the others, shape (s,). One for each switch by
            default.
        keys: Identity of each row, or empty: rows of two programs with equal keys say the same, but for their numbers.
            Whatever they say, only speed depends on keys.
        aim: The key of the row that says, in other programs, that the objective is at most one; None where no row does.
        size: Largest possible size of the terms of each row, shape (r,): rounding errors are relative to this size.
        cost_size: The same of the objective's terms without switches.
        cone_rows: The rows of each cone, as slices.
    """

    q: Vector
    lower: Vector
    upper: Vector
    A: Matrix
    H: Matrix
    b: Vector
    equalities: int
    inequalities: int
    cones: tuple[int, ...]
    switched: np.ndarray[tuple[int], np.dtype[np.intp]]
    floor: Vector
    k: Vector
    offset: float
    blocks: np.ndarray[tuple[int], np.dtype[np.intp]]
    urgency: Vector = field(default_factory=lambda: np.ones(0))
    keys: tuple[Hashable, ...] = ()
    aim: Hashable | None = None
    size: Vector = field(init=False)
    cost_size: float = field(init=False)
    cone_rows: tuple[slice, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Refuse programs that violate the assumptions of the relaxations, which do not check these."""
        e, m = self.equalities, self.inequalities
        if (self.H < 0).any() or self.H[:e].any() or self.H[e + m :].any() or (self.k < 0).any():
            raise ValueError("a switch may only cost: its coefficients must not be negative")
        numbers = (self.q, self.lower, self.upper, self.A, self.H, self.b, self.floor, self.k, np.array(self.offset))
        if not all(np.isfinite(array).all() for array in numbers):
            message = "every number must be finite, bounds included: without them no bound on the optimum is valid"
            raise ValueError(message)
        if (self.lower > self.upper).any() or (self.floor > self.upper[self.switched]).any():
            raise ValueError("a lower bound is above its upper bound; say with a row that nothing is possible")
        if (self.lower[self.switched] != 0).any() or (self.upper[self.switched] <= 0).any():
            raise ValueError("a switched variable must have a lower bound of zero and a positive upper bound")
        reach = np.maximum(abs(self.lower), abs(self.upper))
        object.__setattr__(self, "cost_size", abs(self.offset) + float(abs(self.q) @ reach))
        if not len(self.urgency):
            object.__setattr__(self, "urgency", np.ones(len(self.switched)))
        ends = np.cumsum([e + m, *self.cones]).tolist()
        object.__setattr__(self, "cone_rows", tuple(slice(start, end) for start, end in pairwise(ends)))
        object.__setattr__(self, "size", abs(self.b) + abs(self.A) @ reach + self.H.sum(axis=1))

    @property
    def plain(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Flags of yes-or-no switches: the variable is zero or at its upper bound, shape (s,)."""
        at_once: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.floor == self.upper[self.switched]
        return at_once

    def value(self, x: Vector, on: Vector) -> float:
        """Objective at a point; *on* is 1 for each switch that is on."""
        return self.offset + float(self.q @ x) + float(self.k @ on)


class _Filled(NamedTuple):
    """Matrices of rows: of equalities, of inequalities on variables and on switches, and of cones with their number."""

    equal: Matrix
    at_most: Matrix
    H: Matrix
    cones: Matrix
    number_of_cones: int


_EMPTY = np.zeros((0, 0))
_NOTHING_FILLED = _Filled(_EMPTY, _EMPTY, _EMPTY, _EMPTY, 0)


@dataclass(slots=True)
class Builder:
    """Collector of variables, switches and rows; ``build`` makes the matrices."""

    offset: float = 0.0
    aim: Hashable | None = None
    _topic: str = ""
    _cost: list[float] = field(default_factory=list)
    _lower: list[float] = field(default_factory=list)
    _upper: list[float] = field(default_factory=list)
    _block: list[int] = field(default_factory=list)
    _switched: list[int] = field(default_factory=list)
    _floor: list[float] = field(default_factory=list)
    _switch_cost: list[float] = field(default_factory=list)
    _urgency: list[float] = field(default_factory=list)
    _at_most: list[tuple[Mapping[int, float], Mapping[int, float], float]] = field(default_factory=list)
    _equal: list[tuple[Mapping[int, float], float]] = field(default_factory=list)
    _cones: list[tuple[Matrix, Sequence[int], Mapping[int, float], float]] = field(default_factory=list)
    _equal_keys: list[Hashable] = field(default_factory=list)
    _at_most_keys: list[Hashable] = field(default_factory=list)
    _cone_keys: list[Hashable] = field(default_factory=list)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _filled: _Filled = _NOTHING_FILLED

    @contextmanager
    def about(self, topic: str) -> Iterator[None]:
        """Give the rows added within the context a topic: the key of a row is its topic and its number there."""
        before, self._topic = self._topic, topic
        yield
        self._topic = before

    def variable(self, *, lower: float = 0.0, upper: float, cost: float = 0.0, block: int = JOINT) -> int:
        """Add a variable and return the new index."""
        self._block.append(block)
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

    def switch(self, variable: int, *, floor: float = 0.0, cost: float = 0.0, urgency: float = 1.0) -> int:
        """Make *variable* semicontinuous: zero, or from *floor* to the upper bound. Return the switch's index."""
        self._urgency.append(urgency)
        self._switched.append(variable)
        self._floor.append(floor)
        self._switch_cost.append(cost)
        return len(self._switched) - 1

    def at_most(self, row: Mapping[int, float], limit: float, *, switches: Mapping[int, float] | None = None) -> int:
        """Require ``row.x + switches.z <= limit``; return the number of the inequality."""
        self._at_most.append((row, switches or {}, limit))
        self._at_most_keys.append((1, *self._next_key("at most")))
        return len(self._at_most) - 1

    def at_least(self, row: Mapping[int, float], limit: float) -> int:
        """Require ``row.x >= limit``; return the number of the inequality."""
        return self.at_most({j: -a for j, a in row.items()}, -limit)

    def equal(self, row: Mapping[int, float], value: float) -> None:
        """Require ``row.x == value``."""
        self._equal.append((row, value))
        self._equal_keys.append((0, *self._next_key("equal")))

    def norm_at_most(self, M: Matrix, variables: Sequence[int], row: Mapping[int, float], limit: float = 0.0) -> int:
        """Require ``|M @ x[variables]| <= row.x + limit``; return the number of the cone."""
        self._cones.append((M, variables, row, limit))
        key = self._next_key("cone")
        self._cone_keys += [(*key, row) for row in range(len(M) + 1)]
        return len(self._cones) - 1

    def copy(self) -> Builder:
        """Copy the builder; the copy shares the rows so far, and their matrices, which are made once."""
        self._filled = self._fill_rows()
        twin = copy(self)
        for each in fields(self):
            if isinstance(value := getattr(self, each.name), (list, dict)):
                setattr(twin, each.name, copy(value))
        return twin

    def build(self) -> Program:
        """Make the matrices."""
        sizes = tuple(len(M) + 1 for M, *_ in self._cones)
        filled = self._fill_rows()
        return Program(
            q=np.array(self._cost),
            lower=np.array(self._lower),
            upper=np.array(self._upper),
            A=np.concatenate([filled.equal, filled.at_most, filled.cones]),
            H=np.concatenate(
                [
                    np.zeros((len(filled.equal), filled.H.shape[1])),
                    filled.H,
                    np.zeros((len(filled.cones), filled.H.shape[1])),
                ]
            ),
            b=np.concatenate(
                [
                    [value for _, value in self._equal],
                    [limit for *_, limit in self._at_most],
                    *([limit] + [0.0] * len(M) for M, _, _, limit in self._cones),
                ]
            ),
            equalities=len(self._equal),
            inequalities=len(self._at_most),
            cones=sizes,
            switched=np.array(self._switched, dtype=np.intp),
            floor=np.array(self._floor),
            k=np.array(self._switch_cost),
            offset=self.offset,
            blocks=np.array(self._block, dtype=np.intp),
            urgency=np.array(self._urgency),
            keys=(*self._equal_keys, *self._at_most_keys, *self._cone_keys),
            aim=self.aim,
        )

    def _fill_rows(self) -> _Filled:
        """Fill the matrices of all rows: those filled before, and the rows since then."""
        n, s, before = len(self._cost), len(self._switched), self._filled
        equal = _extended(before.equal, len(self._equal), n)
        _fill(equal, len(before.equal), [row for row, _ in self._equal[len(before.equal) :]])
        at_most, H = (
            _extended(table, len(self._at_most), width) for table, width in ((before.at_most, n), (before.H, s))
        )
        new = self._at_most[len(before.at_most) :]
        _fill(at_most, len(before.at_most), [row for row, _, _ in new])
        _fill(H, len(before.at_most), [switches for _, switches, _ in new])
        first = len(before.cones)
        cones = _extended(before.cones, sum(len(M) + 1 for M, *_ in self._cones), n)
        for M, variables, row, _ in self._cones[before.number_of_cones :]:
            _fill(cones, first, [{j: -a for j, a in row.items()}])
            cones[first + 1 : first + 1 + len(M), variables] = -M
            first += 1 + len(M)
        return _Filled(equal, at_most, H, cones, len(self._cones))

    def _next_key(self, kind: str) -> tuple[str, int]:
        """Number the rows of each kind within their topic."""
        number = self._counts.get((kind, self._topic), 0)
        self._counts[kind, self._topic] = number + 1
        return self._topic, number


def _extended(table: Matrix, rows: int, columns: int) -> Matrix:
    """Copy a table into a larger one of zeros."""
    larger = np.zeros((rows, columns))
    larger[: table.shape[0], : table.shape[1]] = table
    return larger


def _fill(table: Matrix, first: int, rows: Sequence[Mapping[int, float]]) -> None:
    """Fill some rows of a table of zeros, from *first* on."""
    places, columns, entries = list[int](), list[int](), list[float]()
    for place, row in enumerate(rows, start=first):
        places += [place] * len(row)
        columns += row.keys()
        entries += row.values()
    table[places, columns] = entries
