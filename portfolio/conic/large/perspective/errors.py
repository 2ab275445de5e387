"""What can be wrong with a program that is handed to a block's search."""


class NotABlockError(ValueError):
    """The program has a shape that only the plain tree can solve; the message says what is too much."""
