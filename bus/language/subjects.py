"""Every subject of the wire, defined once. Each subject holds the version of the messages: ADR 18.

| subject                              | publisher         | message                                 |
|--------------------------------------|-------------------|-----------------------------------------|
| ``podfolio.v1.request.<id>``         | any client        | a request                               |
| ``podfolio.v1.pod.<id>.<pod>``       | that pod's agents | the pod's result, or why there is none  |
| ``podfolio.v1.final.<id>``           | the coordinators  | the one final event                     |
| ``podfolio.v1.challenge.<id>``       | the challengers   | how sure the final event's portfolio is |
| ``podfolio.v1.approval.<id>``        | an adviser        | whether the orders may go out           |
| ``podfolio.v1.fill.<id>.<fill>``     | a trading desk    | a contract of a broker                  |
| ``podfolio.v1.rejected.<sequence>``  | the coordinators  | a message with no id to answer          |
| ``podfolio.v1.removed.<sequence>``   | an administrator  | why a message is gone                   |
| ``podfolio.v1.stop.<number>``        | an adviser        | no new advice, and why                  |
| ``podfolio.v1.resume.<number>``      | an administrator  | the end of the stop of that number      |
| ``podfolio.v1.seal.<number>``        | an archivist      | the hashes of archived messages         |
| ``podfolio_timers.v1.timer.<id>``    | the coordinators  | a scheduled deadline                    |
| ``podfolio_timers.v1.timer.~<id>``   | the coordinators  | the same, from when first seen          |
| ``podfolio_timers.v1.due.<id>``      | the server        | a deadline that fell due                |
| ``podfolio_progress.v1.<id>``        | the coordinators  | a request's progress; in no stream      |
| ``$KV.podfolio_markets.id.<market>`` | an administrator  | the hash of a market                    |
| ``$KV.podfolio_markets.sha256.<..>`` | an administrator  | the market with that hash               |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_PREFIX = "podfolio.v1"
_TIMERS = "podfolio_timers.v1"
_PROGRESS = "podfolio_progress.v1"
MARKETS_BUCKET = "podfolio_markets"
_MARKETS = f"$KV.{MARKETS_BUCKET}"

# One token of a NATS subject that is also safe as a file name and in a URL.
MOST_OF_ID = 64
ID_PATTERN = rf"^[A-Za-z0-9_-]{{1,{MOST_OF_ID}}}$"
# No underscore: a pod's name must not look like a rule's name ("never_worse").
POD_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"

ALL = f"{_PREFIX}.>"  # all subjects of the event stream
ALL_REQUESTS = f"{_PREFIX}.request.>"
ALL_POD_RESULTS = f"{_PREFIX}.pod.*.*"
ALL_FINALS = f"{_PREFIX}.final.*"
ALL_CHALLENGES = f"{_PREFIX}.challenge.*"
ALL_APPROVALS = f"{_PREFIX}.approval.*"
ALL_FILLS = f"{_PREFIX}.fill.*.*"
ALL_STOPS = f"{_PREFIX}.stop.*"
ALL_RESUMES = f"{_PREFIX}.resume.*"
ALL_REJECTED = f"{_PREFIX}.rejected.*"
ALL_REMOVED = f"{_PREFIX}.removed.*"
ALL_SEALS = f"{_PREFIX}.seal.*"
ALL_TIMERS = f"{_TIMERS}.timer.*"
ALL_DUE = f"{_TIMERS}.due.*"
ALL_PROGRESS = f"{_PROGRESS}.*"
ALL_MARKETS = f"{_MARKETS}.>"


class MessageKind(StrEnum):
    """The kind of message on a subject."""

    REQUEST = "request"
    POD = "pod"
    FINAL = "final"
    CHALLENGE = "challenge"
    APPROVAL = "approval"
    FILL = "fill"
    STOP = "stop"
    RESUME = "resume"
    REJECTED = "rejected"
    REMOVED = "removed"
    SEAL = "seal"
    TIMER = "timer"
    DUE = "due"
    OTHER = "other"  # a kind from a later version of this software


_KINDS = frozenset(kind.value for kind in MessageKind)


# The kinds whose subjects have a second part, and the pattern of that part.
_IN_TWO_PARTS = {MessageKind.POD: POD_PATTERN, MessageKind.FILL: ID_PATTERN}
_OF_REQUESTS = frozenset(
    {
        MessageKind.REQUEST,
        MessageKind.POD,
        MessageKind.FINAL,
        MessageKind.CHALLENGE,
        MessageKind.APPROVAL,
        MessageKind.FILL,
    }
)


# A process looks at the subject of a message in hand some six times. The longest subject has four thousand letters.
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a subject.

    Attributes:
        kind: The kind of message on the subject.
        key: The request id; for a rejected or removed message, its sequence in the stream (after ``archive-``, its
            sequence in the archive); for a stop and its end, the number of the stop; for a seal, its number; empty if
            the subject names no valid request id, or no valid pod. A server stores such messages, even on subjects with
            wildcards; never use such a subject to read or answer.
        pod: The pod, for a pod's result only.
    """

    kind: MessageKind
    key: str
    pod: str = ""

    @property
    def request_id(self) -> str:
        """Name the request of a message in the event stream; empty if there is none."""
        return self.key if self.kind in _OF_REQUESTS else ""


