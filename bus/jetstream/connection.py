"""Where the server is and who we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        inbox_prefix: Where answers come to; one that only this role may subscribe to keeps them private.
    """

    servers: str = "nats://127.0.0.1:4222"
    name: str = "podfolio"
    credentials: Path | None = None
    nkey_seed: Path | None = None
    inbox_prefix: str = "_INBOX"

    @property
    def urls(self) -> list[str]:
        """The servers, one by one."""
        return [url.strip() for url in self.servers.split(",") if url.strip()]

    def __str__(self) -> str:
        # Without user and password: this goes into logs and messages.
        return ", ".join(url.rpartition("@")[2] if "@" in url else url for url in self.urls)
