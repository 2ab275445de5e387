"""Small pieces of sentences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def listed(parts: Sequence[str]) -> str:
    """Join parts in a sentence: a, b and c."""
    *before, last = parts
    return f"{', '.join(before)} and {last}" if before else last


def asset_class(name: str) -> str:
    """Write the name of an asset class within a sentence."""
    return name.replace("australia", "Australia")


def sentence(text: str) -> str:
    """Begin a sentence with a capital letter and end it with a full stop."""
    stop = "" if text.endswith((".", "!", "?")) else "."
    return f"{text[:1].upper()}{text[1:]}{stop}"
