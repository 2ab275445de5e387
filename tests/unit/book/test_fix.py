"""FIX 4.4, as a FIX engine that is not ours reads it: the frame, the dictionary of the standard, the groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from fixcore.message import Message, load_data_dictionary
from support.advised import advised, asked, holding, order
from support.commands import here

from book.blocks import cross, in_blocks
from book.export import Placing, place
from book.fix import Session, messages
from bus.language.messages import encode
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from book.instruction import Instruction
    from bus.language.messages import MasterPortfolioOptimized

FIX44 = load_data_dictionary("FIX44.xml")
SESSION = Session("HOUSE", "BROKER", datetime(2025, 11, 10, 23, 30, tzinfo=UTC))


def event(customer: str, side: str, units: int) -> MasterPortfolioOptimized:
    bought = ("2016-03-15", 500)
    request = asked(customer, cash_aud=1e6, holdings=[holding("VAS", (*bought, 1_000.0))])
    return advised(request, order(side, "VAS", units, 108.83, *([bought] if side == "sell" else [])))


def orders(*events: MasterPortfolioOptimized) -> list[Instruction]:
    return [one for each in events for one in place(each, Placing(0.005)).orders]


def engine(raw: bytes) -> Message:
    """Read a message with the engine: frame, required fields, values, and no field of another message."""
    read = Message.decode(raw, FIX44)
    FIX44.validate(read, check_field_values=True, check_has_values=True, check_user_defined=True)
    assert {tag for tag, _ in read.body.items()} <= FIX44.message_def("D").all_fields
    # It reads the groups that are there, whatever their number says.
    if b"\x0178=" in raw:
        assert f"\x0178={raw.count(bytes([1]) + b'79=')}\x01".encode() in raw
    return read


def written(some: Iterable[Instruction]) -> list[Message]:
    return [engine(raw) for raw in messages(some, SESSION)]


def test_an_order_is_a_new_order_single_that_an_engine_accepts() -> None:
    (sale, purchase) = written(orders(event("c-1", "sell", 100), event("c-2", "buy", 7)))

    assert dict(sale.body.items()) == {
        11: "night_1_c-1.S.VAS",
        1: "c-1",
        55: "VAS",
        207: "XASX",
        54: "2",
        60: "20251110-23:30:00",
        38: "100",
        40: "2",
        44: "108.29",
        15: "AUD",
        59: "0",
    }
    assert (purchase[54], purchase[38], purchase[44], purchase[1]) == ("1", "7", "109.37", "c-2")
    assert [(one[49], one[56], one[34], one[52]) for one in (sale, purchase)] == [
        ("HOUSE", "BROKER", "1", "20251110-23:30:00"),
        ("HOUSE", "BROKER", "2", "20251110-23:30:00"),
    ]


def test_a_block_has_the_allocations_that_add_up_to_its_units() -> None:
    made = in_blocks(orders(event("c-1", "sell", 100), event("c-2", "sell", 50), event("c-3", "buy", 7)))
    sale, purchase = written(made)

    assert (sale[11], sale[70], sale[38]) == (made[0].block_id, made[0].block_id, "150")
    groups = sale.get_groups(78)
    assert [(one.get_field(79), one.get_field(467), one.get_field(80)) for one in groups] == [
        ("c-1", "night_1_c-1.S.VAS", "100"),
        ("c-2", "night_1_c-2.S.VAS", "50"),
    ]
    assert sum(int(one.get_field(80)) for one in groups) == int(sale[38])
    assert not sale.has_field(1), "the accounts are in the allocations"
    assert [one.get_field(80) for one in purchase.get_groups(78)] == ["7"]
    crosses, left = cross(orders(event("c-1", "sell", 100), event("c-3", "buy", 7)))
    assert [(one[54], one[38]) for one in written([*crosses, *in_blocks(left)])] == [("2", "93")], "no cross in FIX"


def test_an_engine_refuses_what_was_changed() -> None:
    (raw,) = messages(orders(event("c-1", "sell", 100)), SESSION)

    for old, new in ((b"\x0138=100", b"\x0138=101"), (b"\x0155=VAS", b"\x0155=VASX")):
        with pytest.raises(ValueError, match=r"mismatch|CheckSum"):
            engine(raw.replace(old, new))


@pytest.mark.parametrize("key", ["Zoë", "c\u00a01", "c\x011=other"])
def test_a_key_that_fix_cannot_carry_is_refused(key: str) -> None:
    changed = event("c-1", "sell", 100).model_copy(update={"customer_id": key})
    with pytest.raises(DataError, match=r"customer_id is|field 1 of FIX is"):
        list(messages(orders(changed), SESSION))


def test_the_command_writes_the_same_bytes_again(tmp_path: Path) -> None:
    events, first, again, lined = (tmp_path / name for name in ("events.jsonl", "a.fix", "b.fix", "lines.fix"))
    events.write_bytes(b"".join(encode(one) + b"\n" for one in (event("c-1", "sell", 100), event("c-2", "sell", 50))))
    options = ("--format", "fix", "--sender", "HOUSE", "--target", "BROKER", "--time", "2025-11-10T23:30:00")

    for out, further in ((first, ()), (again, ()), (lined, ("--lines",))):
        assert here("orders", "export", str(events), *options, *further, "-o", str(out))[0] == 0
    assert first.read_bytes() == again.read_bytes()
    assert lined.read_bytes().replace(b"\n", b"") == first.read_bytes()
    assert [engine(raw)[1] for raw in lined.read_bytes().splitlines()] == ["c-1", "c-2"]
    status, out, _ = here("orders", "export", str(events), *options, "--blocks")
    (raw,) = [f"8=FIX{raw}".encode() for raw in out.split("8=FIX")[1:]]
    assert (status, engine(raw)[38]) == (0, "150")
