"""Compare the channels that were promised with those of today: can clients of version 1 still do all they did?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What may be allowed more generously, or be kept longer.
_MAY_GROW = {"max_msg_size", "max_age"}


def taken_away(then: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """Name what was promised of channels and streams, and is not so today; new channels harm nobody.

    A new message on an old channel does: who reads it tells messages apart by a type that he does not know.
    """
    for name, promised in then["channels"].items():
        if name not in document["channels"]:
            yield f"{name}: gone"
            continue
        today = facts(document, name)
        for fact, value in promised.items():
            if fact == "roles":
                for verb, roles in value.items():
                    yield from (f"{name}: {role} may not {verb}" for role in roles if role not in today["roles"][verb])
            elif today[fact] != value:
                yield f"{name}: {fact} was {value}, is {today[fact]}"
    for name, settings in then["streams"].items():
        now = document["x-jetstream"]["streams"].get(name, {})
        for key, value in settings.items():
            if now.get(key) != value and not (key in _MAY_GROW and now.get(key, 0) > value):
                yield f"{name}: {key} was {value}, is {now.get(key)}"


def facts(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Collect what clients are promised of a channel."""
    channel = document["channels"][name]
    return {
        "address": channel["address"],
        "parameters": sorted(channel["parameters"]),
        "messages": sorted(channel["messages"]),
        "stream": channel["x-jetstream"]["stream"],
        "action": document["operations"][name]["action"],
        "roles": channel["x-roles"],
    }
