"""Answer on the NATS service API (ADR-32), and ask there whether a service has a running replica.

This module does not use the services module of nats-py, for two reasons. That module counts only messages of its own
subscriptions, and there are none here. And that module answers to any reply subject. An answer is published with the
permissions of the service, so a client in the same account could name a reply subject that only the service may
publish. Therefore answers go only to inboxes, and to the subjects where the server takes answers for other accounts.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bus.port import BusError
from bus.topology.roles import ANSWERS, INBOXES
from bus.transports.jetstream.connection.server_errors import NobodyListensError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bus.observability.service import Service
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

_ANSWER_S = 1.0


@asynccontextmanager
async def answering(wire: Wire, service: Service) -> AsyncIterator[None]:
    """Answer for *service* while the block lasts.

    Raises:
        UnreachableError: If there is no connection now.
    """
    answers = service.subjects

    async def answer(frame: Frame) -> None:
        if not frame.reply.startswith((INBOXES, ANSWERS)):
            return
        try:
            await wire.send(frame.reply, answers[frame.subject]())
        except BusError as error:
            _log.debug("service.not_answered", subject=frame.subject, error=str(error))

    async with AsyncExitStack() as stack:
        for subject in answers:
            await stack.enter_async_context(wire.subscribe(subject, answer))
        yield


async def somebody_answers(wire: Wire, name: str) -> bool:
    """Whether a replica of the service *name* is running.

    Raises:
        UnreachableError: If a replica has subscribed but does not answer in time.
    """
    try:
        await wire.ask(f"$SRV.PING.{name}", timeout_s=_ANSWER_S)
    except NobodyListensError:
        return False
    return True
