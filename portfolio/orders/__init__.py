"""The orders that lead from the holdings of today to the portfolio, in whole units."""
