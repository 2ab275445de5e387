"""What can go wrong in the domain, cut by remedy."""


class PortfolioError(Exception):
    """Anything the domain refuses to do; the message says what would help."""


class DataError(PortfolioError, ValueError):
    """The input cannot be right: fix the input."""


class UnreachableGoalError(PortfolioError):
    """The rules and goals cannot all be kept: relax one of those it names."""


class SolverError(PortfolioError):
    """The solver gave no answer that can be trusted: change its limits, or report the instance."""
