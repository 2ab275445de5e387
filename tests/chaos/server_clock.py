"""A running server's clock, set ahead or back while everybody else's stays right.

A Go program asks the kernel's code in its own memory (the vDSO) for the time, so no library can be put between, and
the machine's clock is everybody's. The kernel lets whoever may debug a process write into that memory, as a debugger
writes breakpoints: the function is replaced by one that asks the kernel itself and adds an offset to the time of day.
The clock that runs evenly, by which a server counts its waits, stays as it is, as when an administrator sets a clock.
"""

from __future__ import annotations

import platform
import struct
import time
from dataclasses import dataclass
from pathlib import Path

_FUNCTION = b"__vdso_clock_gettime"
# mov eax, 228 (clock_gettime); syscall; test edi, edi (the time of day?); jne +7; add qword [rsi], seconds; ret
_BEFORE = bytes.fromhex("b8e40000000f0585ff7507488106")
_AFTER = b"\xc3"
_DYNAMIC_SYMBOLS = 11
_PATIENCE_S = 2.0


class NoClockError(Exception):
    """The clock of a process cannot be set here; the message says why."""


@dataclass(frozen=True, slots=True)
class ServerClock:
    """The clock of one process.

    Attributes:
        pid: The process.
        address: Where the seconds by which its clock is off stand in its memory.
    """

    pid: int
    address: int

    @classmethod
    def of(cls, pid: int) -> ServerClock:
        """Take over the clock of a process that is stopped, right at first.

        Raises:
            NoClockError: If the machine is another than this code is written for, or does not allow it.
        """
        if platform.machine() != "x86_64":
            message = f"no function that reads a clock is written for {platform.machine()}"
            raise NoClockError(message)
        try:
            begin, end = _code(pid)
            function = begin + _find(_memory(pid, begin, end - begin))
            _wait_outside(pid, begin, end)
            _write(pid, function, _BEFORE + struct.pack("<i", 0) + _AFTER)
        except (OSError, LookupError) as error:
            message = f"the memory of a server cannot be changed: {error}"
            raise NoClockError(message) from error
        return cls(pid, function + len(_BEFORE))

    def set(self, seconds: int) -> None:
        """Have it off by *seconds*."""
        _write(self.pid, self.address, struct.pack("<i", seconds))


def _code(pid: int) -> tuple[int, int]:
    """Find where the kernel's code is in a process."""
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
        if line.endswith("[vdso]"):
            begin, end = line.split()[0].split("-")
            return int(begin, 16), int(end, 16)
    message = "it has no vDSO"
    raise LookupError(message)


def _find(image: bytes) -> int:
    """Find the function in the kernel's code, an ELF file of 64 bits."""
    (sections_at,) = struct.unpack_from("<Q", image, 0x28)
    (count,) = struct.unpack_from("<H", image, 0x3C)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, sections_at + 64 * i) for i in range(count)]
    for _, kind, _, _, offset, size, strings, *_ in sections:
        if kind != _DYNAMIC_SYMBOLS:
            continue
        names = sections[strings][4]
        for at in range(offset, offset + size, 24):
            name, _, _, _, value = struct.unpack_from("<IBBHQ", image, at)
            if image.startswith(_FUNCTION + b"\0", names + name):
                return int(value)
    message = "its vDSO has no such function"
    raise LookupError(message)


def _wait_outside(pid: int, begin: int, end: int) -> None:
    """Make sure that no thread of a stopped process is in what is to be replaced."""
    ends = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends:
        places = [place.read_text(encoding="ascii").split() for place in Path(f"/proc/{pid}/task").glob("*/syscall")]
        if all(place[-1] != "running" and not begin <= int(place[-1], 16) < end for place in places):
            return
        time.sleep(0.01)
    message = "it does not stop"
    raise LookupError(message)


def _memory(pid: int, address: int, size: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


def _write(pid: int, address: int, data: bytes) -> None:
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(data)
