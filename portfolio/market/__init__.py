"""Market data: ``snapshot`` reads a market, ``history`` makes a market, ``figures`` measures portfolios."""
