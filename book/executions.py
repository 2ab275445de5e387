"""Read the fills of a broker from execution reports of FIX 4.4 (35=8), the answers to the orders of ``fix``. Pure.

FIX 4.4 Specification with Errata 20030618, volume 4, ExecutionReport and appendix D. A trade (150=F) is a contract; a
correction (G) or a cancel (H) names the trade in field 19. The reports of an order must add up to its field 14: a
report that is not in the files is found so. Other messages of a session are passed over.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

from book.fills import CENT, Fill
from portfolio.errors import DataError
from portfolio.plain_text import is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SOH = b"\x01"
_START = re.compile(rb"8=FIX\.4\.4\x019=(\d{1,7})\x01")
_VERSION = re.compile(rb"8=([^\x01]{1,20})")
_CHECKSUM = re.compile(rb"10=(\d{3})\x01")
# Fields that tell the length of the next field, which may have any bytes.
_LENGTHS = frozenset({90, 93, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621})
_TYPE, _REPORT = 35, b"8"
# The time of the first sending, if sent again, or of the sending.
_SENT = 122, 52
_DIGITS = 7
_MEND = "give the file as the broker sent it"
_TRADE, _CORRECT, _CANCEL, _STATUS = "F", "G", "H", "I"
# Done for the day, canceled, rejected, expired: no more of the order will be filled.
_ENDED = frozenset("348C")
# These state no new fact about fills; nor does the answer to a question about an order, whose ExecID is 0.
_QUIET = frozenset("05679ABDE")
_PARTS = len(("request", "side", "code")), len(("B", "side", "code", "digest"))
_SIDES = {"1": "B", "2": "S"}
_PER_UNIT, _ABSOLUTE = "1", "3"
_NUMBER = re.compile(r"\d{1,11}(\.\d{0,12})?", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_LONGEST = 200
_LAST = date(2100, 12, 31)
# The day in Sydney: the market is open from 22:50 to 6:10 UTC, so that daylight saving does not matter.
_SYDNEY = timezone(timedelta(hours=10))


class _Tag(IntEnum):
    """The fields that matter here, by the names of the specification."""

    ClOrdID = 11
    Commission = 12
    CommType = 13
    CumQty = 14
    Currency = 15
    ExecID = 17
    ExecRefID = 19
    LastPx = 31
    LastQty = 32
    OrderID = 37
    OrigClOrdID = 41
    Side = 54
    Symbol = 55
    TransactTime = 60
    TradeDate = 75
    ExecType = 150


_TAGS = frozenset(_Tag)


@dataclass(frozen=True, slots=True)
class _Report:
    """An execution report.

    Attributes:
        place: The file and the number of the message, for people.
        cells: The fields that matter here, by tag.
        sent: The time of sending, as written.
    """

    place: str
    cells: Mapping[int, str]
    sent: str

    def text(self, tag: int) -> str:
        """Read a text that is safe to show.

        Raises:
            DataError: If the field is missing, too long or no plain text.
        """
        if tag not in self.cells:
            raise DataError(
                f"{self.place} has no field {tag} ({_Tag(tag).name}): give the message as the broker sent it"
            )
        told = self.cells[tag]
        if len(told) > _LONGEST or not is_plain(told):
            raise self.fault(tag, f"give plain text of 1 to {_LONGEST} letters")
        return told

    def number(self, tag: int) -> Decimal:
        """Read a number from 0 on.

        Raises:
            DataError: If the field is missing or no such number.
        """
        told = self.text(tag)
        if not _NUMBER.fullmatch(told):
            raise self.fault(tag, "give a number, 0 or more")
        return Decimal(told)

    def units(self, tag: int) -> int:
        """Read whole units.

        Raises:
            DataError: If the field is missing or no whole number.
        """
        number = self.number(tag)
        if number != number.to_integral_value():
            raise self.fault(tag, "give whole units")
        return int(number)

    def fault(self, tag: int, mend: str) -> DataError:
        """Make the error of a field."""
        return DataError(f"{self.place}: field {tag} ({_Tag(tag).name}) is {shown(self.cells.get(tag, ''))}: {mend}")

    @property
    def day(self) -> date:
        """The day of the contract: the trade date, or the day in Sydney of the time.

        Raises:
            DataError: If neither can be read.
        """
        told = self.cells.get(_Tag.TradeDate) or self.cells.get(_Tag.TransactTime) or self.sent
        try:
            if _DAY.fullmatch(told):
                day = datetime.strptime(told, "%Y%m%d").replace(tzinfo=UTC).date()
            else:
                at = datetime.strptime(told.partition(".")[0], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
                day = at.astimezone(_SYDNEY).date()
        except (ValueError, OverflowError):
            day = date.max
        if day > _LAST:
            message = (
                f"{self.place} is of {shown(told)}: give a day such as 20251110 in field 75, or a time in field 60"
            )
            raise DataError(message)
        return day


@dataclass(slots=True)
class _Order:
    """What a broker says of one of our orders, under one number of his own."""

    order_id: str
    trades: dict[str, Fill] = field(default_factory=dict)
    # A correction has an id of its own, by which later ones may name it.
    names: dict[str, str] = field(default_factory=dict)
    last: _Report | None = None
    ended: _Report | None = None


def is_fix(data: bytes) -> bool:
    """Whether a file begins like messages of FIX."""
    return data.removeprefix(BOM_UTF8).lstrip().startswith(b"8=FIX")


def read_brokerage(text: str) -> Decimal:
    """Read an amount of brokerage, AUD.

    Raises:
        DataError: If the text is no amount in whole cents.
    """
    if not _NUMBER.fullmatch(text) or (amount := Decimal(text)) != amount.quantize(CENT):
        raise DataError(f"--brokerage is {shown(text)}: give AUD in whole cents, such as 9.50")
    return amount


def read(files: Iterable[tuple[str, bytes]], brokerage_aud: Decimal | None = None) -> list[Fill]:
    """Read the fills that execution reports state: a fill per trade, and one of 0 units per order that has ended.

    Args:
        files: The name, for people, and the content of each file.
        brokerage_aud: Brokerage per order and day, AUD, of trades without a commission (field 12); None refuses them.

    Raises:
        DataError: If a message is damaged, reports contradict each other, or a report is missing; the message names the
            message in the file.
    """
    found = [one for name, data in files for one in _reports(name, data.removeprefix(BOM_UTF8))]
    # A message that is sent again keeps the time of the first sending in field 122.
    reports = sorted(_once(found), key=lambda one: one.sent)
    names = _first_ids(reports)
    orders: dict[tuple[str, str], _Order] = {}
    later: list[tuple[_Order, _Report]] = []
    for one in reports:
        kind, key = one.text(_Tag.ExecType), _root(one.text(_Tag.ClOrdID), names)
        _check_side(one, key)
        order = orders.setdefault((key, one.text(_Tag.OrderID)), _Order(key))
        order.last = one
        if kind == _TRADE:
            order.trades[one.text(_Tag.ExecID)] = _fill(one, key)
        elif kind in {_CORRECT, _CANCEL}:
            later.append((order, one))
        elif kind in _ENDED:
            order.ended = one
        elif kind not in _QUIET:
            raise one.fault(_Tag.ExecType, "give execution reports of FIX 4.4, where a trade is F")
    for order, one in later:
        _change(order, one)
    return list(_charged([fill for order in orders.values() for fill in _fills(order)], brokerage_aud))


def _reports(name: str, data: bytes) -> Iterator[_Report]:
    """Read the execution reports of a file, in order."""
    for place, body in _bodies(name, data):
        fields = list(_split(body, place))
        if not fields or fields[0][0] != _TYPE:
            raise DataError(f"{place} does not begin with field 35: {_MEND}")
        if fields[0][1] != _REPORT:
            continue
        cells: dict[int, str] = {}
        sent = {tag: value.decode("ascii", "replace") for tag, value in fields if tag in _SENT}
        for tag, value in fields:
            if tag in cells:
                raise DataError(f"{place} has field {tag} ({_Tag(tag).name}) twice: {_MEND}")
            if tag in _TAGS:
                cells[tag] = value.decode("utf-8", "replace")
        yield _Report(place, cells, next((sent[tag] for tag in _SENT if tag in sent), ""))


def _bodies(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the fields of each message between the length and the sum, both of which must be right."""
    at, number = _next(data, 0), 0
    while at < len(data):
        number += 1
        place = f"{name}: message {number}"
        begun = _START.match(data, at)
        if begun is None:
            version = _VERSION.match(data, at)
            told = "no message of FIX" if version is None else shown(version[1].decode("ascii", "replace"))
            raise DataError(f"{place} is {told}: give messages of FIX.4.4 as the broker sent them, and no other text")
        end = begun.end() + int(begun[1])
        told_sum = _CHECKSUM.match(data, end)
        if told_sum is None:
            raise DataError(f"{place} has not the length that field 9 tells: {_MEND}")
        if (found := sum(data[at:end]) % 256) != int(told_sum[1]):
            raise DataError(f"{place} adds up to {found:03}, and field 10 is {told_sum[1].decode()}: {_MEND}")
        yield place, data[begun.end() : end]
        at = _next(data, told_sum.end())


