"""One customer's case: the market, the pods' portfolios and the terms, and the figures that follow from them alone."""
