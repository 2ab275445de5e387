"""Say the first error in the syntax of JSON: its line, its column and the mend.

Every parser stops at such an error, and each names it in words of its own, for programmers. This module only explains
text that a parser refused: it builds no values.
"""

from __future__ import annotations

import json
import re

from bus.language.plain_text import printable

# Pydantic reads no deeper, and Python no number of more digits.
_DEEPEST, _MOST_DIGITS = 200, 4_300
# The most letters of a sender's word in a message.
_LONGEST = 24
_SPACE = re.compile(r"[\x20\t\n\r]*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![^\s,:;\]}\[{\"/#])")
_LITERAL = re.compile(r"(?:true|false|null)(?![^\s,:;\]}\[{\"/#])")
# A text from its first quotation mark to its last, or to the first character that no text may hold.
_TEXT = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_WORD = re.compile(r"[^\s,:;=\]}\[{\"'/#][^\s,:;=\]}\[{\"']*+")
_SINGLE = re.compile(r"'([^'\n]*+)'")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)")
_COMMENTS = ("//", "/*", "#")
_TYPOGRAPHIC = "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a"
# The halves of characters beyond the basic plane: high ones, low ones, and the end of both.
_HIGH, _LOW, _BEYOND = 0xD800, 0xDC00, 0xE000
_CLOSES = {"{": "}", "[": "]"}
_KINDS = {"{": "object", "[": "list"}
# Values of other languages, as JSON has them; of a number that is none, JSON has no form.
_FOREIGN = {
    "none": "write null",
    "null": "write null",
    "nil": "write null",
    "undefined": "write null",
    "true": "write true",
    "false": "write false",
    "nan": "JSON has no such number, leave the field out",
    "-nan": "JSON has no such number, leave the field out",
    "infinity": "JSON has no such number, leave the field out",
    "-infinity": "JSON has no such number, leave the field out",
    "inf": "JSON has no such number, leave the field out",
    "-inf": "JSON has no such number, leave the field out",
}


class _FaultError(Exception):
    """The first error: its place in the text, and the words after the place."""

    def __init__(self, at: int, words: str) -> None:
        super().__init__(words)
        self.at, self.words = at, words


def fault(data: bytes | str) -> str | None:
    """Say the first error in the syntax, such as ``line 3, column 9 has a comma before }: leave the comma out``.

    Columns count characters, from 1. Return None for text that is JSON.
    """
    try:
        text = _decoded(data)
        _Scanner(text).scan()
    except UnicodeDecodeError as error:
        return f"line {error.object.count(10, 0, error.start) + 1} is not UTF-8: write it in UTF-8"
    except _FaultError as found:
        return f"{_place(text, found.at)} {printable(found.words)}"
    return None


def doubled(data: bytes | str) -> tuple[str, int, int] | None:
    """Return the first name that an object has twice, and the two lines; None where there is none, or no JSON."""
    try:
        text = _decoded(data)
        scanner = _Scanner(text)
        scanner.scan()
    except (UnicodeDecodeError, _FaultError):
        return None
    if scanner.doubled is None:
        return None
    name, first, second = scanner.doubled
    return name, _line(text, first), _line(text, second)


def _decoded(data: bytes | str) -> str:
    return data.removeprefix("\ufeff") if isinstance(data, str) else data.decode("utf-8-sig")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _place(text: str, at: int) -> str:
    return f"line {_line(text, at)}, column {at - text.rfind(chr(10), 0, at)}"


