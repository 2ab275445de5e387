"""Execution reports of FIX 4.4 become the fills that a table would state; each report is checked by an engine."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from fixcore.message import Message, load_data_dictionary
from hypothesis import given
from hypothesis import strategies as st
from support.advised import advised, asked, holding, order
from support.commands import here
from support.depth import examples

from book.executions import read
from bus.language.messages import encode
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from book.fills import Fill
    from bus.language.messages import MasterPortfolioOptimized

FIX44 = load_data_dictionary("FIX44.xml")
VAS = ("2016-03-15", 500)


def message(kind: str, **fields: object) -> bytes:
    """Write a message with the engine, and see that its dictionary accepts it."""
    header = {8: "FIX.4.4", 35: kind, 49: "BROKER", 56: "HOUSE", 34: 1, 52: "20251110-00:30:00"}
    made = Message()
    for tag, value in {**header, **{int(name[1:]): value for name, value in fields.items()}}.items():
        made.set_field(tag, str(value))
    raw = made.encode()
    FIX44.validate(Message.decode(raw, FIX44), check_field_values=True, check_has_values=True, check_user_defined=True)
    return raw


def report(kind: str, number: str, *, order_id: str = "r.S.VAS", total: int = 0, **fields: object) -> bytes:
    """Write an execution report: the kind of execution, its number, the units filled so far, and further fields."""
    state = {"8": "8", "4": "4", "C": "C", "3": "3"}.get(kind, "1" if total else "0")
    told: dict[str, object] = {"_37": "B-1", "_11": order_id, "_17": number, "_150": kind, "_39": state}
    told |= {"_55": order_id.split(".")[2], "_54": {"S": 2, "B": 1}[order_id.split(".")[1]]}
    told |= {"_151": 0, "_14": total, "_6": 0, "_60": "20251110-00:30:00", "_75": "20251110"}
    return message("8", **told | fields)


def trade(number: str, units: int, price: object, *, total: int, **fields: object) -> bytes:
    return report("F", number, total=total, **{"_32": units, "_31": price, "_12": "9.50", "_13": 3} | fields)


def fills(*reports: bytes, brokerage: str | None = None) -> list[Fill]:
    return read([("f", b"\n".join(reports))], None if brokerage is None else Decimal(brokerage))


def short(found: Iterable[Fill]) -> list[tuple[int, str, str]]:
    return [(one.units, str(one.price_aud), str(one.brokerage_aud)) for one in found]


NEW = report("0", "0-1")
FIRST, SECOND = trade("1", 60, 108.80, total=60), trade("2", 40, "108.7", total=100)


def test_trades_are_fills_and_other_messages_state_none() -> None:
    logon, beat = message("A", _98=0, _108=30), message("0")
    (first, second) = fills(logon, NEW, FIRST, beat, SECOND)

    assert (first.order_id, first.day, first.fill_id) == ("r.S.VAS", date(2025, 11, 10), "20251110.B-1.1")
    assert short([first, second]) == [(60, "108.8", "9.50"), (40, "108.7", "9.50")]
    assert first.place == "f: message 3"


def test_a_report_that_was_sent_again_counts_once() -> None:
    again = Message.decode(FIRST, FIX44)
    for tag, value in ((43, "Y"), (122, "20251110-00:30:00"), (52, "20251110-00:45:00")):
        again.set_field(tag, value)
    assert b"\x0143=Y\x01" in again.encode()
    assert len(fills(FIRST, SECOND, again.encode())) == 2
    with pytest.raises(DataError, match=r"message 2: field 17 \(ExecID\) is '1': f: message 1 has it, too"):
        fills(FIRST, trade("1", 61, 108.80, total=61))


def test_corrections_and_cancels_change_the_trade_that_they_name() -> None:
    correct = report("G", "3", total=90, _19="2", _32=30, _31="108.5")
    cancel = report("H", "4", total=30, _19="1", _32=60, _31="108.8")

    assert short(fills(FIRST, SECOND, correct)) == [(60, "108.8", "9.50"), (30, "108.5", "9.50")]
    assert short(fills(FIRST, SECOND, correct, cancel)) == [(30, "108.5", "9.50")]
    # A correction is named by its own number afterwards.
    assert short(fills(FIRST, SECOND, correct, report("H", "5", total=60, _19="3", _32=30, _31="1"))) == [
        (60, "108.8", "9.50")
    ]
    with pytest.raises(DataError, match="no trade of the order has this ExecID: give all"):
        fills(FIRST, report("H", "4", total=0, _19="9", _32=60, _31="108.8"))


def test_an_order_that_ends_has_a_fill_of_no_units() -> None:
    rejected = report("8", "1", _58="no such code")
    canceled = report("4", "3", total=60, order_id="cancel.S.VAS", _41="r.S.VAS")

    assert short(fills(NEW, rejected)) == [(0, "0", "0")]
    assert [(one.order_id, one.units) for one in fills(FIRST, canceled)] == [("r.S.VAS", 60), ("r.S.VAS", 0)]


def test_the_rest_that_is_placed_the_next_day_is_another_order_of_the_broker() -> None:
    done = report("3", "9", total=60)
    later = trade("1", 40, 109, total=40, _37="B-2", _75="20251111", _60="20251111-00:30:00")
    # The files of two days, in any order.
    found = read([("b", later), ("a", FIRST + done)])
    assert sorted((one.day.day, one.units) for one in found) == [(10, 0), (10, 60), (11, 40)]


def test_a_commission_is_per_unit_or_in_all_or_given_by_the_option() -> None:
    assert short(fills(trade("1", 60, 1, total=60, _12="0.055", _13=1))) == [(60, "1", "3.30")]
    bare = [report("F", str(number), total=total, _32=units, _31=2) for number, units, total in ((1, 5, 5), (2, 6, 11))]
    assert short(fills(*bare, brokerage="9.50")) == [(5, "2", "9.50"), (6, "2", "0")]
    with pytest.raises(DataError, match=r"no field 12 \(Commission\): give --brokerage"):
        fills(*bare)
    with pytest.raises(DataError, match=r"field 13 \(CommType\) is '2': give the commission in AUD"):
        fills(trade("1", 60, 1, total=60, _13=2))


def test_the_day_in_sydney_counts_where_there_is_no_trade_date() -> None:
    raw = report("F", "1", total=5, _32=5, _31=2, _12=0, _60="20251110-23:30:00")
    made = Message.decode(raw, FIX44)
    del made.body[75]
    assert [one.day for one in fills(made.encode())] == [date(2025, 11, 11)]


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        ([SECOND], r"field 14 \(CumQty\) is '100': the trades of r\.S\.VAS here add up to 40, not 100: give all"),
        ([FIRST[:-4] + b"000" + FIRST[-1:]], r"f: message 1 adds up to \d{3}, and field 10 is 000"),
        ([FIRST.replace(b"\x019=", b"\x019=1", 1)], "f: message 1 has not the length that field 9 tells"),
        ([FIRST, b"2025-11-10 log"], "f: message 2 is no message of FIX: give messages of FIX.4.4"),
        ([FIRST.replace(b"FIX.4.4", b"FIX.4.2")], "f: message 1 is 'FIX.4.2': give messages of FIX.4.4"),
        ([trade("1", 60, 108.8, total=60, _54=1)], r"field 54 \(Side\) is '1': the order is r\.S\.VAS: ask the broker"),
        ([trade("1", 60, 108.8, total=60, _55="VAF")], r"field 55 \(Symbol\) is 'VAF': the order is"),
        ([trade("1", 60, 108.8, total=60, _15="USD")], r"field 15 \(Currency\) is 'USD': give amounts in AUD"),
        ([trade("1", 1.5, 108.8, total=60)], r"field 32 \(LastQty\) is '1.5': give whole units"),
        ([trade("1", 60, 0, total=60)], r"field 31 \(LastPx\) is '0': give units and price"),
        ([trade("1", 60, 1, total=60, _75="20259999")], "is of '20259999': give a day such as 20251110"),
    ],
)
def test_a_fault_names_the_message_the_field_and_the_mend(reports: Sequence[bytes], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fills(*reports)


@examples(300, quick=30)
@given(st.binary(max_size=40), st.integers(0, len(FIRST)), st.integers(0, 12))
def test_damaged_bytes_are_an_error_and_never_another_fill(junk: bytes, at: int, gone: int) -> None:
    damaged = FIRST[:at] + junk + FIRST[at + gone :]
    try:
        found = fills(damaged)
    except DataError:
        return
    assert short(found) in ([], short(fills(FIRST)))


def suggested(customer: str, units: int) -> MasterPortfolioOptimized:
    request = asked(customer, cash_aud=5_000.0, holdings=[holding("VAS", (*VAS, 20_000.0))])
    return advised(request, order("sell", "VAS", units, 108.83, VAS), order("buy", "VAF", 20, 46.55))


@pytest.mark.parametrize("blocks", [False, True])
def test_an_export_filled_by_fix_gives_the_book_that_a_table_gives(tmp_path: Path, *, blocks: bool) -> None:
    events = [suggested("c-1", 100), suggested("c-2", 51)]
    files = {name: tmp_path / name for name in ("events.jsonl", "book.jsonl", "o.fix", "o.csv", "f.fix", "f.csv")}
    files["events.jsonl"].write_bytes(b"".join(encode(one) + b"\n" for one in events))
    book = [asked(one.customer_id, cash_aud=5_000.0, holdings=[holding("VAS", (*VAS, 20_000.0))]) for one in events]
    files["book.jsonl"].write_text("".join(json.dumps(one) + "\n" for one in book), encoding="utf-8")
    further = ("--blocks",) if blocks else ()
    export = ("orders", "export", str(files["events.jsonl"]), *further)
    session = ("--format", "fix", "--sender", "H", "--target", "B", "--time", "2025-11-10T00:30:00", "--lines")
    assert here(*export, "-o", str(files["o.csv"]))[0] == 0
    assert here(*export, *session, "-o", str(files["o.fix"]))[0] == 0

    # A broker answers each order: accepted, a part at the limit, the next rejected or filled, one trade corrected.
    reports, rows, total = [], defaultdict(list), 0
    for number, raw in enumerate(files["o.fix"].read_bytes().splitlines(), start=1):
        asked_for = Message.decode(raw, FIX44)
        key, units, limit = asked_for[11], int(asked_for[38]), asked_for[44]
        part, total = units // 3, units // 3
        known = {"order_id": key, "_37": f"B-{number}"}
        reports.append(report("0", f"{number}-0", **known))
        reports.append(trade(f"{number}-1", part, limit, total=part, **known))
        rows[key].append(f"{key},2025-11-10,{part},{limit},9.50,{number}-1")
        if number % 2:
            total += 7
            reports.append(trade(f"{number}-2", 5, limit, total=total - 2, **known))
            reports.append(report("G", f"{number}-3", total=total, _19=f"{number}-2", _32=7, _31="100.01", **known))
            rows[key].append(f"{key},2025-11-10,7,100.01,9.50,{number}-3")
        reports.append(report("4", f"{number}-4", total=total, **known))
    files["f.fix"].write_bytes(b"".join([*reports, reports[1]]))
    head = "order_id,day,units,price_aud,brokerage_aud,fill_id"
    files["f.csv"].write_text("\n".join([head, *(row for some in rows.values() for row in some)]), encoding="utf-8")

    given_files = ("--book", str(files["book.jsonl"]), "--events", str(files["events.jsonl"]))
    tables = ("--orders", str(files["o.csv"])) if blocks else ()
    told = {}
    for kind in ("fix", "csv"):
        out = tmp_path / f"next-{kind}.jsonl"
        status, said, errors = here("fills", "import", str(files[f"f.{kind}"]), *given_files, *tables, "-o", str(out))
        assert (status, errors) == (0, "")
        told[kind] = said.replace(str(out), "OUT"), out.read_bytes()
        rest = (*export, "--day", "2025-11-11", "--fills", str(files[f"f.{kind}"]), *tables)
        told[kind] += tuple(here(*rest))

    assert told["fix"] == told["csv"]
    assert b"100.01" not in told["fix"][1]
    sold = [500 - json.loads(one)["account"]["holdings"][0]["units"] for one in told["fix"][1].splitlines()]
    filled = sum(int(row["units"]) for row in csv.DictReader(io.StringIO(files["f.csv"].read_text(encoding="utf-8"))))
    assert sum(sold) == filled
