"""Read the secret of an NKey from its file; never show, log or repeat the secret in an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bus.port import RefusedError
from portfolio.errors import DataError
from portfolio.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

# The seed stands alone in a seed file, and between lines of dashes in a .creds file.
_SEED = re.compile(rb"\bSU[A-Z2-7]{56}\b")


def read_seed(file: Path) -> bytearray:
    """Find a user's seed in a seed file or a credentials file.

    Raises:
        RefusedError: If the file holds no seed.
    """
    try:
        seed = _SEED.search(read_bytes(file))
    except DataError as error:
        raise RefusedError(str(error)) from None
    if seed:
        return bytearray(seed[0])
    message = (
        f"{file} holds no secret of a user's NKey (a seed: SU and 56 of A-Z 2-7): give one that `podfolio keys` made"
    )
    raise RefusedError(message)
