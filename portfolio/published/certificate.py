"""The proof of a master portfolio, as a final event states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is proven about a master portfolio.

    Attributes:
        objective: Its objective; higher is better.
        bound: No portfolio that keeps the rules, and the goals as far as they can be kept, has a higher one.
        gap: ``(bound - objective) / max(|objective|, 0.01)``.
        target_gap: The gap at which the search may end.
        restricted: Goals that are not convex, for which stronger rows stood in: where a bound is proven
            without them it is that of all portfolios, else only of those that keep the stronger rows.
        levels_proven: Whether the smallest shortfall of every goal that gave way was proven.
        certified: Whether the gap is within its target, the levels are proven, and nothing was restricted.
        nodes: Nodes of all trees.
        leaves: Parts of the search spaces, each with its own proof, all checked again.
    """

    objective: float
    bound: float
    gap: float
    target_gap: float
    restricted: tuple[str, ...]
    levels_proven: bool
    certified: bool
    nodes: int
    leaves: int
