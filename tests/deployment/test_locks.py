"""JavaScript packages are taken by their hashes, whichever registry serves them."""

from __future__ import annotations

import json
import re

import pytest
from support.requests_made import ROOT


@pytest.mark.parametrize("folder", ["clients/javascript", "tests/contract/asyncapi"])
def test_a_lock_file_has_a_hash_of_each_package_and_no_registry_s_address(folder: str) -> None:
    named = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    root, packages = lock["packages"][""], {path: told for path, told in lock["packages"].items() if path}

    assert root["dependencies"] == named["dependencies"]
    assert packages
    for path, told in packages.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", told["integrity"]), path
        assert "resolved" not in told, path
