"""What several tests of one run ask for, computed by the first of them: its workers share a folder, and wait for it.

Nothing is kept beyond the run, so that whatever is read here was computed by the code that is tested.
"""

from __future__ import annotations

import fcntl
import hashlib
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_folder: Path | None = None


def keep_in(folder: Path) -> None:
    """Say where, before the first test."""
    global _folder  # noqa: PLW0603 - whatever builds answers asks, with no fixture at hand
    _folder = folder
    folder.mkdir(exist_ok=True)


def once(key: object, compute: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is computed
    """Return what *compute* returned to the first that asked for *key*: a copy, which the caller may change.

    Args:
        key: All that the result depends on, with a ``repr`` of its own.
        compute: Called where nobody has asked before; what it raises is raised to each.
    """
    if _folder is None:
        return compute()
    with (_folder / hashlib.sha256(repr(key).encode()).hexdigest()).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed: another worker may be computing it
        file.seek(0)
        if not (text := file.read()):
            text = pickle.dumps(compute())
            file.write(text)
        return pickle.loads(text)  # noqa: S301 - a worker of this run wrote it
