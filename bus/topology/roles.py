"""The least permissions of each role on a server with users; the server's configuration follows from these.

The server sends an answer to any reply subject that the requester names, and checks only the subject of the request.
So permission lists cannot protect the account with the streams. Instead each role has an account of its own, which
imports the subjects that the role may ask. An answer stays within the account of the role (ADR 26).

The lists hold only the subjects that our own client uses, found by measurement. Tests try every cell of
``docs/security.md`` against a real server and check the result. This module knows no keys and writes no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.port import CHALLENGERS, COORDINATORS, DEADLINES, FINALS, pod_queue
from bus.topology.streams import ARCHIVE, EVENTS, MARKETS, STOPS, TIMERS, wanted_queues

if TYPE_CHECKING:
    from collections.abc import Collection

REQUESTER = "requester"
OBSERVER = "observer"
COORDINATOR = "coordinator"
CHALLENGER = "challenger"
REVIEWER = "reviewer"
ADVISER = "adviser"
DESK = "desk"
ADMIN = "admin"
OPERATOR = "operator"
ARCHIVIST = "archivist"

# Common prefix of all inboxes, on servers with and without users.
INBOXES = "_INBOX"

_API = "$JS.API"
# Every connection sends this probe every two seconds to check that the server is alive. The answer tells how much
# the server stores, never the content. (A refusal would be enough, but fills the server's log.)
_PROBE = f"{_API}.INFO"
# Read any message of the event stream. The body selects the messages, and permissions cannot inspect a body.
_READ_EVENTS = f"{_API}.DIRECT.GET.{EVENTS}"
_LIST_MARKETS = f"{_API}.DIRECT.GET.{MARKETS}"
# Read a published market: the hash of an id from the leader, and the content by the hash.
_READ_MARKETS = (f"{_API}.STREAM.MSG.GET.{MARKETS}", f"{_LIST_MARKETS}.{subjects.ALL_MARKETS}")

# Read the stops in force: which there are, and the message of each, from the leader.
_READ_STOPS = (f"{_API}.STREAM.INFO.{STOPS}", f"{_API}.STREAM.MSG.GET.{STOPS}")

# The account with the streams; the administrator is the only user in this account.
STREAMS = "streams"
# Prefix of the subjects where the server takes a service's answers to a request from another account,
# whatever reply subject the requester named.
ANSWERS = "_R_"
# Remove a message of the event stream and record the removal there: read the message, publish the removal,
# delete the message.
_REMOVES = (
    f"{_API}.STREAM.MSG.GET.{EVENTS}",
    subjects.ALL_REMOVED,
    f"{_READ_EVENTS}.{subjects.ALL_REMOVED}",
    f"{_API}.STREAM.MSG.DELETE.{EVENTS}",
)
# The same of a message of the archive.
_REMOVES_FROM_ARCHIVE = (f"{_API}.STREAM.MSG.GET.{ARCHIVE}", f"{_API}.STREAM.MSG.DELETE.{ARCHIVE}")

_VERBS = ("PING", "INFO", "STATS")

# Ask all services whether they are running.
_PING = "$SRV.PING"

# Subjects for observers: the progress of requests, which also signals new messages to read.
_HEARD = (subjects.ALL_PROGRESS,)


@dataclass(frozen=True, slots=True)
class Role:
    """The permissions of one kind of client; the server refuses all other subjects.

    Accounts, permissions, exports and imports all follow from these.

    Attributes:
        name: The role's name; also the name of the role's key and account, and part of the inbox prefix.
        asks: Subjects that the role may publish as requests. The roles that serve a subject answer; if no role
            serves the subject, the streams' account answers.
        tells: Subjects that the role may publish to subscribers; no stream stores these messages.
        hears: Subjects of other roles' ``tells`` that the role may subscribe to, besides the role's own inbox, which
            receives answers and pulled messages.
        serves: Subjects on which the role answers requests.
    """

    name: str
    asks: tuple[str, ...]
    tells: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """The account of the role."""
        return STREAMS if self.name == ADMIN else self.name

    @property
    def publish(self) -> tuple[str, ...]:
        """Subjects that the role may publish."""
        return (*self.asks, *self.tells, *([f"{ANSWERS}.>"] if self.serves else []))

    @property
    def subscribe(self) -> tuple[str, ...]:
        """Subjects that the role may subscribe to."""
        return (f"{inbox_of(self.name)}.>", *self.hears, *self.serves)


def agent_role(pod: str) -> str:
    """Name the role of a pod's agents."""
    return pod_queue(pod)


