"""Errors of the domain, one class per remedy."""


class PortfolioError(Exception):
    """The base of all errors of the domain; the message names a remedy."""


class DataError(PortfolioError, ValueError):
    """The input cannot be right: fix the input."""


class UnreachableGoalError(PortfolioError):
    """The rules and goals cannot all be kept: relax one of those that the message names."""


class SolverError(PortfolioError):
    """The solver gave no answer that can be trusted: change the solver's limits, or report the instance."""
