"""The chart of distributions by month: from the market's months, today's and the suggestion's, or none."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from support.builders import final_event
from support.requests_made import OUTLOOK, ROOT

from bus.language.messages import MasterPortfolioOptimized
from portfolio.market import snapshot as markets
from portfolio.market.folders import FILES as FILES_OF_A_MARKET
from portfolio.market.folders import VARIABLE
from report.charts.pictures import charts
from report.facts.series import Bars, all_series
from report.facts.standings import SUGGESTED, TODAY
from report.story.compose import tell

if TYPE_CHECKING:
    from pathlib import Path

    from portfolio.market.snapshot import Market

FILES = ROOT / "portfolio" / "markets" / OUTLOOK


def with_months(folder: Path, unknown: str = "") -> None:
    """Copy the outlook; VAS pays in March and September, all others in June, and *unknown* nobody knows when."""
    folder.mkdir(parents=True)
    for name in FILES_OF_A_MARKET:
        (folder / name).write_bytes((FILES / name).read_bytes())
    with (folder / "etfs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["paid_in"] = "" if row["ticker"] == unknown else "3 9" if row["ticker"] == "VAS" else "6"
    with (folder / "etfs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str, unknown: str = ""
) -> MasterPortfolioOptimized:
    with_months(tmp_path / market, unknown)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    asked = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))
    event = final_event(json.dumps(asked | {"market": market, "request_id": "test"}).encode())
    assert isinstance(event, MasterPortfolioOptimized)
    return event


def test_the_months_add_up_to_the_distributions_of_a_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = answered(tmp_path, monkeypatch, "monthly-1")
    market: Market = markets.load("monthly-1")
    vas = market.etfs[market.tickers.index("VAS")]
    assert event.today is not None
    assert event.terms.owned is not None
    units = sum(parcel.units for parcel in event.terms.owned.parcels if parcel.ticker == "VAS")

    shown = all_series(event)["months"]

    assert isinstance(shown, Bars)
    assert shown.categories[2::3] == ("Mar", "Jun", "Sep", "Dec")
    assert vas.price_aud is not None
    half = units * vas.price_aud * vas.distribution_yield / 2
    assert shown.series[TODAY][2] == shown.series[TODAY][8] == pytest.approx(half, abs=0.5)
    assert shown.series[TODAY][0] == shown.series[TODAY][11] == 0
    for name, standing in ((TODAY, event.today), (SUGGESTED, event.suggested)):
        assert standing is not None
        assert sum(shown.series[name]) == pytest.approx(standing.income.distributions_aud, abs=0.01)
    pictures = next(section for section in tell(event).more if section.name == "pictures")
    assert "months" in pictures.charts
    assert "<svg" in charts(event)["months"].svg


def test_without_the_months_of_an_etf_that_is_owned_there_is_no_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = answered(tmp_path, monkeypatch, "monthly-2", unknown="VAS")

    assert "months" not in all_series(event)
    assert not any("ex-distribution" in text for section in tell(event).more for text in section.lead)