def inbox_of(role: str) -> str:
    """Name the prefix of a role's inboxes; NATS's own prefix if *role* is empty."""
    return f"{INBOXES}_{role}" if role else INBOXES


def roles(pods: Collection[str]) -> tuple[Role, ...]:
    """Return all roles of a system with these *pods*."""
    agents = [_agent(pod) for pod in sorted(pods)]
    services = (*agents, _coordinator(), _challenger(), _reviewer())
    people = (_adviser(), _desk())
    return (_requester(), _observer(pods), *services, *people, _admin(pods), _operator(services), _archivist())


def _requester() -> Role:
    asking = subjects.request("*")
    return Role(REQUESTER, (_PROBE, asking, _whose(asking), _READ_EVENTS, _stream_info(EVENTS)), hears=_HEARD)


def _observer(pods: Collection[str]) -> Role:
    """Allow reading stored messages, queue lengths and who is running, and taking final events from their queue."""
    names = [queue["name"] for stream, queue in wanted_queues(pods, ack_wait_s=0) if stream == EVENTS]
    lengths = (f"{_API}.CONSUMER.NAMES.{EVENTS}", *(f"{_API}.CONSUMER.INFO.{EVENTS}.{name}" for name in names))
    read = (_READ_EVENTS, _stream_info(EVENTS), _LIST_MARKETS, *_READ_MARKETS, *_READ_STOPS)
    # INFO of the queue is among the lengths.
    takes = [subject for subject in _works(EVENTS, FINALS) if subject not in lengths]
    return Role(OBSERVER, (_PROBE, *read, *lengths, *takes, _PING), hears=_HEARD)


def _agent(pod: str) -> Role:
    name, answer = agent_role(pod), subjects.pod_result("*", pod)
    published = (answer, _whose(answer))
    return Role(
        name, (_PROBE, *_works(EVENTS, pod_queue(pod)), *published, *_READ_MARKETS), serves=_service_subjects(name)
    )


def _coordinator() -> Role:
    published = (subjects.ALL_FINALS, subjects.ALL_REJECTED)
    return Role(
        COORDINATOR,
        (
            _PROBE,
            *_works(EVENTS, COORDINATORS),
            *_works(TIMERS, DEADLINES),
            _READ_EVENTS,
            f"{_API}.CONSUMER.NAMES.{EVENTS}",
            *published,
            *map(_whose, published),
            subjects.ALL_TIMERS,
            _stream_info(EVENTS),
            _stream_info(TIMERS),
            *_READ_MARKETS,
            *_READ_STOPS,
        ),
        tells=_HEARD,
        serves=_service_subjects(COORDINATOR),
    )


def _challenger() -> Role:
    published = (subjects.ALL_CHALLENGES, _whose(subjects.ALL_CHALLENGES))
    read = (_READ_EVENTS, _stream_info(EVENTS), *_READ_MARKETS)
    return Role(
        CHALLENGER,
        (_PROBE, *_works(EVENTS, CHALLENGERS), *published, *read),
        serves=_service_subjects(CHALLENGER),
    )


def _reviewer() -> Role:
    """Allow requests, as a requester; and reading the archive, which has each customer's last suggestion."""
    asking = subjects.request("*")
    archive = (f"{_API}.DIRECT.GET.{ARCHIVE}", _stream_info(ARCHIVE))
    read = (*archive, _LIST_MARKETS, *_READ_MARKETS, *_READ_STOPS)
    return Role(REVIEWER, (_PROBE, asking, _whose(asking), *read), serves=_service_subjects(REVIEWER))


