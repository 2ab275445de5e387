"""A server's disk that can be filled up: a small file system in memory, where this machine allows one."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPARE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """A small file system in memory, which can be filled up without filling it."""

    mount: Path
    mib: int

    @classmethod
    def mounted(cls, at: Path, mib: int) -> Disk | None:
        """Mount it; None where this is not allowed."""
        at.mkdir(parents=True, exist_ok=True)
        disk = cls(at, mib)
        return disk if disk.run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(at)) else None

    def run(self, *command: str) -> bool:
        """Run a command; whether it succeeded."""
        path = shutil.which(command[0])
        if path is None or os.geteuid() != 0:
            return False
        return os.spawnv(os.P_WAIT, path, list(command)) == 0  # noqa: S606 - no shell is what we want

    def fill(self) -> bool:
        """Leave no room beyond what is in use, and a little for what is written meanwhile."""
        return self.run("mount", "-o", f"remount,size={shutil.disk_usage(self.mount).used + _SPARE}", str(self.mount))

    def empty(self) -> bool:
        """Give the room back."""
        return self.run("mount", "-o", f"remount,size={self.mib}m", str(self.mount))

    def unmount(self) -> None:
        """Take it away with all that is on it."""
        self.run("umount", "--lazy", str(self.mount))


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Disk | None]:
    disk = Disk.mounted(folder, mib)
    try:
        yield disk
    finally:
        if disk:
            disk.unmount()
