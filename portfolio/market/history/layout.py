"""Tell how a table is written: separator, dates and numbers. Never guesses: one reading must be the only one."""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from portfolio.errors import DataError
from portfolio.plain_text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    # How a text is read; None if it is not written in that way.
    Reader: TypeAlias = Callable[[str], date | None]

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = (*_MONTHS, "january", "february", "march", "april", "june", "july", "august", "september", "october")
_MONTH = rf"(?P<month>{'|'.join(sorted((*_NAMES, 'november', 'december', 'sept'), key=len, reverse=True))})\.?"
_YEAR = r"(?P<year>\d{4}|\d{2})"
# Years of two digits: those of a century from this one on. There were no ETFs before 1970.
_CENTURY = 1970
_NAMED = [
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"(?:[a-z]{{3,9}},? )?(?P<day>\d{{1,2}})[ -]?{_MONTH}[ -]?,? ?{_YEAR}",
        rf"(?:[a-z]{{3,9}},? )?{_MONTH}[ -](?P<day>\d{{1,2}}),?[ -]{_YEAR}",
        rf"(?P<year>\d{{4}})[ -]{_MONTH}[ -](?P<day>\d{{1,2}})",
    )
]
# Midnight, as programs add it to a day; with a zone, the day stays as it is written.
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?$", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_TWELVE = 12

# Digits in groups of three, between them a comma, a point, an apostrophe or a blank of any width.
_BLANKS = "'\u2019 \u00a0\u2009\u202f"
_GROUPED = {mark: re.compile(rf"-?[1-9]\d{{0,2}}(\{mark}\d{{3}})+", re.ASCII) for mark in ",."}
_DECIMAL = {",": re.compile(r"-?\d+,\d+(e[+-]?\d+)?", re.ASCII), ".": re.compile(r"-?\d*\.\d+(e[+-]?\d+)?", re.ASCII)}
_BOTH = {
    ",": re.compile(r"-?\d{1,3}(\.\d{3})+,\d+", re.ASCII),
    ".": re.compile(r"-?\d{1,3}(,\d{3})+\.\d+", re.ASCII),
}
_BLANK_GROUPS = re.compile(rf"-?\d{{1,3}}([{_BLANKS}]\d{{3}})+([.,]\d+)?", re.ASCII)


def find_separator(lines: Sequence[str]) -> tuple[str, int, str]:
    """Find what separates the fields of a table.

    Returns:
        The separator, the number of lines before the header, and the assumption in words ("" for commas).

    Raises:
        DataError: If the header can be split in more than one way.
    """
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    header = lines[first] if lines else ""
    if stated := re.fullmatch(r'"?sep=(.)"?', header.strip("\r\n "), re.IGNORECASE):
        mark = stated[1]
        return mark, first + 1, f"fields are separated by {_SEPARATORS.get(mark, shown(mark))}, as its first line says"
    if header.strip("\r\n ").lower() == "sep=\t":
        return "\t", first + 1, "fields are separated by tabs, as its first line says"
    split = [mark for mark in _SEPARATORS if len(next(csv.reader([header], delimiter=mark), [])) > 1]
    if len(split) > 1:
        told = " and ".join(_SEPARATORS[mark] for mark in split)
        message = f"line {first + 1}: the header has {told}: give a file separated with commas only"
        raise DataError(message)
    if not split or split == [","]:
        return ",", first, ""
    return split[0], first, f"fields are separated by {_SEPARATORS[split[0]]}"


def read_days(texts: Sequence[tuple[int, str]]) -> tuple[dict[str, date], str]:
    """Read the dates of one column, all written in one way.

    Args:
        texts: Line and text of each cell.

    Returns:
        The date of each text that is one, and the assumption in words ("" for 2025-11-07).

    Raises:
        DataError: If the dates can be read in two ways, or are written in several.
    """
    written = {text: _MIDNIGHT.sub("", text) for _, text in texts}
    kinds: dict[str, tuple[int, str]] = {}
    for line, text in texts:
        if kind := _kind(written[text]):
            kinds.setdefault(kind, (line, text))
    if len(kinds) > 1:
        (line, text), (other, unlike) = list(kinds.values())[:2]
        message = (
            f"line {other}: {shown(unlike)} is a date in another form than {shown(text)} in line {line}: write all as"
            " 2025-11-07"
        )
        raise DataError(message)
    if not kinds:
        return {}, ""
    (kind,) = kinds
    readers: dict[str, tuple[Reader, str]] = {
        "year first": (_year_first, ""),
        "named": (_named, "months are given by name"),
        "year last": (_year_last, ""),
    }
    reader, told = readers[kind]
    if kind == "year last":
        reader, told = _order([(line, written[text]) for line, text in texts])
    if kind == "named" and any(re.search(r"(?<!\d)\d\d$", text) for text in written.values()):
        told += f", and years of two digits are those from {_CENTURY} to {_CENTURY + 99}"
    found = {text: day for text, plain in written.items() if (day := reader(plain)) is not None}
    return found, told and f"dates are read so: {told}"


def is_day(text: str) -> bool:
    """Whether a text is written as a date, in any of the forms that are read."""
    return bool(_kind(_MIDNIGHT.sub("", text)))


def _kind(text: str) -> str:
    if _YEAR_FIRST.fullmatch(text):
        return "year first"
    if _YEAR_LAST.fullmatch(text):
        return "year last"
    return "named" if any(pattern.fullmatch(text) for pattern in _NAMED) else ""


