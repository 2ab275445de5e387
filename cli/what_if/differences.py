"""Describe the differences between two requests, field by field, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bus.language.messages import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bus.language.messages import OptimizationRequest

# Fields that identify a list member; the first one present is the key.
_KEYS = ("goal_id", "ticker", "acquired")


def differences(a: OptimizationRequest, b: OptimizationRequest) -> list[str]:
    """Describe each field in which *b* differs from *a*; an omitted field counts as having the default value."""
    return list(_compare("", json.loads(encode(a)), json.loads(encode(b))))


def _compare(where: str, a: Any, b: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(a, list) and isinstance(b, list):
        if not any(isinstance(member, dict) for member in (*a, *b)):
            yield from (f"{where} has {_say(member)} only in the first" for member in a if member not in b)
            yield from (f"{where} has {_say(member)} only in the second" for member in b if member not in a)
            return
        a, b = _by_key(a), _by_key(b)
    if isinstance(a, dict) and isinstance(b, dict):
        for name in [*a, *(name for name in b if name not in a)]:
            path = f"{where}.{name}" if where else name
            if name not in b:
                yield f"{path} is only in the first: {_say(a[name])}"
            elif name not in a:
                yield f"{path} is only in the second: {_say(b[name])}"
            else:
                yield from _compare(path, a[name], b[name])
    elif a != b:
        more = f" ({abs(b - a):g} {'more' if b > a else 'less'})" if _number(a) and _number(b) else ""
        yield f"{where} is {_say(b)} instead of {_say(a)}{more}"


def _by_key(members: list[Any]) -> Mapping[str, Any]:
    """Index a list's objects by key, because their order has no meaning; number the objects with equal keys."""
    named: dict[str, Any] = {}
    for member in members:
        key = next((str(member[k]) for k in _KEYS if k in member), "")
        name, again = key, 1
        while name in named:
            again += 1
            name = f"{key} ({again})"
        named[name] = member
    return named


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _say(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return "not given" if value is None else value if isinstance(value, str) else json.dumps(value)
