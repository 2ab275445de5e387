"""What a customer owns, what moving from there to a portfolio costs, and the orders that do it."""
