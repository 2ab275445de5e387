"""Write the events and orders of a run as Parquet, for tables of millions; needs the extra ``book`` (pyarrow)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from book.files import order_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from book.outcome import Row
    from bus.language.messages import FinalEvent

EVENTS, ORDERS = "events.parquet", "orders.parquet"
_ROWS = 1_000

_TEXT, _NUMBER = pa.string(), pa.float64()
_EVENTS = pa.schema(
    [
        *((name, _TEXT) for name in ("customer_id", "request_id", "outcome", "market", "reason", "why")),
        ("orders", pa.int64()),
        *((name, _NUMBER) for name in ("bought_aud", "sold_aud", "cost_aud", "tax_aud")),
        ("gave_way", pa.list_(_TEXT)),
        ("person", _TEXT),
        ("event", _TEXT),
    ]
)
_ORDERS = pa.schema(
    [
        *((name, _TEXT) for name in ("customer_id", "request_id", "side", "ticker")),
        *((name, _NUMBER) for name in ("units", "price_aud", "value_aud", "brokerage_aud", "spread_aud", "tax_aud")),
    ]
)


@contextmanager
def tables(folder: Path) -> Iterator[Tables]:
    """Write the two files of Parquet while the block lasts; a block that fails leaves no file."""
    with _table(folder / EVENTS, _EVENTS) as events, _table(folder / ORDERS, _ORDERS) as orders:
        yield Tables(events, orders)


@contextmanager
def _table(file: Path, schema: pa.Schema) -> Iterator[_Table]:
    part = file.with_name(f".{file.name}.part")
    try:
        with ParquetWriter(part, schema, compression="zstd") as writer:
            yield (table := _Table(writer, schema))
            table.write()
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


class _Table:
    """One file, written some rows at a time."""

    def __init__(self, writer: ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self.write()

    def write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


class Tables:
    """The events and orders of a run as two files of Parquet."""

    def __init__(self, events: _Table, orders: _Table) -> None:
        self._events, self._orders = events, orders

    def add(self, row: Row, event: FinalEvent | None, final: bytes) -> None:
        """Add an account, with the final event as read and as stored; an account that was not asked has no event."""
        if final:
            told = asdict(row)
            self._events.add({name: told[name] for name in _EVENTS.names[:-1]} | {"event": final.decode("utf-8")})
        for order in order_rows(row, event):
            self._orders.add(order)
