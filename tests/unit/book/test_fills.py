"""Fills of a broker become the next account: partial fills, other prices, rejections; figures worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import here
from support.reported import optimised
from support.requests_made import body

from book.export import order_id
from book.fills import Unfilled, next_book, read
from book.lines import Line
from bus.language.messages import encode, parse_request
from portfolio.errors import DataError
from portfolio.published.order import ParcelSold, Side

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.messages import MasterPortfolioOptimized

HEAD = "order_id,day,units,price_aud,brokerage_aud"
# 100 VAS of 2016 for 65.10 each, 80 of 2025 for 97.125 each, and 1,000 AUD, with 500 AUD that come in.
REQUEST = body(
    customer={"customer_id": "c-1"},
    account={
        "as_of": "2025-11-10",
        "cash_aud": 1_000.0,
        "contribution_aud": 500.0,
        "holdings": [
            {
                "ticker": "VAS",
                "units": 180,
                "parcels": [
                    {"acquired": "2016-03-15", "units": 100, "cost_base_aud": 6_510.0},
                    {"acquired": "2025-03-20", "units": 80, "cost_base_aud": 7_770.0},
                ],
            }
        ],
    },
)
LINE = Line(1, "line 1", json.dumps(REQUEST).encode())


def suggested() -> MasterPortfolioOptimized:
    """Suggest to sell all 80 VAS of 2025 and 20 of 2016, and to buy 200 VAF."""
    event = optimised("existing-investor")
    order = event.trading.orders[0]
    parcels = (ParcelSold(date(2025, 3, 20), 80.0, 7_770.0, {}), ParcelSold(date(2016, 3, 15), 20.0, 1_302.0, {}))
    sell = replace(order, side=Side.SELL, ticker="VAS", units=100.0, parcels=parcels)
    buy = replace(order, side=Side.BUY, ticker="VAF", units=200.0, parcels=())
    trading = replace(event.trading, orders=(sell, buy))
    return event.model_copy(update={"customer_id": "c-1", "request_id": "night_1_c-1", "trading": trading})


EVENT = suggested()
SELL, BUY = (order_id(EVENT, order) for order in EVENT.trading.orders)


def after(*fills: str) -> tuple[dict[str, Any], list[Unfilled]]:
    (made,) = next_book([LINE], {"c-1": EVENT}, read("\n".join([HEAD, *fills])))
    line, unfilled = made
    assert parse_request(line, REQUEST["request_id"]), "the next book can be asked"
    return json.loads(line)["account"], unfilled


def test_orders_that_are_filled_wholly_become_parcels_and_cash() -> None:
    account, unfilled = after(f"{SELL},2025-11-10,100,108.80,9.50", f"{BUY},2025-11-12,200,46.55,9.50")

    assert unfilled == []
    assert account["as_of"] == "2025-11-12"
    # 1,000 + 500 + 10,880 - 9.50 - 9,310 - 9.50
    assert account["cash_aud"] == 3_051.0
    assert "contribution_aud" not in account, "it has come in"
    assert account["holdings"] == [
        # 80 of 100 are left of 2016, at 65.10 each.
        {"ticker": "VAS", "units": 80, "parcels": [{"acquired": "2016-03-15", "units": 80, "cost_base_aud": 5_208.0}]},
        # 200 x 46.55 and the brokerage.
        {
            "ticker": "VAF",
            "units": 200,
            "parcels": [{"acquired": "2025-11-12", "units": 200, "cost_base_aud": 9_319.5}],
        },
    ]


def test_partial_fills_at_several_prices_and_days_are_parcels_and_the_rest_is_told() -> None:
    account, unfilled = after(
        f"{SELL},2025-11-10,30,108.80,9.50",
        f"{SELL},2025-11-11,10,108.00,0",
        f"{BUY},2025-11-12,50,46.50,9.50",
        f"{BUY},2025-11-12,10,46.60,0",
        f"{BUY},2025-11-13,20,46.70,5.00",
    )

    # 1,500 + 3,264 - 9.50 + 1,080 - 2,325 - 9.50 - 466 - 934 - 5
    assert account["cash_aud"] == 2_095.0
    vas, vaf = account["holdings"]
    # The 40 that were sold are of the parcel that the order names first: 40 of 80 are left, 97.125 each.
    assert vas["parcels"] == [
        {"acquired": "2016-03-15", "units": 100, "cost_base_aud": 6_510.0},
        {"acquired": "2025-03-20", "units": 40, "cost_base_aud": 3_885.0},
    ]
    assert vaf["parcels"] == [
        {"acquired": "2025-11-12", "units": 60, "cost_base_aud": 2_800.5},  # 2,325 + 9.50 + 466
        {"acquired": "2025-11-13", "units": 20, "cost_base_aud": 939.0},
    ]
    assert [one.words for one in unfilled] == [
        f"c-1: 60 of 100 VAS are not sold ({SELL})",
        f"c-1: 120 of 200 VAF are not bought ({BUY})",
    ]


def test_rejections_leave_the_account_as_it_is() -> None:
    account, unfilled = after(f"{SELL},2025-11-10,0,0,0")

    assert account["holdings"] == REQUEST["account"]["holdings"]
    assert account["cash_aud"] == 1_500.0
    assert [one.units for one in unfilled] == [100, 200], "rejected, and not heard of"


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        ("night_1_c-1.S.VAX,2025-11-10,1,1,0", "line 2: order_id night_1_c-1.S.VAX"),
        (f"{SELL},2025-11-10,101,108.80,0", f"line 2: units of {SELL} add up to 101, and 100 were ordered"),
        (f"{SELL},2025-11-10,1.5,108.80,0", "line 2: units is '1.5': give whole units"),
        (f"{SELL},10/11/2025,1,108.80,0", "line 2: day is '10/11/2025': give the day of the contract"),
        (f"{SELL},2025-11-10,1,nan,0", "line 2: price_aud is 'nan': give a number from 0 to 10000000000"),
        (f"{SELL},2025-11-10,1,108.80,-5", "line 2: brokerage_aud is '-5': give a number from 0 to"),
        (f"{SELL},2025-11-10,1e999999,108.80,0", "line 2: units is '1e999999': give a number from 0 to"),
        (f"{SELL},2025-11-10,1,1e999,0", "line 2: price_aud is '1e999': give a number from 0 to"),
        (f"{SELL},2025-11-10,1,{'9' * 5_000},0", f"line 2: price_aud is '{'9' * 60}...': give a number"),
        (f"{SELL},9999-12-31,1,108.80,0", "line 2: day is '9999-12-31': give the day of the contract"),
        (f"{SELL},\x1b[2J,1,108.80,0", "line 2: day is '\\x1b[2J': give the day of the contract"),
        (f"{'x' * 200_000},2025-11-10,1,108.80,0", "line 2 is no line of a table (field larger than field limit"),
    ],
)
def test_a_fill_that_cannot_be_is_an_error_with_line_and_mend(fill: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        after(fill)
    assert told in str(error.value)


def test_a_book_that_is_not_the_one_that_was_asked_is_an_error() -> None:
    parcel = {"acquired": "2025-03-20", "units": 9.0, "cost_base_aud": 900.0}
    account = {**REQUEST["account"], "holdings": [{"ticker": "VAS", "units": 9, "parcels": [parcel]}]}
    line = Line(1, "line 1", json.dumps({**REQUEST, "account": account}).encode())

    with pytest.raises(
        DataError, match=r"line 1: 21 VAS that were sold are in no parcel: give the book that was asked"
    ):
        list(next_book([line], {"c-1": EVENT}, read(f"{HEAD}\n{SELL},2025-11-10,30,108.80,0")))


ACCOUNT = REQUEST["account"]
UNITS = '"units": 80,'


@pytest.mark.parametrize(
    ("there", "put", "told"),
    [
        ('"cash_aud": 1000.0', '"cash_aud": "all"', 'line 1: account.cash_aud is "all": give a number'),
        ('"cash_aud": 1000.0, ', "", "line 1: account.cash_aud is missing: give it"),
        ('"cash_aud": 1000.0', '"cash_aud": -Infinity', "line 1: account.cash_aud is -Infinity: give a finite number"),
        ('"as_of": "2025-11-10"', '"as_of": 100', "account.as_of is 100: give a day"),
        (UNITS, '"units": 1e-12,', "units is 1e-12: give a whole number"),
        (UNITS, '"units": "x",', 'units is "x": give a whole number'),
        (UNITS, "", "units is missing: give it"),
        ('"cost_base_aud": 7770.0', '"cost_base_aud": 1e300', "give at most 10,000,000,000"),
    ],
)
def test_a_line_with_orders_that_is_no_request_is_an_error(there: str, put: str, told: str) -> None:
    assert LINE.body.decode().count(there) == 1
    line = Line(1, "line 1", LINE.body.decode().replace(there, put).encode())

    with pytest.raises(DataError) as error:
        list(next_book([line], {"c-1": EVENT}, read(f"{HEAD}\n{SELL},2025-11-10,30,108.80,0")))
    assert told in str(error.value)


def test_the_command_writes_a_book_and_tells_the_rest(tmp_path: Path) -> None:
    names = {name: tmp_path / name for name in ("fills.csv", "book.jsonl", "events.jsonl", "next.jsonl")}
    names["fills.csv"].write_text(f"{HEAD}\n{SELL},2025-11-10,100,108.80,9.50\n")
    other = json.dumps({**REQUEST, "customer": {"customer_id": "c-2"}}).encode()
    names["book.jsonl"].write_bytes(LINE.body + b"\n" + other + b"\n{bad\n")
    names["events.jsonl"].write_bytes(encode(EVENT) + b"\n")

    options = ("--book", str(names["book.jsonl"]), "--events", str(names["events.jsonl"]))
    status, out, _ = here("fills", "import", str(names["fills.csv"]), *options, "-o", str(names["next.jsonl"]))

    assert status == 0
    assert f"c-1: 200 of 200 VAF are not bought ({BUY})" in out
    first, second, bad = names["next.jsonl"].read_bytes().splitlines()
    assert json.loads(first)["account"]["cash_aud"] == 12_370.5  # 1,500 + 10,880 - 9.50
    assert (second, bad) == (other, b"{bad"), "without orders"
