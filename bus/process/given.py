"""Files that people give to a command: recognise their kind, and refuse the wrong kind with the right use.

Recognises a file by its content, never by its name. What is not recognised is left to the reader of the format, whose
errors name lines and fields.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from codecs import BOM_UTF8
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portfolio.errors import DataError
from portfolio.files import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

# A message has at most a megabyte; of a longer file, such as a book or a table, the first lines are enough.
_HEAD = 2**20
# Bytes that no text has: control characters other than tabs, ends of lines and pages, and the escape.
_NO_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_ASSIGNMENT = re.compile(r"\w+\s*=(?!=)")
_FIX = "8=FIX"
_SEPARATORS = re.compile(r"[,;\t|]")
# Some exports of prices write the names of their columns in such brackets, too: <DATE>,<CLOSE>.
_PAGE = re.compile(r"<(?![A-Z]+>[,;\t|])")
# Members that other JSON seldom has.
_OF_REQUESTS = frozenset({"pod_weights", "customer", "account", "deadline_s"})
_OF_MANDATES = frozenset({"pod", "objective", "universe", "goals"})


class Kind(Enum):
    """A kind of file: its name, and a command that takes it.

    Attributes:
        words: The kind, with its article and its format.
        use: The command; ``{file}`` stands for the file.
    """

    REQUEST = "a request, in JSON", "podfolio request {file}"
    EVENT = "a final event, in JSON", "podfolio show {file}"
    CHALLENGE = "a challenge, in JSON", "podfolio verify EVENT.json --challenge {file}"
    APPROVAL = "a decision of an adviser, in JSON", "podfolio verify EVENT.json --approval {file}"
    MESSAGE = "another message of the stream, in JSON", ""
    MANDATE = "a mandate, in TOML", "podfolio validate REQUEST.json --mandate {file}"
    PROVIDER = "a provider, in TOML", "python -m coordinator --provider {file}"
    TABLE = "a table, in CSV", "podfolio market build {file} --id ID --return-is fund"
    BOOK = "a book, one request in JSON per line", "podfolio book run {file}"
    EVENTS = "final events, one in JSON per line", "podfolio orders export {file}"
    APPROVALS = (
        "decisions of advisers, one in JSON per line",
        "podfolio orders export EVENTS.jsonl --require-approval KEYS --approvals {file}",
    )
    RECORDING = "a recording of the stream, one message in JSON per line", "podfolio fake --replay {file}"
    FIX = "messages of FIX", "podfolio fills import {file} --book BOOK.jsonl --events EVENTS.jsonl"
    PAGE = "a page of HTML", ""

    def __init__(self, words: str, use: str) -> None:
        self.words, self.use = words, use


_TYPES = {
    "MasterPortfolioOptimized": Kind.EVENT,
    "MasterPortfolioFailed": Kind.EVENT,
    "PortfolioChallenged": Kind.CHALLENGE,
    "PortfolioNotChallenged": Kind.CHALLENGE,
    "PortfolioApproved": Kind.APPROVAL,
    "PortfolioDeclined": Kind.APPROVAL,
}
# Each line of these is read by itself: one that is no text is a fault of that line.
_BY_LINE = {Kind.BOOK, Kind.EVENTS, Kind.APPROVALS, Kind.RECORDING}
_PER_LINE = {Kind.REQUEST: Kind.BOOK, Kind.EVENT: Kind.EVENTS, Kind.APPROVAL: Kind.APPROVALS}
# A run that has not begun has no events, advisers may have decided nothing, and a quiet stream has no messages.
_MAY_BE_EMPTY = {Kind.EVENTS, Kind.APPROVALS, Kind.RECORDING}


class GivenFile(click.Path):
    """A parameter for a file of some kinds; another kind ends the command with the use of the file that was given.

    Args:
        kinds: The kinds that the command takes, the usual one first.
        allow_dash: Whether - stands for standard input, which the command examines by ``expect`` itself.
        is_folder_too: Whether a folder will do.
    """

    def __init__(self, *kinds: Kind, allow_dash: bool = False, is_folder_too: bool = False) -> None:
        super().__init__(exists=True, allow_dash=allow_dash, path_type=Path)
        self.name = "file"
        self.kinds, self._is_folder_too = kinds, is_folder_too

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Check that there is such a file and that it is of a kind that is taken."""
        file = Path(str(super().convert(value, param, ctx)))  # type: ignore[arg-type]
        if str(file) == "-" and self.allow_dash:
            return file
        if file.is_dir():
            if self._is_folder_too:
                return file
            raise click.ClickException(f"{file} is a folder: give {wanted(self.kinds)}")
        # A pipe can be read once, by the command: podfolio validate <(...).
        if not file.is_file():
            return file
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
            whole_lines = head[: head.rfind(b"\n") + 1] if opened.read(1) else head
        try:
            expect(whole_lines or head, str(file), *self.kinds)
        except DataError as error:
            raise click.ClickException(str(error)) from None
        return file


