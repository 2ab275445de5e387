"""Make text from other senders safe to show."""

from __future__ import annotations


def printable(text: str, *, longest: int | None = None) -> str:
    """Replace characters that control a terminal, hide letters or reverse them; shorten the text.

    Args:
        text: A line from a sender, or a line that quotes one.
        longest: The most letters kept before ``...``; all by default.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[:longest]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def escaped(data: bytes) -> str:
    """Decode bytes to text that can be logged, shown and encoded; escape other characters as Python does."""
    text = data.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
