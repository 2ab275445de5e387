"""What others sent, made fit to be shown."""

from __future__ import annotations


def printable(text: str, *, longest: int | None = None) -> str:
    """Take out of a text what a terminal would obey, and what hides letters or turns them around; cut it.

    Args:
        text: A line that somebody sent, or that quotes it.
        longest: How many letters stay before ``...``; all by default.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[:longest]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def escaped(said: bytes) -> str:
    """Write bytes as text that can be logged, shown and encoded; what cannot, as Python escapes it."""
    text = said.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
