"""Describe every member of a published schema, from the docstring of its class.

Domain classes are plain dataclasses, whose docstrings describe each attribute (Google style); pydantic reads only
descriptions of its own fields.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic.json_schema import DefsRef, JsonSchemaKeyT, JsonSchemaMode, JsonSchemaValue
    from pydantic_core import core_schema

_SECTION = re.compile(r"^Attributes:\n(?P<lines>(?:[ ]+.*\n|\n)*)", re.MULTILINE)
# Messages are JSON, docstrings Python.
_NONE = re.compile(r"\bNone\b")
_ATTRIBUTE = re.compile(r"^ {4}(?P<name>\w+): (?P<words>.*(?:\n {5,}.*)*)", re.MULTILINE)


class Described(GenerateJsonSchema):
    """Generate a schema in which the docstrings of the classes describe the members."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe the members of a pydantic model."""
        return _describe(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """Describe the members of a dataclass."""
        return _describe(super().dataclass_schema(schema), schema["cls"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Say that a name of another form is refused, which a pattern of names alone does not say."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Generate one schema."""
        made = super().generate(schema, mode)
        _describe_enumerations(made.get("$defs", {}))
        return made

    def generate_definitions(
        self, inputs: Sequence[tuple[JsonSchemaKeyT, JsonSchemaMode, core_schema.CoreSchema]]
    ) -> tuple[dict[tuple[JsonSchemaKeyT, JsonSchemaMode], JsonSchemaValue], dict[DefsRef, JsonSchemaValue]]:
        """Generate the schemas of several bodies, with the definitions that they share."""
        schemas, definitions = super().generate_definitions(inputs)
        _describe_enumerations(definitions)
        return schemas, definitions


class Published(BaseModel):
    """A body of a message, or a part of one: its schema describes every member."""

    @classmethod
    def model_json_schema(
        cls,
        by_alias: bool | None = True,  # noqa: FBT001, FBT002 - as pydantic has it
        ref_template: str = DEFAULT_REF_TEMPLATE,
        schema_generator: type[GenerateJsonSchema] = Described,
        mode: JsonSchemaMode = "validation",
        **further: Any,  # noqa: ANN401 - of pydantic's versions
    ) -> dict[str, Any]:
        """Generate the JSON Schema."""
        return super().model_json_schema(by_alias, ref_template, schema_generator, mode, **further)


def attributes(cls: type) -> Mapping[str, str]:
    """Read the descriptions of the attributes from a class's docstring."""
    return _attributes(inspect.cleandoc(cls.__doc__ or ""))


@cache
def _attributes(docstring: str) -> Mapping[str, str]:
    section = _SECTION.search(f"{docstring}\n")
    found = _ATTRIBUTE.finditer(section["lines"]) if section else ()
    return {each["name"]: _plain(each["words"]) for each in found}


def _describe(made: JsonSchemaValue, cls: type) -> JsonSchemaValue:
    said = attributes(cls)
    for name, member in made.get("properties", {}).items():
        if "description" not in member and name in said:
            member["description"] = said[name]
    made["description"] = _general(inspect.cleandoc(cls.__doc__ or ""))
    return made


def _describe_enumerations(definitions: Mapping[DefsRef, JsonSchemaValue]) -> None:
    """Put the meaning of each value into the description: pydantic describes an enumeration by its whole docstring."""
    for made in definitions.values():
        if "enum" in made and (told := _attributes(docstring := made.get("description", ""))):
            values = [f"{name.lower()}: {words}" for name, words in told.items()]
            made["description"] = " ".join([_general(docstring), *values])


def _general(docstring: str) -> str:
    return _plain(_SECTION.sub("", f"{docstring}\n"), keep_paragraphs=True)


def _plain(words: str, *, keep_paragraphs: bool = False) -> str:
    """Join the lines of a text, and write it as JSON and Markdown do."""
    paragraphs = re.split(r"\n\s*\n", words.strip()) if keep_paragraphs else [words]
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return _NONE.sub("null", text).replace("``", "`")