def wanted(kinds: tuple[Kind, ...]) -> str:
    """Name the kinds that are taken."""
    return " or ".join(kind.words for kind in kinds)


def expect(data: bytes, name: str, *kinds: Kind) -> None:
    """Refuse a file that is recognised and of none of the *kinds*.

    Args:
        data: The content.
        name: The file, as the error calls it.
        kinds: The kinds that are taken.

    Raises:
        DataError: If the file is empty, no text in UTF-8, or of another kind.
    """
    if not data.strip() and not _MAY_BE_EMPTY & set(kinds):
        message = f"{name} is empty: give {wanted(kinds)}"
        raise DataError(message)
    # A field of FIX may have any bytes.
    is_fix = data.removeprefix(BOM_UTF8).lstrip().startswith(_FIX.encode())
    text = "" if is_fix else _decoded(data, name, kinds)
    found = Kind.FIX if is_fix else recognise(text)
    is_line = "\n" not in text.strip()
    if found is None or found in kinds or (is_line and _PER_LINE.get(found) in kinds):
        return
    use = f"; for this file there is: {found.use.format(file=shlex.quote(name))}" if found.use else ""
    message = f"{name} is {found.words}: give {wanted(kinds)}{use}"
    raise DataError(message)


def _decoded(data: bytes, name: str, kinds: tuple[Kind, ...]) -> str:
    try:
        return decode(data, name)
    except DataError as error:
        if str(error).startswith(f"{name} is "):
            raise
        if _is_text(data.split(b"\n", 1)[0] if _BY_LINE & set(kinds) else data):
            if _BY_LINE & set(kinds):
                return data.decode("utf-8", "replace")
            raise
        message = f"{name} is no text: give {wanted(kinds)}"
        raise DataError(message) from None


def _is_text(data: bytes) -> bool:
    return len(data.translate(None, _NO_TEXT)) == len(data)


def recognise(text: str) -> Kind | None:
    """Recognise the kind of a text; None if that cannot be told, as of JSON with an error."""
    text = text.lstrip()
    if text.startswith("{"):
        return _of_json(text)
    if _PAGE.match(text):
        return Kind.PAGE
    if text.startswith(_FIX):
        return Kind.FIX
    if (stated := _toml(text)) is not None:
        return Kind.MANDATE if _OF_MANDATES & stated.keys() else Kind.PROVIDER if "name" in stated else None
    head = text.split("\n", 1)[0]
    if text.startswith("[") or (_ASSIGNMENT.match(head) and not head.startswith("sep=")):
        return None
    return Kind.TABLE if _SEPARATORS.search(head) else None


def _of_json(text: str) -> Kind | None:
    """Recognise one JSON object, or one per line."""
    if whole := _members(text):
        return _object(whole)
    first, _, rest = text.partition("\n")
    kind = _object(_members(first)) if rest.strip() else None
    return None if kind is None else _PER_LINE.get(kind, kind)


def _object(members: Mapping[str, object]) -> Kind | None:
    if {"subject", "data"} <= members.keys():
        return Kind.RECORDING
    if isinstance(name := members.get("type"), str):
        return _TYPES.get(name, Kind.MESSAGE)
    return Kind.REQUEST if _OF_REQUESTS & members.keys() else None


def _members(text: str) -> Mapping[str, object]:
    """Read the members of a JSON object; none of other text."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _toml(text: str) -> Mapping[str, object] | None:
    """Read TOML; None for other text, and for JSON, of which a list may look like TOML."""
    try:
        stated = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    return stated or None
