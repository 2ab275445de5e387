"""Who may do what on a server that knows its users: each role's least, and the server's configuration of it.

The server answers a question to whatever subject its asker names, and checks only where the question goes. So no
list of permissions holds inside the account that has the streams: each role has an account of its own, which
imports what the role may ask, and an answer stays within it (ADR 26).

The lists hold what our own client uses, found by measurement, and nothing else; tests try every cell
of ``docs/security.md`` against a real server, and see what became of it. Knows no keys and writes no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus import subjects
from bus.jetstream.streams import EVENTS, MARKETS, TIMERS, wanted_queues
from bus.port import COORDINATORS, DEADLINES, pod_queue
from bus.service import service_name

if TYPE_CHECKING:
    from collections.abc import Collection

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
_LIST_MARKETS = f"{_API}.DIRECT.GET.{MARKETS}"
# Read a published market: the leader's word for what an id means, and the content by its hash.
_READ_MARKETS = (f"{_API}.STREAM.MSG.GET.{MARKETS}", f"{_LIST_MARKETS}.{subjects.ALL_MARKETS}")

# The account that has the streams; the administrator is in it, and nobody else.
STREAMS = "streams"
# Where the server takes a service's answers to a question from another account: whatever the asker named.
ANSWERS = "_R_"
# Remove a message of the event stream, and see to it that the stream says so: look at it, tell of it, delete it.
_REMOVES = (
    f"{_API}.STREAM.MSG.GET.{EVENTS}",
    subjects.ALL_REMOVED,
    f"{_READ_EVENTS}.{subjects.ALL_REMOVED}",
    f"{_API}.STREAM.MSG.DELETE.{EVENTS}",
)

_VERBS = ("PING", "INFO", "STATS")

# What those hear who look on: how far requests are, and so that there is something new to read.
_HEARD = (subjects.ALL_PROGRESS,)


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of client may do; what is not listed is refused.

    Accounts, permissions, exports and imports all follow from this.

    Attributes:
        name: Its name, also of its key, of its account and in its inbox.
        asks: Subjects that it may publish and that others answer: whoever serves them, else the streams' account.
        tells: Subjects that it may publish to whoever hears them; nobody keeps that.
        hears: Subjects of what others tell that it may subscribe to, besides its own inbox, where answers and what
            it pulls come to.
        serves: Subjects on which it answers those who ask there.
    """

    name: str
    asks: tuple[str, ...]
    tells: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """The account that it is in."""
        return STREAMS if self.name == ADMIN else self.name

    @property
    def publish(self) -> tuple[str, ...]:
        """Subjects that it may publish."""
        return (*self.asks, *self.tells, *([f"{ANSWERS}.>"] if self.serves else []))

    @property
    def subscribe(self) -> tuple[str, ...]:
        """Subjects that it may subscribe to."""
        return (f"{inbox_of(self.name)}.>", *self.hears, *self.serves)


def agent_role(pod: str) -> str:
    """Name the role of a pod's agents."""
    return pod_queue(pod)


def inbox_of(role: str) -> str:
    """Name the prefix of a role's inboxes; of one that is nobody in particular, NATS's own."""
    return f"{INBOXES}_{role}" if role else INBOXES


def roles(pods: Collection[str]) -> tuple[Role, ...]:
    """Give every role of a system with these *pods*."""
    agents = [_agent(pod) for pod in sorted(pods)]
    services = (*agents, _coordinator())
    return (_requester(), _observer(pods), *services, _admin(pods), _operator(services))


def _requester() -> Role:
    asking = subjects.request("*")
    return Role(REQUESTER, (_PROBE, asking, _whose(asking), _READ_EVENTS, _stream_info(EVENTS)), hears=_HEARD)


def _observer(pods: Collection[str]) -> Role:
    """Read what is stored, and how long the queues are; both tell, neither changes anything."""
    names = [queue["name"] for stream, queue in wanted_queues(pods, ack_wait_s=0) if stream == EVENTS]
    lengths = (f"{_API}.CONSUMER.NAMES.{EVENTS}", *(f"{_API}.CONSUMER.INFO.{EVENTS}.{name}" for name in names))
    read = (_READ_EVENTS, _stream_info(EVENTS), _LIST_MARKETS, *_READ_MARKETS)
    return Role(OBSERVER, (_PROBE, *read, *lengths), hears=_HEARD)


def _agent(pod: str) -> Role:
    name, answer = agent_role(pod), subjects.pod_result("*", pod)
    said = (answer, _whose(answer))
    return Role(name, (_PROBE, *_works(EVENTS, pod_queue(pod)), *said, *_READ_MARKETS), serves=_asked(name))


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
            _stream_info(EVENTS),
            _stream_info(TIMERS),
            *_READ_MARKETS,
        ),
        tells=_HEARD,
        serves=_asked(COORDINATOR),
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


def _operator(services: Collection[Role]) -> Role:
    return Role(OPERATOR, (_PROBE, *dict.fromkeys(subject for role in services for subject in role.serves)))


def _asked(role: str) -> tuple[str, ...]:
    """Hear what services are asked: all of them, all of this name, and any one of these."""
    whom = ("", f".{service_name(role)}", f".{service_name(role)}.*")
    return tuple(f"$SRV.{verb}{which}" for verb in _VERBS for which in whom)


def _works(stream: str, queue: str) -> tuple[str, ...]:
    return (
        f"{_API}.CONSUMER.INFO.{stream}.{queue}",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.{queue}",
        # As many tokens as the older form has. The newer one, with two more before the stream, would want
        # wildcards there: that lets one queue's worker pull from every other, by asking for the next.
        f"$JS.ACK.{stream}.{queue}.*.*.*.*.*",
    )


def _whose(subject: str) -> str:
    """Read the message on one subject: whose is it, if it is taken?"""
    return f"{_READ_EVENTS}.{subject}"


def _stream_info(stream: str) -> str:
    return f"{_API}.STREAM.INFO.{stream}"
