"""One customer's case: the market, the pods' portfolios, the terms, and the figures that follow from these inputs."""
