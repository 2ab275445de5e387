"""Read the fills of a broker, and divide those of blocks among the accounts. Pure.

Each account of a block gets its part of the units of a day, at the average price of the day, and its part of the
brokerage; money is divided to the cent. A fill counts once, whatever the number of files that state it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from book import tables
from book.division import divide
from portfolio.errors import DataError
from portfolio.names import doubted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from book.blocks import Block

COLUMNS = ("order_id", "day", "units", "price_aud", "brokerage_aud")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Fill:
    """One contract of a broker.

    Attributes:
        place: The file and the line, for people.
        fill_id: The broker's number of the contract; empty where the broker gives none.
        order_id: Our id of the order, or of the block.
        day: Day of the contract.
        units: Units; 0 for an order that was rejected.
        price_aud: Price of a unit, AUD.
        brokerage_aud: Brokerage of the contract, AUD, in whole cents.
    """

    place: str
    fill_id: str
    order_id: str
    day: date
    units: int
    price_aud: Decimal
    brokerage_aud: Decimal

    @property
    def value_aud(self) -> Decimal:
        """Units times price, to the cent."""
        return (self.units * self.price_aud).quantize(CENT, ROUND_HALF_UP)

    @property
    def figures(self) -> tuple[object, ...]:
        """All that a second statement of the same contract must repeat."""
        return self.order_id, self.day, self.units, self.price_aud, self.brokerage_aud


@dataclass(frozen=True, slots=True)
class Contract:
    """The part of one account in the contracts of a day, or one contract for the account alone.

    Attributes:
        place: The file and the line of the fill, for people.
        order_id: Our id of the account's order.
        day: Day of the contract.
        units: Units, above 0.
        value_aud: Price paid or received, AUD, in whole cents.
        brokerage_aud: Brokerage, AUD, in whole cents.
        block_id: The block that was filled; empty for a contract of the account alone.
    """

    place: str
    order_id: str
    day: date
    units: int
    value_aud: Decimal
    brokerage_aud: Decimal
    block_id: str = ""


def read(text: str, name: str = "the fills") -> list[Fill]:
    """Read a table of fills.

    Raises:
        DataError: If a column is missing or a cell is wrong; the message names the line.
    """
    return [_fill(row) for row in tables.read(text, name, COLUMNS, ("fill_id",))]


def _fill(row: tables.Row) -> Fill:
    units, price, brokerage = row.whole("units"), row.number("price_aud"), row.number("brokerage_aud")
    if units and not price:
        raise row.fault("price_aud", "give the price of the contract, or units of 0 for a rejection")
    if brokerage != brokerage.quantize(CENT):
        raise row.fault("brokerage_aud", "give whole cents")
    named = row.text("fill_id") if row.cells["fill_id"] else ""
    return Fill(row.place, named, row.text("order_id"), row.day("day"), units, price, brokerage)


def once(fills: Iterable[Fill]) -> list[Fill]:
    """Leave out each fill that was stated before.

    Raises:
        DataError: If two fills have one number and other figures, or the same figures and no numbers: one contract that
            is stated twice cannot be told from two contracts then.
    """
    by_number: dict[str, Fill] = {}
    unnumbered: dict[tuple[object, ...], Fill] = {}
    kept = []
    for fill in fills:
        known = by_number.get(fill.fill_id) if fill.fill_id else unnumbered.get(fill.figures)
        if known is None:
            kept.append(fill)
            if fill.fill_id:
                by_number[fill.fill_id] = fill
            else:
                unnumbered[fill.figures] = fill
        elif known.figures != fill.figures:
            message = f"{fill.place}: fill_id {fill.fill_id} is {known.place}, too, with other figures: correct one"
            raise DataError(message)
        elif not fill.fill_id and fill.units:
            message = (
                f"{fill.place}: {known.place} states the same contract: if there were two, give each its number in a"
                " column fill_id; if there was one, leave the line out"
            )
            raise DataError(message)
    return kept


def contracts(fills: Iterable[Fill], blocks: Mapping[str, Block], orders: Mapping[str, int]) -> list[Contract]:
    """Divide the fills of blocks, and see that no order is filled beyond its units; list the contracts by day.

    Args:
        fills: The fills so far, of orders and of blocks.
        blocks: The blocks that were placed, by id.
        orders: The units of each order, by id.

    Raises:
        DataError: If a fill is of no order or block, or the fills of an order or a block exceed its units; the message
            names the line of the fill.
    """
    of_blocks: dict[str, list[Fill]] = defaultdict(list)
    done: list[Contract] = []
    for fill in once(fills):
        if fill.order_id in blocks:
            of_blocks[fill.order_id].append(fill)
        elif fill.order_id not in orders:
            raise DataError(_unknown(fill, {*orders, *blocks}))
        elif fill.units:
            done.append(Contract(fill.place, fill.order_id, fill.day, fill.units, fill.value_aud, fill.brokerage_aud))
    _sides_are_equal(of_blocks, blocks)
    for name, some in of_blocks.items():
        done += _divided(blocks[name], some)
    done.sort(key=lambda one: one.day)
    filled: dict[str, int] = defaultdict(int)
    for one in done:
        filled[one.order_id] += one.units
        if filled[one.order_id] > orders.get(one.order_id, 0):
            message = (
                f"{one.place}: units of {one.order_id} add up to {filled[one.order_id]}, and"
                f" {orders.get(one.order_id, 0)} were ordered: correct it"
            )
            raise DataError(message)
    return done


def _unknown(fill: Fill, known: Collection[str]) -> str:
    mend = "give an id of podfolio orders export"
    if fill.order_id.startswith(("B.", "X.")):
        mend = "give the CSV that podfolio orders export --blocks wrote, by --orders"
    return f"{fill.place}: order_id {doubted([fill.order_id], known)} is of no order: {mend}"


def _divided(block: Block, fills: Sequence[Fill]) -> Iterator[Contract]:
    """Divide the fills of each day among the accounts, by the units that each still wants."""
    left = dict(block.units)
    for day in sorted({fill.day for fill in fills}):
        made = [fill for fill in fills if fill.day == day and fill.units]
        units = sum(fill.units for fill in made)
        if units > sum(left.values()):
            message = (
                f"{made[-1].place}: units of {block.block_id} add up to"
                f" {sum(block.units.values()) - sum(left.values()) + units}, and {sum(block.units.values())} were"
                " ordered: correct it"
            )
            raise DataError(message)
        lot = f"{block.block_id} {day}"
        shares = divide(units, left, lot=lot)
        value = divide(_cents(fill.value_aud for fill in made), shares, lot=lot)
        brokerage = divide(_cents(fill.brokerage_aud for fill in made), shares, lot=lot)
        for order_id, share in shares.items():
            left[order_id] -= share
            if share:
                paid = value[order_id] * CENT, brokerage[order_id] * CENT
                yield Contract(made[-1].place, order_id, day, share, *paid, block_id=block.block_id)


def _cents(amounts: Iterable[Decimal]) -> int:
    return int(sum(amounts, Decimal(0)) / CENT)


def _sides_are_equal(fills: Mapping[str, Sequence[Fill]], blocks: Mapping[str, Block]) -> None:
    """See that the sellers of a cross give as many units as the buyers take, on one day and at the price of the cross.

    Raises:
        DataError: If a price or the other side differs.
    """
    for name, some in fills.items():
        block = blocks[name]
        if block.other_side is None:
            continue
        for fill in some:
            if fill.units and fill.price_aud != block.limit_aud:
                message = (
                    f"{fill.place}: price_aud is {fill.price_aud}, and the cross is at {block.limit_aud}: give that"
                )
                raise DataError(message)
            sides = [
                sum(one.units for one in fills.get(side, ()) if one.day == fill.day)
                for side in (name, block.other_side)
            ]
            if sides[0] != sides[1]:
                message = (
                    f"{fill.place}: {sides[0]} units of {name} and {sides[1]} of {block.other_side} on {fill.day}:"
                    " correct one, since the sides of a cross are equal"
                )
                raise DataError(message)
