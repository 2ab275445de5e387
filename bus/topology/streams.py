"""The streams and work queues that must exist on the server, with the settings of each.

Only ``bus.administration.setup`` creates streams and queues; agents and coordinators bind to existing ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.port import CHALLENGERS, COORDINATORS, DEADLINES, FINALS, MAX_MESSAGE_BYTES, pod_queue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

EVENTS = "PODFOLIO"
TIMERS = "PODFOLIO_TIMERS"
STOPS = "PODFOLIO_STOPS"
ARCHIVE = "PODFOLIO_ARCHIVE"
# JetStream's stream name for a key-value bucket: `nats kv ls podfolio_markets` shows the bucket.
MARKETS = f"KV_{subjects.MARKETS_BUCKET}"

SECOND = 1_000_000_000  # the server counts nanoseconds
_DAY = 86_400 * SECOND

# "Exactly one final" holds while the stream keeps the final; the server redelivers no message for nearly so long.
_EVENTS_KEPT = 7 * _DAY
# A year of 366 days, so that no message goes before its calendar years are over; seven years: ADR 70.
_YEAR = 366 * _DAY
ARCHIVE_YEARS = 7
# Longer than any deadline: a timer that ages away never fires.
_TIMERS_KEPT = 1 * _DAY
# A crash is detected within this time; three heartbeats fit in.
ACK_WAIT_S = 5
# A reader of final events keeps each in a place of its own, without heartbeats.
READER_WAIT_S = 30
# For all replicas of a worker together. Set above the number of messages that they ever handle at once, since a full
# queue stalls.
_MAX_UNSETTLED = 10_000

# One message per subject, and the first one stays: the server itself guarantees this.
_FIRST_STAYS: Mapping[str, Any] = {
    "retention": "limits",
    "storage": "file",
    "max_msgs_per_subject": 1,
    "discard": "new",
    "discard_new_per_subject": True,
    "deny_purge": True,
    # Else a client with permission to publish one subject could wipe other subjects.
    "allow_rollup_hdrs": False,
    "allow_direct": True,
}


def wanted_streams(
    *, replicas: int | None, max_bytes: int | None, archive_years: int | None = None
) -> list[dict[str, Any]]:
    """Return the configuration of each stream; for an argument of None the server's setting stays unchanged."""
    archive = _archive(replicas, archive_years)
    return [_events(replicas, max_bytes), _timers(replicas), _markets(replicas), _stops(replicas), archive]


def wanted_queues(pods: Collection[str], *, ack_wait_s: float) -> list[tuple[str, dict[str, Any]]]:
    """Return the stream and configuration of each work queue, in the order of creation."""
    return [
        *((EVENTS, _queue(pod_queue(pod), ack_wait_s, subjects.ALL_REQUESTS)) for pod in sorted(pods)),
        (TIMERS, _queue(DEADLINES, ack_wait_s, subjects.ALL_DUE)),
        (EVENTS, _queue(FINALS, max(ack_wait_s, READER_WAIT_S), subjects.ALL_FINALS)),
        (EVENTS, _queue(CHALLENGERS, ack_wait_s, subjects.ALL_FINALS)),
        # Last, since coordinators take this queue as the sign that the set-up is complete.
        (EVENTS, _queue(COORDINATORS, ack_wait_s, subjects.ALL_REQUESTS, subjects.ALL_POD_RESULTS)),
    ]


def _events(replicas: int | None, max_bytes: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas, max_bytes=max_bytes),
        "name": EVENTS,
        "description": "Podfolio: every request, pod result, final event, challenge, approval and fill",
        "subjects": [
            subjects.ALL_REQUESTS,
            subjects.ALL_POD_RESULTS,
            subjects.ALL_FINALS,
            subjects.ALL_CHALLENGES,
            subjects.ALL_APPROVALS,
            subjects.ALL_FILLS,
            subjects.ALL_REJECTED,
            subjects.ALL_REMOVED,
        ],
        **_FIRST_STAYS,
        "max_age": _EVENTS_KEPT,
        "max_msg_size": MAX_MESSAGE_BYTES,
        # Only an administrator may remove a message; the permissions of all other roles refuse this. A server can
        # never switch "deny_delete" off again: see ``bus.administration.setup``.
        "deny_delete": False,
        # As "allow_rollup_hdrs": a schedule would write other subjects.
        "allow_msg_schedules": False,
        # With "republish", a message with a header of one byte crashes nats-server 2.15.1: ADR 14.
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
        **_FIRST_STAYS,
        # Markets are packed already. With "s2", a killed server can lose its copy of the stream for good: SECURITY.md.
        "compression": "none",
        # One value per key, for ever: an id means one snapshot.
        "deny_delete": True,
    }


def _stops(replicas: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas),
        "name": STOPS,
        "description": "Podfolio: the stops of advice, and the end of each",
        "subjects": [subjects.ALL_STOPS, subjects.ALL_RESUMES],
        **_FIRST_STAYS,
        # For ever: a stop that aged away would lift itself.
        "max_age": 0,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "deny_delete": True,
    }


def _archive(replicas: int | None, years: int | None) -> dict[str, Any]:
    return {
        **_if_given(num_replicas=replicas),
        "name": ARCHIVE,
        "description": "Podfolio: every message of the event stream and every stop, for years, and the seals",
        # Only seals are published here; the server itself takes over the rest, each message once. A mirror would answer
        # direct gets in the place of the event stream, with messages that were removed there: ADR 70.
        "subjects": [subjects.ALL_SEALS],
        # Stops decide which requests were refused, and stay in their own stream, too.
        "sources": [{"name": EVENTS}, {"name": STOPS}],
        "retention": "limits",
        "storage": "file",
        "compression": "none",  # as the markets
        "max_age": (ARCHIVE_YEARS if years is None else years) * _YEAR,
        "discard": "new",
        # As in the event stream: only an administrator may remove a message, and each removal leaves a record.
        "deny_delete": False,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_msg_schedules": False,
        "allow_direct": True,
        "duplicate_window": 120 * SECOND,
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
        # Redeliver for ever: the worker sees the attempt and decides. If the server gave up on a message, no worker
        # would notice.
        "max_deliver": -1,
        "max_ack_pending": _MAX_UNSETTLED,
        **({"filter_subject": filters[0]} if only_one else {"filter_subjects": list(filters)}),
    }
