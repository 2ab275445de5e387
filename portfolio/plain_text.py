"""Text that other programs show: on a terminal, in a page, in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

# Characters that a terminal obeys, or that hide or reorder letters: control and format characters, and the separators
# of lines and paragraphs, in the basic plane (Unicode 16). The ranges are valid in the regular expressions of any
# language. Right-to-left scripts need none of these characters.
_HIDDEN = (
    r"\u0000-\u001F\u007F-\u009F\u00AD\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u180E\u200B-\u200F\u2028-\u202E"
    r"\u2060-\u206F\uFEFF\uFFF9-\uFFFB"
)
# Characters that start a formula in a spreadsheet, and their full-width forms in Chinese and Japanese type.
_FORMULA = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20"
PATTERN = rf"^[^{_FORMULA}{_HIDDEN}][^{_HIDDEN}]*$"
WORDS = "text that does not begin with = + - or @ and holds no control or format character"

_PLAIN = re.compile(PATTERN)
_STARTS = re.compile(rf"[{_FORMULA}\t\r]")
_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_plain(text: str) -> bool:
    """Return whether *text* is as ``WORDS`` says, also beyond the basic plane; False for an empty text."""
    return bool(_PLAIN.fullmatch(text)) and not any(unicodedata.category(letter) in _CATEGORIES for letter in text)


def as_cell(text: str) -> str:
    """Return a text for a cell of CSV: one that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{text}" if _STARTS.match(text) else text


def shown(text: str, *, longest: int = 60) -> str:
    """Quote a text so that every character is visible and none takes effect; cut the text after *longest* letters."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return repr(cut) if is_plain(text) else ascii(cut)
