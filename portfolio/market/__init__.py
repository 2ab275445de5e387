"""The figures of the ETFs: ``snapshot`` reads a market, ``history`` makes one, ``figures`` measures portfolios."""
