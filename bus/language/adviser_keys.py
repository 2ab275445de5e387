"""The advisers' public keys, which verify approvals; no secrets."""

from __future__ import annotations

from pathlib import Path

from bus.language.public_key import KeyFormError, read_key


def read_adviser_keys(given: str) -> frozenset[str]:
    """Read the advisers' public keys: a key, a file with one, or a folder with ``adviser.pub``, ``adviser.<word>.pub``.

    Raises:
        KeyFormError: If there are none, or a file holds no public key.
    """
    folder = Path(given)
    if not folder.is_dir():
        return frozenset({read_key(given)})
    files = sorted({*folder.glob("adviser.pub"), *folder.glob("adviser.*.pub")})
    if not files:
        message = f"{folder} has no public key of an adviser: give a folder with adviser.pub, as `podfolio keys` makes"
        raise KeyFormError(message)
    return frozenset(map(_read, files))


def _read(file: Path) -> str:
    try:
        return read_key(str(file))
    except KeyFormError as error:
        message = f"{file}: {error}"
        raise KeyFormError(message) from None
