"""Messages that a server stores, and that clients find hard to read: those of ``fuzz.frames``, each by its number."""

from __future__ import annotations

from random import Random

from fuzz.frames import nasty_frames

from chaos.raw import Frame


def frame(number: int) -> Frame:
    """Make the message with this number: its subject, its headers or its body is odd, or all of them are."""
    draw = Random(number)  # noqa: S311 - nobody guesses it to win
    return Frame(*next(nasty_frames(draw, count=1)))
