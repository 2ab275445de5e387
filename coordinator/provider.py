"""The provider of the results: a small file of the deployment, put into every final event."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bus.language.messages import Provider, encode, with_members
from portfolio.errors import DataError
from portfolio.files import decode, read_bytes
from portfolio.plain_text import WORDS, is_plain, shown
from portfolio.toml import parse_toml

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.payload import Payload

_LONGEST_TEXT = 200


def read_provider(file: Path) -> Provider:
    """Read who provides the results: a TOML file with ``name``, and ``licence_number`` and ``contact`` if there are.

    Raises:
        DataError: If the file cannot be read, has another field, or no name; the message says the mend.
    """
    text = decode(read_bytes(file), file.name)
    try:
        told = parse_toml(text)
    except DataError as error:
        message = f'{file} is not TOML ({error}): write lines such as name = "Example Advice Pty Ltd"'
        raise DataError(message) from None
    if strange := sorted(set(told) - set(Provider.model_fields)):
        message = f"{file}: {shown(strange[0])} is not known: give one of {', '.join(Provider.model_fields)}"
        raise DataError(message)
    if "name" not in told:
        message = f"{file}: name is missing: say who provides the results, or give no file"
        raise DataError(message)
    for field, text in told.items():
        if not isinstance(text, str) or not text.strip() or not is_plain(text) or len(text) > _LONGEST_TEXT:
            what = shown(text) if isinstance(text, str) else f"a {type(text).__name__}, no text"
            message = f"{file}: {field} is {what}: give {WORDS} in quotes, {_LONGEST_TEXT} at most"
            raise DataError(message)
    return Provider(**told)


def with_provider(event: Payload, provider: Provider | None) -> Payload:
    """Put the provider into a final event that is not signed yet."""
    if provider is None:
        return event
    return replace(event, data=with_members(event.data, {"provider": encode(provider), "signature": b"null"}))
