"""Packages of npm, for tests that run JavaScript: installed once, beside the ``package-lock.json`` that names them."""

from __future__ import annotations

import fcntl
import subprocess
from typing import TYPE_CHECKING

from support.programs import NPM

if TYPE_CHECKING:
    from pathlib import Path

# By the hashes of the lock file, which records no registry's address; made by `make locks`. No package runs code to
# install itself.
_INSTALL = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")


def install(folder: Path) -> None:
    """Install what the lock file in *folder* names, unless that is there already; one process at a time."""
    named, there = folder / "package-lock.json", folder / "node_modules" / ".installed"
    with (folder / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if there.is_file() and there.read_bytes() == named.read_bytes():
            return
        command = [NPM.path(), *_INSTALL]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        assert done.returncode == 0, f"npm could not install the packages of {named}:\n{done.stderr}"
        there.write_bytes(named.read_bytes())