def _next(data: bytes, at: int) -> int:
    """Skip the ends of lines between messages."""
    while data[at : at + 1].isspace():
        at += 1
    return at


def _split(body: bytes, place: str) -> Iterator[tuple[int, bytes]]:
    """Split a body into its fields; a field whose length is told may have any bytes."""
    at, length = 0, -1
    while at < len(body):
        equals = body.find(b"=", at)
        tag, start = body[at : max(equals, at)], equals + 1
        end = start + length if length >= 0 else body.find(_SOH, start)
        if not tag.isdigit() or len(tag) > _DIGITS or body[end : end + 1] != _SOH:
            raise DataError(f"{place} has a field that cannot be read, at byte {at}: {_MEND}")
        value = body[start:end]
        yield int(tag), value
        is_length = int(tag) in _LENGTHS and value.isdigit() and len(value) <= _DIGITS
        at, length = end + 1, int(value) if is_length else -1


def _once(reports: Iterable[_Report]) -> Iterator[_Report]:
    """Leave out each report that was sent before, as after a lost connection.

    Raises:
        DataError: If two reports have one ExecID of one order and day, and other content.
    """
    known: dict[tuple[str, str, date], _Report] = {}
    for one in reports:
        if one.text(_Tag.ExecType) == _STATUS:
            continue
        key = one.text(_Tag.OrderID), one.text(_Tag.ExecID), one.day
        before = known.setdefault(key, one)
        if before is one:
            yield one
        elif before.cells != one.cells:
            raise one.fault(_Tag.ExecID, f"{before.place} has it, too, with other content: ask the broker")


