"""Settings of a process, apart from the parts that obey them: a command's help loads no server and no child."""

from __future__ import annotations

from dataclasses import dataclass

# Memory limit of a computation, in MiB: universes of hundreds of ETFs take a few hundred; an idle child takes 50.
MEMORY_MIB = 2_048


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address to listen on.

    Attributes:
        port: The port; 0 for any free port.
        host: The interface; by default for this machine only.
    """

    port: int
    host: str = "127.0.0.1"
