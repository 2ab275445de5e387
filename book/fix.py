"""Write orders as FIX 4.4: a NewOrderSingle (35=D) for each order or block, with the allocations of a block. Pure.

FIX 4.4 Specification with Errata 20030618: volume 1 for the frame (fields 8, 9 and 10), volume 4 for the message. A
session of an engine writes its own numbers and times over those of the header. Never reads a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from book.blocks import members
from book.instruction import CROSS
from portfolio.errors import DataError
from portfolio.plain_text import shown
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from book.instruction import Instruction

_SOH = b"\x01"
_SIDES = {Side.BUY.value: "1", Side.SELL.value: "2"}
_LIMIT, _DAY = "2", "0"
# ISO 10383: the market of listing; the broker chooses where to trade.
_ASX = "XASX"
_ASCII = re.compile(r"[ -~]+")


@dataclass(frozen=True, slots=True)
class Session:
    """The header that all messages share.

    Attributes:
        sender: SenderCompID (49).
        target: TargetCompID (56).
        at: SendingTime (52) and TransactTime (60), in UTC.
    """

    sender: str
    target: str
    at: datetime


def messages(orders: Iterable[Instruction], session: Session) -> Iterator[bytes]:
    """Write the orders, blocks as one message each; a cross is in no market, so no message has it.

    Raises:
        DataError: If a name cannot be written in FIX.
    """
    placed = [one for one in orders if one.order_type != CROSS]
    for number, some in enumerate(members(placed), start=1):
        yield _message(number, some, session)


def _message(number: int, some: Sequence[Instruction], session: Session) -> bytes:
    first, at = some[0], f"{session.at:%Y%m%d-%H:%M:%S}"
    header = [(35, "D"), (49, session.sender), (56, session.target), (34, str(number)), (52, at)]
    key = first.block_id or first.order_id
    # The order of the fields is that of the specification; a group's fields must keep it.
    body = [(11, key), *(_allocations(some) if first.block_id else [(1, first.account)])]
    body += [(55, first.code), (207, _ASX), (54, _SIDES[first.side]), (60, at)]
    body += [(38, str(first.block_units or first.units)), (40, _LIMIT), (44, f"{first.limit_aud:f}")]
    body += [(15, "AUD"), (59, _DAY)]
    return _framed(b"".join(_field(tag, value) for tag, value in (*header, *body)))


def _allocations(some: Sequence[Instruction]) -> Iterator[tuple[int, str]]:
    yield 70, some[0].block_id
    yield 78, str(len(some))
    for one in some:
        yield 79, one.account
        yield 467, one.order_id
        yield 80, str(one.units)


def _framed(body: bytes) -> bytes:
    framed = _field(8, "FIX.4.4") + _field(9, str(len(body))) + body
    return framed + _field(10, f"{sum(framed) % 256:03}")


def _field(tag: int, value: str) -> bytes:
    if not _ASCII.fullmatch(value):
        raise DataError(f"field {tag} of FIX is {shown(value)}: give letters, digits and signs of ASCII, or write CSV")
    return f"{tag}={value}".encode("ascii") + _SOH
