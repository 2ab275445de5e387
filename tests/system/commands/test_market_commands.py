"""Markets of one's own by the command: built, listed, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from support.commands import here
from support.histories import history, walk, write
from support.requests_made import OUTLOOK, TRAILING

from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from pathlib import Path


def test_a_market_is_built_listed_and_shown(tmp_path: Path) -> None:
    values = walk()
    values[-30:, 3] = np.nan
    values[7, 2] = np.nan
    prices, folder = write(tmp_path / "my-market.csv", history(values)), str(tmp_path / "markets")

    built, told, errors = here(
        "market", "build", str(prices), "--return-is", "fund", "--unit-prices", "--markets", folder
    )
    _, listed, _ = here("market", "list", "--markets", folder)
    status, shown, _ = here("market", "show", "my-market", "--markets", folder)

    market = markets.read(tmp_path / "markets" / "my-market")
    said = " ".join(told.split())
    assert (built, status, errors) == (0, 0, "")
    assert f"market my-market ({market.sha256[:12]}): 5 ETFs, 103 weekly returns from 2023-11-17 to 2025-11-07" in said
    assert "* Left out: VHY ends on 2025-09-26: delisted" in said
    assert "* 1 date was not used" in said
    for word in (OUTLOOK, TRAILING, "my-market", market.sha256[:12]):
        assert word in listed
    # Every figure of the table and of the heat map, in plain text.
    sigma = np.sqrt(np.diag(market.Sigma))
    for i, etf in enumerate(market.etfs):
        (row,) = (line for line in shown.splitlines() if line.startswith(f"|{etf.ticker} "))
        assert f"{100 * market.expected_returns[i]:.2f} % |" in row
        assert f"{100 * sigma[i]:.2f} % |" in row
        assert f"{etf.price_aud:,.2f} |" in row
        (line,) = (line for line in shown.splitlines() if line.startswith(f"{etf.ticker} "))
        rho = market.Sigma[i] / sigma[i] / sigma
        assert [float(number) for number in line.split()[1:]] == [round(value, 2) + 0.0 for value in rho.tolist()]
    assert "\x1b" not in shown
    assert shown.isascii()


def test_what_cannot_be_built_or_shown_is_said_in_one_line(tmp_path: Path) -> None:
    prices = write(tmp_path / "prices.csv", history(walk()))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("date,VAS\n2025-01-02,-1\n", encoding="utf-8")
    folder = ("--markets", str(tmp_path / "markets"))

    for arguments, said in (
        (("build", str(wrong)), "wrong.csv: line 2: VAS is '-1', and no price: correct it"),
        (("build", str(prices), "--id", TRAILING), "is bundled and cannot be replaced"),
        (("build", str(prices), "--id", "My Market"), "a market's id is of a-z 0-9 and -"),
        (("build", str(prices), "--return-is", "fund", "--since", "2026-01-01"), "no date from 2026-01-01 on"),
        (("show", "nowhere"), "unknown market nowhere: name one of asx-outlook-2025-12"),
    ):
        status, _, errors = here("market", *arguments, *folder)
        assert status == 1, arguments
        assert said in errors, arguments
        assert "Traceback" not in errors
    assert not (tmp_path / "markets").exists()
