"""Read a user's public NKey, given as text or in a file."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

import nkeys

from portfolio.errors import DataError
from portfolio.files import read_bytes

_PUBLIC = re.compile(r"U[A-Z2-7]{55}")
_KEY_BYTES = 32


class KeyFormError(ValueError):
    """The input is no public key of a user; the message gives the reason.

    The message never repeats the input, which might be a secret.
    """


def read_key(key: str) -> str:
    """Read a public key from its text, or from a file that holds one.

    Raises:
        KeyFormError: If the input is no public key.
    """
    try:
        text = key if _PUBLIC.fullmatch(key) else read_bytes(Path(key)).decode("ascii").strip()
    except DataError:
        message = "neither a public key (U and 55 of A-Z 2-7) nor a file that can be read: give one of them"
        raise KeyFormError(message) from None
    except ValueError:
        text = ""
    if text.startswith("S"):
        message = "this file holds a secret: give the public key, such as secure/coordinator.pub"
        raise KeyFormError(message)
    decode(text)
    return text


def decode(key: str) -> bytes:
    """Decode a user's public NKey to its 32 bytes.

    Raises:
        KeyFormError: If the text is no public key.
    """
    if not _PUBLIC.fullmatch(key):
        message = "no public key of a user: give U and 55 of A-Z 2-7"
        raise KeyFormError(message)
    decoded = base64.b32decode(key)
    raw, checksum = decoded[: 1 + _KEY_BYTES], decoded[1 + _KEY_BYTES :]
    if binascii.crc_hqx(raw, 0).to_bytes(2, "little") != checksum or raw[0] != nkeys.PREFIX_BYTE_USER:
        message = "no public key of a user: its checksum is wrong, so a character is too; copy it again"
        raise KeyFormError(message)
    return raw[1:]
