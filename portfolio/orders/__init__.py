"""The orders from the holdings of today to the portfolio, in whole units."""
