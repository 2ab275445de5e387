"""Invent the fills of a day for exported orders: ``python -m examples.fills monday.csv --seed 1 > fills-1.csv``.

Most orders are filled whole, some in part, few are rejected. Prices are between the limit and a little better than the
last price. The same table and seed make the same fills.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLUMNS = ("fill_id", "order_id", "day", "units", "price_aud", "brokerage_aud")
# Of the units of an order that is filled in part.
_LEAST, _MOST = 0.2, 0.95
# How much better than the last price a contract may be.
_BETTER = 0.003
_TENTH_OF_A_CENT = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Broker:
    """How a broker fills orders.

    Attributes:
        rejected: Share of the orders that are rejected.
        partial: Share of the orders that are filled in part.
        brokerage_aud: Brokerage of each account of a filled order, AUD.
    """

    rejected: float = 0.02
    partial: float = 0.10
    brokerage_aud: Decimal = Decimal("9.50")


def fills(rows: Iterable[dict[str, str]], seed: int, broker: Broker | None = None) -> Iterator[dict[str, object]]:
    """Fill orders or blocks, each on its day; a table of ``podfolio orders export`` has one row per account."""
    orders: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        orders.setdefault(row["block_id"] or row["order_id"], []).append(row)
    for order_id, some in orders.items():
        # A draw per order, so that the fills of one do not depend on the others.
        yield from _filled(order_id, some, broker or Broker(), Random(f"{seed} {order_id}"))  # noqa: S311 - invented


def _filled(order_id: str, some: list[dict[str, str]], broker: Broker, draw: Random) -> Iterator[dict[str, object]]:
    ordered = sum(int(row["units"]) for row in some)
    fate, units = draw.random(), ordered
    if fate < broker.rejected:
        units = 0
    elif fate < broker.rejected + broker.partial:
        units = round(ordered * draw.uniform(_LEAST, _MOST))
    first = draw.randint(1, units) if units else 0
    brokerage = broker.brokerage_aud * len(some) if units else Decimal(0)
    for number, part in enumerate([first, units - first] if first < units else [first], start=1):
        yield {
            "fill_id": f"{order_id}.{number}",
            "order_id": order_id,
            "day": some[0]["not_before"],
            "units": part,
            "price_aud": _price_aud(some[0], draw),
            "brokerage_aud": brokerage if number == 1 else Decimal(0),
        }


def _price_aud(row: dict[str, str], draw: Random) -> Decimal:
    """Draw a price that the limit permits."""
    last, limit = Decimal(row["last_aud"]), Decimal(row["limit_aud"])
    buys = row["side"] == "buy"
    best = last * (1 - Decimal(_BETTER)) if buys else last * (1 + Decimal(_BETTER))
    price = (best + (limit - best) * Decimal(draw.random())).quantize(_TENTH_OF_A_CENT)
    return min(price, limit) if buys else max(price, limit)


def main() -> None:
    """Write fills to standard output."""
    parser = argparse.ArgumentParser(description="Write invented fills of exported orders.")
    parser.add_argument("orders", type=Path, help="a table of podfolio orders export")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with asked.orders.open(encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(fills(csv.DictReader(opened), asked.seed))


if __name__ == "__main__":
    main()
