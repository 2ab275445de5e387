"""Explain in plain words the mistakes in a body: the field, its value, and a valid value.

Pydantic finds the mistakes and names their kinds; pydantic's own sentences are for programmers.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bus.language.forms import WORDS
from bus.language.plain_text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# The most mistakes to report: enough to correct the body in one go, not enough to flood a log.
_TOLD = 8
# Longest name, value and sentence of a mistake: the sender's text may be most of each.
_NAME, _VALUE, _SENTENCE = 120, 40, 600

# The remedy per kind of pydantic's mistakes; the names in braces are keys of the mistake's context.
_REMEDIES: Mapping[str, str] = {
    "date_from_datetime_inexact": "give a day, such as 2025-11-07",
    "date_from_datetime_parsing": "give a day that there is, such as 2025-11-07",
    "date_parsing": "give a day that there is, such as 2025-11-07",
    "date_type": "give a day, such as 2025-11-07",
    "dict_type": "give an object, {{...}}",
    "enum": "give {expected}",
    "finite_number": "give a finite number",
    "float_parsing": "give a number",
    "float_type": "give a number",
    "greater_than": "give more than {gt:,.15g}",
    "greater_than_equal": "give at least {ge:,.15g}",
    "int_from_float": "give a whole number",
    "int_parsing": "give a whole number",
    "int_parsing_size": "give a smaller whole number",
    "int_type": "give a whole number",
    "less_than": "give less than {lt:,.15g}",
    "less_than_equal": "give at most {le:,.15g}",
    "list_type": "give a list, [...]",
    "literal_error": "give {expected}",
    "model_attributes_type": "give an object, {{...}}",
    "model_type": "give an object, {{...}}",
    "string_too_long": "give at most {max_length:,} characters",
    "string_too_short": "give {min_length:,} or more characters",
    "string_type": "give text in quotation marks",
    "too_long": "give at most {max_length:,} entries",
    "too_short": "give {min_length:,} or more entries",
    "union_tag_invalid": "give one whose type is one of {expected_tags}",
    "union_tag_not_found": "give one with a type",
}


def explain(error: ValidationError, fields: Collection[str] = ()) -> str:
    """Explain the mistakes, one clause per mistake, at most the first few.

    Args:
        error: Pydantic's error.
        fields: Known names, for a suggestion where a field is unknown.
    """
    told = [printable(_say(mistake, fields), longest=_SENTENCE) for mistake in error.errors(include_url=False)[:_TOLD]]
    if error.error_count() > _TOLD:
        told.append(f"and {error.error_count() - _TOLD} more")
    return "; ".join(told)


def named(where: str) -> str:
    """Shorten the name of a field that a sender made up."""
    return printable(where, longest=_NAME)


def _say(mistake: ErrorDetails, fields: Collection[str]) -> str:
    path, kind, context = [str(part) for part in mistake["loc"]], mistake["type"], mistake.get("ctx", {})
    name = path[-2] if path[-1:] == ["[key]"] else None
    where = named(".".join(path if name is None else path[:-2])) or "the body"
    if kind == "json_invalid":
        return f"{where} is not JSON ({context['error']}): mend it there"
    if kind == "missing":
        return f"{where} is missing: give it"
    if kind == "extra_forbidden":
        meant = get_close_matches(path[-1], fields, n=1)
        return f"{where} is not known: {f'write {meant[0]}' if meant else 'leave it out'}"
    if (remedy := _remedy(kind, context)) is None:
        what = mistake["msg"].removeprefix("Value error, ")
        return f"{where}: {what}" if path else what
    if name is not None:
        return f"{where} has the name {_shown(name)}: {remedy}"
    return f"{where} is {_shown(mistake['input'])}: {remedy}"


def _remedy(kind: str, context: Mapping[str, Any]) -> str | None:
    if kind == "string_pattern_mismatch":
        return f"give {WORDS[context['pattern']]}"
    remedy = _REMEDIES.get(kind)
    return None if remedy is None else remedy.format(**context).replace("'", "")


def _shown(value: object) -> str:
    """Show a value as JSON; show only the size of an object or a list."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return printable(json.dumps(value, ensure_ascii=False, default=str), longest=_VALUE)
