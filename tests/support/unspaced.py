"""Percentages as the code writes them, 7.8%, in place of 7.8 % as shown: test_percentages.py is about the space."""

from __future__ import annotations

import re


def unspaced(shown: str) -> str:
    """Close up the numbers and the signs of what was shown."""
    return re.sub(r"(?<=\d)[ \u00a0]%", "%", shown)
