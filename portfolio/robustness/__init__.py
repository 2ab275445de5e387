"""How sure a suggestion is: the same question in markets drawn within the error of the figures, and what changes."""