def request(request_id: str) -> str:
    """Name the subject of a request."""
    return f"{_PREFIX}.request.{request_id}"


def pod_result(request_id: str, pod: str) -> str:
    """Name the subject of a pod's result; ``*`` as *pod* matches every pod's."""
    return f"{_PREFIX}.pod.{request_id}.{pod}"


def final(request_id: str) -> str:
    """Name the subject of a request's one final event."""
    return f"{_PREFIX}.final.{request_id}"


def challenge(request_id: str) -> str:
    """Name the subject of the one challenge of a request's final event."""
    return f"{_PREFIX}.challenge.{request_id}"


def approval(request_id: str) -> str:
    """Name the subject of the one approval of a request's final event."""
    return f"{_PREFIX}.approval.{request_id}"


def fill(request_id: str, fill_id: str) -> str:
    """Name the subject of a contract of a broker, for an order of a request's final event."""
    return f"{_PREFIX}.fill.{request_id}.{fill_id}"


def stop(number: str) -> str:
    """Name the subject of the stop of this number."""
    return f"{_PREFIX}.stop.{number}"


def resume(number: str) -> str:
    """Name the subject of the end of the stop of this number."""
    return f"{_PREFIX}.resume.{number}"


def rejected(sequence: int) -> str:
    """Name the subject for the rejection of the message stored as *sequence*."""
    return f"{_PREFIX}.rejected.{sequence}"


def removed(sequence: int) -> str:
    """Name the subject for the record of the removal of the message stored as *sequence*."""
    return f"{_PREFIX}.removed.{sequence}"


def removed_from_archive(sequence: int) -> str:
    """Name the subject for the record of the removal of the message archived as *sequence*."""
    return f"{_PREFIX}.removed.archive-{sequence}"


def of_request(request_id: str) -> tuple[str, ...]:
    """Name the subjects of all messages about a request, of later versions too; for ``stored`` and the like."""
    return (f"{_PREFIX}.*.{request_id}", f"{_PREFIX}.*.{request_id}.*")


def seal(number: int) -> str:
    """Name the subject of a seal of the archive."""
    return f"{_PREFIX}.seal.{number}"


def timer(request_id: str) -> str:
    """Name the subject where a request's deadline waits."""
    return f"{_TIMERS}.timer.{request_id}"


def timer_since_seen(request_id: str) -> str:
    """Name the subject where the deadline waits that counts from when a coordinator first saw the request.

    No request id has a tilde.
    """
    return timer(f"~{request_id}")


def due(request_id: str) -> str:
    """Name the subject where a request's deadline falls due."""
    return f"{_TIMERS}.due.{request_id}"


def progress(request_id: str) -> str:
    """Name the subject of a request's progress messages."""
    return f"{_PROGRESS}.{request_id}"


def market_id(market_id: str) -> str:
    """Name the key under which a market's hash is published; ``*`` matches every market's."""
    return f"{_MARKETS}.id.{market_id}"


def market_content(sha256: str) -> str:
    """Name the key under which the market with this hash is published."""
    return f"{_MARKETS}.sha256.{sha256}"


@lru_cache(maxsize=_REMEMBERED)
def parse(subject: str) -> Address:
    """Split a subject into a kind, a key and a pod.

    Raises:
        ValueError: If the subject does not begin like a subject of ours.
    """
    for prefix in (_PREFIX, _TIMERS):
        if subject.startswith(f"{prefix}."):
            name, _, rest = subject.removeprefix(f"{prefix}.").partition(".")
            kind = MessageKind(name) if name in _KINDS else MessageKind.OTHER
            key, _, further = rest.partition(".")
            pattern = _IN_TWO_PARTS.get(kind)
            if not _matches(ID_PATTERN, key if pattern else rest) or (pattern and not _matches(pattern, further)):
                return Address(kind, "")
            return Address(kind, key, further if kind is MessageKind.POD else "")
    message = f"subject {subject!r} is not one of Podfolio's: publish requests to {_PREFIX}.request.<request_id>"
    raise ValueError(message)


def matches(subject: str, pattern: str) -> bool:
    """Say whether *subject* is like *pattern*, as the server does: ``*`` is one token, ``>`` at the end one or more."""
    tokens, wanted = subject.split("."), pattern.split(".")
    if wanted[-1] == ">":
        if len(tokens) < len(wanted):
            return False
        tokens, wanted = tokens[: len(wanted) - 1], wanted[:-1]
    return len(tokens) == len(wanted) and all(one in ("*", token) for one, token in zip(wanted, tokens, strict=True))


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None
