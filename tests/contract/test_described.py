"""Every member of every message is described for a reader of the AsyncAPI document and the schemas alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.requests_made import ROOT

from bus.language.messages import BODIES
from bus.language.messages.described import attributes
from cli.wire_documents.asyncapi import document

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = document(("alpha", "beta"))
LEAST_LETTERS = 8


def members(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    """Find every member of every object that a document describes, by the path to it."""
    if isinstance(node, dict):
        for name, member in (node.get("properties") or {}).items():
            if isinstance(member, dict):
                yield f"{path}.{name}", member
        for name, inner in node.items():
            if name not in {"examples", "default", "x-jetstream"}:
                yield from members(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for i, inner in enumerate(node):
            yield from members(inner, f"{path}/{i}")


def undescribed(node: dict[str, Any]) -> list[str]:
    return [path for path, member in members(node) if len(member.get("description", "")) < LEAST_LETTERS]


def test_every_member_of_the_asyncapi_document_is_described() -> None:
    found = dict(members(DOCUMENT))

    assert len(found) > 400
    assert undescribed(DOCUMENT) == []


@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_member_of_a_schema_is_described(name: str) -> None:
    assert undescribed(BODIES[name].model_json_schema()) == []
    assert undescribed(json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))) == []


def test_a_member_without_a_description_is_found() -> None:
    schema = BODIES["PodResult"].model_json_schema()
    del schema["$defs"]["Figures"]["properties"]["volatility"]["description"]

    assert undescribed(schema) == ["/$defs/Figures.volatility"]


def test_descriptions_are_of_json_and_not_of_python() -> None:
    told = [member["description"] for _, member in members(DOCUMENT)]
    told += [schema["description"] for schema in DOCUMENT["components"]["schemas"].values()]

    assert [text for text in told if re.search(r"\bNone\b|\bTrue\b|``|Attributes:|\n {2,}", text)] == []


def test_a_docstring_describes_no_attribute_that_is_not_there() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        found = [body for body in BODIES.values() if body.__name__ == name]
        for body in found:
            assert set(attributes(body)) <= set(schema["properties"]), name
