"""What a market says of itself: the basis of its returns, the day of its prices, its inflation."""

from __future__ import annotations

from datetime import date
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import OUTLOOK, TRAILING, write_market

from portfolio.errors import DataError
from portfolio.market.basis import History, Outlook
from portfolio.market.snapshot import load, read
from portfolio.market.stated import COLUMNS, Stated, read_stated, write_stated

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(COLUMNS) + "\n"
TWO_YEARS = History(date(2023, 11, 10), date(2025, 11, 7), 104, 52.0)


def test_the_bundled_markets_say_what_their_files_document() -> None:
    trailing, outlook = load(TRAILING), load(OUTLOOK)

    assert trailing.basis == TWO_YEARS
    assert isinstance(outlook.basis, Outlook)
    assert "Vanguard Australia, December 2025" in outlook.basis.publication
    assert {market.priced_on for market in (trailing, outlook)} == {date(2025, 11, 7)}
    assert {market.inflation for market in (trailing, outlook)} == {None}


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        (TWO_YEARS, "return a year over the two years to 7 November 2025"),
        (History(date(2024, 6, 28), date(2025, 6, 30), 52, 52.0), "return a year over the year to 30 June 2025"),
        (History(date(2000, 1, 1), date(2020, 1, 1), 240, 12.0), "return a year over the 20 years to 1 January 2020"),
        (
            History(date(2024, 1, 5), date(2025, 7, 4), 78, 52.0),
            "return a year over 5 January 2024 to 4 July 2025",
        ),
        (Outlook("Bank A, May 2026", 10), "expected return a year over the next 10 years (outlook: Bank A, May 2026)"),
        (Outlook("Bank A, May 2026", 1), "expected return a year over the next year (outlook: Bank A, May 2026)"),
        (
            Outlook("Bank A, May 2026"),
            "expected return a year over a time that the outlook does not state (outlook: Bank A, May 2026)",
        ),
    ],
)
def test_a_history_is_never_called_expected_and_an_outlook_always(basis: History | Outlook, words: str) -> None:
    assert basis.words == words
    is_expected = isinstance(basis, Outlook)
    for text in (basis.words, basis.label, basis.noun, basis.said):
        assert ("xpected" in text) == is_expected


def test_the_standard_error_of_a_sharpe_ratio_is_that_of_simulated_histories() -> None:
    rng = np.random.default_rng(8)
    for annual in (0.0, 0.5, 2.5):
        returns = annual / sqrt(52) + rng.standard_normal((20_000, 104))
        found = sqrt(52) * returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        # 20,000 histories know their spread to half a percent; the formula is for many returns, of which these are few.
        assert TWO_YEARS.sharpe_standard_error(annual) == pytest.approx(found.std(), rel=0.025)
    assert Outlook("Bank A, May 2026").sharpe_standard_error(0.2) is None


@pytest.mark.parametrize(
    "stated",
    [
        Stated(TWO_YEARS, date(2025, 11, 7), None),
        Stated(Outlook("Bank A, May 2026", 7.5), date(2026, 5, 1), 0.025),
        Stated(Outlook("Bank A"), date(2026, 5, 1), -0.01),
    ],
)
def test_what_is_written_is_read_back(stated: Stated) -> None:
    assert read_stated([dict(zip(COLUMNS, write_stated(stated), strict=True))]) == stated


def line(**changed: str) -> str:
    row = {
        "basis": "history",
        "begins": "2023-11-10",
        "ends": "2025-11-07",
        "returns": "104",
        "returns_per_year": "52",
        "priced_on": "2025-11-07",
    } | changed
    return HEADER + ",".join(row.get(column, "") for column in COLUMNS) + "\n"


def outlook(**changed: str) -> str:
    blank = dict.fromkeys(("begins", "ends", "returns", "returns_per_year"), "")
    return line(**(blank | {"basis": "outlook", "publication": "Bank A"} | changed))


WRONG = {
    "no line": (HEADER, "has 0 lines below its header: give one"),
    "two lines": (line() + line().splitlines()[1] + "\n", "has 2 lines below its header: give one"),
    "no basis": (line(basis=""), "basis is missing: write history, .* or outlook"),
    "another basis": (line(basis="forecast"), "basis is 'forecast': write history, .* or outlook"),
    "no first day": (line(begins=""), "begins is missing: give a date such as 2025-11-07"),
    "no day": (line(ends="7/11/2025"), "ends is '7/11/2025': give a date"),
    "a day of another age": (line(priced_on="0001-01-01"), "priced_on is '0001-01-01': give a date"),
    "no day of the prices": (line(priced_on=""), "priced_on is missing: give a date"),
    "turned round": (line(begins="2025-11-07", ends="2023-11-10"), "begins 2025-11-07 must be before ends 2023-11-10"),
    "no number": (line(returns=""), "returns is missing: give a number from 2"),
    "half a return": (line(returns="10.5"), "returns is 10.5: give the number of returns, a whole one"),
    "none a year": (line(returns_per_year="0"), "returns_per_year is '0': give a number from 1 to 366"),
    "not a number": (line(returns="nan"), "returns is 'nan': give a number"),
    "a history with years": (line(years="10"), "years says nothing beside the basis history: leave it blank"),
    "a history that is published": (line(publication="A"), "publication says nothing beside the basis history"),
    "an outlook with dates": (outlook(ends="2025-11-07"), "ends says nothing beside the basis outlook"),
    "no publication": (outlook(publication=""), "publication is missing: say who published the outlook, and when"),
    "a publication in colour": (outlook(publication="\x1b[31mA"), "publication is .*: say who published"),
    "no time": (outlook(years="0"), "years is '0': give a number from 0.25 to 100"),
    "inflation in percent": (line(inflation="2.5"), "inflation is '2.5': give a number from -0.05 to 0.25"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_market_that_does_not_say_what_it_is_is_refused_with_the_mend(tmp_path: Path, fault: str) -> None:
    text, told = WRONG[fault]
    with pytest.raises(DataError, match=f"market mine cannot be read: market.csv.* ?{told}"):
        read(write_market(tmp_path / "mine", market=text))


def test_a_market_of_before_says_which_file_it_lacks(tmp_path: Path) -> None:
    folder = write_market(tmp_path / "mine")
    (folder / "market.csv").unlink()
    with pytest.raises(
        DataError, match=r"market mine cannot be read: there is no market\.csv, .*build it again .*or add"
    ):
        read(folder)


def test_a_price_of_a_later_day_than_the_market_s_is_refused(tmp_path: Path) -> None:
    etfs = (
        "ticker,name,asset_class,management_fee,return_is,distribution_yield,franked_share,liquidity,half_spread_bps,"
        "priced_on\n"
        "CASH,Cash,cash,0,fund,0.04,0,1,1,\n"
        "BOND,Bonds,x,0,fund,0.03,0,0.9,4,2025-11-08\n"
        "STOCK,Shares,x,0,fund,0.05,0.7,0.8,10,2025-11-07\n"
    )
    with pytest.raises(DataError, match=r"priced_on of BOND in etfs\.csv is after 2025-11-07"):
        read(write_market(tmp_path, etfs=etfs))
