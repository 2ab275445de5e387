"""The proof of a master portfolio, as a final event states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """The proof of a master portfolio.

    Attributes:
        objective: Objective of the portfolio; higher is better.
        bound: Upper bound on the objective of all portfolios that keep the rules, and the goals as far as they can be
            kept.
        gap: ``(bound - objective) / max(|objective|, 0.01)``.
        target_gap: The gap at which the search may end.
        restricted: Names of goals that are not convex, and that stronger constraints replaced. A bound that is proven
            without these constraints holds for all portfolios; any other bound holds only for portfolios that keep the
            stronger constraints.
        levels_proven: Whether the smallest shortfall of every goal that gave way was proven.
        certified: Whether the gap is within its target, the levels are proven, and no goal was restricted.
        nodes: Number of nodes of all search trees.
        leaves: Number of parts of the search spaces; each part has a proof of its own, and all proofs were checked
            again.
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
