"""Who may do what on a server that knows its users: each role's least, and the server's configuration of it.

The lists hold what our own client uses, found by measurement, and nothing else; a test tries every cell
of ``docs/security.md`` against a real server. Knows no keys and writes no files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus import subjects
from bus.jetstream.streams import EVENTS, MARKETS, TIMERS, wanted_queues
from bus.port import COORDINATORS, DEADLINES, pod_queue
from bus.service import service_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

REQUESTER = "requester"
OBSERVER = "observer"
COORDINATOR = "coordinator"
ADMIN = "admin"
OPERATOR = "operator"

# What the inboxes of all have in common, with users and without.
INBOXES = "_INBOX"

_API = "$JS.API"
# What every connection asks every two seconds, to know whether it is alive: it tells how much the server
# stores, never what. (A refusal would do, but fills the server's log.)
_PROBE = f"{_API}.INFO"
# Read whatever the event stream holds. What is asked for stands in the body, which no permission can see.
_READ_EVENTS = f"{_API}.DIRECT.GET.{EVENTS}"
# Read a published market: the leader's word for what an id means, and the content by its hash.
_READ_MARKETS = (f"{_API}.STREAM.MSG.GET.{MARKETS}", f"{_API}.DIRECT.GET.{MARKETS}.{subjects.ALL_MARKETS}")

# Remove a message of the event stream, and see to it that the stream says so: look at it, tell of it, delete it.
_REMOVES = (
    f"{_API}.STREAM.MSG.GET.{EVENTS}",
    subjects.ALL_REMOVED,
    f"{_READ_EVENTS}.{subjects.ALL_REMOVED}",
    f"{_API}.STREAM.MSG.DELETE.{EVENTS}",
)

# Not `allow_responses`, with which an asker lends its hand: the server would let a service answer to whatever
# subject it is told to, the deletion of a stream included. And operators read nothing else in their inbox, so
# that nobody who may write there can tell them anything but how services are.
_TO_OPERATORS = f"{INBOXES}_{OPERATOR}.>"
_VERBS = ("PING", "INFO", "STATS")

# What those hear who look on: how far requests are, and so that there is something new to read.
_HEARD = (subjects.ALL_PROGRESS,)


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of client may do; what is not listed is refused.

    Attributes:
        name: Its name, also of its key and in its inbox.
        publish: Subjects that it may publish.
        hears: Subjects that it may subscribe to, besides its own inbox, where answers and what it pulls come to.
    """

    name: str
    publish: tuple[str, ...]
    hears: tuple[str, ...] = ()

    @property
    def subscribe(self) -> tuple[str, ...]:
        """Subjects that it may subscribe to."""
        return (f"{inbox_of(self.name)}.>", *self.hears)


def agent_role(pod: str) -> str:
    """Name the role of a pod's agents."""
    return pod_queue(pod)


def inbox_of(role: str) -> str:
    """Name the prefix of a role's inboxes; of one that is nobody in particular, NATS's own."""
    return f"{INBOXES}_{role}" if role else INBOXES


def roles(pods: Collection[str]) -> tuple[Role, ...]:
    """Give every role of a system with these *pods*."""
    agents = (_agent(pod) for pod in sorted(pods))
    return (_requester(), _observer(pods), *agents, _coordinator(), _admin(pods), _operator())


def authorization(pods: Collection[str], public_keys: Mapping[str, str]) -> str:
    """Write the server's ``authorization`` block: a user a role, known by its key in *public_keys*."""
    users = "".join(_user(role, public_keys[role.name]) for role in roles(pods))
    return f"authorization {{\n  users: [\n{users}  ]\n}}\n"


def _user(role: Role, public_key: str) -> str:
    publish, subscribe = (
        "".join(f"\n        {json.dumps(subject)}" for subject in allowed) for allowed in (role.publish, role.subscribe)
    )
    return (
        f"    {{ # {role.name}\n      nkey: {json.dumps(public_key)}\n      permissions: {{\n"
        f"        publish: {{ allow: [{publish}\n        ] }}\n"
        f"        subscribe: {{ allow: [{subscribe}\n        ] }}\n      }}\n    }}\n"
    )


