"""Error for a program that a block's search cannot solve."""


class NotABlockError(ValueError):
    """The program has a shape that only the plain tree can solve; the message names the unsupported part."""
