"""Put the orders of many accounts for one ETF into one block, and cross purchases with sales in pooled custody. Pure.

Accounts share a block where all that a broker sees of their orders is equal: wave, day, side, code and limit. The units
of the block are the sum of theirs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from book import tables
from book.division import divide
from book.instruction import CROSS, Instruction
from portfolio.errors import DataError
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

_COLUMNS = ("order_id", "units", "limit_aud", "block_id", "block_units")
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was placed.

    Attributes:
        block_id: The id of the block.
        limit_aud: The limit, or the price of a cross, AUD.
        units: Units by the id of each account's order.
    """

    block_id: str
    limit_aud: Decimal
    units: dict[str, int] = field(default_factory=dict)

    @property
    def other_side(self) -> str | None:
        """The block against which this one is crossed; None for the market."""
        kind, side, rest = self.block_id.split(".", 2)
        if kind != "X":
            return None
        return ".".join((kind, "B" if side == "S" else "S", rest))


def in_blocks(orders: Iterable[Instruction]) -> list[Instruction]:
    """Give each order the id and the units of its block; sales come first, then by code, limit and order."""
    ordered = sorted(orders, key=lambda one: (*_shared(one), one.order_id))
    groups: dict[tuple[object, ...], list[Instruction]] = defaultdict(list)
    for one in ordered:
        groups[_shared(one)].append(one)
    return [one for some in groups.values() for one in _as_block(some, f"B.{_digest(some)}")]


def cross(orders: Iterable[Instruction]) -> tuple[list[Instruction], list[Instruction]]:
    """Match purchases and sales of one code, day and last price; return the crosses and the rest for the market.

    As many units are crossed as both sides have, at the last price, without brokerage. Each side is divided among its
    orders in proportion.
    """
    groups: dict[tuple[object, ...], list[Instruction]] = defaultdict(list)
    for one in sorted(orders, key=lambda one: one.order_id):
        groups[one.wave, one.not_before, one.code, one.last_aud].append(one)
    crosses: list[Instruction] = []
    left: list[Instruction] = []
    for some in groups.values():
        both = [[one for one in some if one.side == side.value] for side in (Side.SELL, Side.BUY)]
        crossed = min(sum(one.units for one in side) for side in both)
        name = f"X.{_digest(some)}"
        for side in both:
            shares = divide(crossed, {one.order_id: one.units for one in side}, lot=name)
            inside = [replace(one, units=shares[one.order_id]) for one in side if shares[one.order_id]]
            at_last = [replace(one, order_type=CROSS, limit_aud=one.last_aud) for one in inside]
            crosses += _as_block(at_last, name)
            rest = [replace(one, units=one.units - shares[one.order_id]) for one in side]
            left += [one for one in rest if one.units]
    return crosses, left


def _shared(one: Instruction) -> tuple[object, ...]:
    return one.wave, one.not_before, one.side != Side.SELL.value, one.code, one.limit_aud


def _as_block(some: Sequence[Instruction], name: str) -> list[Instruction]:
    units = sum(one.units for one in some)
    kind, digest = name.split(".")
    return [
        replace(one, block_id=f"{kind}.{one.side[0].upper()}.{one.code}.{digest}", block_units=units) for one in some
    ]


def _digest(some: Iterable[Instruction]) -> str:
    """Name a block after its orders, units, day and limit: the rest of a block on a later day is another block."""
    lines = "".join(f"{one.order_id} {one.units} {one.not_before} {one.limit_aud}\n" for one in some)
    return hashlib.sha256(lines.encode()).hexdigest()[:_DIGITS]


def read(text: str, name: str = "the orders") -> dict[str, Block]:
    """Read the blocks of a table that ``podfolio orders export`` wrote.

    Raises:
        DataError: If the table is no such table, or the units of a block do not add up; the message names the line.
    """
    blocks: dict[str, Block] = {}
    last: dict[str, tables.Row] = {}
    for row in tables.read(text, name, _COLUMNS):
        if not row.cells["block_id"]:
            continue
        block_id, order_id, limit = row.text("block_id"), row.text("order_id"), row.number("limit_aud")
        if len(block_id.split(".")) != len(("kind", "side", "code", "digest")):
            raise row.fault("block_id", "give the table as podfolio orders export wrote it")
        block = blocks.setdefault(block_id, Block(block_id, limit))
        if order_id in block.units:
            raise row.fault("order_id", f"it is in {block_id} twice: give the table as it was written")
        if limit != block.limit_aud:
            raise row.fault("limit_aud", f"the block has {block.limit_aud} before: give the table as it was written")
        block.units[order_id] = row.whole("units")
        last[block_id] = row
    for block_id, row in last.items():
        if sum(blocks[block_id].units.values()) != row.whole("block_units"):
            total = sum(blocks[block_id].units.values())
            raise row.fault("block_units", f"the allocations add up to {total}: give all lines of the block")
    return blocks


def together(tables_of_blocks: Iterable[dict[str, Block]]) -> dict[str, Block]:
    """Collect the blocks of several tables; one block may be in several.

    Raises:
        DataError: If two blocks have one id.
    """
    known: dict[str, Block] = {}
    for some in tables_of_blocks:
        for block_id, block in some.items():
            if known.setdefault(block_id, block) != block:
                raise DataError(f"block_id {block_id} has other allocations in another table: leave one of them")
    return known


def members(orders: Iterable[Instruction]) -> Iterator[list[Instruction]]:
    """Yield the orders of each block, in the order in which the blocks come; an order without a block is alone."""
    groups: dict[str, list[Instruction]] = {}
    for one in orders:
        groups.setdefault(one.block_id or one.order_id, []).append(one)
    yield from groups.values()
