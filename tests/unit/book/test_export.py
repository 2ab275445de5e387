"""Orders for a broker: limits on the exchange's steps, sales first, and the money that limits may take."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from support.commands import here
from support.reported import optimised

from book.export import instructions, limit_aud, missing_aud
from bus.language.messages import encode
from portfolio.published.order import Side

if TYPE_CHECKING:
    from pathlib import Path

EVENT = optimised("existing-investor")
ORDER = EVENT.trading.orders[0]


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
    told = list(instructions(EVENT, tolerance=0.005))
    waves = {(one.side, one.wave, one.not_before.isoformat()) for one in told}

    # The trades are on Monday, 10 November 2025; sales settle two trading days later.
    assert waves == {("sell", 1, "2025-11-10"), ("buy", 2, "2025-11-12")}
    assert [(one.side, one.code, one.units) for one in told] == [
        (order.side.value, order.ticker, order.units) for order in EVENT.trading.orders
    ]
    assert len({one.order_id for one in told}) == len(told)
    assert told[0].order_id == f"{EVENT.request_id}.S.{told[0].code}"
    buying = replace(EVENT.trading, orders=tuple(o for o in EVENT.trading.orders if o.side is Side.BUY))
    alone = instructions(EVENT.model_copy(update={"trading": buying}), tolerance=0.005)
    assert {(one.wave, one.not_before.isoformat()) for one in alone} == {(1, "2025-11-10")}


def test_the_money_is_told_that_limits_may_take_beyond_the_cash() -> None:
    # 10 units bought at 50.50 rather than 50.00, 20 sold at 19.80 rather than 20.00: 5.00 and 4.00 AUD worse. The
    # plan leaves 6.00, after 0.50 of spread.
    buy, sell = (
        replace(ORDER, side=Side.BUY, units=10.0, price_aud=50.0),
        replace(ORDER, side=Side.SELL, units=20.0, price_aud=20.0),
    )
    trading = replace(EVENT.trading, orders=(sell, buy), cash_left_aud=6.0, spread_aud=0.5)

    assert missing_aud(EVENT.model_copy(update={"trading": trading}), tolerance=0.01) == Decimal("2.50")
    enough = EVENT.model_copy(update={"trading": replace(trading, cash_left_aud=8.5)})
    assert missing_aud(enough, tolerance=0.01) == 0


def test_the_command_writes_a_table_and_names_a_line_that_is_no_event(tmp_path: Path) -> None:
    events, bad = tmp_path / "events.jsonl", tmp_path / "bad.jsonl"
    events.write_bytes(encode(EVENT) + b"\n")
    bad.write_bytes(encode(EVENT) + b"\n{}\n")

    status, out, _ = here("orders", "export", str(events))
    rows = list(csv.DictReader(io.StringIO(out)))

    assert status == 0
    assert [row["code"] for row in rows] == [order.ticker for order in EVENT.trading.orders]
    assert {(row["account"], row["order_type"], row["time_in_force"]) for row in rows} == {
        (EVENT.customer_id, "limit", "day")
    }
    status, _, errors = here("orders", "export", str(bad))
    assert status == 1
    assert "line 2 is no final event" in errors
