"""Ports for servers that tests start: below those that the system gives to outgoing connections.

One of those could be given away while the server that had it is down.
"""

from __future__ import annotations

import contextlib
import random
import socket

_FIRST, _LAST = 10_000, 32_000


def free_ports(count: int) -> list[int]:
    """Find ports where nobody listens."""
    first = random.randrange(_FIRST, 28_000)  # noqa: S311 - so that runs beside each other rarely meet
    found: list[int] = []
    for port in range(first, _LAST):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    message = f"no ports below {_LAST} are free"
    raise RuntimeError(message)
