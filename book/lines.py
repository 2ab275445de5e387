"""Read a book: a file with one request per line, or a folder with one file per request; never whole in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.port import MAX_MESSAGE_BYTES
from portfolio.errors import DataError
from portfolio.files import MOST_BYTES, skip_mark
from portfolio.plain_text import is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a book, as given.

    Attributes:
        number: The number of the line, or of the file in the folder, from 1.
        place: The line or the file, for people.
        body: The bytes; at most one more than a message may have.
    """

    number: int
    place: str
    body: bytes


def read(book: Path) -> Iterator[Line]:
    """Read the lines of a book in order; empty lines are none.

    Raises:
        DataError: If the book cannot be read, or has no request.
    """
    lines = _of_folder(book) if book.is_dir() else _of_file(book)
    there = False
    try:
        for line in lines:
            there = True
            yield line
    except OSError as error:
        message = f"{error.filename or book} cannot be read ({error.strerror}): give a file that can"
        raise DataError(message) from error
    if not there:
        what = "no file that ends in .json" if book.is_dir() else "no line"
        message = f"{book} has {what}: give one request or event per line, or a folder with one file per request"
        raise DataError(message)


def _of_file(book: Path) -> Iterator[Line]:
    if book.exists() and not book.is_file():
        # A device may have no end, and a pipe cannot be read again.
        message = f"{book} is no file on a disk: give one, or a folder"
        raise DataError(message)
    with book.open("rb") as opened:
        number = 0
        while data := opened.readline(MAX_MESSAGE_BYTES + 1):
            number += 1
            rest, skipped = data, 0
            while len(rest) > MAX_MESSAGE_BYTES and not rest.endswith(b"\n"):
                rest = opened.readline(MAX_MESSAGE_BYTES + 1)
                if (skipped := skipped + len(rest)) > MOST_BYTES:
                    most = f"{MOST_BYTES // 2**20} MiB"
                    message = f"line {number} of {book} has more than {most}: give one request per line"
                    raise DataError(message)
            if number == 1:
                data = skip_mark(data, str(book))
            if data.strip():
                yield Line(number, f"line {number}", data)


def _of_folder(book: Path) -> Iterator[Line]:
    for number, file in enumerate(sorted(book.glob("*.json")), start=1):
        with file.open("rb") as opened:
            name = file.name if is_plain(file.name) else shown(file.name)
            yield Line(number, name, opened.read(MAX_MESSAGE_BYTES + 1))
