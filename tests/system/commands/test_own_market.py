"""Every command that meets a market, with one of the user's own: never bundled, with asset classes of its own."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from pptx import Presentation
from support.commands import beside
from support.histories import history, walk, write
from support.requests_made import data

from dashboard.opened import opened
from portfolio.market.folders import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from support.processes import Site

UNIVERSE = (
    "BILL", "VAF", "VAS", "VHY", "VGS", "GOLD", "VGB", "VAP", "NDQ", "EINC", "VTS", "TECH", "ROBO", "SEMI", "ASIA",
    "HOUSE",
)  # fmt: skip
FACTS = (
    "ticker,asset_class,management_fee,distribution_yield,franked_share,liquidity,half_spread_bps\n"
    "HOUSE,houses,0.001,0.02,0,0.5,9\nVAS,home shares,0.001,0.03,0.8,1,1\n"
)
ASKED = {"market": "mine-1", "deadline_s": 120, "customer": {"customer_id": "c", "total_capital_aud": 9_000}}


async def build(folder: Path) -> tuple[str, str]:
    """Build the market by the command; returns what the command said, and the folder."""
    prices = write(folder / "p.csv", history(walk(n=len(UNIVERSE)), UNIVERSE))
    facts = folder / "facts.csv"
    facts.write_text(FACTS, encoding="utf-8")
    markets = str(folder / "markets")
    status, said, errors = await beside(
        "market",
        "build",
        str(prices),
        "--id",
        "mine-1",
        "--return-is",
        "fund",
        "--unit-prices",
        "--facts",
        str(facts),
        "--markets",
        markets,
    )
    assert (status, errors) == (0, "")
    return " ".join(said.split()), markets


async def test_every_command_works_with_a_market_of_one_s_own(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, markets = await build(tmp_path)
    monkeypatch.setenv(VARIABLE, markets)
    where = ("--server", site.url)
    request, event, page, deck = (tmp_path / name for name in ("r.json", "e.json", "e.html", "e.pptx"))
    request.write_bytes(data("own", **ASKED))
    never = "1 of the 16 ETFs of market mine-1 cannot be bought, since"
    await site.start_all()

    published = await beside("market", "publish", "mine-1", *where)
    asked = await beside("request", str(request), "--json", str(event), *where)
    outcomes = {
        name: await beside(*arguments)
        for name, arguments in {
            "list": ("market", "list", *where),
            "show": ("market", "show", "mine-1"),
            "fetch": ("market", "fetch", "mine-1", "--markets", str(tmp_path / "fetched"), *where),
            "report": ("report", str(event), "-o", str(page)),
            "deck": ("report", str(event), "--deck", "-o", str(deck)),
            "compare": ("compare", str(event), str(event)),
            "frontier": ("frontier", str(request), "--max-etfs", "12..12"),
        }.items()
    }
    verified = await beside("verify", str(event))
    seen = await opened(site.bus, "own")

    assert f"{never} none of alpha, beta, delta, gamma may hold them: HOUSE; a pod of your own may" in said
    assert f"{never} none of" in published[1]
    assert f"{never} no pod of this portfolio may hold them: HOUSE" in " ".join(asked[1].split())
    for name, (status, _, errors) in outcomes.items():
        assert (name, status) == (name, 0), errors
        assert "Traceback" not in errors
    assert verified[0] == 3, "nobody has signed it"
    assert seen["sections"][0]["title"] == "Model portfolio"
    assert "Houses" in json.dumps(seen) or "Home shares" in json.dumps(seen)
    assert never in page.read_text(encoding="utf-8")
    texts = [
        shape.text_frame.text
        for slide in Presentation(io.BytesIO(deck.read_bytes())).slides
        for shape in slide.shapes
        if shape.has_text_frame
    ]
    assert any(never in text for text in texts)
    assert never in " ".join(outcomes["frontier"][1].split())
    assert "500 AUD at first on ASX, and a unit" in " ".join(outcomes["frontier"][1].split())