def _requester() -> Role:
    asking = subjects.request("*")
    return Role(REQUESTER, (_PROBE, asking, _whose(asking), _READ_EVENTS, _stream_info(EVENTS)), _HEARD)


def _observer(pods: Collection[str]) -> Role:
    """Read what is stored, and how long the queues are; both tell, neither changes anything."""
    names = [queue["name"] for stream, queue in wanted_queues(pods, ack_wait_s=0) if stream == EVENTS]
    lengths = (f"{_API}.CONSUMER.NAMES.{EVENTS}", *(f"{_API}.CONSUMER.INFO.{EVENTS}.{name}" for name in names))
    listing = f"{_API}.DIRECT.GET.{MARKETS}"
    return Role(OBSERVER, (_PROBE, _READ_EVENTS, _stream_info(EVENTS), listing, *_READ_MARKETS, *lengths), _HEARD)


def _agent(pod: str) -> Role:
    name, answer = agent_role(pod), subjects.pod_result("*", pod)
    said = (answer, _whose(answer))
    return Role(name, (_PROBE, *_works(EVENTS, pod_queue(pod)), *said, *_READ_MARKETS, _TO_OPERATORS), _asked(name))


def _coordinator() -> Role:
    said = (subjects.ALL_FINALS, subjects.ALL_REJECTED)
    return Role(
        COORDINATOR,
        (
            _PROBE,
            *_works(EVENTS, COORDINATORS),
            *_works(TIMERS, DEADLINES),
            _READ_EVENTS,
            f"{_API}.CONSUMER.NAMES.{EVENTS}",
            *said,
            *map(_whose, said),
            subjects.ALL_TIMERS,
            subjects.ALL_PROGRESS,
            _stream_info(EVENTS),
            _stream_info(TIMERS),
            *_READ_MARKETS,
            _TO_OPERATORS,
        ),
        _asked(COORDINATOR),
    )


def _admin(pods: Collection[str]) -> Role:
    verbs = ("INFO", "CREATE", "UPDATE")
    streams = [f"{_API}.STREAM.{verb}.{stream}" for stream in (EVENTS, TIMERS, MARKETS) for verb in verbs]
    queues = []
    for stream, queue in wanted_queues(pods, ack_wait_s=0):
        filtered = f".{queue['filter_subject']}" if "filter_subject" in queue else ""
        queues += [
            f"{_API}.CONSUMER.INFO.{stream}.{queue['name']}",
            f"{_API}.CONSUMER.CREATE.{stream}.{queue['name']}{filtered}",
        ]
    return Role(ADMIN, (_PROBE, *streams, *queues, subjects.ALL_MARKETS, *_READ_MARKETS, *_REMOVES))


def _operator() -> Role:
    return Role(OPERATOR, (_PROBE, *(f"$SRV.{verb}{whom}" for verb in _VERBS for whom in ("", ".*", ".*.*"))))


def _asked(role: str) -> tuple[str, ...]:
    """Hear what services are asked: all of them, all of this name, and any one of these."""
    whom = ("", f".{service_name(role)}", f".{service_name(role)}.*")
    return tuple(f"$SRV.{verb}{which}" for verb in _VERBS for which in whom)


def _works(stream: str, queue: str) -> tuple[str, ...]:
    return (
        f"{_API}.CONSUMER.INFO.{stream}.{queue}",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.{queue}",
        # Never with wildcards before the stream, as the newer form of acknowledgements would want: that
        # lets one queue's worker pull from every other, by an acknowledgement that asks for the next.
        f"$JS.ACK.{stream}.{queue}.>",
    )


def _whose(subject: str) -> str:
    """Read the message on one subject: whose is it, if it is taken?"""
    return f"{_READ_EVENTS}.{subject}"


def _stream_info(stream: str) -> str:
    return f"{_API}.STREAM.INFO.{stream}"
