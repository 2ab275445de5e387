"""See whether a connection is still of use: move it to another server, or say that it is lost.

Being connected says little. nats-py can lose its reading task and still say that it is; its own probes (``flush``,
``rtt``) can cause just that. And a server that was cut off from the others keeps its clients, to whom it has nothing
to say: it is silent for some seconds, and then says for as long as it lasts that JetStream is not available. Hence a
request, now and then, that only the cluster's leader answers.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from bus.jetstream.errors import NobodyListensError
from bus.jetstream.frames import decode
from bus.jetstream.wire import PROBE
from bus.port import RefusedError, UnreachableError

if TYPE_CHECKING:
    from bus.jetstream.wire import Wire

_log = structlog.get_logger()

_INTERVAL_S = 2.0
# An election takes up to five seconds, which is one probe or two: who moves then wins nothing.
_BEFORE_MOVING = 3
_BEFORE_GIVING_UP = 6
_UNAVAILABLE = 503


class _Found(Enum):
    ANSWER = auto()
    NO_LEADER = auto()  # the server is there, and cut off, or without JetStream, or an election is under way
    SILENCE = auto()


async def watch(wire: Wire) -> None:
    """Watch a connection; returns when it is closed for good, or looks alive and is not.

    While it is reconnecting, it is not useless.
    """
    silent = leaderless = 0
    while silent < _BEFORE_GIVING_UP:
        await asyncio.sleep(_INTERVAL_S)
        if wire.is_closed or wire.is_deaf:
            break
        heard = wire.heard
        found = _Found.ANSWER if wire.is_reconnecting else await _probe(wire)
        # An answer that waits behind others on a slow line is late, not missing.
        silent = silent + 1 if found is _Found.SILENCE and wire.heard == heard else 0
        leaderless = 0 if found is _Found.ANSWER else leaderless + 1
        if leaderless >= _BEFORE_MOVING and wire.has_others:
            _log.warning("bus.moving", server=str(wire), why=f"no leader of JetStream answered {leaderless} probes")
            leaderless = 0
            await wire.move()
    _log.error("bus.useless", server=str(wire), probes_missed=silent, closed=wire.is_closed)


async def _probe(wire: Wire) -> _Found:
    try:
        answer = decode(await wire.ask(PROBE, timeout_s=_INTERVAL_S))
    except RefusedError:
        return _Found.ANSWER  # whoever refuses is there
    except NobodyListensError:
        return _Found.NO_LEADER
    except UnreachableError:
        return _Found.SILENCE
    error = answer.get("error") or {}
    return _Found.NO_LEADER if error.get("code") == _UNAVAILABLE else _Found.ANSWER
