"""The limits of a search: how near to the optimum, for how long, from which point, and the report of its progress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.conic.bound import States
    from portfolio.conic.earlier import Known


def never() -> bool:
    """Return False: the default of *stop*, for a search without a time limit."""
    return False


def ignore_progress(_value: float, _bound: float) -> None:
    """Ignore the progress of a search."""


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """How far a search goes, and where it starts.

    Attributes:
        gap: Relative gap at which an incumbent counts as optimal.
        node_limit: Greatest number of nodes of all trees.
        stop: Called before every node but the first; true ends the search with the results so far.
        start: A setting of the switches that may be feasible, such as that of a similar program.
        known: Multipliers of similar programs: parts that they close are not searched. The search adds its own.
        until: The search also ends at a point whose objective is below this value.
        on_progress: Called during the search with the cost of the best point so far (infinite without a point) and
            the bound.
    """

    gap: float = 1e-4
    node_limit: int = 100_000
    stop: Callable[[], bool] = never
    start: States | None = None
    known: Known | None = None
    until: float = -math.inf
    on_progress: Callable[[float, float], None] = ignore_progress


USUAL = Limits()
