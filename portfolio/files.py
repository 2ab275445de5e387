"""Read files from users: whole, up to a size limit, with one kind of error for every fault.

Callers check the content; this module knows no file format.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio.errors import DataError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from typing import IO

# For comparison: a message has a megabyte, a mandate or a key some kilobytes.
MOST_BYTES = 16 * 2**20
# Prices of 400 ETFs on every day of 30 years are 25 MB.
MOST_TABLE_BYTES = 64 * 2**20
_UTF_16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
# The first bytes of files that are no text, and their mend.
_KINDS = {
    b"PK\x03\x04": "is a workbook, such as Excel's, or an archive: export a sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "is a workbook of an old Excel: export a sheet as CSV in UTF-8",
    b"\x1f\x8b": "is compressed: unpack it first",
    b"BZh": "is compressed: unpack it first",
    b"\xfd7zXZ": "is compressed: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed: unpack it first",
    b"PAR1": "is Parquet: export it as text",
    b"%PDF": "is a PDF: export the figures as text",
    b"\x89PNG": "is a picture: give a file of text",
    b"\xff\xd8\xff": "is a picture: give a file of text",
}


def read_bytes(file: Traversable, *, most: int = MOST_BYTES) -> bytes:
    """Read a file.

    Args:
        file: The file.
        most: The largest size, bytes; a larger file is refused and not read beyond this size.

    Raises:
        DataError: If the file cannot be read, or is too large.
    """
    try:
        with file.open("rb") as opened:
            return read_stream(opened, str(file) if isinstance(file, Path) else file.name, most=most)
    except OSError as error:
        message = f"{file} cannot be read ({error.strerror}): give a file that can"
        raise DataError(message) from error
    except ValueError as error:  # a path with a NUL
        message = f"{str(file)!r} is no name of a file ({error}): give a file that there is"
        raise DataError(message) from error


def read_stream(stream: IO[bytes], name: str, *, most: int = MOST_BYTES) -> bytes:
    """Read the rest of a stream; error messages call the stream *name*. Raise the errors of ``read_bytes``."""
    data = stream.read(most + 1)
    if len(data) > most:
        message = f"{name} has more than {most // 2**20} MiB: give a smaller file"
        raise DataError(message)
    return data


def decode(data: bytes, name: str) -> str:
    """Read text in UTF-8, with or without a byte order mark.

    Raises:
        DataError: If *data* is not UTF-8, or contains a NUL, which is not valid in a text.
    """
    skip_mark(data, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{name}: line {line} is not UTF-8 (byte {error.start}): save it as UTF-8"
        raise DataError(message) from error
    if (at := text.find("\0")) >= 0:
        message = f"{name}: line {text.count(chr(10), 0, at) + 1} holds a NUL: save it as plain text in UTF-8"
        raise DataError(message)
    return text


def skip_mark(data: bytes, name: str) -> bytes:
    """Leave out the byte order mark that Windows programs write before UTF-8.

    Raises:
        DataError: If *data* begins as UTF-16 does, or a workbook, of which only nonsense could be told otherwise.
    """
    for first, what in _KINDS.items():
        if data.startswith(first):
            message = f"{name} {what}"
            raise DataError(message)
    # Without a mark: the first character has a zero byte before or after the byte that it has in UTF-8.
    if data.startswith(_UTF_16) or (len(data) > 1 and (data[0] == 0) != (data[1] == 0)):
        message = f"{name} is UTF-16, as Windows programs write: save it as UTF-8"
        raise DataError(message)
    return data.removeprefix(codecs.BOM_UTF8)
