"""A record, outliving the process, of the messages in hand, so that others can tell which messages a process died with.

A redelivery proves little: the first delivery may never have arrived, or the acknowledgement was lost. The death of a
process is certain: the operating system releases the lock on the process's file. Files belong to one machine: if a
message kills processes on several machines, each machine records only the deaths there. Files are kept for an hour, and
the next reader removes older ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.port import Message

_log = structlog.get_logger()

_SUFFIX = ".in-hand"
# Longer than the time in which a message can kill so many processes that the workers give the message up.
_KEPT_S = 3_600.0
# A line has blank ones behind it up to the next place. No valid subject is nearly so long, and a name may have the
# subject's letters four times as long, escaped.
_PLACE_BYTES, _LONGEST_SUBJECT = 768, 150


class InHand:
    """One process's notes, and the notes of processes that died.

    Args:
        folder: The folder for the notes of all processes of this user and machine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[int] = []  # the places in the file that are blank again
        self._places = 0
        self._dead: dict[str, frozenset[str]] = {}
        self._name = uuid4().hex + _SUFFIX
        self._file = self._open()

    def _open(self) -> int:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        status = self._folder.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            message = (
                f"{self._folder} belongs to another user, or is open to others: give this process another (TMPDIR)"
            )
            raise PermissionError(message)
        # The file has a different name until the lock is held: otherwise other processes would take this process for
        # dead.
        draft = self._folder / f".{self._name}"
        file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        draft.rename(self._folder / self._name)
        return file

    @contextmanager
    def holding(self, queue: str, message: Message) -> Iterator[None]:
        """Record, while the block lasts, that *message* is being handled."""
        place = self._free.pop() if self._free else self._places
        self._places = max(self._places, place + 1)
        self._write(place, _name(queue, message))
        try:
            yield
        finally:
            self._write(place, "")
            self._free.append(place)

    def deaths(self, queue: str, message: Message) -> int:
        """Count the processes that died while handling *message*."""
        self._refresh()
        return sum(_name(queue, message) in held for held in self._dead.values())

    def close(self) -> None:
        """Remove the notes: messages may still be in hand, but this process has not died."""
        with contextlib.suppress(OSError):
            (self._folder / self._name).unlink()
        os.close(self._file)

    def _write(self, place: int, name: str) -> None:
        """Write one line into a place of its own, so that a note costs as much however many messages are in hand."""
        with contextlib.suppress(OSError):  # a full disk must not stop the work
            os.pwrite(self._file, name.encode().ljust(_PLACE_BYTES, b"\n"), place * _PLACE_BYTES)

    def _refresh(self) -> None:
        """Read the notes of processes that died since the last look, and delete old notes."""
        there = {path.name: path for path in self._folder.glob(f"*{_SUFFIX}") if path.name != self._name}
        self._dead = {name: held for name, held in self._dead.items() if name in there}
        for name, path in there.items():
            with contextlib.suppress(OSError):
                sequences = self._dead[name] if name in self._dead else _held_at_death(path)
                if sequences is None:
                    continue
                if not sequences or time.time() - path.stat().st_mtime > _KEPT_S:
                    path.unlink()
                    sequences = frozenset()
                self._dead[name] = sequences


def _held_at_death(path: Path) -> frozenset[str] | None:
    """Read the messages that a process had in hand when it died; None if the process lives."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return frozenset(path.read_text(encoding="utf-8").splitlines()) - {""}
    except BlockingIOError:
        return None
    finally:
        os.close(file)


def _name(queue: str, message: Message) -> str:
    sequence, stored_at = message.identity
    return f"{queue} {sequence} {stored_at} {message.subject[:_LONGEST_SUBJECT]!r}"


class Unnoted:
    """Notes of a process without a folder for notes."""

    @contextmanager
    def holding(self, queue: str, message: Message) -> Iterator[None]:  # noqa: ARG002
        """Record no message."""
        yield

    def deaths(self, queue: str, message: Message) -> int:  # noqa: ARG002
        """Report no deaths."""
        return 0


@contextmanager
def noting() -> Iterator[InHand | Unnoted]:
    """Record this process's messages in hand, while the block lasts, in the folder for temporary files."""
    try:
        notes = InHand(Path(gettempdir(), f"podfolio-in-hand-{os.getuid()}"))
    except OSError as error:
        _log.warning("in_hand.not_noted", error=str(error))
        yield Unnoted()
        return
    try:
        yield notes
    finally:
        notes.close()