def _first_ids(reports: Iterable[_Report]) -> dict[str, str]:
    """Map the id of each cancel or change to the id of the order before: the reports name both."""
    return {
        one.text(_Tag.ClOrdID): one.text(_Tag.OrigClOrdID)
        for one in reports
        if _Tag.OrigClOrdID in one.cells and one.text(_Tag.OrigClOrdID) != one.text(_Tag.ClOrdID)
    }


def _root(order_id: str, names: Mapping[str, str]) -> str:
    seen = {order_id}
    while (before := names.get(order_id)) is not None and before not in seen:
        seen.add(order_id := before)
    return order_id


def _check_side(one: _Report, order_id: str) -> None:
    """See that side and code of a report are those of the order, which its id has."""
    # REQUEST.SIDE.CODE, or B.SIDE.CODE.DIGEST of a block; any other id is of no order, which is told later.
    parts = order_id.split(".")
    side, code = parts[1:3] if len(parts) in _PARTS else ("", "")
    if side and _SIDES.get(one.text(_Tag.Side)) != side:
        raise one.fault(_Tag.Side, f"the order is {order_id}: ask the broker")
    if code and _Tag.Symbol in one.cells and one.text(_Tag.Symbol) != code:
        raise one.fault(_Tag.Symbol, f"the order is {order_id}: ask the broker")
    if _Tag.Currency in one.cells and one.text(_Tag.Currency) != "AUD":
        raise one.fault(_Tag.Currency, "give amounts in AUD")


