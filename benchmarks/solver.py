"""The solver that is measured, its compiled loops loaded."""

from __future__ import annotations

from portfolio.conic.large.perspective.kernels import compile_kernels
from portfolio.conic.solve import minimise

compile_kernels()

__all__ = ["minimise"]
