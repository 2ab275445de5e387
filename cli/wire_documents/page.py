"""The AsyncAPI document as a page for people, in Markdown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bus.language.forms import TEXT, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Schema = dict[str, Any]

_HEAD = """\
# Messages

*Made by `make schemas` from [asyncapi.json](asyncapi.json), and that from the models: change those, not this page.*

{said}

[schemas](schemas) has the JSON Schema of every body, [clients.md](clients.md) examples of clients,
[security.md](security.md) the roles, [ADR 18](adr/0018-versions-of-the-messages.md) what may change within a version.
"""

# Bounds of a JSON Schema, in plain words.
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minProperties": "at least {} of them",
    "maxProperties": "at most {} of them",
    "pattern": "as `{}`",
}
# The only pattern that lists forbidden characters instead of allowed ones.
_WORDS = {TEXT: WORDS[TEXT]}


def page(document: dict[str, Any]) -> str:
    """Write the page."""
    return "\n".join(_page(document))


def _page(document: dict[str, Any]) -> Iterator[str]:
    yield _HEAD.format(said=document["info"]["description"])
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]
    yield "| subject | Podfolio | messages | kept in |\n|---|---|---|---|"
    for name, channel in document["channels"].items():
        verb = f"{document['operations'][name]['action']}s"
        linked = ", ".join(_link(message) for message in channel["messages"])
        yield f"| `{_subject(channel)}` | {verb} | {linked} | {channel['x-jetstream']['stream'] or 'nothing'} |"
    yield ""
    for channel in document["channels"].values():
        yield from _channel(channel, messages, schemas)
    yield "## Types\n"
    for name in sorted(schemas.keys() - messages.keys()):
        yield from _schema(name, schemas[name], level="###")
    yield from _streams(document["x-jetstream"])


def _subject(channel: dict[str, Any]) -> str:
    return str(channel["address"]).replace("{", "<").replace("}", ">")


def _channel(channel: dict[str, Any], messages: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"## `{_subject(channel)}`\n\n{channel['description']}\n"
    kept, roles = channel["x-jetstream"], channel["x-roles"]
    stored = f"Kept in the stream `{kept['stream']}`" if kept["stream"] else "Kept nowhere"
    handed = f", handed out by {_code(kept['queues'])}" if kept["queues"] else ""
    heard = f"; {_code(roles['subscribe'])} may subscribe" if roles["subscribe"] else ""
    yield f"{stored}{handed}. With users, {_code(roles['publish'])} may publish here{heard}.\n"
    for name in channel["messages"]:
        yield from _schema(name, schemas[name], level="###")
        shown = json.dumps(messages[name]["examples"][0]["payload"], indent=2)
        yield f"<details><summary>An example</summary>\n\n```json\n{shown}\n```\n\n</details>\n"


def _schema(name: str, schema: Schema, *, level: str) -> Iterator[str]:
    yield f"{level} {name}\n"
    if said := schema.get("description"):
        yield f"{_line(said)}\n"
    if "enum" in schema:
        yield f"One of {_code(schema['enum'])}.\n"
    if fields := schema.get("properties"):
        required = schema.get("required", [])
        yield "| field | type | | |\n|---|---|---|---|"
        for field, told in fields.items():
            yield f"| `{field}` | {_type(told)} | {_given(told, required=field in required)} | {_said(told)} |"
        yield ""


def _type(schema: Schema) -> str:
    """Name the type of a value."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    kind = str(schema.get("type", "anything"))
    if kind in {"array", "object"}:
        return _collection(schema)
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _collection(schema: Schema) -> str:
    """Name the type of a list or an object without named fields."""
    if "prefixItems" in schema:
        return f"[{', '.join(map(_type, schema['prefixItems']))}]"
    if schema["type"] == "array":
        return f"list of {_type(schema.get('items', {}))}"
    keys = schema.get("propertyNames", {})
    by = f" by {_type(keys)}" if "$ref" in keys else ""
    values = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
    return f"object{by} of {_type(values)}" if isinstance(values, dict) else "object"


def _given(schema: Schema, *, required: bool) -> str:
    """Say that a field is required, or give the default value."""
    if required:
        return "required"
    default = schema.get("default")
    if isinstance(default, dict) and default:
        return "its own defaults"
    return "" if default in (None, "") else f"`{json.dumps(default)}` by default"


def _said(schema: Schema) -> str:
    """Combine a field's description and bounds in one text."""
    plain = next((choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"), schema)
    bounds = ", ".join(
        _WORDS.get(plain[key], text).format(str(plain[key]).replace("|", "\\|"))
        for key, text in _BOUNDS.items()
        if key in plain
    )
    bounds = re.sub(r"\b1 characters", "1 character", bounds)
    told = [_line(schema.get("description", "")), f"{bounds[:1].upper()}{bounds[1:]}." if bounds else ""]
    return " ".join(text for text in told if text)


def _streams(jetstream: dict[str, Any]) -> Iterator[str]:
    yield "## Streams and work queues\n\nAs `podfolio setup` makes them; durations in nanoseconds.\n"
    for kind, configs in jetstream.items():
        for name, config in configs.items():
            yield f"<details><summary>{kind[:-1]} <code>{name}</code></summary>\n\n```json"
            yield f"{json.dumps(config, indent=2)}\n```\n\n</details>\n"


def _line(text: str) -> str:
    """Put a text on one line of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
