"""The requests of a run: each line of a book under an id that is made of the run, the try and the customer. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language.messages import BadMessageError, change_request, glance, parse_request
from bus.language.plain_text import printable
from bus.language.subjects import ID_PATTERN
from bus.port import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from book.lines import Line

# No underscore, which ends the name within an id.
RUN_PATTERN = r"[A-Za-z0-9-]{1,24}"
_LONGEST_ID = 64
# As many digits of a hash as leave room for the longest name of a run.
_DIGITS = 32
# The most other places of a customer that a fault names.
_PLACES = 4


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a book.

    Attributes:
        name: The name, part of each request's id.
        market: The market of all requests; None for the market that each line names.
    """

    name: str
    market: str | None = None

    def request_id(self, customer_id: str, attempt: int = 1) -> str:
        """Make the id of a request: no two runs, tries and customers share one.

        A customer's key that does not fit into an id is replaced by a hash of the key.
        """
        made = f"{self.name}_{attempt}_{customer_id}"
        if len(made) <= _LONGEST_ID and re.fullmatch(ID_PATTERN, made):
            return made
        digest = hashlib.sha256(customer_id.encode("utf-8", "backslashreplace")).hexdigest()
        return f"{self.name}_{attempt}_{digest[:_DIGITS]}"

    def body(self, line: Line, request_id: str) -> bytes:
        """Write the request of a line: the line itself, with the id and the market of the run.

        Raises:
            BadMessageError: If an object of the line has a field twice.
        """
        changes = {"request_id": request_id} | ({} if self.market is None else {"market": self.market})
        return change_request(line.body, changes)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a book: a line that can be asked, or the reason why not.

    Attributes:
        number: The number of the line.
        place: The line or the file, for people.
        customer_id: The customer's key; empty where the line names none.
        field: The field of the fault; empty without a fault, or where the line as a whole is wrong.
        fault: Why the line cannot be asked, with the mend; empty where it can.
    """

    number: int
    place: str
    customer_id: str
    field: str = ""
    fault: str = ""


def name_of(lines: Iterable[Line], market: str | None) -> str:
    """Name a run after the content of the book and the market, so that the same book is the same run."""
    digest = hashlib.sha256((market or "").encode())
    for line in lines:
        digest.update(b"\0%d\0%b" % (line.number, line.body.strip()))
    return digest.hexdigest()[:12]


def accounts(lines: Iterable[Line], run: Run) -> list[Account]:
    """Check every line of a book; a customer on several lines is a fault of each, since one of them may be old."""
    found = [_account(line, run) for line in lines]
    places: dict[str, list[str]] = {}
    for account in found:
        if account.customer_id:
            places.setdefault(account.customer_id, []).append(account.place)
    return list(_once(found, places))


def _once(found: Iterable[Account], places: dict[str, list[str]]) -> Iterator[Account]:
    for account in found:
        # A few are enough to find them, however many there are.
        others = [place for place in places.get(account.customer_id, [])[: _PLACES + 1] if place != account.place]
        if account.fault or not others:
            yield account
            continue
        fault = (
            f"customer.customer_id {account.customer_id} also stands on {', '.join(others[:_PLACES])}: leave one of"
            " them, or give each account of a customer a key of its own"
        )
        yield Account(account.number, account.place, account.customer_id, "customer.customer_id", fault)


def _account(line: Line, run: Run) -> Account:
    if len(line.body) > MAX_MESSAGE_BYTES:
        fault = f"{line.place} has more than {MAX_MESSAGE_BYTES // 1024} KiB, more than a message may have: send less"
        return Account(line.number, line.place, "", "", fault)
    customer = glance(line.body).get("customer")
    named = customer.get("customer_id") if isinstance(customer, dict) else None
    customer_id = printable(named, longest=_LONGEST_ID) if isinstance(named, str) else ""
    request_id = run.request_id(customer_id)
    try:
        parse_request(run.body(line, request_id), request_id)
    except BadMessageError as error:
        return Account(line.number, line.place, customer_id, error.field, str(error))
    return Account(line.number, line.place, customer_id)
