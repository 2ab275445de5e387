"""Everything that a request says: the mandates, the rules, the goals, and the holdings of today."""
