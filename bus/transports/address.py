"""The address of the server, and the identity of the client."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bus.topology.roles import ADMIN, inbox_of

if TYPE_CHECKING:
    from pathlib import Path

_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_PORT = 4222


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The address of the server, and the identity of the client.

    Attributes:
        servers: URLs, comma-separated; a URL may include user and password.
        name: Name of the client in the server's monitoring.
        credentials: A ``.creds`` file, if the server requires one.
        nkey_seed: A file with an NKey seed, if the server requires one.
        ca: A file with certificates of trusted authorities for the server's identity. With this file, the client
            sends and reads no data before the server has proven its identity. Without, the client checks the server
            against the system's certificates if the server requires TLS.
        role: Role of the client in ``bus.topology.roles``; empty for a client without a role.
        inbox_prefix: Prefix of the reply subjects; by default the role's own prefix, which keeps answers private.
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
        """Prefix of the reply subjects for answers."""
        return self.inbox_prefix or inbox_of(self.role)

    def command(self, words: str) -> str:
        """Complete a command of an administrator for this server: the address, and the key beside the client's own."""
        if self.servers != Connection().servers and "@" not in self.servers:
            words += f" --server {quote(self.servers)}"
        if self.nkey_seed and (key := self.nkey_seed.with_name(f"{ADMIN}.nk")).is_file():
            words += f" --nkey-seed {quote(str(key))} --ca {quote(str(self.ca))}"
        return words

    @property
    def start(self) -> str:
        """The command that starts a server at the address, for the user of this machine; empty for another machine."""
        # Of several servers, the first one is enough.
        url = next(iter(self.urls), "")
        try:
            address = urlsplit(url if "://" in url else f"nats://{url}")
            host, number = address.hostname, address.port
        except ValueError:
            return ""
        if host not in _HERE:
            return ""
        port = "" if number in {None, _PORT} else f" --port {number}"
        secure = f" --secure {quote(str(self.nkey_seed.parent))}" if self.nkey_seed else ""
        return f"podfolio up{port}{secure}"

    def __str__(self) -> str:
        # Omit user and password, because the text goes into logs and messages.
        return ", ".join(url.rpartition("@")[2] if "@" in url else url for url in self.urls)
