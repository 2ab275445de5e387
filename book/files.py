"""Write the results of a run: each account, event and order, in the order of the book, read from the stream again.

A file appears under its name when it is whole. No file holds a time of the run or the number of tries.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from book.outcome import Outcome, Row, judge, not_asked
from book.run import AT_ONCE
from bus.language.messages import MasterPortfolioOptimized
from portfolio.plain_text import as_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from book.requests import Account, Run
    from book.run import Asking
    from bus.language.messages import FinalEvent

EVENTS, ACCOUNTS, ORDERS, SUMMARY, PAGE = "events.jsonl", "accounts.csv", "orders.csv", "report.json", "report.html"
ORDER_COLUMNS = (
    "customer_id",
    "request_id",
    "side",
    "ticker",
    "units",
    "price_aud",
    "value_aud",
    "brokerage_aud",
    "spread_aud",
    "tax_aud",
)


class Sink(Protocol):
    """A file of a run that takes one account after the other."""

    def add(self, row: Row, event: FinalEvent | None, final: bytes) -> None:
        """Add an account, with the final event as read and as stored; None and empty where none was asked."""


class Whole:
    """A text file that appears under its name when it is whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._part = file.with_name(f".{file.name}.part")

    def __enter__(self) -> TextIO:
        """Open the file under another name."""
        self._opened = self._part.open("w", encoding="utf-8", newline="")
        return self._opened

    def __exit__(self, kind: object, *_: object) -> None:
        """Give the file its name, unless writing it failed."""
        self._opened.close()
        if kind is None:
            self._part.replace(self._file)
        else:
            self._part.unlink()


@contextmanager
def texts(folder: Path) -> Iterator[Texts]:
    """Write the files of a run that are text while the block lasts; a block that fails leaves no file."""
    with Whole(folder / EVENTS) as events, Whole(folder / ACCOUNTS) as accounts, Whole(folder / ORDERS) as orders:
        yield Texts(events, accounts, orders)


class Texts:
    """The files of a run that are text: events as stored, one per line, and accounts and orders as CSV."""

    def __init__(self, events: TextIO, accounts: TextIO, orders: TextIO) -> None:
        self._events, self._accounts, self._orders = events, csv.writer(accounts), csv.writer(orders)
        self._accounts.writerow(one.name for one in fields(Row))
        self._orders.writerow(ORDER_COLUMNS)

    def add(self, row: Row, event: FinalEvent | None, final: bytes) -> None:
        """Add an account."""
        self._accounts.writerow(_cell(value) for value in asdict(row).values())
        if final:
            # A line feed in JSON is never part of a text.
            self._events.write(final.replace(b"\n", b" ").decode("utf-8", "replace") + "\n")
        for order in order_rows(row, event):
            self._orders.writerow(_cell(value) for value in order.values())


def order_rows(row: Row, event: FinalEvent | None) -> Iterator[dict[str, str | float]]:
    """List the orders of an account, sales first, each as the columns of ``ORDER_COLUMNS``."""
    if not isinstance(event, MasterPortfolioOptimized) or event.trading is None:
        return
    for order in event.trading.orders:
        told = asdict(order) | {"customer_id": row.customer_id, "request_id": row.request_id}
        yield {name: told[name] for name in ORDER_COLUMNS}


async def gather(asking: Asking, accounts: Sequence[Account], sinks: Sequence[Sink]) -> list[Row]:
    """Read the final event of every account, hand each to the *sinks*, and return all rows, in the book's order.

    Args:
        asking: The run, after every account was asked.
        accounts: The accounts of the book.
        sinks: The files.

    Raises:
        UnreachableError: If the server does not show an event soon.
    """
    rows = []
    for some in _some(accounts):
        known = await asking.read([asking.asked[account.number] for account in some if account.number in asking.asked])
        for account in some:
            row, event, final = _judged(account, asking, known)
            rows.append(row)
            for sink in sinks:
                sink.add(row, event, final)
    return rows


def _judged(account: Account, asking: Asking, known: Mapping[str, bytes]) -> tuple[Row, FinalEvent | None, bytes]:
    fault = account.fault or asking.faults.get(account.number, "")
    if fault:
        return not_asked(account, fault), None, b""
    request_id = asking.asked[account.number]
    row, event = judge(account, request_id, known[request_id])
    return row, event, known[request_id]


def summary(run: Run, rows: Sequence[Row]) -> dict[str, object]:
    """Say of a run how many accounts there are and what became of them, with the list of each."""
    return {
        "run": run.name,
        "market": run.market,
        "accounts": len(rows),
        "outcomes": {outcome.value: sum(row.outcome is outcome for row in rows) for outcome in Outcome},
        "refused": dict(sorted(Counter(row.reason for row in rows if row.reason).items())),
        "gave_way": sum(bool(row.gave_way) for row in rows),
        "person": sum(bool(row.person) for row in rows),
        "rows": [asdict(row) for row in rows],
    }


def write_summary(folder: Path, run: Run, rows: Sequence[Row]) -> None:
    """Write the summary of a run as JSON."""
    with Whole(folder / SUMMARY) as opened:
        json.dump(summary(run, rows), opened, ensure_ascii=False, indent=1)
        opened.write("\n")


def _cell(value: object) -> object:
    told = " ".join(value) if isinstance(value, tuple) else value
    return as_cell(told) if isinstance(told, str) else told


def _some(accounts: Iterable[Account]) -> Iterator[list[Account]]:
    left = iter(accounts)
    while some := list(islice(left, AT_ONCE)):
        yield some
