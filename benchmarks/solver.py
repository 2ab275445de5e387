"""The solver that is measured, its compiled loops loaded."""

from __future__ import annotations

from portfolio.conic.dispatch import minimise
from portfolio.conic.large.perspective.kernels import compile_kernels

compile_kernels()

__all__ = ["minimise"]
