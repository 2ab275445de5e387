"""Repeat requests until the server answers or the time is over: after a timeout, the effect is unknown."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from bus.port import RefusedError, UnreachableError
from bus.transports.jetstream.connection.frames import decode
from bus.transports.jetstream.connection.server_errors import NobodyListensError, translate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_T = TypeVar("_T")
_log = structlog.get_logger()

# For one attempt. A failover takes 4 to 9 s, but a retry detects a lost answer sooner.
_ANSWER_S = 2.0
# A hundred times the response time of a healthy replica.
_SILENCE_S = 0.5
# Longer than a failover.
PATIENCE_S = 10.0
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0


async def insist(
    what: str,
    attempt: Callable[[float], Awaitable[_T]],
    *,
    timeout_s: float = PATIENCE_S,
    answer_s: float = _ANSWER_S,
    when_nobody_listens: Callable[[], Awaitable[None]] | None = None,
) -> _T:
    """Retry *attempt* with growing pauses until an answer comes.

    *attempt* takes a timeout in seconds, at most *answer_s*.

    Raises:
        UnreachableError: If no attempt succeeds within *timeout_s*.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await attempt(max(FIRST_PAUSE_S, min(answer_s, deadline - now())))
        except UnreachableError as error:
            if now() + pause_s >= deadline:
                message = f"{what}: no success within {timeout_s:g} s, try again ({error})"
                raise UnreachableError(message) from error
            _log.debug("bus.retrying", what=what, error=str(error), pause_s=pause_s)
            if isinstance(error, NobodyListensError) and when_nobody_listens is not None:
                await when_nobody_listens()
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def ask_replica(wire: Wire, subject: str, *, timeout_s: float) -> Frame:
    """Ask any replica for one message; see ``ask_replicas``."""
    frames = await ask_replicas(wire, subject, b"", timeout_s=timeout_s, is_last=lambda _: True)
    return frames[0]


async def ask_replicas(
    wire: Wire, subject: str, request: bytes, *, timeout_s: float, is_last: Callable[[Frame], bool]
) -> list[Frame]:
    """Ask any replica for stored messages; whenever no answer comes for a while, send the same request again.

    The other servers choose a server that was cut off as often as any other, until they notice. Meanwhile one request
    in three stays unanswered, although two servers could answer.

    Args:
        wire: The connection.
        subject: Subject of a read-only request, which is safe to repeat.
        request: The body of the request.
        timeout_s: Timeout for each copy of the request.
        is_last: Whether a frame is the last answer.

    Raises:
        As ``Wire.ask``.
    """
    questions: set[asyncio.Task[list[Frame]]] = set()
    silent, messages_before = True, 0

    def hears(frame: Frame) -> bool:
        nonlocal silent
        silent = False
        return is_last(frame)

    try:
        while True:
            # On a slow line, late answers do not show a silent replica: another request would not help.
            if not questions or (silent and (wire.messages_received == messages_before or not wire.reads.is_narrow)):
                question = wire.ask_all(subject, request, timeout_s=timeout_s, is_last=hears)
                questions.add(asyncio.create_task(question))
            silent, messages_before = True, wire.messages_received
            ended, _ = await asyncio.wait(questions, timeout=_SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if ended:
                return ended.pop().result()
    finally:
        for other in questions:
            other.cancel()
        await asyncio.gather(*questions, return_exceptions=True)


async def ask_api(
    wire: Wire,
    name: str,
    body: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = PATIENCE_S,
    answer_s: float = _ANSWER_S,
) -> dict[str, Any]:
    """Ask JetStream's own API, ``$JS.API.<name>``, for at most *timeout_s*; retry after *answer_s* without an answer.

    Raises:
        NotSetUpError: If the stream or queue that *name* names does not exist.
        RefusedError: If the server refuses the request.
        UnreachableError: If the server did not answer in time.
    """
    request = json.dumps(body).encode() if body else b""

    async def attempt(timeout_s: float) -> dict[str, Any]:
        return await _ask_api_once(wire, name, request, timeout_s)

    return await insist(f"$JS.API.{name}", attempt, timeout_s=timeout_s, answer_s=answer_s)


async def list_subjects(wire: Wire, stream: str, pattern: str, *, answer_s: float = _ANSWER_S) -> set[str]:
    """List the subjects of *stream* that match *pattern*, page by page, in the server's page size.

    Raises:
        As ``ask_api``.
    """
    names: set[str] = set()
    offset, total = 0, 1
    while offset < total:
        body: Mapping[str, Any] = {"subjects_filter": pattern, "offset": offset}
        patience_s = max(PATIENCE_S, answer_s)
        info = await ask_api(wire, f"STREAM.INFO.{stream}", body, answer_s=answer_s, timeout_s=patience_s)
        page = info["state"].get("subjects") or {}
        names.update(page)
        offset += len(page)
        total = info.get("total", 0) if page else 0
    return names


async def require(wire: Wire, name: str) -> None:
    """Raise ``NotSetUpError`` if the server says that the stream or queue in the API request *name* does not exist.

    Return also after a timeout, and after a refusal for lack of permission: neither shows that the object is missing.
    """
    with contextlib.suppress(UnreachableError, RefusedError):
        await _ask_api_once(wire, name, b"", _ANSWER_S)


async def require_stream(wire: Wire, stream: str) -> None:
    """Raise ``NotSetUpError`` if the server says that *stream* does not exist."""
    await require(wire, f"STREAM.INFO.{stream}")


async def _ask_api_once(wire: Wire, name: str, request: bytes, timeout_s: float) -> dict[str, Any]:
    answer = decode(await wire.ask(f"$JS.API.{name}", request, timeout_s=timeout_s))
    if error := answer.get("error"):
        raise translate(error, name, wire.command)
    return answer
