"""Read bodies off the wire, and write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bus.language import syntax
from bus.language.messages.events import (
    AdviceResumed,
    AdviceStopped,
    Approval,
    ArchiveSealed,
    Challenge,
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    MessageRejected,
    MessageRemoved,
    OrderFilled,
    PodAnswer,
    PodFailed,
    PodResult,
    PortfolioApproved,
    PortfolioChallenged,
    PortfolioDeclined,
    PortfolioNotChallenged,
    Progress,
)
from bus.language.messages.requests import (
    Account,
    Customer,
    Goal,
    HoldingOwned,
    OptimizationRequest,
    ParcelOwned,
    ReformFacts,
    RequestPreferences,
    RequestRobust,
    RequestRules,
)
from bus.language.mistakes import MOST_TOLD, first_field, mistakes, named
from portfolio.errors import DataError
from portfolio.files import skip_mark

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class BadMessageError(ValueError):
    """A body that cannot be understood; the message gives the mend.

    Attributes:
        mistakes: The mistakes, one by one.
        field: The field of the first mistake, such as ``account.cash_aud``; empty where the body as a whole is wrong.
    """

    def __init__(self, *mistakes: str, field: str = "") -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes
        self.field = field


# Most processes read one or two kinds of bodies: a parser is built at its first use, and so is that of a model.
_WHEN_USED = ConfigDict(defer_build=True)

_REQUEST: TypeAdapter[OptimizationRequest] = TypeAdapter(OptimizationRequest)
_POD_ANSWER: TypeAdapter[PodAnswer] = TypeAdapter(Annotated[PodAnswer, Field(discriminator="type")], config=_WHEN_USED)
_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)
_SEAL: TypeAdapter[ArchiveSealed] = TypeAdapter(ArchiveSealed)
_CHALLENGE: TypeAdapter[Challenge] = TypeAdapter(Annotated[Challenge, Field(discriminator="type")], config=_WHEN_USED)
_APPROVAL: TypeAdapter[Approval] = TypeAdapter(Annotated[Approval, Field(discriminator="type")], config=_WHEN_USED)
_FINAL: TypeAdapter[FinalEvent] = TypeAdapter(Annotated[FinalEvent, Field(discriminator="type")], config=_WHEN_USED)

# The fields of a request, at any depth: an unknown field is likely to be a misspelt one of these.
_FIELDS = frozenset(
    name
    for part in (
        OptimizationRequest,
        Customer,
        RequestRules,
        RequestPreferences,
        RequestRobust,
        Goal,
        Account,
        HoldingOwned,
        ParcelOwned,
        ReformFacts,
    )
    for name in part.model_fields
)


def parse_request(data: bytes, request_id: str, *, most: int = MOST_TOLD) -> OptimizationRequest:
    """Read a request that was published under *request_id*.

    Args:
        data: The body.
        request_id: The id in the subject.
        most: The most mistakes to tell.

    Raises:
        BadMessageError: If the body is no valid request; the message gives the mend.
    """
    try:
        data = skip_mark(data, "the body")
    except DataError as error:
        raise BadMessageError(str(error)) from None
    if not data.strip():
        message = "the body is empty: give an object, {...}"
        raise BadMessageError(message)
    request = _read(_REQUEST, data, most)
    _refuse_doubled(data)
    if request.request_id != request_id:
        message = f"the body says request_id {request.request_id!r}, its subject says {request_id!r}: make them equal"
        raise BadMessageError(message)
    return request


def change_request(data: bytes, changes: Mapping[str, object]) -> bytes:
    """Replace members of a request's body, or add them; a body that is no JSON object stays as it is.

    Raises:
        BadMessageError: If an object of the body has a field twice: written again, only the last would be left to see.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return data
    _refuse_doubled(data)
    return json.dumps({**body, **changes}).encode() if changes and isinstance(body, dict) else data


def parse_pod_answer(data: bytes) -> PodAnswer:
    """Read the answer of a pod's agent.

    Raises:
        BadMessageError: If the body is no answer that this version understands.
    """
    return _read(_POD_ANSWER, data)


def parse_final(data: bytes) -> FinalEvent:
    """Read a final event.

    Raises:
        BadMessageError: If the body is no event that this version understands.
    """
    return _read(_FINAL, data)


def parse_challenge(data: bytes) -> Challenge:
    """Read the challenge of a final event.

    Raises:
        BadMessageError: If the body is no challenge that this version understands.
    """
    return _read(_CHALLENGE, data)


def parse_approval(data: bytes) -> Approval:
    """Read an adviser's decision about a final event.

    Raises:
        BadMessageError: If the body is no decision that this version understands.
    """
    return _read(_APPROVAL, data)


def parse_seal(data: bytes) -> ArchiveSealed:
    """Read a seal of the archive.

    Raises:
        BadMessageError: If the body is no seal that this version understands.
    """
    return _read(_SEAL, data)


def parse_progress(data: bytes) -> Progress:
    """Read the progress of a request.

    Raises:
        BadMessageError: If the body is no progress that this version understands.
    """
    return _read(_PROGRESS, data)


def _read(adapter: TypeAdapter[T], data: bytes, most: int = MOST_TOLD) -> T:
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        told = mistakes(error, _FIELDS, glance(data), most=most)
        raise BadMessageError(*told, field=first_field(error)) from None


def _refuse_doubled(data: bytes) -> None:
    """Refuse a body of which an object has a field twice: some readers would take the first, some the last.

    Raises:
        BadMessageError: If one has; the message gives the lines, where they are two.
    """
    try:
        json.loads(data, object_pairs_hook=_once, parse_int=float)
    except _DoubledError as error:
        name, first, second = syntax.doubled(data) or (str(error), 0, 0)
        lines = f", at lines {first} and {second}" if first < second else ""
        message = f"{named(name)} is given twice{lines}: give each field once"
        raise BadMessageError(message) from None


class _DoubledError(Exception):
    """A name that an object has twice."""


def _once(fields: list[tuple[str, object]]) -> dict[str, object]:
    names: dict[str, object] = {}
    for name, value in fields:
        if name in names:
            raise _DoubledError(name)
        names[name] = value
    return names


def glance(data: bytes) -> Mapping[str, object]:
    """Read the members of a body without any check; empty for a body that is no JSON object. No mistake is reported."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def encode(body: BaseModel) -> bytes:
    """Write a body as JSON."""
    return body.model_dump_json().encode()


def with_members(body: bytes, members: Mapping[str, bytes]) -> bytes:
    """Add *members*, each in JSON, at the end of an encoded body, in place of a signature that is null."""
    start = body.removesuffix(b"}").removesuffix(b',"signature":null')
    return start + b"".join(b',"%b":%b' % (name.encode(), value) for name, value in members.items()) + b"}"


# Every body, by the name under which its JSON Schema is published.
BODIES: Mapping[str, type[BaseModel]] = {
    body.__name__: body
    for body in (
        OptimizationRequest,
        PodResult,
        PodFailed,
        MasterPortfolioOptimized,
        MasterPortfolioFailed,
        PortfolioChallenged,
        PortfolioNotChallenged,
        PortfolioApproved,
        PortfolioDeclined,
        OrderFilled,
        AdviceStopped,
        AdviceResumed,
        MessageRejected,
        MessageRemoved,
        ArchiveSealed,
        Progress,
    )
}
