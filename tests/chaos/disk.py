"""A server's disk that can be filled up, and whose power can be cut, where this machine allows one.

It is a file system of its own on a loop device, the device's content in memory. When its power is cut, the file system
is told to write nothing more (``FS_IOC_SHUTDOWN``, as the kernel's own tests of file systems do): what was not synced
is lost, and its journal is replayed when it is mounted again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SPARE = 256 * 1024
_SHUTDOWN = 0x8004587D
# Not even the log of the file system is flushed.
_NO_FLUSH = 2


@dataclass(frozen=True, slots=True)
class Disk:
    """A small file system.

    Attributes:
        mount: Where it is mounted.
        image: What the device holds.
    """

    mount: Path
    image: Path

    def make(self, mib: int) -> bool:
        """Make it, and mount it; whether this was allowed."""
        self.mount.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(mib * 2**20)
        return _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image)) and self.plug_in()

    def plug_in(self) -> bool:
        """Mount it."""
        return _run("mount", "-o", "loop", str(self.image), str(self.mount))

    def fill(self) -> None:
        """Leave no room beyond a little for what is written meanwhile."""
        with self._filler.open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, shutil.disk_usage(self.mount).free - _SPARE))

    def empty(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.mount / "filler"

    def sync(self) -> None:
        """Have everything on the device that was written until now."""
        _run("sync", "--file-system", str(self.mount))

    def cut_power(self) -> None:
        """Lose what is not on the device; until it is mounted anew, every access is an error."""
        root = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(root, _SHUTDOWN, struct.pack("I", _NO_FLUSH))
        finally:
            os.close(root)

    def restart(self) -> None:
        """Mount it again after its power was cut; nobody may use it meanwhile."""
        self.unplug()
        if not self.plug_in():
            message = f"{self.image} cannot be mounted again"
            raise OSError(message)

    def unplug(self) -> None:
        """Unmount it."""
        _run("umount", str(self.mount))


def _run(*command: str) -> bool:
    """Run a command; whether it succeeded."""
    path = shutil.which(command[0])
    if path is None or os.geteuid() != 0:
        return False
    return os.spawnv(os.P_WAIT, path, list(command)) == 0  # noqa: S606 - no shell is what we want


@contextlib.contextmanager
def small_disks(mounts: Mapping[str, Path], folder: Path, mib: int) -> Iterator[dict[str, Disk]]:
    """Mount a disk at each of *mounts* while the block lasts; none where this is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # A real disk under them would make every sync as slow as it is, three times.
        if not _run("mount", "-t", "tmpfs", "tmpfs", str(folder)):
            yield {}
            return
        stack.callback(_run, "umount", "--lazy", str(folder))
        disks = {name: Disk(mount, folder / name) for name, mount in mounts.items()}
        for disk in disks.values():
            if not disk.make(mib):
                yield {}
                return
            stack.callback(_run, "umount", "--lazy", str(disk.mount))
        yield disks
