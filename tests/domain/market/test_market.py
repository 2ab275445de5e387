"""Market snapshots: what is read, and what is refused with a reason."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import OUTLOOK, TRAILING, write_market

from portfolio.errors import DataError
from portfolio.market.folders import FILES, VARIABLE, bundled, known
from portfolio.market.snapshot import load, read

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = "ticker,expected_return,volatility,source\n"
CORRELATIONS = "ticker,CASH,BOND,STOCK\n"
ETFS = "ticker,name,asset_class,management_fee,return_is,distribution_yield,franked_share,liquidity,half_spread_bps\n"


def test_a_snapshot_is_read_as_written(tmp_path: Path) -> None:
    market = read(write_market(tmp_path / "mine"))
    assert market.id == "mine"
    assert market.tickers == ("CASH", "BOND", "STOCK")
    assert market.Sigma == pytest.approx(np.array([[1e-4, 0, 0], [0, 2.5e-3, 3e-3], [0, 3e-3, 0.04]]))
    assert market.expected_returns.tolist() == [0.04, 0.05, 0.09]
    assert market.column("half_spread") == pytest.approx([0.0001, 0.0004, 0.001])


def test_the_risk_free_rate_is_the_return_of_the_least_volatile_cash_etf(tmp_path: Path) -> None:
    etfs = (
        ETFS + "CASH,Cash,cash,0,fund,0,0,1,1\nBOND,Bonds,cash,0,fund,0,0,1,1\nSTOCK,Shares,equities,0,fund,0,0,1,1\n"
    )
    moments = MOMENTS + "CASH,0.04,0.02,x\nBOND,0.05,0.01,x\nSTOCK,0.09,0.001,x\n"
    assert read(write_market(tmp_path, etfs=etfs, moments=moments)).risk_free == 0.05


FEES = (
    "ticker,name,asset_class,management_fee,return_is,distribution_yield,franked_share,liquidity,half_spread_bps,until\n"
    "CASH,Cash,cash,0.001,index,0,0,1,1,\n"
    "BOND,Bonds,x,0.002,fund,0,0,1,1,\n"
    "STOCK,Shares,x,0.03,index,0,0,1,1,2025-01-31\n"
)


def test_the_fee_comes_off_the_return_of_an_index_and_not_off_a_fund_s_own(tmp_path: Path) -> None:
    market = read(write_market(tmp_path, etfs=FEES))
    assert market.expected_returns == pytest.approx([0.04 - 0.001, 0.05, 0.09 - 0.03])
    assert market.risk_free == pytest.approx(0.039)
    assert market.column("management_fee").tolist() == [0.001, 0.002, 0.03]


def test_a_market_says_which_etfs_nobody_can_buy_any_more(tmp_path: Path) -> None:
    market = read(write_market(tmp_path, etfs=FEES))
    assert [etf.ticker for etf in market.etfs if etf.is_closed] == ["STOCK"]
    assert [etf.ticker for etf in load(OUTLOOK).etfs if etf.is_closed] == ["EINC", "TECH"]


def test_an_etf_without_moments_is_unpriced_and_named(tmp_path: Path) -> None:
    market = read(write_market(tmp_path, moments=MOMENTS + "CASH,0.04,0.01,x\nSTOCK,0.09,0.2,x\n"))
    assert market.tickers == ("CASH", "STOCK")
    assert market.unpriced == ("BOND",)


def test_the_hash_is_that_of_the_contents_wherever_they_lie(tmp_path: Path) -> None:
    first, second = read(write_market(tmp_path / "a")), read(write_market(tmp_path / "b"))
    assert first.sha256 == second.sha256
    assert len(first.sha256) == 64


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_changes_the_hash(tmp_path: Path, name: str) -> None:
    before = read(write_market(tmp_path)).sha256
    file = tmp_path / name
    file.write_text(file.read_text() + "\n")
    assert read(tmp_path).sha256 != before


def test_the_bundled_markets_are_those_that_were_measured() -> None:
    # A changed figure must be a decision: it changes every published number.
    assert list(bundled()) == [OUTLOOK, TRAILING]
    for market_id, folder in bundled().items():
        digest = hashlib.sha256(b"".join(n.encode() + b"\0" + (folder / n).read_bytes() + b"\0" for n in FILES))
        assert load(market_id).sha256 == digest.hexdigest()
    assert load(TRAILING).unpriced == ("EINC",)
    assert load(TRAILING).risk_free == 0.0427
    # The outlook for cash is 3.5 %, and BILL costs 0.07 %.
    assert load(OUTLOOK).risk_free == pytest.approx(0.0343)


@pytest.mark.parametrize("market_id", [TRAILING, OUTLOOK])
def test_the_bundled_markets_are_positive_definite_and_cannot_be_written_to(market_id: str) -> None:
    market = load(market_id)
    assert np.linalg.eigvalsh(market.Sigma)[0] > 0
    with pytest.raises(ValueError, match="read-only"):
        market.Sigma[0, 0] = 1.0


def test_an_unknown_market_is_answered_with_those_there_are() -> None:
    with pytest.raises(DataError, match=f"nowhere: .*{TRAILING}"):
        load("nowhere")


def test_an_unpriced_ticker_is_answered_with_those_there_are() -> None:
    with pytest.raises(DataError, match="does not price EINC, XYZ; it has BILL"):
        load(TRAILING).positions(["BILL", "EINC", "XYZ"])


BAD = {
    "no cash": (
        {"etfs": ETFS + "CASH,C,equities,0,fund,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "no ETF of the asset class 'cash'",
    ),
    "empty": ({"moments": ""}, "cash"),
    "asymmetric": ({"correlations": CORRELATIONS + "CASH,1,0,0\nBOND,0,1,0.3\nSTOCK,0,0.4,1\n"}, "symmetric"),
    "indefinite": (
        {"correlations": CORRELATIONS + "CASH,1,0.9,-0.9\nBOND,0.9,1,0.9\nSTOCK,-0.9,0.9,1\n"},
        "positive definite",
    ),
    "ticker missing in the rows of the correlations": (
        {"correlations": CORRELATIONS + "CASH,1,0,0\nBOND,0,1,0.3\n"},
        "STOCK",
    ),
    "ticker missing in the columns of the correlations": (
        {"correlations": "ticker,CASH,BOND\nCASH,1,0\nBOND,0,1\nSTOCK,0,0.3\n"},
        "STOCK",
    ),
    "not a number": (
        {"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,much,0.05,x\nSTOCK,0.09,0.2,x\n"},
        "BOND must be a number, not 'much'",
    ),
    "nan": ({"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,nan,0.05,x\nSTOCK,0.09,0.2,x\n"}, "BOND"),
    "return of all there is": (
        {"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,-1,0.05,x\nSTOCK,0.09,0.2,x\n"},
        "above -1",
    ),
    "return in percent": ({"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,0.05,0.05,x\nSTOCK,11.2,0.2,x\n"}, "most 10"),
    "volatility of zero": ({"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,0.05,0,x\nSTOCK,0.09,0.2,x\n"}, "BOND"),
    "volatility below zero": ({"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,0.05,-0.1,x\nSTOCK,0.09,0.2,x\n"}, "BOND"),
    "correlation of an ETF with itself above one": (
        {"correlations": CORRELATIONS + "CASH,1,0,0\nBOND,0,1.5,0.3\nSTOCK,0,0.3,1\n"},
        "BOND|diagonal",
    ),
    "moments of an ETF that is not described": (
        {"moments": MOMENTS + "CASH,0.04,0.01,x\nBOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\nOTHER,0.09,0.2,x\n"},
        r"moments\.csv.*OTHER, which etfs\.csv does not describe",
    ),
    "ticker twice": (
        {
            "etfs": ETFS
            + "CASH,C,cash,0,fund,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"
        },
        "BOND",
    ),
    "row too short": ({"moments": MOMENTS + "CASH,0.04\nBOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n"}, "cannot be read"),
    "moments twice": (
        {"moments": MOMENTS + "CASH,0.04,0.01,x\nCASH,0.05,0.01,x\nBOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n"},
        r"moments\.csv .* twice",
    ),
    "correlation that is no number": (
        {"correlations": CORRELATIONS + "CASH,1,nan,0\nBOND,nan,1,0\nSTOCK,0,0,1\n"},
        "BOND of CASH",
    ),
    "negative spread": (
        {"etfs": ETFS + "CASH,C,cash,0,fund,0,0,1,-1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "half_spread",
    ),
    "more than all is franked": (
        {"etfs": ETFS + "CASH,C,cash,0,fund,0,30,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "franked_share",
    ),
    "not text": ({"moments": "\0\0"}, "moments.csv: line 1 holds a NUL"),
    "field longer than csv allows": ({"etfs": ETFS + f"CASH,{'C' * 140_000},cash,0,fund,0,0,1,1\n"}, "cannot be read"),
    "so nearly perfectly correlated that nothing can be computed": (
        {"correlations": CORRELATIONS + "CASH,1,0,0\nBOND,0,1,0.9999999999999999\nSTOCK,0,0.9999999999999999,1\n"},
        "positive definite",
    ),
    "column missing": ({"moments": "ticker,expected_return\nCASH,0.04\nBOND,0.05\nSTOCK,0.09\n"}, "volatility"),
    "liquidity above one": (
        {"etfs": ETFS + "CASH,C,cash,0,fund,0,0,7,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "liquidity",
    ),
    "not said whose the returns are": (
        {"etfs": ETFS.replace("return_is,", "") + "CASH,C,cash,0,0,0,1,1\nBOND,B,x,0,0,0,1,1\nSTOCK,S,x,0,0,0,1,1\n"},
        "return_is of CASH is missing: write in etfs.csv fund, .* or index",
    ),
    "returns of nobody": (
        {"etfs": ETFS + "CASH,C,cash,0,gross,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "return_is of CASH is 'gross'",
    ),
    "no fee": (
        {"etfs": ETFS + "CASH,C,cash,,fund,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "management_fee of CASH must be a number",
    ),
    "fee in percent": (
        {"etfs": ETFS + "CASH,C,cash,7,fund,0,0,1,1\nBOND,B,x,0,fund,0,0,1,1\nSTOCK,S,x,0,fund,0,0,1,1\n"},
        "management_fee of CASH .* from 0 to 1",
    ),
    "closed on no day": (
        {"etfs": FEES.replace("2025-01-31", "January")},
        "until of STOCK must be a date",
    ),
    "perfectly correlated": (
        {"correlations": CORRELATIONS + "CASH,1,0,0\nBOND,0,1,1\nSTOCK,0,1,1\n"},
        "positive definite",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_a_message_that_says_where(tmp_path: Path, case: str) -> None:
    files, said = BAD[case]
    with pytest.raises(DataError, match=said):
        read(write_market(tmp_path, **files))


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_as_bad_data_of_that_market(tmp_path: Path, case: str) -> None:
    with pytest.raises(DataError, match="market mine"):
        read(write_market(tmp_path / "mine", **BAD[case][0]))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write_market(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=name):
        read(tmp_path)


def test_one_s_own_markets_are_found_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_market(tmp_path / "one" / "mine")
    write_market(tmp_path / "two" / "mine", moments=MOMENTS + "CASH,0.01,0.01,x\nBOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n")
    write_market(tmp_path / "two" / TRAILING)
    (tmp_path / "two" / "other").mkdir()
    monkeypatch.setenv(VARIABLE, os.pathsep.join(str(tmp_path / name) for name in ("one", "two", "none")))

    found = known()

    assert sorted(found) == [OUTLOOK, TRAILING, "mine"]
    assert found["mine"] == tmp_path / "one" / "mine"
    assert found[TRAILING] == bundled()[TRAILING], "what comes with the product stays what it is"
    monkeypatch.delenv(VARIABLE)
    assert sorted(known()) == [OUTLOOK, TRAILING]
