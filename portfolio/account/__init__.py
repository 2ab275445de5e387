"""A coordinated portfolio in figures and words: the parts of the final event, and the money goals."""
