"""The folders of market snapshots on this machine: their ids, files and hashes, without reading a figure."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio.market import stated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.resources.abc import Traversable

FILES = ("etfs.csv", "moments.csv", "correlations.csv", stated.FILE)
# A market's id: the name of the folder, also used in requests and in the subject under which the market is published.
ID_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"
# Environment variable: folders of user-made markets, separated as in PATH. Child processes that compute inherit it.
VARIABLE = "PODFOLIO_MARKETS"


def bundled() -> dict[str, Traversable]:
    """Find the bundled snapshots, by id."""
    root = resources.files("portfolio") / "markets"
    return {folder.name: folder for folder in sorted(root.iterdir(), key=lambda f: f.name) if folder.is_dir()}


def own(roots: Iterable[Path]) -> dict[str, Traversable]:
    """Find the user-made snapshots in *roots*, by id; if two have the same id, return the first."""
    found: dict[str, Traversable] = {}
    for root in roots:
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if (folder / FILES[0]).is_file():
                found.setdefault(folder.name, folder)
    return found


def known() -> dict[str, Traversable]:
    """Find every snapshot on this machine, by id: bundled ones and those in ``PODFOLIO_MARKETS``.

    If a user-made snapshot has the id of a bundled one, return the bundled one.
    """
    roots = [Path(root) for root in os.environ.get(VARIABLE, "").split(os.pathsep) if root]
    return {**own(roots), **bundled()}


@contextmanager
def beside(folder: Path, *, first: bool = True) -> Iterator[None]:
    """Know the markets in *folder* too while the block lasts, also in child processes that start within it.

    Args:
        folder: A folder with a folder per market.
        first: Whether these markets come before those of one's own folders.
    """
    before = os.environ.get(VARIABLE)
    roots = [str(folder), before] if first else [before, str(folder)]
    os.environ[VARIABLE] = os.pathsep.join(root for root in roots if root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def digest(texts: Mapping[str, bytes]) -> str:
    """Hash the contents of a snapshot's files, by name."""
    sha256 = hashlib.sha256()
    for name in FILES:
        if name in texts:  # a snapshot of before market.csv keeps its hash, and is refused by ``read``
            sha256.update(name.encode() + b"\0" + texts[name] + b"\0")
    return sha256.hexdigest()
