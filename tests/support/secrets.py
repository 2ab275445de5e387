"""The secrets of a folder of keys, and where they are though they should not be."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import nkeys

if TYPE_CHECKING:
    from pathlib import Path


def secrets(folder: Path) -> dict[str, list[bytes]]:
    """Collect every secret of a folder of keys, in every form in which it might be written."""
    found = {}
    for file in folder.glob("*.nk"):
        seed = file.read_bytes().strip()
        raw = bytes(nkeys.decode_seed(bytearray(seed))[1])
        found[file.name] = [seed, raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]
    lines = (folder / "server-key.pem").read_bytes().splitlines()
    found["server-key.pem"] = [line for line in lines if b"PRIVATE KEY" not in line]
    return found


def leaks(texts: dict[str, bytes], known: dict[str, list[bytes]]) -> set[tuple[str, str]]:
    """Say which secret is in which text."""
    return {
        (name, where)
        for name, forms in known.items()
        for where, text in texts.items()
        if any(form in text for form in forms)
    }
