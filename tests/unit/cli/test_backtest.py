"""``podfolio backtest``: what it refuses, each with the field, the fault and the mend; and what it prints."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console
from support.histories import TICKERS, history, walk, write

from backtest.path import Decision, Path, Walk
from cli.__main__ import podfolio
from cli.pages.backtest import show_walk, wealth_csv

if TYPE_CHECKING:
    from pathlib import Path as File

BODY = {
    "request_id": "past",
    "customer": {"customer_id": "past", "total_capital_aud": 50_000.0},
    "market": "asx-outlook-2025-12",
    "pod_weights": {"alpha": 0.5, "gamma": 0.5},
}

HOLDINGS = [
    {"ticker": "NDQ", "units": 1, "parcels": [{"acquired": "2024-01-02", "units": 1, "cost_base_aud": 90.0}]},
]


def refused(folder: File, *options: str, **changes: object) -> str:
    """Return what the command prints of a request with *changes*; it must refuse it."""
    prices = write(folder / "prices.csv", history(walk(1, 520), TICKERS))
    request = folder / "request.json"
    request.write_text(json.dumps(BODY | changes), encoding="utf-8")
    words = ["backtest", str(prices), "--request", str(request), "-o", str(folder / "out"), *options]
    found = CliRunner().invoke(podfolio, words)
    assert found.exit_code != 0, found.output
    return " ".join(found.output.split())


def test_a_history_that_is_too_short_is_refused(tmp_path: File) -> None:
    assert "prices.csv has 104 weeks, too few: --train 104 takes 105 of them" in refused(tmp_path)


def test_an_unknown_single_etf_is_refused(tmp_path: File) -> None:
    told = refused(tmp_path, "--train", "52", "--single", "VGX")
    assert "--single: the prices have no VGX" in told
    assert "name one of BILL, VAF, VAS, VHY, VGS, GOLD" in told


def test_a_file_that_is_not_there_is_refused(tmp_path: File) -> None:
    assert "does not exist" in refused(tmp_path, "--distributions", str(tmp_path / "none.csv"))


def test_payments_of_an_etf_without_prices_are_refused(tmp_path: File) -> None:
    paid = tmp_path / "paid.csv"
    paid.write_text("ticker,date,amount_aud,franked_share\nNDQ,2025-01-02,0.1,0\n", encoding="utf-8")
    told = refused(tmp_path, "--train", "52", "--distributions", str(paid))
    assert "paid.csv has payments of NDQ, and prices.csv no prices of them: add the prices, or leave" in told


def test_a_price_that_is_stated_for_all_dates_is_refused(tmp_path: File) -> None:
    facts = tmp_path / "facts.csv"
    facts.write_text("ticker,price_aud\nVAS,90\n", encoding="utf-8")
    told = refused(tmp_path, "--train", "52", "--facts", str(facts))
    assert "price_aud of VAS is of one day, and a backtest has many: leave it out of --facts" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"goals": [{"goal_id": "a", "name": "a boat", "target_amount_aud": 9e3, "years": 3}]}, "leave goals out"),
        (
            {
                "customer": {"customer_id": "past"},
                "account": {
                    "as_of": "2025-11-07",
                    "cash_aud": 5_000.0,
                    "holdings": [
                        {
                            "ticker": "VAS",
                            "units": 1,
                            "parcels": [{"acquired": "2024-01-02", "units": 1, "cost_base_aud": 90.0}],
                        }
                    ],
                    "contribution_aud": 100.0,
                },
            },
            "account.contribution_aud is of one day, and a backtest has many: give the payments by date (--payments)",
        ),
        (
            {
                "customer": {"customer_id": "past"},
                "account": {"as_of": "2025-11-07", "cash_aud": 5_000.0, "holdings": HOLDINGS},
            },
            "account.holdings has NDQ, and prices.csv no price of them until 2024-12-27, the first date of orders",
        ),
    ],
)
def test_a_request_that_a_backtest_cannot_follow_is_refused(
    tmp_path: File, changes: dict[str, object], told: str
) -> None:
    assert told in refused(tmp_path, "--train", "52", **changes)


def test_the_table_adds_up_what_the_decisions_have() -> None:
    made = [
        Decision(
            date=date(2024, month, 28),
            weights={"VAS": 1.0},
            orders=2,
            traded_aud=100.0,
            brokerage_aud=20.0,
            spread_aud=0.25,
            tax_aud=tax,
            etfs=1,
            refused=why,
        )
        for month, tax, why in ((3, 0.0, None), (6, 12.5, "no market: too few prices"))
    ]
    dates = (date(2024, 3, 28), date(2024, 6, 28))
    path = Path(strategy="coordinated", dates=dates, wealth_aud=(99.0, 101.5), flows_aud=(100.0, 0.0), decisions=made)
    walk_made = Walk(inputs="a", markets=("m", ""), train=104, every="quarter", paths=(path,))
    page = io.StringIO()
    show_walk(Console(file=page, width=140), walk_made)
    row = next(line for line in page.getvalue().splitlines() if "coordinated" in line)
    assert row.replace("|", "").split()[1:] == ["101.50", "12.50", "40.00", "0.50", "4", "1", "1"]
    assert "coordinated had no answer on 2024-06-28: no market: too few prices" in page.getvalue()
    assert wealth_csv(walk_made) == b"date,coordinated\n2024-03-28,99.00\n2024-06-28,101.50\n"
