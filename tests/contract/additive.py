"""Compare two JSON Schemas: has the later only been added to?"""

from __future__ import annotations

from operator import ge, le
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a bound of a number or a length may become without refusing what was allowed.
LOOSER = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minItems", "minLength", "minProperties"), le),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties"), ge),
}
SAID_FOR_PEOPLE = {"title", "description", "$defs"}
DEEPEST = 30  # schemas that contain themselves would not end


def leaves(node: Any, defs: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    """Lay a schema out flat: what is said, by the path to it."""
    if isinstance(node, dict) and "$ref" in node and len(path) < DEEPEST:
        name = node["$ref"].rpartition("/")[2]
        yield from leaves(defs[name], defs, (*path, name))
    elif isinstance(node, dict):
        named = path[-1:] == ("properties",)
        for key, value in node.items():
            if named or key not in SAID_FOR_PEOPLE:
                yield from leaves(value, defs, (*path, key))
    elif isinstance(node, list):
        words = path[-1] in {"required", "enum"}  # sets, in which the order says nothing
        for i, value in enumerate(node):
            yield from leaves(value, defs, (*path, str(value) if words else str(i)))
    else:
        yield path, node


def changes(then: dict[str, Any], today: dict[str, Any], *, ours: bool, open_list: str = "") -> list[str]:
    """Name what is not additive.

    Args:
        then: The schema that was promised.
        today: The schema that there is.
        ours: Whether old processes read such messages too, and not only new ones old messages.
        open_list: The enumeration that may grow all the same.
    """
    before, after = (dict(leaves(schema, schema.get("$defs", {}))) for schema in (then, today))
    found = [f"gone: {told(path)}" for path, value in before.items() if not kept(path, value, after, ours=ours)]
    for path in after.keys() - before.keys():
        parent, (kind, word) = path[:-2], path[-2:] if len(path) > 1 else ("", path[-1])
        there = any(other[: len(parent)] == parent for other in before)
        if kind == "required" and there:
            found.append(f"required now: {told(path)}")
        elif kind == "enum" and ours and open_list not in parent and there:
            found.append(f"a value that old processes do not know: {told(path)}")
        elif word == "minimum" and before.get((*path[:-1], "exclusiveMinimum"), after[path] - 1) >= after[path]:
            continue  # looser: above it before, and at it now
        elif word in {*LOOSER, "pattern"} and any(other[:-1] == path[:-1] for other in before):
            found.append(f"a bound that there was not: {told(path)}")
    return found


def kept(path: tuple[str, ...], value: object, after: dict[tuple[str, ...], Any], *, ours: bool) -> bool:
    """Whether what was said still holds, or something weaker that harms nobody."""
    if path[-1] in LOOSER and path not in after:
        return True
    if path[-1] in LOOSER:
        return bool(LOOSER[path[-1]](after[path], value))
    if path[-2:-1] == ("required",) and not ours:
        return True
    return path in after and after[path] == value


def told(path: tuple[str, ...]) -> str:
    """Write a path."""
    return "/".join(path)
