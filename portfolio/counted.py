"""Count things in a sentence."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: 1 order, 2,000 orders.

    Args:
        number: The number of things.
        noun: The words after the number where the number is one, such as ``message is``.
        plural: The words after any other number; by default the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
