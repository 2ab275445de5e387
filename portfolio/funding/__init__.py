"""Money goals: the chance of reaching an amount, the capital that a wanted chance needs, and its division."""