def _year_first(text: str) -> date | None:
    found = _YEAR_FIRST.fullmatch(text)
    # Eight digits need no marks; fewer would be of unknown lengths.
    if found is None or (not found[2] and len(text) != len("20251107")):
        return None
    return _date(int(found[1]), int(found[3]), int(found[4]))


def _named(text: str) -> date | None:
    found = next((found for pattern in _NAMED if (found := pattern.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == len("25"):
        year += _CENTURY // 100 * 100 + (100 if year < _CENTURY % 100 else 0)
    return _date(year, _MONTHS.index(found["month"][:3].lower()) + 1, int(found["day"]))


def _year_last(text: str, *, day_first: bool = True) -> date | None:
    if (found := _YEAR_LAST.fullmatch(text)) is None:
        return None
    day, month = (found[1], found[3]) if day_first else (found[3], found[1])
    return _date(int(found[4]), int(month), int(day))


def _order(texts: Iterable[tuple[int, str]]) -> tuple[Reader, str]:
    """Find out whether days or months come first: a number above 12, or the points that only a day precedes, tell.

    Raises:
        DataError: If nothing tells.
    """
    known = [(line, text, found) for line, text in texts if (found := _YEAR_LAST.fullmatch(text))]
    days = [(line, text) for line, text, found in known if int(found[1]) > _TWELVE or found[2] == "."]
    months = [(line, text) for line, text, found in known if int(found[3]) > _TWELVE]
    if days and months:
        message = (
            f"the day is first in {shown(days[0][1])} (line {days[0][0]}) and the month in {shown(months[0][1])}"
            f" (line {months[0][0]}): write all as 2025-11-07"
        )
        raise DataError(message)
    if days:
        return _year_last, f"the day comes first, as in {days[0][1]} (line {days[0][0]})"
    if months:
        return (
            lambda text: _year_last(text, day_first=False),
            f"the month comes first, as in {months[0][1]} (line {months[0][0]})",
        )
    line, text, found = known[0]
    if all(found[1] == found[3] for _, _, found in known):
        return _year_last, ""
    two = " or ".join(str(day) for first in (True, False) if (day := _year_last(found[0], day_first=first)) is not None)
    message = f"line {line}: {shown(text)} may be {two}, and no other date tells: write all as 2025-11-07"
    raise DataError(message)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_numbers(cells: Iterable[tuple[int, str]]) -> tuple[Callable[[str], str], str]:
    """Find out how the numbers of a file are written.

    Args:
        cells: Line and text of each number.

    Returns:
        A function that writes a number with a decimal point and nothing else (another text stays as it is), and the
        assumption in words ("" for plain numbers).

    Raises:
        DataError: If a number can be read in two ways, or two numbers are written differently.
    """
    told: dict[str, tuple[int, str]] = {}
    doubtful: list[tuple[int, str]] = []
    groups = False
    for line, text in cells:
        if "," not in text and _is_plain(text):
            if "." in text and "." not in told and not _GROUPED["."].fullmatch(text):
                told["."] = line, text
            continue
        plain = _without_blanks(text)
        marks = _decimal_marks(plain)
        groups |= plain != text
        if len(marks) == 1:
            told.setdefault(marks[0], (line, text))
            groups |= bool(_BOTH[marks[0]].fullmatch(plain) or _GROUPED[_other(marks[0])].fullmatch(plain))
        elif marks:
            doubtful.append((line, text))
    return _agreed(told, doubtful, groups=groups)


def _agreed(
    told: dict[str, tuple[int, str]], doubtful: list[tuple[int, str]], *, groups: bool
) -> tuple[Callable[[str], str], str]:
    if len(told) > 1:
        (line, text), (other, unlike) = told["."], told[","]
        message = (
            f"line {line} has {shown(text)}, with a decimal point, and line {other} {shown(unlike)}, with a decimal"
            " comma: write all numbers as 1100.25"
        )
        raise DataError(message)
    if doubtful and not told:
        line, text = doubtful[0]
        two = f"{text.replace(',', '')} or {text.replace(',', '.')}"
        message = f"line {line}: {shown(text)} may be {two}, and no other number tells: write all as 1100.25"
        raise DataError(message)
    mark = next(iter(told), ".")
    words = []
    if mark == ",":
        words.append(f"the comma is decimal, as in {told[','][1]} (line {told[','][0]})")
    if groups or doubtful:
        words.append("digits in groups of three make one number")
    return (lambda text: _plain(text, mark)), f"numbers are read so: {' and '.join(words)}" if words else ""


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def _without_blanks(text: str) -> str:
    return re.sub(f"[{_BLANKS}]", "", text) if _BLANK_GROUPS.fullmatch(text) else text


def _decimal_marks(text: str) -> list[str]:
    """List the marks that can be the decimal one in a number: both for 1,100, none for another text."""
    return [
        mark
        for mark in ".,"
        if _DECIMAL[mark].fullmatch(text) or _BOTH[mark].fullmatch(text) or _GROUPED[_other(mark)].fullmatch(text)
    ]


def _plain(text: str, mark: str) -> str:
    if mark == "." and "," not in text and _is_plain(text):
        return text
    plain = _without_blanks(text)
    if mark not in _decimal_marks(plain):
        return plain if _is_plain(plain) else text
    return plain.replace(_other(mark), "").replace(mark, ".")
