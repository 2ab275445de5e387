"""The server's errors as errors of ours, by what can be done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.port import BusError, NotSetUpError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is asked to be read, or to be deleted, is not there.
_NO_MESSAGE = frozenset({10037, 10043})
_NO_SUCH_CONSUMER = 10014
_NO_SUCH_STREAM = 10059
# Fewer servers than replicas, as far as the cluster knows yet.
_NO_PEERS = 10005
_NOT_LEADER = 10009
# An earlier try with the same id has not got its majority yet, and may never.
_IN_PROCESS = 10158
# Said for ever after its disk was full, although there is room again.
_NO_RESOURCES = 10023
_UNAVAILABLE = 503


class NobodyListensError(UnreachableError):
    """Nobody takes messages on this subject now: no such stream or queue, or no leader yet."""


class NoMessageError(RefusedError):
    """There is no such message in the stream."""


def translate(error: Mapping[str, Any], what: str) -> BusError:
    """Make an error of ours from the server's, which it gave for *what*."""
    text = f"{what}: {error.get('description')} (error {error.get('err_code')})"
    if error.get("err_code") in {_NO_SUCH_STREAM, _NO_SUCH_CONSUMER}:
        return not_set_up(text)
    if error.get("err_code") in _NO_MESSAGE:
        return NoMessageError(text)
    if error.get("err_code") == _NO_RESOURCES:
        text += "; if its disk was full, make room there and restart nats-server"
    # 503, a deposed leader, servers yet to come and a try under way pass; 500 is also said of what can never be.
    passes = error.get("code") == _UNAVAILABLE or error.get("err_code") in {_NO_PEERS, _NOT_LEADER, _IN_PROCESS}
    return UnreachableError(text) if passes else RefusedError(text)


def not_set_up(text: str) -> NotSetUpError:
    """Say with *text* what to do about a stream or queue that is missing."""
    return NotSetUpError(f"{text}: run `podfolio setup` once for this server")
