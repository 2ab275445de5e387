"""The last suggestion of each customer, found in the final events of the archive. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import Reason, glance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.port import Message

# Reasons that do not concern the account: what was asked there is no newer statement of it that failed.
_OF_THE_SYSTEM = frozenset({Reason.OVERLOADED.value, Reason.DEADLINE_EXCEEDED.value, Reason.STOPPED.value})


@dataclass(frozen=True, slots=True)
class Last:
    """The last final event of a customer with a portfolio.

    Attributes:
        customer_id: The customer's key.
        request_id: The request.
        sequence: The place of the final event in the archive.
        refused: The reason why a later request of the customer has no portfolio; empty without one.
    """

    customer_id: str
    request_id: str
    sequence: int
    refused: str = ""


class Latest:
    """The last suggestion of each customer, oldest first; a few bytes per customer."""

    def __init__(self) -> None:
        self._of: dict[str, Last] = {}
        self.sequence = 0

    def add(self, final: Message) -> None:
        """Take the next final event, in the order of the archive."""
        self.sequence = final.sequence
        request_id, told = subjects.parse(final.subject).request_id, glance(final.data)
        customer = told.get("customer_id")
        if not request_id or not isinstance(customer, str) or not customer:
            return
        if told.get("type") == "MasterPortfolioOptimized":
            # Taken out first, so that the order is that of the events.
            self._of.pop(customer, None)
            self._of[customer] = Last(customer, request_id, final.sequence)
        elif customer in self._of and told.get("reason") not in _OF_THE_SYSTEM:
            self._of[customer] = replace(self._of[customer], refused=str(told.get("reason")))

    def __iter__(self) -> Iterator[Last]:
        """Iterate over a copy: a review takes hours, and events come meanwhile."""
        return iter(tuple(self._of.values()))

    def of(self, customer_id: str) -> Last | None:
        """Return the last suggestion of a customer."""
        return self._of.get(customer_id)
