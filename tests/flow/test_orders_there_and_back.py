"""Two nights of a book: orders out in blocks, partial fills at other prices, a rejection, purchases from proceeds.

The portfolios are computed by the whole system without a bus; the commands do the rest.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from support.advised import HEAD
from support.builders import final_event
from support.commands import here

from bus.language.messages import encode
from examples.customers import customers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bus.language.messages import MasterPortfolioOptimized

# Both sell and buy, with ETFs in common.
NAMES = ("c-000002", "c-000004")
BOOK = [one for one in customers(30, 1) if one["customer"]["customer_id"] in NAMES]
NODES = 20_000


def night(book: Iterable[dict[str, Any]], run: str) -> list[MasterPortfolioOptimized]:
    found = [final_event(json.dumps({**one, "request_id": "test"}).encode(), nodes=NODES) for one in book]
    return [event.model_copy(update={"request_id": f"{run}_1_{event.customer_id}"}) for event in found]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def filled(orders: str, day: str, *, part: int, price: str, rejected: str = "") -> str:
    """Fill *part* of a hundred units of each block, at *price* times the last price; 9.50 AUD of brokerage each."""
    told = [HEAD]
    for row in {row["block_id"]: row for row in rows(orders)}.values():
        if row["code"] == rejected:
            told.append(f"{row['block_id']},{day},0,0,0")
            continue
        units = int(row["block_units"]) * part // 100
        told.append(f"{row['block_id']},{day},{units},{(Decimal(row['last_aud']) * Decimal(price)):.2f},9.50")
    return "\n".join(told) + "\n"


def traded_aud(events: Iterable[MasterPortfolioOptimized]) -> float:
    return sum(order.value_aud for event in events for order in event.trading.orders)


def test_a_second_night_after_partial_fills_proposes_little(tmp_path: Path) -> None:
    first = night(BOOK, "first")
    events, book = tmp_path / "events.jsonl", tmp_path / "book.jsonl"
    events.write_bytes(b"".join(encode(event) + b"\n" for event in first))
    book.write_text("".join(json.dumps(one) + "\n" for one in BOOK))
    tables: list[str] = []
    fills: list[str] = []

    def exported(*options: str) -> str:
        known = [*(("--fills", name) for name in fills), *(("--orders", name) for name in tables)]
        status, out, _ = here(
            "orders", "export", str(events), "--blocks", *options, *(word for pair in known for word in pair)
        )
        assert status == 0
        tables.append(str(tmp_path / f"orders-{len(tables)}.csv"))
        (tmp_path / f"orders-{len(tables) - 1}.csv").write_text(out)
        return out

    def broker(orders: str, day: str, *, part: int, price: str, rejected: str = "") -> None:
        fills.append(str(tmp_path / f"fills-{len(fills)}.csv"))
        (tmp_path / f"fills-{len(fills) - 1}.csv").write_text(
            filled(orders, day, part=part, price=price, rejected=rejected)
        )

    monday = exported()
    sold = sorted({row["code"] for row in rows(monday) if row["side"] == "sell"})
    # Two thirds are filled on Monday, one sale is rejected; the rest on Tuesday. The money is there on Thursday.
    broker(monday, "2025-11-10", part=66, price="0.999", rejected=sold[0])
    broker(exported("--day", "2025-11-11"), "2025-11-11", part=100, price="1.001")
    thursday = exported("--wave", "2", "--day", "2025-11-13")
    broker(thursday, "2025-11-13", part=100, price="1.002")
    after = tmp_path / "next.jsonl"
    told = here(
        *("fills", "import", *fills, "--book", str(book), "--events", str(events), "-o", str(after)),
        *(word for name in tables for word in ("--orders", name)),
    )

    assert told[0] == 0
    assert "are not sold" not in told[1], "Tuesday has sold the rest"
    assert told[2] == "", "no request needs a person"
    lines = [json.loads(line) for line in after.read_text().splitlines()]
    # Money is neither made nor lost: the accounts together have it to the cent.
    made = [row for name in fills for row in rows((tmp_path / name).read_text())]
    contracts = [(row, Decimal(row["units"]) * Decimal(row["price_aud"])) for row in made]
    paid = sum(
        (value if ".S." in row["order_id"] else -value) - Decimal(row["brokerage_aud"]) for row, value in contracts
    )
    cash = [sum(Decimal(repr(one["account"]["cash_aud"])) for one in some) for some in (BOOK, lines)]
    given = sum(Decimal(repr(one["account"].get("contribution_aud", 0))) for one in BOOK)
    assert cash[1] - cash[0] - given == paid
    assert all(one["account"]["cash_aud"] >= 0 for one in lines), "no purchase takes money that is not there"
    # The units are those of the suggestion, but for purchases that the money cut.
    for event, one in zip(first, lines, strict=True):
        units = {holding["ticker"]: holding["units"] for holding in one["account"]["holdings"]}
        assert all(units[name] <= event.trading.units[name] for name in units)
        assert sum(units.values()) >= 0.98 * sum(event.trading.units.values())
    for number, one in enumerate(lines):
        request = tmp_path / f"{number}.json"
        request.write_text(json.dumps({**one, "request_id": "next"}))
        status, out, _ = here("validate", str(request))
        assert status == 0, out
    assert len({row["block_id"] for row in rows(thursday)}) < len(rows(thursday)), "both accounts share blocks"
    # 0.2 % of the first night's when this was written: the unit or two that a partial fill left.
    assert traded_aud(night(lines, "second")) < 0.01 * traded_aud(first)
