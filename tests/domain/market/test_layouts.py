"""The layouts of people's price files: each gives the prices of the plain one, or a sentence with the mend."""

from __future__ import annotations

import gzip
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from portfolio.errors import DataError
from portfolio.market.history.distributions import read_distributions
from portfolio.market.history.facts import Knowledge, read_facts
from portfolio.market.history.prices import read_prices

if TYPE_CHECKING:
    from pathlib import Path

_UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")
PLAIN = "date,VAS,BILL\n2025-03-14,1100.5,2\n2025-03-17,1101.25,3.125\n"
DAYS = (date(2025, 3, 14), date(2025, 3, 17))
VALUES = np.array([[1100.5, 2], [1101.25, 3.125]])


@pytest.mark.parametrize(
    ("text", "assumed"),
    [
        (PLAIN, ()),
        (PLAIN.replace("date", "DATE"), ("the column DATE is date",)),
        (PLAIN.replace(",", ";"), ("fields are separated by semicolons",)),
        (PLAIN.replace(",", "\t"), ("fields are separated by tabs",)),
        (PLAIN.replace(",", "|"), ("fields are separated by bars",)),
        ("sep=;\n" + PLAIN.replace(",", ";"), ("fields are separated by semicolons, as its first line says",)),
        ('"sep=,"\r\n' + PLAIN, ("fields are separated by commas, as its first line says",)),
        ("SEP=\t\n" + PLAIN.replace(",", "\t"), ("fields are separated by tabs, as its first line says",)),
        (PLAIN[4:], ("the first column, which has no name, is date",)),
        (
            ",date,VAS,BILL\n0,2025-03-14,1100.5,2\n1,2025-03-17,1101.25,3.125\n",
            ("the first column, which has no name and counts the rows, is not used",),
        ),
        ("date,VAS,BILL,,\n2025-03-14,1100.5,2,,\n2025-03-17,1101.25,3.125,,\n", ()),
        ("date,VAS,BILL\n2025-03-14,1100.5,2,,\n2025-03-17,1101.25,3.125,,\n", ()),
        ('date,VAS,BILL\n2025-03-14,"1,100.5",2\n2025-03-17,"1,101.25",3.125\n', ("digits in groups of three",)),
        ("date;VAS;BILL\n2025-03-14;1.100,5;2\n2025-03-17;1.101,25;3,125\n", ("semicolons", "the comma is decimal")),
        ("date;VAS;BILL\n2025-03-14;1100,5;2\n2025-03-17;1101,25;3,125\n", ("semicolons", "as in 1100,5 (line 2)")),
        ("date,VAS,BILL\n2025-03-14,1 100.5,2\n2025-03-17,1'101.25,3.125\n", ("digits in groups of three",)),
        ("date,VAS,BILL\n2025-03-14,1\u202f100.5,2\n2025-03-17,1\u00a0101.25,3.125\n", ("digits in groups",)),
        (PLAIN.replace("2025-03-", "2025/03/"), ()),
        (PLAIN.replace("2025-03-", "202503"), ()),
        (PLAIN.replace("2025-03-14", "2025-03-14 00:00:00+11:00").replace("-17,", "-17T00:00:00Z,"), ()),
        (PLAIN.replace("2025-03-14", "14/03/2025").replace("2025-03-17", "17/3/2025"), ("the day comes first",)),
        (PLAIN.replace("2025-03-14", "3/14/2025").replace("2025-03-17", "03/17/2025"), ("as in 3/14/2025 (line 2)",)),
        (PLAIN.replace("2025-03-14", "14.03.2025").replace("2025-03-17", "17.03.2025"), ("the day comes first",)),
        (PLAIN.replace("2025-03-14", "14 Mar 2025").replace("2025-03-17", "17-MARCH-2025"), ("months are given by",)),
        (PLAIN.replace("2025-03-14", "14-Mar-25").replace("2025-03-17", "17-Mar-25"), ("from 1970 to 2069",)),
        (PLAIN.replace("2025-03-14", '"Mar 14, 2025"').replace("2025-03-17", '"Mon, 17 March 2025"'), ("by name",)),
        (
            ",date,VAS,BILL\n0,2025-03-14,1100.5,2\n1,2025-03-17,1101.25,3.125\n".replace(",", "Unnamed: 0,", 1),
            ("counts",),
        ),
        (PLAIN.replace("2025-03-14", "2025-Mar-14").replace("2025-03-17", "2025 Mar 17"), ("by name",)),
    ],
)
def test_a_layout_is_read_as_the_plain_one_and_what_was_assumed_is_told(
    tmp_path: Path, text: str, assumed: tuple[str, ...]
) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(("\ufeff" + text).encode())

    prices = read_prices(file)

    assert (prices.dates, prices.tickers) == (DAYS, ("VAS", "BILL"))
    assert (prices.values == VALUES).all()
    assert len(prices.assumed) == len(assumed)
    for told, words in zip(prices.assumed, assumed, strict=True):
        assert words in told


