"""Explain in plain words the mistakes in a body: the field, its value, and a valid value.

Pydantic finds the mistakes and names their kinds; pydantic's own sentences are for programmers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bus.language import mends, syntax
from bus.language.forms import WORDS
from bus.language.plain_text import printable
from portfolio.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# The most mistakes to report: enough to correct the body in one go, not enough to flood a log.
MOST_TOLD = 8
# Longest name, value and sentence of a mistake: the sender's text may be most of each.
_NAME, _VALUE, _SENTENCE = 120, 40, 600
# The members that name an entry of a list, the likeliest first.
_NAMES = ("ticker", "goal_id")

# The remedy per kind of pydantic's mistakes; the names in braces are keys of the mistake's context.
_REMEDIES: Mapping[str, str] = {
    "date_from_datetime_inexact": "give a day, such as 2025-11-07",
    "date_from_datetime_parsing": "give a day that there is, from 1900 to 2199, such as 2025-11-07",
    "date_parsing": "give a day that there is, from 1900 to 2199, such as 2025-11-07",
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
    "tuple_type": "give a list, [...]",
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


def explain(error: ValidationError) -> str:
    """Explain the mistakes, one clause per mistake, at most the first few."""
    return "; ".join(mistakes(error))


def mistakes(
    error: ValidationError,
    fields: Collection[str] = (),
    body: Mapping[str, object] | None = None,
    *,
    most: int = MOST_TOLD,
) -> list[str]:
    """Explain each mistake, at most the first few; the last clause then gives the number of the others.

    Args:
        error: Pydantic's error.
        fields: Known names, for a suggestion where a field is unknown.
        body: The body, to name an entry of a list by its ticker or id as well as by its place.
        most: The most mistakes to explain.
    """
    first = error.errors(include_url=False)[:most]
    told = [printable(_say(mistake, fields, body or {}), longest=_SENTENCE) for mistake in first]
    if error.error_count() > most:
        told.append(f"and {error.error_count() - most} more")
    return told


def first_field(error: ValidationError) -> str:
    """Name the field of the first mistake, with the names around it; empty where the body as a whole is wrong."""
    path = [str(part) for part in error.errors(include_url=False, include_input=False)[0]["loc"]]
    return named(".".join(path[:-2] if path[-1:] == ["[key]"] else path))


def named(where: str) -> str:
    """Shorten the name of a field that a sender made up."""
    return printable(where, longest=_NAME)


def _say(mistake: ErrorDetails, fields: Collection[str], body: Mapping[str, object]) -> str:
    path, kind, context = [str(part) for part in mistake["loc"]], mistake["type"], mistake.get("ctx", {})
    name = path[-2] if path[-1:] == ["[key]"] else None
    where = named(".".join(path if name is None else path[:-2])) or "the body"
    if entry := _entry(mistake["loc"], body):
        where = f"for {printable(entry, longest=_VALUE)}, {where}"
    if kind == "json_invalid":
        return f"{where} is not JSON: {syntax.fault(mistake['input']) or context['error']}"
    if kind == "missing":
        return f"{where} is missing: give it"
    if kind == "extra_forbidden":
        # A field of another part of the request may have the very name.
        meant = nearest(path[-1], [field for field in fields if field != path[-1]])
        return f"{where} is not known: {f'write {meant}' if meant else 'leave it out'}"
    if (remedy := _remedy(kind, context, name if name is not None else mistake["input"])) is None:
        what = mistake["msg"].removeprefix("Value error, ")
        return f"{where}: {what}" if path else what
    if name is not None:
        return f"{where} has the name {_shown(name)}: {remedy}"
    return f"{where} is {_shown(mistake['input'])}: {remedy}"


def _entry(path: Sequence[str | int], body: object) -> str | None:
    """Find the ticker or id of the last entry of a list on the way to a value; None if there is none."""
    entry = None
    for step in path:
        if isinstance(body, dict):
            body = body.get(step)
        else:
            body = body[step] if isinstance(body, list) and isinstance(step, int) and step < len(body) else None
        if isinstance(step, int) and isinstance(body, dict):
            entry = next((body[name] for name in _NAMES if isinstance(body.get(name), str)), entry)
    return entry


def _remedy(kind: str, context: Mapping[str, Any], value: object) -> str | None:
    if any(isinstance(context.get(bound), str) for bound in ("ge", "le")):
        kind = "date_parsing"  # the bound of a day, not of a number
    if kind == "string_pattern_mismatch":
        remedy = f"give {WORDS[context['pattern']]}"
    elif kind in _REMEDIES:
        remedy = _REMEDIES[kind].format(**context).replace("'", "")
    else:
        return None
    mend = _mend(kind, context, value)
    return f"{remedy} ({mend})" if mend else remedy


def _mend(kind: str, context: Mapping[str, Any], value: object) -> str | None:
    """Say how to write the value that the sender probably meant; None if that is not known."""
    if kind == "string_pattern_mismatch":
        return mends.name(value, context["pattern"])
    if kind in {"less_than_equal", "greater_than_equal"}:
        return mends.fraction(value, context["le" if kind == "less_than_equal" else "ge"])
    if kind.startswith(("float_", "int_")):
        return mends.number(value)
    return mends.day(value) if kind.startswith("date_") else None


def _shown(value: object) -> str:
    """Show a value as JSON; show only the size of an object or a list."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return printable(json.dumps(value, ensure_ascii=False, default=str), longest=_VALUE)
