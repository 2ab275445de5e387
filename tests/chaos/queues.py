"""Judge what a queue has left at the end of a run, by the account of the server that leads it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.topology.streams import EVENTS
from chaos.history import What
from chaos.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.history import Event


def left(info: Mapping[str, Any]) -> int:
    """Count the messages that are not delivered, and those that are in hand."""
    return int(info["num_pending"] + info["num_ack_pending"])


def not_worked_off(info: Mapping[str, Any]) -> str:
    """Say what is left, and where; empty if nothing is."""
    if not left(info):
        return ""
    return (
        f"the queue {info['name']} is not worked off: {info['num_pending']} not delivered after message "
        f"{info['delivered']['stream_seq']}, {info['num_ack_pending']} in hand after message "
        f"{info['ack_floor']['stream_seq']}, {info['num_redelivered']} of them handed out again"
    )


def waits_for_a_clock(info: Mapping[str, Any], history: Sequence[Event]) -> bool:
    """Whether the first message in hand may have been handed out by a wrong clock, and nothing else is left.

    A server hands a message out again when the ack wait has passed since the last time, which it keeps: a time an hour
    ahead comes an hour later, whoever leads the queue by then. Until then, the request ends by its deadline. Of the
    deadlines' own stream the history knows no message: there, any wrong clock explains it.
    """
    if info["num_pending"]:
        return False
    newest = newest_by_a_clock(history)
    return newest > 0 and (info["stream_name"] != EVENTS or info["ack_floor"]["stream_seq"] < newest)


def newest_by_a_clock(history: Sequence[Event]) -> int:
    """Give the newest message that was there while a server's clock was wrong; 0 if none was."""
    last, newest, clocks = 0, 0, set()
    for event in history:
        newest = max(newest, event.sequence if event.what is What.SEEN else 0)
        if event.told == Kind.SERVER_CLOCK_SET and event.what is What.BEGAN:
            clocks.add(event.operation)
        elif event.what is What.ENDED and event.operation in clocks:
            clocks.discard(event.operation)
            last = newest
    return newest if clocks else last
