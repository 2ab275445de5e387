"""The packages of the product, for the tests that look at all of them: those whose types are checked."""

from __future__ import annotations

import tomllib

from support.requests_made import ROOT

PACKAGES: tuple[str, ...] = tuple(
    sorted(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["packages"])
)
