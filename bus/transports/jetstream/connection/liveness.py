"""Check that a connection still works: move the connection to another server, or report the connection as lost.

The connected state of nats-py is no proof. The client can lose the reading task and still report a connection; the
probes of nats-py (``flush``, ``rtt``) can cause exactly this. And a server that was cut off from the cluster keeps
its clients without serving them: the server is silent for some seconds, and then answers, until the cut ends, that
JetStream is not available. Therefore the monitor regularly sends a request that only the cluster's leader answers.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from bus.port import RefusedError, UnreachableError
from bus.transports.jetstream.connection.frames import decode
from bus.transports.jetstream.connection.server_errors import NobodyListensError
from bus.transports.jetstream.connection.wire import PROBE

if TYPE_CHECKING:
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

_INTERVAL_S = 2.0
# An election takes up to five seconds, that is one or two probes: a move during an election brings no advantage.
_BEFORE_MOVING = 3
_BEFORE_GIVING_UP = 6
_UNAVAILABLE = 503


class _ProbeResult(Enum):
    ANSWER = auto()
    NO_LEADER = auto()  # the server answers, but is cut off or has no JetStream, or an election is under way
    SILENCE = auto()


async def monitor(wire: Wire) -> None:
    """Monitor a connection; return when the connection is closed for good, or looks alive but does not work.

    A connection that is reconnecting still counts as useful.
    """
    silent = leaderless = 0
    while silent < _BEFORE_GIVING_UP:
        await asyncio.sleep(_INTERVAL_S)
        if wire.is_closed or wire.is_deaf:
            break
        messages_before = wire.messages_received
        result = _ProbeResult.ANSWER if wire.is_reconnecting else await _probe(wire)
        # An answer that waits behind others on a slow line is late, not missing.
        silent = silent + 1 if result is _ProbeResult.SILENCE and wire.messages_received == messages_before else 0
        leaderless = 0 if result is _ProbeResult.ANSWER else leaderless + 1
        if leaderless >= _BEFORE_MOVING and wire.has_others:
            _log.warning("bus.moving", server=str(wire), why=f"no leader of JetStream answered {leaderless} probes")
            leaderless = 0
            await wire.move()
    _log.error("bus.useless", server=str(wire), probes_missed=silent, closed=wire.is_closed)


async def _probe(wire: Wire) -> _ProbeResult:
    try:
        answer = decode(await wire.ask(PROBE, timeout_s=_INTERVAL_S))
    except RefusedError:
        return _ProbeResult.ANSWER  # a refusal is an answer
    except NobodyListensError:
        return _ProbeResult.NO_LEADER
    except UnreachableError:
        return _ProbeResult.SILENCE
    error = answer.get("error") or {}
    return _ProbeResult.NO_LEADER if error.get("code") == _UNAVAILABLE else _ProbeResult.ANSWER
