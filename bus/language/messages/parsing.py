"""Read bodies off the wire, and write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bus.language.messages.events import (
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    MessageRejected,
    MessageRemoved,
    PodAnswer,
    PodFailed,
    PodResult,
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
    RequestRules,
)
from bus.language.mistakes import explain, named

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class BadMessageError(ValueError):
    """A body that cannot be understood; the message says what to change."""


_REQUEST: TypeAdapter[OptimizationRequest] = TypeAdapter(OptimizationRequest)
_POD_ANSWER: TypeAdapter[PodAnswer] = TypeAdapter(Annotated[PodAnswer, Field(discriminator="type")])
_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)
_FINAL: TypeAdapter[FinalEvent] = TypeAdapter(Annotated[FinalEvent, Field(discriminator="type")])

# What a request may say, at any depth: one of these is likely to be meant by a field that is not known.
_FIELDS = frozenset(
    name
    for part in (
        OptimizationRequest,
        Customer,
        RequestRules,
        RequestPreferences,
        Goal,
        Account,
        HoldingOwned,
        ParcelOwned,
        ReformFacts,
    )
    for name in part.model_fields
)


def parse_request(data: bytes, request_id: str) -> OptimizationRequest:
    """Read a request that was published under *request_id*.

    Raises:
        BadMessageError: If it is no valid request; says what to change.
    """
    request = _read(_REQUEST, data)
    # Else the last of two would count, and whoever reads the stream with another parser may see the first.
    json.loads(data, object_pairs_hook=_once, parse_int=float)
    if request.request_id != request_id:
        message = f"the body says request_id {request.request_id!r}, its subject says {request_id!r}: make them equal"
        raise BadMessageError(message)
    return request


def parse_pod_answer(data: bytes) -> PodAnswer:
    """Read what a pod's agent published.

    Raises:
        BadMessageError: If it is no answer that this version understands.
    """
    return _read(_POD_ANSWER, data)


def parse_final(data: bytes) -> FinalEvent:
    """Read a final event.

    Raises:
        BadMessageError: If it is no event that this version understands.
    """
    return _read(_FINAL, data)


def parse_progress(data: bytes) -> Progress:
    """Read how far a request is.

    Raises:
        BadMessageError: If it is nothing that this version understands.
    """
    return _read(_PROGRESS, data)


def _read(adapter: TypeAdapter[T], data: bytes) -> T:
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise BadMessageError(explain(error, _FIELDS)) from None


def _once(fields: list[tuple[str, object]]) -> None:
    """Refuse an object that has a field twice.

    Raises:
        BadMessageError: If it has.
    """
    if len(dict(fields)) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"{named(twice)} is given twice: give each field once"
        raise BadMessageError(message)


def encode(body: BaseModel) -> bytes:
    """Write a body as JSON."""
    return body.model_dump_json().encode()


# Every body, by the name under which its JSON Schema is published.
BODIES: Mapping[str, type[BaseModel]] = {
    body.__name__: body
    for body in (
        OptimizationRequest,
        PodResult,
        PodFailed,
        MasterPortfolioOptimized,
        MasterPortfolioFailed,
        MessageRejected,
        MessageRemoved,
        Progress,
    )
}
