"""Answer on the NATS service API (ADR-32), and ask there which replicas of services are running.

This module does not use the services module of nats-py, for two reasons. That module counts only messages of its own
subscriptions, and there are none here. And that module answers to any reply subject. An answer is published with the
permissions of the service, so a client in the same account could name a reply subject that only the service may
publish. Therefore answers go only to inboxes, and to the subjects where the server takes answers for other accounts.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bus.port import BusError, UnreachableError
from bus.topology.roles import ANSWERS, INBOXES
from bus.transports.jetstream.connection.server_errors import NobodyListensError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bus.observability.service import Service
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

_NO_ANSWER = "no process answers, although some listen: try again"

_ANSWER_S = 1.0
# After this time without a further answer, all replicas that can answer have done so.
_QUIET_S = 0.5
# All answers together; also of clients that never stop to answer.
_LONGEST_S = 2.0


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


async def replicas(wire: Wire) -> Mapping[str, frozenset[str]]:
    """Return the ids of all running replicas by the name of the service; takes half a second or more.

    Raises:
        RefusedError: If the server does not permit the question.
        UnreachableError: If there is no connection.
    """
    frames: list[Frame] = []

    def heard(frame: Frame) -> bool:
        frames.append(frame)
        return False

    try:
        async with asyncio.timeout(_LONGEST_S):
            await wire.ask_all("$SRV.PING", timeout_s=_QUIET_S, is_last=heard)
    except NobodyListensError:
        return {}
    except (TimeoutError, UnreachableError):
        if not frames:
            raise UnreachableError(_NO_ANSWER) from None
    found: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(frame.data)
            found[str(told["name"])].add(str(told["id"]))
    return {name: frozenset(ids) for name, ids in found.items()}