class _Scanner:
    """Walks through a text once; the objects and lists that are open stand in a stack, so that depth costs no calls."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[tuple[str, int, dict[str, int]]] = []
        self._is_first = False
        self.doubled: tuple[str, int, int] | None = None

    def scan(self) -> None:
        """Read one value and the end.

        Raises:
            _FaultError: At the first error.
        """
        at = self._value(self._skip(0))
        while self._open:
            at = self._next(self._skip(at))
        at = self._skip(at)
        if self._text[at : at + 1] in {"{", "["}:
            raise _FaultError(at, "begins a second value: give one object, {...}, alone")
        if at < len(self._text):
            self._comment(at)
            raise _FaultError(at, f"has {self._word(at)} after the end: leave it out")

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _next(self, at: int) -> int:
        """Read on after an entry, or at the first of an object or a list."""
        bracket = self._open[-1][0]
        sign = self._text[at : at + 1]
        is_first, self._is_first = self._is_first, False
        if sign == _CLOSES[bracket]:
            self._open.pop()
            return at + 1
        if is_first:
            return self._entry(at)
        if sign == ",":
            after = self._skip(at + 1)
            if self._text[after : after + 1] in {"}", "]"}:
                raise _FaultError(at, f"has a comma before {self._text[after]}: leave the comma out")
            return self._entry(after)
        self._cut(at)
        self._comment(at)
        if sign in {"}", "]"}:
            raise _FaultError(at, f"has {sign} within {self._within()}: give {_CLOSES[bracket]} before it")
        if sign in {";", ":", "="}:
            raise _FaultError(at, f"has {sign} after a value: write a comma between two entries")
        quoted = r", and a quotation mark within a text as \"" if self._text[at - 1] == '"' else ""
        raise _FaultError(
            at, f"has {self._word(at)} where a comma is missing: write a comma between two entries{quoted}"
        )

    def _entry(self, at: int) -> int:
        bracket, _, names = self._open[-1]
        if bracket == "[":
            return self._value(at)
        if self._text[at : at + 1] != '"':
            self._refuse_name(at)
        end = self._text_end(at)
        name = json.loads(self._text[at:end], strict=False)
        if name in names and self.doubled is None:
            self.doubled = name, names[name], at
        names.setdefault(name, at)
        colon = self._skip(end)
        self._cut(colon)
        if self._text[colon] != ":":
            self._comment(colon)
            raise _FaultError(colon, f"has {self._word(colon)} where a colon is missing: write : after a name")
        return self._value(self._skip(colon + 1))

    def _value(self, at: int) -> int:
        self._cut(at)
        sign = self._text[at]
        if sign in _CLOSES:
            if len(self._open) == _DEEPEST:
                raise _FaultError(at, f"is nested more than {_DEEPEST} deep: give a flatter object")
            self._open.append((sign, at, {}))
            self._is_first = True
            return at + 1
        if sign == '"':
            return self._text_end(at)
        if found := _NUMBER.match(self._text, at) or _LITERAL.match(self._text, at):
            if found.end() - at > _MOST_DIGITS:
                raise _FaultError(at, f"has a number of {found.end() - at:,} characters: give a shorter number")
            return found.end()
        self._refuse_value(at)
        return at

    def _text_end(self, at: int) -> int:
        found = _TEXT.match(self._text, at)
        end = found.end() if found else at
        if end == len(self._text):
            raise _FaultError(at, 'begins a text that has no end: close it with ", and give the rest')
        sign = self._text[end]
        if sign == "\n":
            raise _FaultError(
                at, r'begins a text that does not end on its line: close it with ", or write \n for the new line'
            )
        if sign == "\\":
            raise _FaultError(end, r"has a backslash within a text: write \\ for a backslash")
        if sign != '"':
            raise _FaultError(end, r"has a control character within a text: write a tab as \t, and leave others out")
        self._refuse_half(at, end)
        return end + 1

    def _refuse_half(self, at: int, end: int) -> None:
        r"""Refuse half of a pair such as \ud83d\ude00: the two are one character."""
        if "\\u" not in self._text[at:end]:
            return
        escapes = [(found.start(), found.end(), found[1]) for found in _ESCAPE.finditer(self._text, at, end)]
        high = [(begin, stop) for begin, stop, code in escapes if code and _HIGH <= int(code, 16) < _LOW]
        low = [(begin, stop) for begin, stop, code in escapes if code and _LOW <= int(code, 16) < _BEYOND]
        paired = {stop for _, stop in high} & {begin for begin, _ in low}
        alone = [begin for begin, stop in high if stop not in paired] + [
            begin for begin, _ in low if begin not in paired
        ]
        if alone:
            raise _FaultError(min(alone), "has half of a character in a text: give both halves, or leave it out")

    def _refuse_name(self, at: int) -> None:
        self._cut(at)
        self._quotes(at)
        self._comment(at)
        word = self._word(at)
        if word == ",":
            raise _FaultError(at, "has a comma too many: leave it out")
        if word[:1].isdigit():
            raise _FaultError(
                at, f"has {word} where a name is missing: write numbers as 1000 or 0.15, without further commas"
            )
        if (found := _WORD.match(self._text, at)) and self._text[self._skip(found.end()) :][:1] == ":":
            raise _FaultError(at, f'has the name {word} without quotation marks: write "{word}"')
        raise _FaultError(at, f'has {word} where a name is missing: write "name": value')

    def _refuse_value(self, at: int) -> None:
        self._quotes(at)
        self._comment(at)
        word = self._word(at)
        if not self._open:
            raise _FaultError(at, f"has {word}: give an object, {{...}}")
        if mend := _FOREIGN.get(word.lower()):
            raise _FaultError(at, f"has {word}: {mend}")
        if word[:1] in ",:;]}=":
            raise _FaultError(at, f"has {word} where a value is missing: give the value")
        if percent := re.fullmatch(r"(-?\d{1,6}(?:\.\d{1,6})?)%", word):
            raise _FaultError(at, f"has {word}: write {float(percent[1]) / 100:.12g}")
        raise _FaultError(at, f"has {word}: write numbers as 1000 or 0.15, and text and days in quotation marks")

    def _quotes(self, at: int) -> None:
        sign = self._text[at]
        if found := _SINGLE.match(self._text, at):
            word = found[1][:_LONGEST]
            raise _FaultError(at, f'has single quotation marks: write "{word}{"..." if found[1] != word else ""}"')
        if sign in _TYPOGRAPHIC or sign == "'":
            raise _FaultError(at, f'has the quotation mark {sign}: write "')

    def _comment(self, at: int) -> None:
        if self._text.startswith(_COMMENTS, at):
            raise _FaultError(at, "has a comment, which JSON has not: leave it out")

    def _cut(self, at: int) -> None:
        if at < len(self._text):
            return
        if not self._open:
            raise _FaultError(at, "has no value: give an object, {...}")
        closing = _CLOSES[self._open[-1][0]]
        raise _FaultError(at, f"is the end, within {self._within()}: give the rest, or close with {closing}")

    def _within(self) -> str:
        bracket, start, _ = self._open[-1]
        return f"the {_KINDS[bracket]} that begins at {_place(self._text, start)}"

    def _word(self, at: int) -> str:
        found = _WORD.match(self._text, at)
        if self._text[at] == '"':
            found = re.compile(r'"[^"\n]*+"?').match(self._text, at)
        word = found[0] if found else self._text[at]
        return word if len(word) <= _LONGEST else f"{word[:_LONGEST]}..."
