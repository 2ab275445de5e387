"""The solver that is measured, its compiled loops loaded."""

from __future__ import annotations

from portfolio.conic.large.solve import warm_up
from portfolio.conic.solve import minimise

warm_up()

__all__ = ["minimise"]
