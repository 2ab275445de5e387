"""The files of a result: what ``podfolio backtest`` leaves in its folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from support.requests_made import ROOT
from support.walks import a_seeded_walk

from backtest.history import History
from backtest.result import Result, compare
from cli.what_if.backtest_result import write_page, write_result
from portfolio.market.history.prices import Prices

if TYPE_CHECKING:
    from pathlib import Path


def test_a_walk_leaves_its_result_as_json_csv_and_a_page(tmp_path: Path) -> None:
    walk = a_seeded_walk()
    dates = walk.paths[0].dates
    shutil.copytree(ROOT / "portfolio" / "markets" / "asx-outlook-2025-12", tmp_path / "markets" / walk.markets[0])
    # The price of cash doubles in the first week, and stays.
    values = np.array([[100.0], *[[200.0]] * (len(dates) - 1)])
    history = History(Prices("p.csv", dates, ("BILL",), values), {})

    result = write_result(walk, history, tmp_path)
    write_page(walk, result, tmp_path)

    assert result == compare(walk, [1.0, *[0.0] * (len(dates) - 2)])
    assert Result.model_validate_json((tmp_path / "result.json").read_bytes()) == result
    assert (tmp_path / "result.csv").read_text(encoding="utf-8").startswith("strategy,less,measure,value,low,high")
    assert "larger than their intervals" in (tmp_path / "result.html").read_text(encoding="utf-8")
