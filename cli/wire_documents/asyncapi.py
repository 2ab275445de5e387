"""The AsyncAPI 3 document of the wire, made from the messages, the channels and the streams' configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from bus.language.messages import BODIES, OptimizationRequest
from bus.language.messages.described import Described
from bus.language.subjects import ID_PATTERN, POD_PATTERN
from bus.topology.channels import CHANNELS, queues, streams
from bus.transports.envelope import headers

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import BaseModel

    from bus.topology.channels import Channel

_EXAMPLES = Path(__file__).parents[2] / "examples"
_SCHEMAS = "#/components/schemas/"

_TOKENS = {
    "request_id": ("Chosen by who asks; used once.", ID_PATTERN, "$message.payload#/request_id", "reference-customer"),
    "pod": ("The pod.", POD_PATTERN, "$message.payload#/pod", "gamma"),
    "sequence": (
        "Place in the stream of the message that this is about.",
        "^[0-9]+$",
        "$message.payload#/sequence",
        "14",
    ),
    "fill_id": (
        "Made of the contract, so that the same contract has the same id.",
        ID_PATTERN,
        "$message.payload#/fill_id",
        "S-VGB-20251110-6e47b90ccd8547ba",
    ),
    "number": ("Number of the stop or the seal, from 1.", "^[0-9]+$", "$message.payload#/number", "1"),
}
_SAID = (
    "Pods that each want their own portfolio, and one master portfolio for all of them. Publish a request, read its "
    "final event. The version stands in every subject; within it, messages are only added to. What Podfolio receives, "
    "clients publish."
)
_HEADERS = {
    "ce-specversion": "The version of CloudEvents.",
    "ce-id": "A unique id of the message; the same if a sender publishes the message again.",
    "ce-type": "The kind of the body.",
    "ce-source": "The sender, such as /podfolio/agents/alpha.",
    "ce-time": "When the message was sent; RFC 3339.",
    "content-type": "The form of the body.",
}
_TRACED = "W3C trace context; passed on to all that follows from a request."


def document(pods: Collection[str]) -> dict[str, Any]:
    """Make the document of a system with these *pods*."""
    _, schemas = models_json_schema(
        [(body, "validation") for body in BODIES.values()],
        ref_template=_SCHEMAS + "{model}",
        schema_generator=Described,
    )
    version = OptimizationRequest.model_fields["version"].default
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Podfolio", "version": str(version), "description": _SAID},
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "As `podfolio up` starts it. With users and TLS: docs/security.md.",
            }
        },
        "channels": {channel.name: _channel(channel, pods) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "schemas": schemas["$defs"],
            "messages": {body.__name__: _message(body) for channel in CHANNELS for body in channel.bodies},
        },
        # As in JetStream's own API: durations in nanoseconds.
        "x-jetstream": {"streams": streams(), "queues": queues(pods)},
    }


def _channel(channel: Channel, pods: Collection[str]) -> dict[str, Any]:
    return {
        "address": channel.address,
        "description": channel.said,
        "parameters": {token: _parameter(token) for token in channel.tokens},
        "messages": {body.__name__: {"$ref": f"#/components/messages/{body.__name__}"} for body in channel.bodies},
        "x-jetstream": {"stream": channel.stream, "queues": channel.queues(pods)},
        "x-roles": {"publish": channel.publishers(pods), "subscribe": channel.hearers(pods)},
    }


def _parameter(token: str) -> dict[str, Any]:
    said, pattern, location, example = _TOKENS[token]
    return {"description": said, "location": location, "examples": [example], "x-pattern": pattern}


def _operation(channel: Channel) -> dict[str, Any]:
    at = f"#/channels/{channel.name}"
    return {
        "action": "receive" if channel.by_clients else "send",
        "channel": {"$ref": at},
        "summary": channel.said,
        "messages": [{"$ref": f"{at}/messages/{body.__name__}"} for body in channel.bodies],
    }


def _message(body: type[BaseModel]) -> dict[str, Any]:
    name = body.__name__
    made: dict[str, Any] = {
        "name": name,
        "title": name,
        "summary": (body.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": _SCHEMAS + name},
        "examples": [{"name": name, "payload": example(name)}],
    }
    if described := _headers(body):
        made["headers"] = described
    return made


def _headers(body: type[BaseModel]) -> dict[str, Any] | None:
    """Describe the CloudEvents headers of a body.

    Clients may omit the headers. Return None for a body that no stream stores: such messages have no headers.
    """
    if not any(body in channel.bodies and channel.stream for channel in CHANNELS):
        return None
    named = headers(body.__name__, message_id="", source="", now=datetime.now(UTC))
    fixed = {"ce-specversion", "ce-type", "content-type"}
    properties: dict[str, Any] = {
        key: {"type": "string", "description": _HEADERS[key], **({"const": value} if key in fixed else {})}
        for key, value in named.items()
    }
    properties |= {key: {"type": "string", "description": _TRACED} for key in ("traceparent", "tracestate")}
    return {"type": "object", "properties": properties, "required": [] if body is OptimizationRequest else list(named)}


def example(name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a body's example: a message from a real run of the system, or the reference customer's request."""
    file = "reference-customer.json" if name == OptimizationRequest.__name__ else f"messages/{name}.json"
    return json.loads((_EXAMPLES / file).read_text(encoding="utf-8"))
