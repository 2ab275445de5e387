"""Look through a book for the accounts that are due: each line beside the last event of the customer in a file."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from pydantic_core import from_json

from book.due import Cause, Prices, Thresholds, Why, differs_in_more_than_prices, reasons
from book.suggestion import Suggestion, Today, read
from bus.language.messages import BadMessageError, glance
from bus.language.plain_text import printable
from portfolio.errors import DataError
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from book.lines import Line

# The beginning of an event as coordinators write it; an event that is written otherwise is read whole.
_BEGINNING = 512
_CUSTOMER = re.compile(rb'"customer_id":\s*("(?:[^"\\]|\\.)*")')
_OPTIMISED = b'"MasterPortfolioOptimized"'
_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Looked:
    """One account of a book that was looked at.

    Attributes:
        number: The number of the line.
        place: The line or the file, for people.
        customer_id: The customer's key; empty where the line names none.
        why: The reasons for a look; none where the account needs none.
    """

    number: int
    place: str
    customer_id: str
    why: tuple[Why, ...]

    @property
    def line(self) -> str:
        """The account as a line for people."""
        return f"{self.customer_id or 'no customer'} ({self.place}): {'; '.join(one.words for one in self.why)}"

    @property
    def json(self) -> str:
        """The account as a line for programs."""
        told = {"customer_id": self.customer_id, "place": self.place, "why": [asdict(one) for one in self.why]}
        return json.dumps(told, ensure_ascii=False)


class Events:
    """The last suggestion of each customer in final events, one event per line; later lines count.

    Args:
        lines: The events; a mapped file is read only where an event begins, and where one is asked for.
    """

    def __init__(self, lines: bytes | mmap) -> None:
        self._lines = lines
        self._places: dict[str, tuple[int, int]] = {}
        start = 0
        while start < len(lines):
            end = lines.find(b"\n", start) + 1 or len(lines)
            # A failure changes nothing of what was suggested before.
            if lines.find(_OPTIMISED, start, min(start + _BEGINNING, end)) >= 0:
                self._places[self._customer_of(start, end)] = start, end
            start = end

    def of(self, customer_id: str) -> Suggestion | None:
        """Read the last suggestion for a customer; None if there is none.

        Raises:
            BadMessageError: If the event cannot be read.
        """
        if (place := self._places.get(customer_id)) is None:
            return None
        start, end = place
        return read(Suggestion, self._lines[start:end])

    def _customer_of(self, start: int, end: int) -> str:
        found = _CUSTOMER.search(self._lines, start, min(start + _BEGINNING, end))
        named = from_json(found[1]) if found else glance(self._lines[start:end]).get("customer_id")
        return named if isinstance(named, str) else ""


@contextmanager
def opened(file: Path) -> Iterator[Events]:
    """Map a file of final events while the block lasts."""
    with file.open("rb") as there:
        if file.stat().st_size == 0:  # cannot be mapped
            yield Events(b"")
            return
        with mmap(there.fileno(), 0, access=ACCESS_READ) as lines:
            yield Events(lines)


@dataclass
class Look:
    """A look through a book.

    Attributes:
        market: The market of today; None for the market that each line names.
        events: The last suggestions; None where none are given: then only the book itself speaks.
        thresholds: From which size on a reason counts.
    """

    market: str | None
    events: Events | None
    thresholds: Thresholds
    _prices: dict[str, Prices] = field(default_factory=dict)
    _differ: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    def through(self, lines: Iterable[Line]) -> Iterator[Looked]:
        """Look at each line; a line that cannot be read is due for its fault."""
        for line in lines:
            yield self.at(line)

    def at(self, line: Line) -> Looked:
        """Look at one line."""
        customer_id = ""
        try:
            today = read(Today, line.body)
            customer_id = today.customer.customer_id
            if self.market is not None:
                today = today.model_copy(update={"market": self.market})
            last = None if self.events is None else self.events.of(customer_id)
            prices = self._of(today.market)
            found = reasons(
                today,
                last,
                prices,
                new_market=last is not None and self._differs(prices, last),
                thresholds=self.thresholds,
                known=self.events is not None,
            )
        except (BadMessageError, DataError) as error:
            found = [Why(Cause.FAULT, printable(str(error)))]
        return Looked(line.number, line.place, printable(customer_id, longest=_SHOWN), tuple(found))

    def _of(self, market: str) -> Prices:
        if market not in self._prices:
            self._prices[market] = Prices.of(load(market))
        return self._prices[market]

    def _differs(self, prices: Prices, last: Suggestion) -> bool:
        now, then = prices.market, last.market
        key = now.sha256, then.id, then.sha256
        if key not in self._differ:
            self._differ[key] = then.sha256 != now.sha256 and self._differs_from(prices, last)
        return self._differ[key]

    def _differs_from(self, prices: Prices, last: Suggestion) -> bool:
        """Compare with the market of the suggestion; a market that is not there any more differs."""
        try:
            then = self._of(last.market.id).market
        except DataError:
            return True
        return then.sha256 != last.market.sha256 or differs_in_more_than_prices(prices.market, then)
