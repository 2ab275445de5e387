"""The requests of a plan, published in turn: the system takes each, and answers with the step that was planned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import beside
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

MOST_TAX = 20_000.0


@pytest.mark.deep
async def test_each_year_of_the_owner_of_one_large_holding_is_accepted_and_within_its_budget(
    shared: Site, tmp_path: Path
) -> None:
    steps = tmp_path / "steps"
    file = tmp_path / "request.json"
    asked = json.loads((ROOT / "examples" / "one-large-holding.json").read_text(encoding="utf-8"))
    file.write_text(json.dumps(asked | {"request_id": "planned", "deadline_s": 300}), encoding="utf-8")
    status, shown, errors = await beside(
        "plan", str(file), "--years", "4", "--max-tax", f"{MOST_TAX:.0f}", "-o", str(steps)
    )
    assert status == 0, errors
    assert "2028-29" in shown
    written = sorted(steps.iterdir())
    assert [one.name for one in written] == ["2026.json", "2027.json", "2028.json", "2029.json"]
    for one in written:
        await shared.publish(one.read_bytes(), json.loads(one.read_bytes())["request_id"])
    for one in written:
        body = json.loads(one.read_bytes())
        event = await shared.final(body["request_id"])
        assert isinstance(event, MasterPortfolioOptimized), event
        assert event.trading is not None
        assert event.trading.gains.tax_aud <= MOST_TAX
        # The tax of the step is a row of the table, to the cent.
        assert f"{event.trading.gains.tax_aud:,.2f}" in shown
