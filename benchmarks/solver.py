"""The solver that is measured: the dispatcher where there is one, else the plain tree."""

from __future__ import annotations

try:
    from portfolio.conic.solve import minimise
except ImportError:
    from portfolio.conic.search import minimise

__all__ = ["minimise"]
