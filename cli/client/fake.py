"""Answer requests without agents and without a coordinator, for the tests of a client: at once, and always the same.

A request that a real system would refuse is refused in the same words. Every other request gets the recorded event,
under its own ids. The beginning of a ``request_id`` chooses another outcome: a reason, ``silent`` or ``unreadable``.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import BadMessageError, MasterPortfolioFailed, Progress, Reason, Stage, encode, parse_final
from bus.language.payload import Payload
from bus.language.subjects import MessageKind
from bus.transports.envelope import publish
from coordinator.decisions import Fail, admit, read_request
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    from bus.language.messages import FinalEvent
    from bus.port import Bus, Message

SILENT, UNREADABLE = "silent", "unreadable"
_STRANGE = b'{"type": "MasterPortfolioOptimized", "version": 999}'


@dataclass(frozen=True, slots=True)
class Fake:
    """A system that answers with a recorded event.

    Attributes:
        bus: The bus.
        pods: The pods that requests may name.
        recorded: The final event that every request gets.
    """

    bus: Bus
    pods: Collection[str]
    recorded: bytes

    def __post_init__(self) -> None:
        """Refuse a recorded event that no client could read.

        Raises:
            DataError: If the event is no final event.
        """
        try:
            parse_final(self.recorded)
        except BadMessageError as error:
            message = (
                f"the event to answer with is no final event ({error}): give one that podfolio request --json kept"
            )
            raise DataError(message) from None

    async def run(self) -> None:
        """Answer every request that has no final event, for ever."""
        async with aclosing(self.bus.follow(everything=True)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                if address.kind is MessageKind.REQUEST and address.key:
                    await self.answer(address.key, message)

    async def answer(self, request_id: str, asked: Message) -> None:
        """Tell the progress of a request and publish its final event."""
        final = subjects.final(request_id)
        if request_id.startswith(SILENT) or await self.bus.record((final,)):
            return
        event = self.event(request_id, asked)
        if not isinstance(event, MasterPortfolioFailed):
            for stage in (Stage.ACCEPTED, Stage.ANSWERED):
                pods = tuple(sorted(self.pods)) if stage is Stage.ANSWERED else ()
                await self._tell(Progress(request_id=request_id, stage=stage, pods=pods))
        data = _STRANGE if request_id.startswith(UNREADABLE) else encode(event)
        body = Payload(type(event).__name__, data)
        await publish(self.bus, final, body, source="/podfolio/fake", now=datetime.now(UTC))
        reason = event.reason if isinstance(event, MasterPortfolioFailed) else None
        await self._tell(Progress(request_id=request_id, stage=Stage.DONE, reason=reason))

    def event(self, request_id: str, asked: Message) -> FinalEvent:
        """Choose the final event of a request."""
        decided = admit(asked, self.pods)
        if isinstance(decided, Fail):
            return decided.event
        customer = read_request(asked).customer.customer_id
        for reason in Reason:
            if request_id.startswith(reason.value):
                text = f"{reason.words}, says the fake; ask the system itself for a portfolio"
                return MasterPortfolioFailed(request_id=request_id, customer_id=customer, reason=reason, message=text)
        # A signature would not hold under another id.
        body = {**json.loads(self.recorded), "request_id": request_id, "customer_id": customer, "signature": None}
        return parse_final(json.dumps(body).encode())

    async def _tell(self, progress: Progress) -> None:
        await self.bus.publish_transient(subjects.progress(progress.request_id), encode(progress))