def _fill(one: _Report, order_id: str, *, day: date | None = None) -> Fill:
    units, price = one.units(_Tag.LastQty), one.number(_Tag.LastPx)
    if not units or not price:
        raise one.fault(_Tag.LastPx if units else _Tag.LastQty, "give units and price of the trade")
    day = one.day if day is None else day
    number = f"{day:%Y%m%d}.{one.text(_Tag.OrderID)}.{one.text(_Tag.ExecID)}"
    return Fill(one.place, number, order_id, day, units, price, _brokerage(one, units))


def _brokerage(one: _Report, units: int) -> Decimal:
    """Return the brokerage, AUD; below 0 where the report states none."""
    if _Tag.Commission not in one.cells:
        return Decimal(-1)
    stated, kind = one.number(_Tag.Commission), one.text(_Tag.CommType) if _Tag.CommType in one.cells else _ABSOLUTE
    if kind not in {_PER_UNIT, _ABSOLUTE}:
        raise one.fault(_Tag.CommType, "give the commission in AUD (3) or per unit (1)")
    return (stated * units if kind == _PER_UNIT else stated).quantize(CENT, ROUND_HALF_UP)


def _change(order: _Order, one: _Report) -> None:
    """Correct or cancel a trade."""
    named = one.text(_Tag.ExecRefID)
    known = order.names.get(named, named)
    if known not in order.trades:
        raise one.fault(_Tag.ExecRefID, "no trade of the order has this ExecID: give all execution reports so far")
    if one.text(_Tag.ExecType) == _CANCEL:
        del order.trades[known]
        return
    before = order.trades[known]
    changed = _fill(one, order.order_id, day=one.day if _Tag.TradeDate in one.cells else before.day)
    # A correction that states no brokerage leaves the brokerage as it was.
    kept = changed.brokerage_aud if changed.brokerage_aud >= 0 else before.brokerage_aud
    order.trades[known] = replace(changed, brokerage_aud=kept)
    order.names[one.text(_Tag.ExecID)] = known


def _fills(order: _Order) -> Iterator[Fill]:
    """Yield the trades of an order that stand, and its end; see that none is missing."""
    filled = sum(one.units for one in order.trades.values())
    if order.last is not None and (told := order.last.units(_Tag.CumQty)) != filled:
        raise order.last.fault(
            _Tag.CumQty,
            f"the trades of {order.order_id} here add up to {filled}, not {told}: give all execution reports so far",
        )
    yield from order.trades.values()
    if order.ended is not None:
        one = order.ended
        number = f"{one.day:%Y%m%d}.{one.text(_Tag.OrderID)}.{one.text(_Tag.ExecID)}"
        yield Fill(one.place, number, order.order_id, one.day, 0, Decimal(0), Decimal(0))


def _charged(fills: Sequence[Fill], brokerage_aud: Decimal | None) -> Iterator[Fill]:
    """Give the trades without a commission the brokerage of an order and day, once."""
    charged: set[tuple[str, date]] = set()
    for one in fills:
        if one.brokerage_aud >= 0:
            yield one
            continue
        if brokerage_aud is None:
            raise DataError(
                f"{one.place} has no field 12 (Commission): give --brokerage, the AUD per order and day that the broker"
                " charges; 0 for none"
            )
        is_first = (one.order_id, one.day) not in charged
        charged.add((one.order_id, one.day))
        yield replace(one, brokerage_aud=brokerage_aud if is_first else Decimal(0))
