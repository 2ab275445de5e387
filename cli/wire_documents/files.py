"""The output of ``podfolio schema``: every description of the wire, made from the models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agents import mandate_files
from bus.language.messages import BODIES
from cli.wire_documents.asyncapi import document
from cli.wire_documents.page import page

if TYPE_CHECKING:
    from collections.abc import Mapping


def wire_files() -> Mapping[str, str]:
    """Make the files, by path in ``docs``: a JSON Schema per body, the AsyncAPI document and the page."""
    described = document(tuple(mandate_files.bundled()))
    schemas = {f"schemas/{name}.json": _json(body.model_json_schema()) for name, body in BODIES.items()}
    return {**schemas, "asyncapi.json": _json(described), "wire.md": page(described)}


def _json(content: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(content, indent=2) + "\n"