def test_lines_are_those_of_the_file_whatever_stands_before_the_header(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("sep=;\n\ndate;VAS\n2025-03-17;1\n\n2025-03-14;2\n", encoding="utf-8")

    assert read_prices(file).lines == (6, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date;VAS,BILL\n", "line 1: the header has commas and semicolons: give a file separated with commas only"),
        ("date,VAS\n05/03/2025,1\n06/03/2025,1\n", "line 2: '05/03/2025' may be 2025-03-05 or 2025-05-03"),
        ("date,VAS\n25/03/2025,1\n03/26/2025,1\n", "in '25/03/2025' (line 2) and the month in '03/26/2025' (line 3)"),
        ("date,VAS\n2025-03-14,1\n17/03/2025,1\n", "line 3: '17/03/2025' is a date in another form than '2025-03-14'"),
        ("date,VAS\n14/03/25,1\n", "date is '14/03/25', not a date such as 2025-11-07: its year has two digits"),
        ("date,VAS\n2025-03-13T13:00:00Z,1\n", "it has a time, whose day depends on the zone; give the day alone"),
        ("date,VAS\n1741910400,1\n", "not a date such as 2025-11-07: a count of seconds; give the day itself"),
        ("date,VAS\n45730,1\n", "a spreadsheet's number of a day; give its column the format yyyy-mm-dd"),
        ("date,VAS\n31 Feb 2025,1\n", "line 2: date is '31 Feb 2025', not a date"),
        ('date,VAS\n2025-03-14,"1,100"\n', "line 2: '1,100' may be 1100 or 1.100, and no other number tells"),
        ('date,VAS\n2025-03-14,"98,07"\n2025-03-17,98.07\n', "line 3 has '98.07', with a decimal point, and line 2"),
        ("date,VAS.AX\n2025-03-14,1\n", "'VAS.AX' is not a ticker: 1 to 12 of A-Z and 0-9; write VAS"),
        ("date,vas\n2025-03-14,1\n", "write VAS"),
        ("Date,Open,High,Low,Close,Adj Close,Volume\n2025-03-14,1,1,1,1,1,9\n", "the prices of one ETF by kind"),
        ("date,ticker,price\n2025-03-14,VAS,1\n", "a row for each price: give a row for each date"),
        (",date,VAS\n7,2025-03-14,1\n", "(column 1 has no name, but line 2 has a value)"),
        ("Date,date,VAS\n2025-03-14,2025-03-14,1\n", "the column date stands twice"),
        ("Datum,VAS\n2025-03-14,1\n", "line 1: the column Datum holds dates: name it date"),
        ("VAS,BILL\n1,2\n", "there is no column date beside VAS, BILL: name the column so that holds it, or add one"),
        ("My funds\n" + PLAIN, "line 1: My funds is a title: take out the lines above the names of the columns"),
        ("# of 2025\n\n" + PLAIN, "line 1: # of 2025 is a title"),
        (PLAIN.split("\n", 1)[1], "line 1: the columns have no names: add a line above with a name for each"),
        (
            "Price,Close,Close\nTicker,VAS.AX,BILL.AX\nDate,,\n2025-03-14,1100.5,2\n",
            "line 1: the columns have names in several lines, from line 1 on: keep one line, with date and tickers",
        ),
        (",Adj Close,Adj Close\nTicker,VAS.AX,BILL.AX\nDate,,\n2025-03-14,1100.5,2\n", "names in several lines"),
        ("date,VAS Close,VAS Adj Close\n2025-03-14,1,1\n", "VAS Close, VAS Adj Close: prices by kind; keep one column"),
        ("ticker,2025-03-14,2025-03-17\nVAS,1,2\n", "the dates stand side by side"),
        ("date,2025-03-14,2025-03-17\n2025-03-14,1,2\n", "the dates stand side by side: turn the table"),
        ("date,VAS,currency\n2025-03-14,1,AUD\n", "the column currency has no numbers, such as 'AUD': take it out"),
        ("date,VAS\n2025-03-14,$1.50\n", "line 2: VAS is '$1.50', not a number; write 1.50"),
        ("date,VAS\n2025-03-14,AUD 1.50\n", "line 2: VAS is 'AUD 1.50', not a number; write 1.50"),
        ("<!DOCTYPE html><html></html>\n", "line 1: this is a web page or JSON, and no table"),
        ('{"prices": [1, 2]}\n', "line 1: this is a web page or JSON, and no table"),
    ],
)
def test_a_layout_with_several_readings_is_refused_with_the_mend(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(DataError) as refused:
        read_prices(file)

    assert str(refused.value).startswith("p.csv: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("none", ["null", "N/A", "#N/A", "NaN", "NA", "-", "None"])
def test_a_cell_that_says_that_there_is_no_value_is_blank_and_told(tmp_path: Path, none: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(f"date,VAS,BILL\n2025-03-14,{none},2\n2025-03-17,1101.25,{none}\n", encoding="utf-8")

    prices = read_prices(file)

    assert np.array_equal(prices.values, [[np.nan, 2], [1101.25, np.nan]], equal_nan=True)
    assert prices.assumed == (f"'{none}' is no value, as in line 2, 2 in all",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        *((PLAIN.encode(code), "is UTF-16, as Windows programs write: save it as UTF-8") for code in _UTF_16),
        (
            b"PK\x03\x04\x14\x00\x06\x00",
            "is a workbook, such as Excel's, or an archive: export a sheet as CSV in UTF-8",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of an old Excel: export a sheet as CSV in UTF-8"),
        (gzip.compress(PLAIN.encode(), mtime=0), "is compressed: unpack it first"),
    ],
)
def test_bytes_that_are_no_text_in_utf_8_are_named(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(data)

    with pytest.raises(DataError) as refused:
        read_prices(file)

    assert str(refused.value) == f"p.csv {said}"


def test_facts_and_distributions_are_read_in_the_same_layouts(tmp_path: Path) -> None:
    (tmp_path / "facts.csv").write_text("Ticker;Price_AUD;Since\nVAS;1.100,50;31/12/2010\n", encoding="utf-8")
    (tmp_path / "paid.csv").write_text(
        "Ticker\tDate\tAmount_AUD\tFranked_Share\nVAS\t28 Mar 2025\t0.5\t1\n", encoding="utf-8"
    )

    facts, paid = read_facts(tmp_path / "facts.csv"), read_distributions(tmp_path / "paid.csv")

    assert (facts["VAS"]["price_aud"], facts["VAS"]["since"]) == ("1100.50", "2010-12-31")
    assert (paid["VAS"][0].date, paid["VAS"][0].amount_aud) == (date(2025, 3, 28), 0.5)


@pytest.mark.parametrize(("written", "mend"), [("3.2%", "write 0.032"), ("much", "leave out what is not known")])
def test_a_share_in_per_cent_is_refused_with_the_fraction(tmp_path: Path, written: str, mend: str) -> None:
    file = tmp_path / "facts.csv"
    file.write_text(f"ticker,distribution_yield\nVAS,{written}\n", encoding="utf-8")

    with pytest.raises(DataError, match=f"line 2: distribution_yield is '{written}', not a number; {mend}"):
        read_facts(file)


@pytest.mark.parametrize("price", [3.4e-9, 2.7e-7, 0.1, 98.0765, 12_345.678901, 999_999_999.0])
def test_a_price_of_a_unit_keeps_its_digits(tmp_path: Path, price: float) -> None:
    rows = "VAS,equities,0.001,fund,0.03,0.5,1,2\n"
    (tmp_path / "facts.csv").write_text(
        "ticker,asset_class,management_fee,return_is,distribution_yield,franked_share,liquidity,half_spread_bps\n"
        + rows,
        encoding="utf-8",
    )
    stated = read_facts(tmp_path / "facts.csv"), "facts.csv"

    facts = Knowledge(stated=stated, prices=({"VAS": price}, "p.csv")).of(["VAS"], until=DAYS[1])

    assert float(facts["VAS"].values["price_aud"]) == price
    assert "e" not in facts["VAS"].values["price_aud"]
