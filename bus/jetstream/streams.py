"""The streams and their work queues: what must exist on the server, and with which settings.

Only ``setup`` creates them; agents and coordinators bind to what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus import subjects
from bus.port import COORDINATORS, DEADLINES, MAX_MESSAGE_BYTES, pod_queue

if TYPE_CHECKING:
    from collections.abc import Collection

EVENTS = "PODFOLIO"
TIMERS = "PODFOLIO_TIMERS"
# As JetStream names a key-value bucket: `nats kv ls podfolio_markets` shows it.
MARKETS = f"KV_{subjects.MARKETS_BUCKET}"

SECOND = 1_000_000_000  # the server counts nanoseconds
_DAY = 86_400 * SECOND

# "Exactly one final" holds as long as the final is kept; nothing is redelivered for anywhere near so long.
_EVENTS_KEPT = 7 * _DAY
# Longer than any deadline: a timer that ages away never fires.
_TIMERS_KEPT = 1 * _DAY
# A crash is noticed within this; three heartbeats fit in.
ACK_WAIT_S = 5
# All replicas together; more than any number of them works on at once, since a full queue stalls.
_MAX_UNSETTLED = 10_000


def wanted_streams(*, replicas: int | None, max_bytes: int | None) -> list[dict[str, Any]]:
    """Give each stream's configuration; what is None stays as the server has it."""
    return [_events(replicas, max_bytes), _timers(replicas), _markets(replicas)]


def wanted_queues(pods: Collection[str], *, ack_wait_s: float) -> list[tuple[str, dict[str, Any]]]:
    """Give each work queue's stream and configuration, in the order in which they are to be created."""
    return [
        *((EVENTS, _queue(pod_queue(pod), ack_wait_s, subjects.ALL_REQUESTS)) for pod in sorted(pods)),
        (TIMERS, _queue(DEADLINES, ack_wait_s, subjects.ALL_DUE)),
        # Last, since coordinators take it as the sign that all is there.
        (EVENTS, _queue(COORDINATORS, ack_wait_s, subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS)),
    ]


def _events(replicas: int | None, max_bytes: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas, max_bytes=max_bytes),
        "name": EVENTS,
        "description": "Podfolio: every request, pod result and final event",
        "subjects": [
            subjects.ALL_REQUESTS,
            subjects.ALL_POD_RESULTS,
            subjects.ALL_FINALS,
            subjects.ALL_REJECTED,
            subjects.ALL_REMOVED,
        ],
        "retention": "limits",
        "storage": "file",
        "max_age": _EVENTS_KEPT,
        "max_msg_size": MAX_MESSAGE_BYTES,
        # One message a subject, and the first one stays: the server's own guarantee.
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
        # An administrator, and nobody else, may remove a message that must go; all others are refused by their
        # permissions. A server never takes this back once it is on: see ``setup``.
        "deny_delete": False,
        "deny_purge": True,
        # Either would let whoever may publish one subject write or wipe others.
        "allow_rollup_hdrs": False,
        "allow_msg_schedules": False,
        "allow_direct": True,
        # With it, a message whose header is one byte ends nats-server 2.15.1: ADR 14.
        "republish": None,
        "duplicate_window": 120 * SECOND,
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


def _markets(replicas: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas),
        "name": MARKETS,
        "description": "Podfolio: published markets; only an administrator may publish here",
        "subjects": [subjects.ALL_MARKETS],
        "retention": "limits",
        "storage": "file",
        "compression": "s2",
        # One value a key, for ever: an id means one snapshot.
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
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
        "ack_wait": int(ack_wait_s * SECOND),
        # For ever: the worker sees the attempt and decides; what the server gives up on is seen by nobody.
        "max_deliver": -1,
        "max_ack_pending": _MAX_UNSETTLED,
        **({"filter_subject": filters[0]} if only_one else {"filter_subjects": list(filters)}),
    }
