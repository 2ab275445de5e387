"""The latest so many names."""

from __future__ import annotations

from dataclasses import dataclass, field

# Ten minutes of what one coordinator can do; a name is some 100 bytes.
_REMEMBERED = 20_000


@dataclass(slots=True)
class Recent:
    """A set that forgets its oldest."""

    _names: dict[str, None] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Remember *name*, and forget the oldest if there are too many."""
        self._names[name] = None
        if len(self._names) > _REMEMBERED:
            del self._names[next(iter(self._names))]

    def discard(self, name: str) -> None:
        """Forget *name*, if it is remembered."""
        self._names.pop(name, None)
