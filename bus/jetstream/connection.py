"""Where the server is and who we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.jetstream.roles import inbox_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the server is and who we are.

    Attributes:
        servers: URLs, comma-separated; user and password may be part of them.
        name: What the server calls us in its monitoring.
        credentials: A ``.creds`` file, if the server wants one.
        nkey_seed: A file with an NKey seed, if the server wants that.
        ca: A file with the certificates of those whom we believe who the server is. With it, nothing is
            said or heard before the server has proven itself; without, the system's are asked if the server
            wants TLS.
        role: Who we are in ``roles``; empty for nobody in particular.
        inbox_prefix: Where answers come to; the role's own by default, which keeps them private.
    """

    servers: str = "nats://127.0.0.1:4222"
    name: str = "podfolio"
    credentials: Path | None = None
    nkey_seed: Path | None = None
    ca: Path | None = None
    role: str = ""
    inbox_prefix: str = ""

    @property
    def urls(self) -> list[str]:
        """The servers, one by one."""
        return [url.strip() for url in self.servers.split(",") if url.strip()]

    @property
    def inbox(self) -> str:
        """Where answers come to."""
        return self.inbox_prefix or inbox_of(self.role)

    def __str__(self) -> str:
        # Without user and password: this goes into logs and messages.
        return ", ".join(url.rpartition("@")[2] if "@" in url else url for url in self.urls)
