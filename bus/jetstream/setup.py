"""Create the streams and work queues, or bring those that exist up to date.

Run by an administrator, before anything else and after every upgrade; doing it twice changes nothing.
Agents and coordinators only ever bind to what is here. It never deletes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus import subjects
from bus.jetstream import EVENTS, TIMERS, JetStreamBus
from bus.port import COORDINATORS, DEADLINES, MAX_MESSAGE_BYTES, NotSetUpError, RefusedError, pod_queue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SECOND = 1_000_000_000  # the server counts nanoseconds
_DAY = 86_400 * _SECOND

# "Exactly one final" holds as long as the final is kept; nothing is redelivered for anywhere near so long.
_EVENTS_KEPT = 7 * _DAY
# Longer than any deadline: a timer that ages away never fires.
_TIMERS_KEPT = 1 * _DAY
# A crash is noticed within this; three heartbeats fit in.
ACK_WAIT_S = 5
# All replicas together; more than any number of them works on at once, since a full queue stalls.
_MAX_UNSETTLED = 10_000


async def set_up(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
) -> list[str]:
    """Create what is missing, correct what differs; returns in words what was done.

    Args:
        bus: A connection that may use JetStream's own interface.
        pods: Each gets a work queue; those of other pods are left alone.
        replicas: On how many servers each stream is kept: 1, or 3 of a cluster. By default as it is, 1 at first.
        ack_wait_s: What a crashed worker had is handed out again after this.
        max_bytes: What the event stream may hold before it refuses more. By default as it is, no limit at first.

    Raises:
        RefusedError: If the server refuses a setting, for example since what exists cannot be changed into it.
        UnreachableError: If it does not answer.
    """
    streams = (_events(replicas, max_bytes), _timers(replicas))
    queues = (
        *((EVENTS, _queue(pod_queue(pod), ack_wait_s, subjects.ALL_REQUESTS)) for pod in sorted(pods)),
        (TIMERS, _queue(DEADLINES, ack_wait_s, subjects.ALL_DUE)),
        # Last, since coordinators take it as the sign that all is there.
        (EVENTS, _queue(COORDINATORS, ack_wait_s, subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS)),
    )
    done = [await _settle_stream(bus, config) for config in streams]
    return done + [await _settle_queue(bus, stream, config) for stream, config in queues]


def _events(replicas: int | None, max_bytes: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas, max_bytes=max_bytes),
        "name": EVENTS,
        "description": "Podfolio: every request, pod result and final event",
        "subjects": [subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS, subjects.ALL_FINALS, subjects.ALL_REJECTED],
        "retention": "limits",
        "storage": "file",
        "max_age": _EVENTS_KEPT,
        "max_msg_size": MAX_MESSAGE_BYTES,
        # One message a subject, and the first one stays: the server's own guarantee.
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
        "deny_delete": True,
        "deny_purge": True,
        # Either would let whoever may publish one subject write or wipe others.
        "allow_rollup_hdrs": False,
        "allow_msg_schedules": False,
        "allow_direct": True,
        "duplicate_window": 120 * _SECOND,
    }


def _timers(replicas: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas),
        "name": TIMERS,
        "description": "Podfolio: deadlines; only coordinators may publish here",
        "subjects": [subjects.ALL_TIMERS, subjects.ALL_DUE],
        "retention": "limits",
        "storage": "file",
        "max_age": _TIMERS_KEPT,
        "max_msgs_per_subject": 1,
        "discard": "old",  # schedules cannot go with "new"
        "allow_msg_schedules": True,
        "allow_direct": True,
    }


def _if_given(**settings: int | None) -> dict[str, int]:
    return {name: value for name, value in settings.items() if value is not None}


def _queue(name: str, ack_wait_s: float, *filters: str) -> dict[str, Any]:
    only_one = len(filters) == 1
    return {
        "name": name,
        "durable_name": name,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait_s * _SECOND),
        # For ever: the worker sees the attempt and decides; what the server gives up on is seen by nobody.
        "max_deliver": -1,
        "max_ack_pending": _MAX_UNSETTLED,
        **({"filter_subject": filters[0]} if only_one else {"filter_subjects": list(filters)}),
    }


async def _settle_stream(bus: JetStreamBus, wanted: Mapping[str, Any]) -> str:
    name = wanted["name"]
    try:
        current = (await bus.ask_api(f"STREAM.INFO.{name}"))["config"]
    except NotSetUpError:
        await bus.ask_api(f"STREAM.CREATE.{name}", wanted)
        return f"stream {name}: created"
    different = _differences(current, wanted)
    if different:
        await _change(bus, f"stream {name}", f"STREAM.UPDATE.{name}", {**current, **wanted}, different)
    return _say(f"stream {name}", different)


async def _settle_queue(bus: JetStreamBus, stream: str, wanted: Mapping[str, Any]) -> str:
    name = wanted["name"]
    subject = f"CONSUMER.CREATE.{stream}.{name}"
    if "filter_subject" in wanted:
        subject = f"{subject}.{wanted['filter_subject']}"
    try:
        current = (await bus.ask_api(f"CONSUMER.INFO.{stream}.{name}"))["config"]
    except NotSetUpError:
        await bus.ask_api(subject, {"stream_name": stream, "config": wanted, "action": "create"})
        return f"queue {name}: created"
    different = _differences(current, wanted)
    if different:
        kept = {key: value for key, value in current.items() if not key.startswith("filter_subject")}
        body = {"stream_name": stream, "config": {**kept, **wanted}, "action": "update"}
        await _change(bus, f"queue {name}", subject, body, different)
    return _say(f"queue {name}", different)


async def _change(bus: JetStreamBus, what: str, subject: str, body: Mapping[str, Any], different: list[str]) -> None:
    try:
        await bus.ask_api(subject, body)
    except RefusedError as error:
        message = (
            f"{what} exists with other settings ({', '.join(different)}) and the server will not change them: "
            f"{error}; back it up, delete it, and set up again"
        )
        raise RefusedError(message) from error


def _differences(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Name the settings that differ; the server leaves out those that are off."""
    return [
        f"{key}: {current.get(key)} -> {value}"
        for key, value in wanted.items()
        if (current.get(key) or 0) != (value or 0)
    ]


def _say(what: str, different: list[str]) -> str:
    return f"{what}: changed {', '.join(different)}" if different else f"{what}: as it should be"
