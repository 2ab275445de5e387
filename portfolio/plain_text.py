"""Text that others will show: on a terminal, in a page, in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

# What a terminal obeys, and what hides letters or turns them around: control and format characters and the separators
# of lines and paragraphs, of the basic plane (Unicode 16), as ranges of a regular expression of any language. Scripts
# that are written from right to left need none of them.
_HIDDEN = (
    r"\u0000-\u001F\u007F-\u009F\u00AD\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u180E\u200B-\u200F\u2028-\u202E"
    r"\u2060-\u206F\uFEFF\uFFF9-\uFFFB"
)
# What a spreadsheet takes for the beginning of a formula, also in the width of Chinese and Japanese type.
_FORMULA = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20"
PATTERN = rf"^[^{_FORMULA}{_HIDDEN}][^{_HIDDEN}]*$"
WORDS = "text that does not begin with = + - or @ and holds no control or format character"

_PLAIN = re.compile(PATTERN)
_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_plain(text: str) -> bool:
    """Whether *text* has what ``WORDS`` say, beyond the basic plane too; so has no empty one."""
    return bool(_PLAIN.fullmatch(text)) and not any(unicodedata.category(letter) in _CATEGORIES for letter in text)


def shown(text: str, *, longest: int = 60) -> str:
    """Write a text in quotation marks, such that what is in it is seen and nothing of it obeyed; cut it."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return repr(cut) if is_plain(text) else ascii(cut)
