"""Price files as other programs export them: read, or refused by the mend of its kind."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from support.commands import here

from portfolio.errors import DataError
from portfolio.market.history.prices import read_prices
from portfolio.market.history.sample import align

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TICKERS = ("VAS", "VGS", "BILL")


def walk() -> list[tuple[date, list[float]]]:
    random, prices, rows = Random(15), [100.0, 90.0, 50.0], []  # noqa: S311 - a walk, no secret
    for week in range(80):
        rows.append((date(2022, 1, 7) + timedelta(weeks=week), [round(price, 4) for price in prices]))
        prices = [
            price * (1 + random.gauss(0.001, size)) for price, size in zip(prices, (0.02, 0.025, 0.0005), strict=True)
        ]
    return rows


WALK = walk()


def plain(value: float) -> str:
    return f"{value:.4f}"


def table(
    head: str = "date,VAS,VGS,BILL",
    day: Callable[[date], str] = date.isoformat,
    value: Callable[[float], str] = plain,
    mark: str = ",",
) -> str:
    rows = (mark.join([day(when), *map(value, prices)]) for when, prices in WALK)
    return "\n".join([head.replace(",", mark), *rows]) + "\n"


def by_kind(head: str, row: str) -> str:
    told = (
        row.format(day=when, price=prices[0], us=f"{when:%m/%d/%Y}", compact=f"{when:%Y%m%d}") for when, prices in WALK
    )
    return "\n".join([head, *told]) + "\n"


BY_KIND = "these are the prices of one ETF by kind: give one file with a column for each ETF"
REFUSED = {
    "Investing.com": (
        by_kind('"Date","Price","Open","High","Low","Vol.","Change %"', '"{us}","{price}","1","1","1","1.2M","0.5%"'),
        f"line 1: {BY_KIND}",
    ),
    "Stooq in brackets": (
        by_kind(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            "VAS.AU,D,{compact},000000,{price},{price},{price},{price},1000,0",
        ),
        f"line 1: {BY_KIND}",
    ),
    "Bloomberg, with lines above": (
        "Start Date,7/01/2022\nEnd Date,24/01/2025\n\n" + table(",VAS AU Equity,VGS AU Equity,BILL AU Equity"),
        "line 1: Start Date, 7/01/2022 is a title: take out the lines above the names of the columns, up to line 2",
    ),
    "two titles": ("ACME Funds\nUnit prices\n\n" + table(), "line 1: ACME Funds is a title: take out the lines above"),
    "Dates below the tickers": (
        "Security,VAS AU Equity,VGS AU Equity,BILL AU Equity\nDates,PX_LAST,PX_LAST,PX_LAST\n"
        + table().split("\n", 1)[1],
        "the columns have names in several lines, from line 1 on: keep one line",
    ),
    "a row per price, without names": (
        "".join(f"VAS,{when:%Y%m%d},{prices[0]},{prices[0]},1000\n" for when, prices in WALK),
        "line 1: this has a row for each price (give a row for each date, with a column for each ETF (a pivot))",
    ),
    "a source below": (
        table() + '\n"Source: ACME, 24/01/2025"\n',
        "line 83: 'Source: ACME, 24/01/2025' is no row of the table: take it out",
    ),
    "totals below": (
        table() + "Total,1,1,1\n",
        "line 82: date is 'Total', not a date such as 2025-11-07: correct it",
    ),
    "months": (
        table(day=lambda day: f"{day:%b %Y}"),
        "date is 'Jan 2022', not a date such as 2025-11-07: it has no day",
    ),
    "months in digits": (
        table(day=lambda day: f"{day:%Y-%m}"),
        "it has no day; give that of the price",
    ),
    "returns": (
        table(value=lambda price: f"{price - 95:.4f}"),
        "and no price: correct it, or make an index",
    ),
    "returns in per cent": (
        table(value=lambda price: f"{price - 95:.2f}%"),
        "and no price: correct it, or make an index",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_export_is_refused_with_the_mend_of_its_kind(tmp_path: Path, name: str) -> None:
    text, said = REFUSED[name]
    (file := tmp_path / "mine.csv").write_text(text, encoding="utf-8")

    status, _, errors = here("market", "build", str(file), "--id", "mine", "--return-is", "fund")

    assert status == 1
    assert said in " ".join(errors.split())


def test_columns_in_brackets_are_read(tmp_path: Path) -> None:
    (file := tmp_path / "mine.csv").write_text(table("<DATE>,<VAS>,<VGS>,<BILL>"), encoding="utf-8")

    assert read_prices(file).tickers == TICKERS


def test_a_column_of_returns_among_prices_is_refused_and_not_told_row_by_row(tmp_path: Path) -> None:
    random = Random(7)  # noqa: S311 - a walk, no secret
    rows = [f"{when},{prices[0]},{abs(random.gauss(0, 2)):.4f},{prices[2]}" for when, prices in WALK]
    (file := tmp_path / "mine.csv").write_text("date,VAS,VGS,BILL\n" + "\n".join(rows), encoding="utf-8")
    prices = read_prices(file)

    with pytest.raises(DataError, match=r"csv: VGS is no column of prices: in \d\d of 79 weeks .*--trust VGS"):
        align(prices)
    assert align(prices, trusted=("VGS",)).tickers == TICKERS


def test_prices_of_days_to_come_are_refused(tmp_path: Path) -> None:
    (file := tmp_path / "mine.csv").write_text(table(day=lambda day: day.replace(year=day.year + 100).isoformat()))

    status, _, errors = here("market", "build", str(file), "--id", "mine", "--return-is", "fund")

    assert status == 1
    assert "mine.csv: line 81: date is 2123-07-14, and today is 20" in errors
    assert "correct the dates" in errors
