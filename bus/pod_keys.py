"""The public keys of pods, by which their answers are known: files ``pod-<pod>.pub`` of one folder, no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.public_key import KeyFormError, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PodKeys:
    """A folder with pods' public keys, as ``podfolio keys`` writes it.

    A pod has several keys while one takes the place of another: any more stand in ``pod-<pod>.<any word>.pub``.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    def read(self) -> Mapping[str, frozenset[str]]:
        """Read the keys of every pod, by pod, as they are now: a pod may be new, a key replaced or taken away.

        Raises:
            KeyFormError: If there are none, or a file holds no public key.
        """
        found: dict[str, set[str]] = {}
        for file in sorted(self.folder.glob("pod-*.pub")):
            pod = file.stem.removeprefix("pod-").partition(".")[0]
            found.setdefault(pod, set()).add(_read(file))
        if not found:
            message = f"{self.folder} has no public key of a pod: give the folder with the pod-*.pub of `podfolio keys`"
            raise KeyFormError(message)
        return {pod: frozenset(keys) for pod, keys in found.items()}


def _read(file: Path) -> str:
    try:
        return read_key(str(file))
    except KeyFormError as error:
        message = f"{file}: {error}"
        raise KeyFormError(message) from None
