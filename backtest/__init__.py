"""Walk forward through past prices: strategies that know the past alone, in one ledger of costs and tax."""
