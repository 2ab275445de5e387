"""Percentages as readers see them: the number, a space and the sign, as in 7.8 %.

Sentences come from several authors, also from events that older versions wrote with ``7.8%``. Each page, deck, chart
and terminal therefore spaces what it shows, once, on the way out.
"""

from __future__ import annotations

import re

# A line never ends between a number and the sign.
NO_BREAK_SPACE = "\u00a0"
# The sign with the space before it, if there is one. Not before a letter or a digit, as in an address, and not at the
# end of a quotation: what somebody wrote stays as it is.
PERCENTAGES = re.compile(rf"(?<=\d)[ {NO_BREAK_SPACE}]?%(?![\w\"'])")


def spaced(text: str, space: str = NO_BREAK_SPACE) -> str:
    """Put one *space* between each number and the sign after it; other text stays as it is."""
    return PERCENTAGES.sub(f"{space}%", text)
