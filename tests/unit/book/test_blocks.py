"""Blocks of many accounts: allocations add up, partial fills are divided by the largest remainder, crosses are told."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.advised import HEAD, advised, asked, fills, holding, line, order
from support.commands import here
from support.depth import examples

from book.blocks import cross, in_blocks
from book.blocks import read as read_blocks
from book.division import divide
from book.export import Placing, orders_of, place
from book.fills import Contract, contracts, read
from bus.language.messages import encode
from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from book.instruction import Instruction
    from bus.language.messages import MasterPortfolioOptimized


def selling(customer: str, units: int, price_aud: float = 108.83) -> MasterPortfolioOptimized:
    request = asked(customer, holdings=[holding("VAS", ("2016-03-15", units, 65.0 * units))])
    return advised(request, order("sell", "VAS", units, price_aud, ("2016-03-15", units)))


def buying(customer: str, units: int) -> MasterPortfolioOptimized:
    return advised(asked(customer, cash_aud=1e6), order("buy", "VAS", units, 108.83))


SELLERS = [selling("c-1", 100), selling("c-2", 50), selling("c-3", 30)]
ORDERED = {key: round(one.units) for event in SELLERS for key, one in orders_of(event).items()}
FIRST, SECOND, THIRD = ORDERED


def orders(*events: MasterPortfolioOptimized) -> list[Instruction]:
    return [one for event in events for one in place(event, Placing(0.005)).orders]


def table(some: list[Instruction]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([type(some[0]).columns(), *(one.cells() for one in some)])
    return text.getvalue()


BLOCK = in_blocks(orders(*SELLERS))
NAME = BLOCK[0].block_id


def divided(*rows: str) -> list[tuple[str, int, Decimal, Decimal]]:
    made = contracts(read(fills(*rows)), read_blocks(table(BLOCK)), ORDERED)
    return [(one.order_id, one.units, one.value_aud, one.brokerage_aud) for one in made]


def test_accounts_share_a_block_where_a_broker_sees_no_difference() -> None:
    other = selling("c-4", 10, 109.00)
    found = in_blocks(orders(buying("c-5", 7), other, *reversed(SELLERS)))

    assert [(one.account, one.side, one.units, one.block_units) for one in found] == [
        ("c-1", "sell", 100, 180),
        ("c-2", "sell", 50, 180),
        ("c-3", "sell", 30, 180),
        ("c-4", "sell", 10, 10),  # another last price, so another limit: 108.46 rather than 108.29
        ("c-5", "buy", 7, 7),
    ]
    assert found[0].block_id == NAME
    digest = sha256(b"".join(f"{key} {n} 2025-11-10 108.29\n".encode() for key, n in ORDERED.items())).hexdigest()
    assert f"B.S.VAS.{digest[:16]}" == NAME


def test_a_partial_fill_is_divided_by_the_largest_remainder_and_money_to_the_cent() -> None:
    # 100 of 180: 55.56, 27.78 and 16.67, so 55 + 27 + 16, and one more for the second and the third.
    # 10,880 by units. 9.99 in cents: 549.45, 279.72, 169.83, so 549 + 279 + 169, and one more each for the same two.
    monday = f"{NAME},2025-11-10,60,108.80,9.99", f"{NAME},2025-11-10,40,108.80,0"
    assert divided(*monday) == [
        (FIRST, 55, Decimal("5984.00"), Decimal("5.49")),
        (SECOND, 28, Decimal("3046.40"), Decimal("2.80")),
        (THIRD, 17, Decimal("1849.60"), Decimal("1.70")),
    ]
    # The rest of Tuesday is what each still wants, at the average price of the day: 40 at 108, 40 at 109: 8,680.
    tuesday = f"{NAME},2025-11-11,40,108.00,5.00", f"{NAME},2025-11-11,40,109.00,5.00"
    # Of 1,000 cents of brokerage: 562.5, 275 and 162.5. One is left between the first and the third; the SHA-256 of
    # block, day and order begins with 6e217b for the first and with 0e2c9a for the third.
    assert divided(*monday, *tuesday)[3:] == [
        (FIRST, 45, Decimal("4882.50"), Decimal("5.62")),
        (SECOND, 22, Decimal("2387.00"), Decimal("2.75")),
        (THIRD, 13, Decimal("1410.50"), Decimal("1.63")),
    ]
    assert divided(f"{NAME},2025-11-10,0,0,0") == [], "a rejection"


def test_equal_remainders_are_ordered_by_a_draw_that_each_lot_has_of_its_own() -> None:
    parts = {"a": 5, "b": 5, "c": 5}

    # 3.33 each. SHA-256 of "1 a", "1 b" and "1 c" begins with 27, 62 and 15; of "2 a" with 1f, 7b and b0; of "7 a" with
    # 7f, 59 and a3.
    assert [divide(10, parts, lot=lot) for lot in "127"] == [
        {"a": 3, "b": 3, "c": 4},
        {"a": 4, "b": 3, "c": 3},
        {"a": 3, "b": 4, "c": 3},
    ]


@examples(2_000, quick=50)
@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=12).filter(any), st.data())
def test_no_share_exceeds_its_part_and_the_shares_add_up(parts: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(parts)))
    named = {str(k): part for k, part in enumerate(parts)}
    shares = divide(total, named, lot="lot")

    assert sum(shares.values()) == total
    for name, part in named.items():
        assert 0 <= shares[name] <= part
        assert abs(shares[name] - total * part / sum(parts)) < 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([f"{NAME},2025-11-10,181,108.80,0"], f"line 2: units of {NAME} add up to 181, and 180 were ordered"),
        ([f"{NAME},2025-11-10,150,1,0", f"{NAME},2025-11-11,31,1,0"], "line 3: units of B.S.VAS"),
        (["B.S.VAS.0000,2025-11-10,1,1,0"], "line 2: order_id B.S.VAS.0000"),
        ([f"{NAME},2025-11-10,100,108.80,0", f"{FIRST},2025-11-10,46,108.80,0"], f"units of {FIRST} add up to 101"),
    ],
)
def test_a_fill_beyond_a_block_is_an_error_with_its_line(rows: list[str], told: str) -> None:
    with pytest.raises(DataError) as error:
        divided(*rows)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (",50,", ",51,", "line 4: block_units is '180': the allocations add up to 181"),
        (NAME, "=B", "line 2: block_id is '=B': give the block_id as it was written"),
        (SECOND, FIRST, f"line 3: order_id is '{FIRST}': it is in {NAME} twice"),
        ("108.29", "108.3O", "line 2: limit_aud is '108.3O': give a number"),
        ("block_units", "block", "the orders has no column block_units"),
    ],
)
def test_a_table_of_blocks_that_was_changed_is_an_error_with_its_line(old: str, new: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        read_blocks(table(BLOCK).replace(old, new, 1))
    assert told in str(error.value)


def test_a_cross_matches_as_much_as_both_sides_have_at_the_last_price() -> None:
    # 180 are sold, 60 + 15 bought: 75 are crossed. The sellers give 41.67, 20.83 and 12.5: 41, 20 and 12, and one more
    # for the second and the first.
    crosses, left = cross(orders(*SELLERS, buying("c-5", 60), buying("c-6", 15)))

    inside = [(one.account, one.side, one.units, str(one.limit_aud), one.order_type) for one in crosses]
    assert inside == [
        ("c-1", "sell", 42, "108.83", "cross"),
        ("c-2", "sell", 21, "108.83", "cross"),
        ("c-3", "sell", 12, "108.83", "cross"),
        ("c-5", "buy", 60, "108.83", "cross"),
        ("c-6", "buy", 15, "108.83", "cross"),
    ]
    assert [(one.account, one.units, one.order_type) for one in left] == [
        ("c-1", 58, "limit"),
        ("c-2", 29, "limit"),
        ("c-3", 18, "limit"),
    ]
    sold, bought = crosses[0].block_id, crosses[-1].block_id
    assert (sold[:4], bought[:4], sold[8:]) == ("X.S.", "X.B.", bought[8:])
    assert cross(orders(selling("c-1", 5), buying("c-2", 5).model_copy()))[1] == []
    assert cross(orders(selling("c-1", 5, 109.0), buying("c-2", 5)))[0] == [], "never at two prices"


def test_the_sides_of_a_cross_are_filled_alike() -> None:
    crosses, _ = cross(orders(SELLERS[0], buying("c-5", 60)))
    sold, bought = crosses[0].block_id, crosses[-1].block_id
    known = {**ORDERED, "night_1_c-5.B.VAS": 60}

    def made(*rows: str) -> list[Contract]:
        return contracts(read(fills(*rows)), read_blocks(table(crosses)), known)

    both = made(f"{sold},2025-11-10,60,108.83,0", f"{bought},2025-11-10,60,108.83,0")
    assert [(one.order_id, one.units, str(one.value_aud)) for one in both] == [
        ("night_1_c-1.S.VAS", 60, "6529.80"),
        ("night_1_c-5.B.VAS", 60, "6529.80"),
    ]
    with pytest.raises(DataError, match="correct one, since the sides of a cross are equal"):
        made(f"{sold},2025-11-10,60,108.83,0", f"{bought},2025-11-10,59,108.83,0")
    with pytest.raises(DataError, match=r"line 2: price_aud is 108.80, and the cross is at 108.83"):
        made(f"{sold},2025-11-10,60,108.80,0", f"{bought},2025-11-10,60,108.80,0")


def test_the_commands_take_blocks_there_and_back(tmp_path: Path) -> None:
    events, blocks, filled, book, after = (
        tmp_path / name for name in ("events.jsonl", "blocks.csv", "fills.csv", "book.jsonl", "next.jsonl")
    )
    events.write_bytes(b"".join(encode(event) + b"\n" for event in SELLERS))
    requests = [
        asked(f"c-{k}", holdings=[holding("VAS", ("2016-03-15", units, 65.0 * units))])
        for k, units in enumerate((100, 50, 30), start=1)
    ]
    book.write_bytes(b"".join(line(request).body + b"\n" for request in requests))

    assert here("orders", "export", str(events), "--blocks", "-o", str(blocks))[0] == 0
    filled.write_text(f"{HEAD}\n{NAME},2025-11-10,100,108.80,9.99\n")
    status, out, _ = here(
        *("fills", "import", str(filled), "--book", str(book), "--events", str(events)),
        *("--orders", str(blocks), "-o", str(after)),
    )

    assert status == 0
    assert "c-1: 45 of 100 VAS are not sold" in out
    accounts = [json.loads(body)["account"] for body in after.read_bytes().splitlines()]
    # 1,000 + 5,984.00 - 5.49, 1,000 + 3,046.40 - 2.80, 1,000 + 1,849.60 - 1.70
    assert [one["cash_aud"] for one in accounts] == [6_978.51, 4_043.6, 2_847.9]
    assert [one["holdings"][0]["units"] for one in accounts] == [45, 22, 13]
    # The next day has a block of the rest, under an id of its own.
    status, out, _ = here(
        *("orders", "export", str(events), "--blocks", "--fills", str(filled), "--orders", str(blocks)),
        *("--day", "2025-11-11"),
    )
    rest = list(csv.DictReader(io.StringIO(out)))
    assert [(row["units"], row["block_units"]) for row in rest] == [("45", "80"), ("22", "80"), ("13", "80")]
    assert rest[0]["block_id"] != NAME


def test_a_cross_is_made_in_pooled_custody_alone_and_told(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(encode(event) + b"\n" for event in (SELLERS[0], buying("c-5", 60))))

    _, out, errors = here("orders", "export", str(events), "--blocks")
    assert "cross" not in out + errors
    _, out, errors = here("orders", "export", str(events), "--blocks", "--pooled-custody")
    told = [(row["account"], row["order_type"], row["units"]) for row in csv.DictReader(io.StringIO(out))]
    assert told == [("c-1", "cross", "60"), ("c-5", "cross", "60"), ("c-1", "limit", "40")]
    assert "VAS: purchases and sales meet at the last price" in errors
    assert "The custody must be pooled" in errors