def _adviser() -> Role:
    """Allow a decision about each final event, and a stop, which is the safe side; the end of a stop is an admin's."""
    published = (subjects.ALL_APPROVALS, _whose(subjects.ALL_APPROVALS))
    stops = (subjects.ALL_STOPS, _whose(subjects.ALL_STOPS, STOPS))
    return Role(ADVISER, (_PROBE, _READ_EVENTS, *published, *stops, *_READ_STOPS))


def _desk() -> Role:
    return Role(DESK, (_PROBE, subjects.ALL_FILLS, _whose(subjects.ALL_FILLS)))


def _admin(pods: Collection[str]) -> Role:
    verbs = ("INFO", "CREATE", "UPDATE")
    kept = (EVENTS, TIMERS, MARKETS, STOPS, ARCHIVE)
    streams = [f"{_API}.STREAM.{verb}.{stream}" for stream in kept for verb in verbs]
    queues = []
    for stream, queue in wanted_queues(pods, ack_wait_s=0):
        filtered = f".{queue['filter_subject']}" if "filter_subject" in queue else ""
        queues += [
            f"{_API}.CONSUMER.INFO.{stream}.{queue['name']}",
            f"{_API}.CONSUMER.CREATE.{stream}.{queue['name']}{filtered}",
        ]
    switches = [
        subject for kind in (subjects.ALL_STOPS, subjects.ALL_RESUMES) for subject in (kind, _whose(kind, STOPS))
    ]
    # INFO of the stops is among the streams.
    switches += [subject for subject in _READ_STOPS if subject not in streams]
    removes = (*_REMOVES, *_REMOVES_FROM_ARCHIVE)
    return Role(ADMIN, (_PROBE, *streams, *queues, subjects.ALL_MARKETS, *_READ_MARKETS, *switches, *removes))


def _operator(services: Collection[Role]) -> Role:
    return Role(OPERATOR, (_PROBE, *dict.fromkeys(subject for role in services for subject in role.serves)))


def _archivist() -> Role:
    """Allow reading the archive and the markets, and publishing seals."""
    read = (f"{_API}.DIRECT.GET.{ARCHIVE}", f"{_API}.STREAM.MSG.GET.{ARCHIVE}", _stream_info(ARCHIVE))
    published = (subjects.ALL_SEALS, f"{_API}.DIRECT.GET.{ARCHIVE}.{subjects.ALL_SEALS}")
    return Role(ARCHIVIST, (_PROBE, *read, *published, *_READ_MARKETS))


def service_name(role: str) -> str:
    """Name the service of all processes with *role*, in the NATS service API."""
    return f"podfolio-{role}"


def _service_subjects(role: str) -> tuple[str, ...]:
    """Name the service API subjects of *role*: for all services, for services of this name, and for one instance."""
    whom = ("", f".{service_name(role)}", f".{service_name(role)}.*")
    return tuple(f"$SRV.{verb}{which}" for verb in _VERBS for which in whom)


def _works(stream: str, queue: str) -> tuple[str, ...]:
    return (
        f"{_API}.CONSUMER.INFO.{stream}.{queue}",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.{queue}",
        # As many tokens as the older form of the ack subject. The newer form has two more tokens before the stream and
        # would need wildcards there. With these, a worker of one queue could pull from every other queue by
        # acknowledging with a request for the next message.
        f"$JS.ACK.{stream}.{queue}.*.*.*.*.*",
    )


def _whose(subject: str, stream: str = EVENTS) -> str:
    """Name the API subject that reads the message on *subject*, to see which publisher took the subject."""
    return f"{_API}.DIRECT.GET.{stream}.{subject}"


def _stream_info(stream: str) -> str:
    return f"{_API}.STREAM.INFO.{stream}"
