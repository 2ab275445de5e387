"""Read the pods' mandates, one TOML file a pod."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from bus.mistakes import explain
from portfolio.errors import DataError
from portfolio.mandate import Mandate

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_MANDATE: TypeAdapter[Mandate] = TypeAdapter(Mandate)


def bundled() -> dict[str, Traversable]:
    """Find the mandates that come with the product, by pod."""
    files = (file for file in resources.files("agents").iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): file for file in sorted(files, key=lambda file: file.name)}


def load(pod: str) -> Mandate:
    """Load the mandate of a pod that comes with the product, or from a TOML file elsewhere.

    Raises:
        DataError: If there is no such mandate, or the file does not state one.
    """
    if pod.endswith(".toml"):
        return _read(Path(pod))
    files = bundled()
    if pod not in files:
        message = f"unknown pod {pod}: name one of {', '.join(files)}, or give the path of a .toml file"
        raise DataError(message)
    return _read(files[pod])


def _read(file: Traversable) -> Mandate:
    try:
        return _MANDATE.validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        message = f"cannot read the mandate {file.name} ({what}): give the path of a .toml file that states one"
        raise DataError(message) from error
    except ValidationError as error:
        message = f"the mandate {file.name} is not valid: {explain(error)}"
        raise DataError(message) from error
