"""Minimise a cone program with the engine that fits: one tree over the whole program, or block by block.

With few switches one tree closes sooner than prices are found; with many switches one tree never closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.conic import search
from portfolio.conic.large import engines as large
from portfolio.conic.limits import USUAL

if TYPE_CHECKING:
    from portfolio.conic.limits import Limits
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


def minimise(program: Program, limits: Limits = USUAL) -> Solution:
    """Minimise *program* to a proven relative gap, or as far as *limits* allow."""
    return large.minimise(program, limits) if large.closes_sooner(program) else search.minimise(program, limits)
