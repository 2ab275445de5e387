"""Walk through a final event, to forge every part of it."""

from __future__ import annotations

import copy
import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Event = dict[str, Any]
Path = tuple[str | int, ...]


def at(event: Event, path: Path) -> Any:  # noqa: ANN401 - JSON
    part: Any = event
    for key in path:
        part = part[key]
    return part


def leaves(part: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        for key, value in part.items():
            yield from leaves(value, (*path, key))
    elif isinstance(part, list):
        for i, value in enumerate(part):
            yield from leaves(value, (*path, i))
    else:
        yield path


def places(part: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - JSON
    """Everything that could be taken away."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def pattern(path: Path) -> str:
    return re.sub(r"\b(alpha|beta|gamma|delta|\d+)\b", "*", ".".join(map(str, path)))


def one_of_each(paths: Iterable[Path]) -> list[Path]:
    """Leave one path of each kind, whatever the pod, the place in a list, or the ETF."""
    kinds: dict[str, Path] = {}
    for path in paths:
        kinds.setdefault(re.sub(r"\b[A-Z]{2,5}\b", "*", pattern(path)), path)
    return list(kinds.values())


@contextmanager
def changing(event: Event, path: Path) -> Iterator[Any]:
    """Give the place of a path to be changed, and undo it afterwards: to copy an event takes as long as its check."""
    place = at(event, path[:-1])
    before = copy.copy(place)
    yield place
    place.clear()
    if isinstance(place, dict):
        place.update(before)
    else:
        place.extend(before)


def forgeries(event: Event, parts: tuple[str, ...]) -> Iterator[tuple[Path, object]]:
    """Give every leaf of some parts a false value: a little more or less, by turns where its kind is frequent.

    A kind is what has one ``pattern``: each of its numbers is forged, and the kind in both directions.
    """
    paths = [path for path in leaves(event) if path[0] in parts]
    often, seen = Counter(map(pattern, paths)), Counter[str]()
    for path in paths:
        value, kind = at(event, path), pattern(path)
        ways = [0.99, 1.01] if isinstance(value, (int, float)) and not isinstance(value, bool) else [1.01]
        if often[kind] > 1:
            ways = [ways[seen[kind] % len(ways)]]
        seen[kind] += 1
        for factor in ways:
            yield path, changed(value, factor)


def changed(value: object, factor: float) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, (int, float)):
        # Less than a millionth is a solver's zero.
        return value * factor if abs(value) > 1e-6 else value + factor - 1
    return 0.5
