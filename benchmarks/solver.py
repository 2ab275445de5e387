"""The solver that is measured, its compiled loops loaded."""

from __future__ import annotations

from portfolio.conic.solve import minimise, warm_up

warm_up()

__all__ = ["minimise"]
