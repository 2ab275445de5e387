"""The commands that the README gives to operators and advisers are run as they stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from documents.commands import commands
from support.commands import beside
from support.requests_made import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from support.processes import Site

README = [typed.words[1:] for typed in commands(ROOT / "README.md") if typed.words[0] == "podfolio"]
# These run until they are interrupted; other tests run them.
ENDLESS = {"up", "watch"}


async def test_the_commands_of_the_readme_lead_from_a_request_to_the_report(
    shared: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODFOLIO_NATS_URL", shared.url)
    statuses = {}
    for words in README:
        if words[0] not in ENDLESS:
            made = (str(tmp_path / word) if re.match(r"(EVENT|report)\.", word) else word for word in words)
            statuses[" ".join(words)], _, _ = await beside(*made)

    # An event without a signature holds, but its author is not confirmed: status 3.
    assert statuses == dict.fromkeys(statuses, 0) | {"verify EVENT.json": 3}
    assert {words[0] for words in README} == {"validate", "request", "verify", "report", *ENDLESS}
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "report.pptx").stat().st_size > 10_000
