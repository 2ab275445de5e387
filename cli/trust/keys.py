"""Make the files of a server with users: one key per role, certificates and the server's configuration.

All files are in one folder that other users cannot read and git ignores. Existing keys and certificates are never
overwritten.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nkeys

from bus.administration.server import Guard
from bus.language.public_key import KeyFormError, read_key
from bus.language.subjects import POD_PATTERN
from bus.port import BusError, pod_of_queue
from bus.topology.accounts import accounts
from bus.topology.roles import roles
from cli.trust.certificates import issue

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

_DERIVED = "# Made by `podfolio keys` from the public keys beside it, and made anew with them."


class KeysError(BusError):
    """The folder is unusable in its present state; the message says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A folder with all keys of one system.

    Attributes:
        folder: The path.
    """

    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate authority of the server's certificate; every client needs this file."""
        return self.folder / "ca.pem"

    @property
    def guard(self) -> Guard:
        """The files that the server needs."""
        return Guard(self.folder / "accounts.conf", self.folder / "server.pem", self.folder / "server-key.pem")

    @property
    def routes(self) -> tuple[Path, Path, Path]:
        """The files by which a cluster's servers authenticate to each other: authority, certificate and private key."""
        return self.folder / "routes-ca.pem", self.folder / "routes.pem", self.folder / "routes-key.pem"

    def seed(self, role: str) -> Path:
        """Return the path of a role's secret key; a holder of this secret can act as the role."""
        return self.folder / f"{role}.nk"

    def public(self, role: str) -> Path:
        """Return the path of a role's public key, by which the server recognises the role."""
        return self.folder / f"{role}.pub"

    def pods(self) -> set[str]:
        """Find the pods that have a key here.

        Replaced keys (``bus.language.pod_keys``) do not count: no client may connect with such a key.
        """
        found = (pod_of_queue(file.stem) for file in self.folder.glob("*.pub"))
        return {pod for pod in found if pod and re.fullmatch(POD_PATTERN, pod)}


def make_keys(
    folder: Path,
    pods: Collection[str],
    *,
    hosts: Collection[str] = (),
    routes: Collection[str] = (),
    now: datetime,
) -> list[str]:
    """Make the files that are missing in *folder*; return one line of text per file made.

    Args:
        folder: Created if missing.
        pods: Pods that need a key, in addition to the pods that have a key here already.
        hosts: Names and addresses at which clients reach the server, in addition to those of this machine.
        routes: Names at which a cluster's servers reach each other; empty for a single server.
        now: When the certificates begin to be valid.

    Raises:
        KeysError: If other users can read the folder, or if existing files do not fit the new ones.
    """
    keys = Keys(folder)
    for pod in pods:
        if not re.fullmatch(POD_PATTERN, pod):
            message = f"{pod!r} is no name of a pod: give a small letter, then up to 31 of a-z 0-9 -"
            raise KeysError(message)
    _open(folder)
    made = _make_certificates(keys, (*LOCAL_HOSTS, *hosts), now, asked=bool(hosts))
    made += _make_route_certificates(keys, routes, now)
    everybody = keys.pods() | set(pods)
    for role in roles(everybody):
        if not keys.public(role.name).exists():
            _make_nkey(keys, role.name)
            made.append(f"{keys.seed(role.name).name}: the key of {role.name}")
    return made + _configure(keys, everybody)


def _open(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        message = f"{folder} can be read by others: choose a new folder, or chmod 700 it"
        raise KeysError(message)
    if not (ignore := folder / ".gitignore").exists():
        _write(ignore, b"*\n")


def _make_nkey(keys: Keys, role: str) -> None:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    _write(keys.seed(role), seed + b"\n")
    _write(keys.public(role), nkeys.from_seed(bytearray(seed)).public_key + b"\n")


def _configure(keys: Keys, pods: Collection[str]) -> list[str]:
    """Write the server's users, derived from the public keys; only this file is rewritten."""
    public_keys = {role.name: _read_public(keys.public(role.name)) for role in roles(pods)}
    text = f"{_DERIVED}\n{accounts(pods, public_keys)}".encode()
    file = keys.guard.accounts
    if file.exists() and file.read_bytes() == text:
        return []
    (draft := file.with_suffix(".draft")).unlink(missing_ok=True)
    _write(draft, text)
    draft.replace(file)
    moved = _put_away(keys.folder / "authorization.conf")
    return [f"{file.name}: the server's users, each in an account of its own: {', '.join(public_keys)}{moved}"]


def _put_away(former: Path) -> str:
    """Remove the configuration from before accounts existed; return advice on how a server keeps its streams."""
    if not former.exists():
        return ""
    former.unlink()
    return (
        f"\n  This takes the place of {former.name}, whose users were all in one account. A server that has its streams"
        " there\n  does not find them in theirs: before it starts with this, move them, as docs/operations.md says"
        " (Upgrade to\n  accounts). `podfolio up --secure` does it by itself."
    )


def _read_public(file: Path) -> str:
    """Read a public key for the server's configuration.

    Raises:
        KeysError: If the file holds no public key.
    """
    try:
        return read_key(str(file))
    except KeyFormError as error:
        message = f"{file}: {error}; or move it and its .nk away, and both are made anew"
        raise KeysError(message) from None


def _make_certificates(keys: Keys, hosts: Collection[str], now: datetime, *, asked: bool) -> list[str]:
    files = (keys.ca, keys.guard.certificate, keys.guard.private_key)
    if not _are_to_be_made(keys.folder, files, asked=asked):
        return []
    return _make_certificate(files, "Podfolio development server", hosts, now)


def _make_route_certificates(keys: Keys, hosts: Collection[str], now: datetime) -> list[str]:
    """Make one certificate with which all servers authenticate to each other, valid at both ends of a route."""
    if not hosts or not _are_to_be_made(keys.folder, keys.routes, asked=True):
        return []
    return _make_certificate(keys.routes, "Podfolio development routes", hosts, now, both_ends=True)


def _are_to_be_made(folder: Path, files: Collection[Path], *, asked: bool) -> bool:
    there = [file.name for file in files if file.exists()]
    if there and (asked or len(there) < len(files)):
        message = f"{', '.join(there)} in {folder} must be made anew with the others: move them away first"
        raise KeysError(message)
    return not there


def _make_certificate(
    files: tuple[Path, Path, Path], name: str, hosts: Collection[str], now: datetime, *, both_ends: bool = False
) -> list[str]:
    issued = issue(name, hosts, now=now, both_ends=both_ends)
    ca, certificate, private_key = files
    _write(private_key, issued.private_key)
    _write(certificate, issued.certificate)
    _write(ca, issued.ca)
    return [f"{ca.name}, {certificate.name}, {private_key.name}: a certificate for {', '.join(hosts)}"]


def _write(file: Path, data: bytes) -> None:
    """Write a new file that only this user can read.

    Raises:
        KeysError: If the file exists.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        message = f"{file} is there already, and is never overwritten: move it away first"
        raise KeysError(message) from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
