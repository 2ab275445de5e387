"""Decide about the orders of a final event, and read the decisions of the stream."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    MasterPortfolioOptimized,
    PortfolioApproved,
    PortfolioDeclined,
    encode,
    parse_approval,
    parse_final,
)
from bus.language.payload import Payload
from bus.port import RefusedError, Stored, UnreachableError
from bus.transports.envelope import publish
from cli.client.finals import read_final
from portfolio.counted import counted

if TYPE_CHECKING:
    from bus.language.messages import Approval
    from bus.language.signing import Signer
    from bus.port import Bus

_SOURCE = "/podfolio/cli"


async def decide(bus: Bus, request_id: str, signer: Signer, *, declined: bool, note: str | None) -> str:
    """Publish the decision about a request's final event, once; return the decision in words.

    Raises:
        RefusedError: If there is no portfolio to decide about, or if another decision is stored.
        UnreachableError: If the server did not answer in time.
    """
    final = await read_final(bus, request_id)
    event = _portfolio(final, request_id)
    kind = PortfolioDeclined if declined else PortfolioApproved
    now = datetime.now(UTC)
    body = kind(request_id=request_id, final_sha256=sha256(final).hexdigest(), note=note, decided_at=now)
    sent = Payload(kind.__name__, signer.sign(encode(body)))
    orders = 0 if event.trading is None else len(event.trading.orders)
    words = f"{'declined' if declined else 'approved'}, {counted(orders, 'order')} of {event.customer_id}"
    if await publish(bus, subjects.approval(request_id), sent, source=_SOURCE, now=now) is not Stored.TAKEN:
        return words
    before = await _stored(bus, request_id)
    signed_by = before.signature.key if before.signature else "an unknown author"
    if (type(before), before.final_sha256, signed_by) == (kind, body.final_sha256, signer.key):
        return f"{words}, as before"
    told = "declined" if isinstance(before, PortfolioDeclined) else "approved"
    text = (
        f"{request_id} was {told} by {signed_by} before, and the first decision stays: ask for the customer again under"
        " a new request_id, and decide about that"
    )
    raise RefusedError(text)


def _portfolio(final: bytes, request_id: str) -> MasterPortfolioOptimized:
    try:
        event = parse_final(final)
    except BadMessageError as error:
        text = f"the final event of {request_id} cannot be read ({error}): use a podfolio as new as the coordinators"
        raise RefusedError(text) from None
    if isinstance(event, MasterPortfolioOptimized):
        return event
    text = (
        f"{request_id} has no portfolio to approve, since {event.reason.words}: ask again under a new request_id, and"
        " approve that"
    )
    raise RefusedError(text)


async def _stored(bus: Bus, request_id: str) -> Approval:
    found = await bus.record((subjects.approval(request_id),))
    if not found:
        text = f"the server took a decision about {request_id} before, and does not show it yet: try again"
        raise UnreachableError(text)
    try:
        return parse_approval(found[0].data)
    except BadMessageError as error:
        text = f"the stored decision about {request_id} cannot be read ({error}): ask an administrator to remove it"
        raise RefusedError(text) from None
