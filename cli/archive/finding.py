"""Find the archived messages of a request, or of a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import glance
from bus.language.subjects import MessageKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bus.language.archived import Archived
    from cli.archive.source import Source


# Their subjects have a number in the place of a request's id.
_OF_MESSAGES = (MessageKind.REJECTED, MessageKind.REMOVED, MessageKind.SEAL, MessageKind.STOP, MessageKind.RESUME)


async def of_request(source: Source, request_id: str) -> list[Archived]:
    """Read every message about a request, in the order of the archive."""
    found = [
        archived
        for pattern in subjects.of_request(request_id)
        async for archived in source.read(pattern)
        if subjects.parse(archived.message.subject).kind not in _OF_MESSAGES
    ]
    return once(found)


def once(found: Iterable[Archived]) -> list[Archived]:
    """Return messages in order, without those that the archive took over a second time after a restore."""
    known: dict[object, Archived] = {}
    for archived in sorted(found, key=lambda archived: archived.message.sequence):
        place = archived.place
        key = archived.message.sequence if place is None else (place.name, place.sequence, archived.content)
        known.setdefault(key, archived)
    return list(known.values())


async def of_customer(source: Source, customer: str, *, told: Callable[[], None] = lambda: None) -> list[Archived]:
    """Read the requests of a customer, each followed by its final events; *told* is called for each request read.

    The customer's key stands in the body of a request, where no filter of the server looks: every request is read.
    """
    asked = []
    async for archived in source.read(subjects.ALL_REQUESTS):
        told()
        if _customer(archived) == customer:
            asked.append(archived)
    ids = dict.fromkeys(subjects.parse(archived.message.subject).request_id for archived in asked)
    finals = [archived for one in ids if one async for archived in source.read(subjects.final(one))]
    return once([*asked, *finals])


def _customer(archived: Archived) -> object:
    customer = glance(archived.message.data).get("customer")
    return customer.get("customer_id") if isinstance(customer, dict) else None
