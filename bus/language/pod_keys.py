"""The pods' public keys, which verify their answers: files ``pod-<pod>.pub`` in one folder, no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.public_key import KeyFormError, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PodKeys:
    """A folder with pods' public keys, as ``podfolio keys`` writes it.

    A pod has several keys while a new key replaces an old one: the further keys stand in ``pod-<pod>.<any word>.pub``.

    Attributes:
        folder: The folder's path.
    """

    folder: Path

    def read(self) -> Mapping[str, frozenset[str]]:
        """Read the current keys of every pod, by pod: pods and keys may be added, replaced or removed.

        Raises:
            KeyFormError: If there are none, or a file holds no public key.
        """
        keys_of: dict[str, set[str]] = {}
        for file in sorted(self.folder.glob("pod-*.pub")):
            pod = file.stem.removeprefix("pod-").partition(".")[0]
            keys_of.setdefault(pod, set()).add(_read(file))
        if not keys_of:
            message = f"{self.folder} has no public key of a pod: give the folder with the pod-*.pub of `podfolio keys`"
            raise KeyFormError(message)
        return {pod: frozenset(keys) for pod, keys in keys_of.items()}


def _read(file: Path) -> str:
    try:
        return read_key(str(file))
    except KeyFormError as error:
        message = f"{file}: {error}"
        raise KeyFormError(message) from None
