"""Orders for a broker: limits on the exchange's steps, waves, rests after fills, and no more than the money."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from support.advised import HEAD, advised, asked, fills, holding, order
from support.commands import here
from support.reported import optimised

from book.export import Placed, Placing, limit_aud, orders_of, place
from book.fills import contracts, read
from bus.language.messages import encode
from portfolio.errors import DataError
from portfolio.published.order import Side

if TYPE_CHECKING:
    from pathlib import Path


EVENT = optimised("existing-investor")
ORDER = EVENT.trading.orders[0]
VAS = holding("VAS", ("2016-03-15", 100, 6_510.0))
REQUEST = asked(contribution_aud=500.0, holdings=[VAS])
# VAS is sold for 108.83; VAF is bought at a limit of 46.55 x 1.005 = 46.78.
SWITCH = advised(REQUEST, order("sell", "VAS", 100, 108.83, ("2016-03-15", 100)), order("buy", "VAF", 200, 46.55))
SELL, BUY = orders_of(SWITCH)


def placed(wave: int, day: str, *rows: str, event: object = SWITCH) -> Placed:
    ordered = {key: round(one.units) for key, one in orders_of(event).items()}
    done = contracts(read(fills(*rows)), {}, ordered)
    return place(event, Placing(0.005, wave, date.fromisoformat(day)), done)


def units(found: Placed) -> dict[str, int]:
    return {one.order_id: one.units for one in found.orders}


@pytest.mark.parametrize(
    ("side", "price_aud", "limit"),
    [
        (Side.BUY, 108.83, "109.37"),  # 108.83 x 1.005 = 109.37415
        (Side.SELL, 108.83, "108.29"),  # 108.83 x 0.995 = 108.28585
        (Side.BUY, 1.90, "1.905"),  # 1.9095: steps of half a cent below 2 AUD
        (Side.SELL, 2.005, "1.995"),  # 1.994975
        (Side.BUY, 1.995, "2.00"),  # 2.004975: steps of a cent from 2 AUD on
        (Side.BUY, 0.09, "0.090"),  # 0.09045: steps of a tenth of a cent
    ],
)
def test_a_limit_is_on_a_step_and_within_the_tolerance(side: Side, price_aud: float, limit: str) -> None:
    assert limit_aud(replace(ORDER, side=side, price_aud=price_aud), 0.005) == Decimal(limit)


@pytest.mark.parametrize(
    ("there", "put", "told"),
    [
        ('"customer_id":"existing-investor"', '"customer_id":"=cmd|1"', "'=cmd|1'"),
        ('"customer_id":"existing-investor"', '"customer_id":"a\\u001b[2J"', "'a\\x1b[2J'"),
        ('"as_of":"2025-11-10"', '"as_of":"9999-12-31"', "9999-12-31"),
        (f'"units":{ORDER.units}', '"units":1e308', "1e+308"),
        (f'"units":{ORDER.units}', '"units":-1e300', "-1e+300"),
        (f'"price_aud":{ORDER.price_aud}', '"price_aud":1e300', "1e+300"),
    ],
)
def test_orders_that_no_coordinator_writes_are_no_table(tmp_path: Path, there: str, put: str, told: str) -> None:
    body = encode(EVENT).decode()
    assert there in body
    (tmp_path / "events.jsonl").write_text(f"\n{body.replace(there, put)}\n", encoding="utf-8")

    status, out, said = here("orders", "export", str(tmp_path / "events.jsonl"))

    assert (status, out) == (1, "")
    assert f"line 2 has orders that no coordinator writes ({told}): give events.jsonl of a run" in said


def test_sales_are_the_first_wave_and_purchases_wait_for_their_money() -> None:
    first = place(EVENT, Placing(0.005))

    sales = [one for one in EVENT.trading.orders if one.side is Side.SELL]
    assert [(one.side, one.code, one.units, one.wave) for one in first.orders] == [
        ("sell", one.ticker, one.units, 1) for one in sales
    ]
    assert first.waiting == len(EVENT.trading.orders) - len(sales)
    assert first.orders[0].order_id == f"{EVENT.request_id}.S.{first.orders[0].code}"
    assert {one.not_before for one in first.orders} == {date(2025, 11, 10)}
    buying = [one for one in EVENT.trading.orders if one.side is Side.BUY]
    alone = place(advised(asked(cash_aud=1e6), *buying), Placing(0.005))
    assert ({one.wave for one in alone.orders}, len(alone.orders), alone.waiting) == ({1}, len(buying), 0)


def test_a_purchase_takes_no_more_than_the_money_of_sales_that_have_settled() -> None:
    # 60 x 108.80 - 9.50 = 6,518.50 of a sale on Monday are there on Wednesday, beside 1,000 and 500.
    sold = f"{SELL},2025-11-10,60,108.80,9.50"

    # (1,500 - 10) / 9,356 x 200 = 31.85; 31 x 46.78 + 10 = 1,460.18, and the 39.82 left buy no unit.
    assert units(placed(2, "2025-11-11", sold)) == {BUY: 31}
    # (8,018.50 - 10) / 9,356 x 200 = 171.19; 171 x 46.78 + 10 = 8,009.38.
    wednesday = placed(2, "2025-11-12", sold)
    assert units(wednesday) == {BUY: 171}
    assert wednesday.cut == (
        f"c-1: 171 of 200 VAF are ordered: the money there on 2025-11-12 buys no more at the limit ({BUY})",
    )
    # The rest of both orders, when the broker has bought 150 at 46.60 for 40.00: 8,018.50 - 6,990 - 40 = 988.50;
    # (988.50 - 10) / (50 x 46.78) x 50 = 20.92.
    bought = f"{BUY},2025-11-12,150,46.60,40.00"
    assert units(placed(1, "2025-11-13", sold, bought)) == {SELL: 40}
    assert units(placed(2, "2025-11-13", sold, bought)) == {BUY: 20}
    # 40 more for 108.00 on Thursday settle on Monday.
    more = f"{SELL},2025-11-13,40,108.00,0"
    assert units(placed(1, "2025-11-17", sold, bought, more)) == {}
    assert units(placed(2, "2025-11-14", sold, bought, more)) == {BUY: 20}
    assert units(placed(2, "2025-11-17", sold, bought, more)) == {BUY: 50}


def test_money_that_stays_or_is_paid_out_buys_nothing() -> None:
    buy = order("buy", "VAF", 200, 46.55)
    floor = advised(asked(cash_aud=10_000.0, cash_floor_aud=1_000.0), buy, left_aud=1_200.0)
    paying = asked(cash_aud=10_000.0, withdraw_aud=1_000.0, withdraw_by="2025-11-14")

    # (9,000 - 10) / 9,356 x 200 = 192.17, in both.
    assert units(place(floor, Placing(0.005))) == {f"{floor.request_id}.B.VAF": 192}
    assert units(place(advised(paying, buy), Placing(0.005))) == {f"{floor.request_id}.B.VAF": 192}


def test_purchases_are_cut_alike_and_the_rest_goes_to_the_largest_remainder() -> None:
    # Limits of 100, 50 and 10 AUD, 10 of brokerage each: 5,000 + 1,000 + 50 + 30 = 6,080 AUD. With 4,000 AUD all is
    # cut to (4,000 - 30) / 6,050 = 0.6562: 32.81, 13.12 and 3.28 units. 3,200 + 650 + 30 + 30 = 3,910 leave 90: too
    # little for one more of the largest remainder, enough for the second, 10, and then for the third, 50.
    buys = [order("buy", name, n, price) for name, n, price in (("A", 50, 100.0), ("B", 20, 50.0), ("C", 5, 10.0))]
    event = advised(asked(cash_aud=4_000.0), *buys)

    found = place(event, Placing(0.0))

    assert [one.units for one in found.orders] == [32, 14, 4]
    assert sum(one.units * one.limit_aud + 10 for one in found.orders) <= 4_000
    # 20 AUD are less than any order and its brokerage but that of C.
    poor = place(advised(asked(cash_aud=20.0), *buys), Placing(0.0))
    assert [(one.code, one.units) for one in poor.orders] == [("C", 1)]


def test_a_day_before_that_of_the_trades_is_refused() -> None:
    with pytest.raises(DataError, match=r"night_1_c-1: the day is 2025-11-07, and the trades are those of 2025-11-10"):
        placed(1, "2025-11-07")


def rows(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


def test_the_command_writes_each_wave_and_names_a_line_that_is_no_event(tmp_path: Path) -> None:
    events, bad, filled = (tmp_path / name for name in ("events.jsonl", "bad.jsonl", "fills.csv"))
    events.write_bytes(encode(SWITCH) + b"\n")
    bad.write_bytes(encode(SWITCH) + b"\n{}\n")
    filled.write_text(f"{HEAD}\n{SELL},2025-11-10,60,108.80,9.50\n")

    status, out, errors = here("orders", "export", str(events))
    assert status == 0
    (sale,) = rows(out)
    assert (sale["order_id"], sale["account"], sale["units"], sale["limit_aud"]) == (SELL, "c-1", "100", "108.29")
    assert (sale["order_type"], sale["time_in_force"], sale["wave"]) == ("limit", "day", "1")
    assert "1 purchase waits for the money of sales" in errors
    after = ("--fills", str(filled), "--day", "2025-11-12")
    status, out, errors = here("orders", "export", str(events), "--wave", "2", *after)
    assert [(row["order_id"], row["units"], row["not_before"]) for row in rows(out)] == [(BUY, "171", "2025-11-12")]
    assert "171 of 200 VAF are ordered" in errors
    status, _, errors = here("orders", "export", str(bad))
    assert status == 1
    assert "line 2 is no final event" in errors


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--wave", "2"], "--wave 2 needs --fills"),
        (["--fills", "README.md"], "--fills needs --day"),
        (["--pooled-custody"], "--pooled-custody needs --blocks"),
        (["--sender", "A"], "--sender is of FIX"),
        (["--lines"], "--lines is of FIX"),
        (["--format", "fix"], "--format fix needs --sender, --target and --time"),
        (
            ["--format", "fix", "--sender", "A\x01B", "--target", "B", "--time", "2025-11-10T23:30:00"],
            "is no name of FIX",
        ),
    ],
)
def test_options_that_need_others_say_so(options: list[str], told: str) -> None:
    status, _, errors = here("orders", "export", "README.md", *options)
    assert status == 2
    assert told in " ".join(errors.split())


def test_the_rest_of_an_order_is_left_out_where_brokerage_would_eat_it_and_a_whole_order_never_is() -> None:
    # Brokerage is 10 AUD, so a rest needs 500 AUD: 4 VAS are worth 435.32, 5 are worth 544.15.
    four, five = (placed(1, "2025-11-11", f"{SELL},2025-11-10,{sold},108.83,10") for sold in (96, 95))
    any_rest = replace(Placing(0.005, 1, date(2025, 11, 11)), rest_cost=1.0)
    done = contracts(read(fills(f"{SELL},2025-11-10,96,108.83,10")), {}, {SELL: 100, BUY: 200})
    small = advised(REQUEST, order("sell", "VAS", 4, 108.83, ("2016-03-15", 4)))

    assert (units(four), four.too_small) == ({}, 1)
    assert (units(five), five.too_small) == ({SELL: 5}, 0)
    assert units(place(SWITCH, any_rest, done)) == {SELL: 4}
    assert list(units(placed(1, "2025-11-11", event=small)).values()) == [4], "planned, and not filled at all"
