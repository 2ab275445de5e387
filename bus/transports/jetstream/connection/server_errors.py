"""Translate the server's errors into errors of the bus, by the possible remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.port import BusError, NotSetUpError, RefusedError, UnreachableError, pod_of_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The message to read or to delete does not exist.
_NO_MESSAGE = frozenset({10037, 10043})
_NO_SUCH_CONSUMER = 10014
_NO_SUCH_STREAM = 10059
# So far, the cluster knows fewer servers than the number of replicas.
_NO_PEERS = 10005
_NOT_LEADER = 10009
# An earlier attempt with the same id has no majority yet, and may never get one.
_IN_PROCESS = 10158
# After a full disk, the server keeps reporting this error for ever, even when the disk has room again.
_NO_RESOURCES = 10023
# The stream or the consumer has no replica that runs, although both exist: all servers have lost their power, perhaps.
_OFFLINE = frozenset({10118, 10119})
_PASSING = frozenset({_NO_PEERS, _NOT_LEADER, _IN_PROCESS, *_OFFLINE})
_UNAVAILABLE = 503
# The subject holds a message, or one of another publisher is on the way: the server makes the same check in two places.
SUBJECT_TAKEN = frozenset({10071, 10164})


class NobodyListensError(UnreachableError):
    """The subject has no subscriber now: the stream or queue does not exist, or has no leader yet."""


class NoMessageError(RefusedError):
    """The stream does not hold this message."""


def translate(error: Mapping[str, Any], what: str, command: Callable[[str], str] = str) -> BusError:
    """Translate the server's error for the operation *what* into a ``BusError``; *command* completes a command."""
    text = f"{what}: {error.get('description')} (error {error.get('err_code')})"
    if error.get("err_code") in {_NO_SUCH_STREAM, _NO_SUCH_CONSUMER}:
        return _not_set_up(text, what.rpartition(".")[2], command)
    if error.get("err_code") in _NO_MESSAGE:
        return NoMessageError(text)
    if error.get("err_code") == _NO_RESOURCES:
        text += "; if its disk was full, make room there and restart nats-server"
    # Temporary: 503, a former leader, servers that are still to join or to come back, and an attempt in progress. Code
    # 500 does not count, because the server also returns 500 for permanent errors.
    passes = error.get("code") == _UNAVAILABLE or error.get("err_code") in _PASSING
    return UnreachableError(text) if passes else RefusedError(text)


def _not_set_up(text: str, name: str, command: Callable[[str], str]) -> NotSetUpError:
    """Build the error for the missing stream or queue *name*: *text* and the remedy."""
    pod = pod_of_queue(name)
    helps = command(f"podfolio setup --pod {pod}" if pod else "podfolio setup")
    return NotSetUpError(f"{text}: run `{helps}` once for this server")
