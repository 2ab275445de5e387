"""The number of requests in flight, as TCP has it: slow start, then congestion avoidance (RFC 5681, 3.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

# As many as the children of two coordinators work on, with some that wait.
_FIRST = 8


@dataclass(slots=True)
class Window:
    """The number of requests in flight, and how many there may be.

    Attributes:
        most: The most requests in flight, however fast the answers come.
        allowed: The requests that may be in flight now; a fraction counts towards the next one.
        in_flight: The requests that are asked and not answered.
        refused: Whether the system ever had too much to do.
    """

    most: int
    allowed: float = 0.0
    in_flight: int = 0
    refused: bool = False

    def __post_init__(self) -> None:
        """Begin with a few."""
        self.allowed = float(min(_FIRST, self.most))

    @property
    def has_room(self) -> bool:
        """Whether one more request may be asked."""
        return self.in_flight < int(self.allowed)

    def answered(self) -> None:
        """Note an answer: each allows one more; after a refusal, only as many as are allowed in flight do."""
        self.in_flight -= 1
        self.allowed = min(self.allowed + (1 / self.allowed if self.refused else 1), float(self.most))

    def overloaded(self) -> None:
        """Note a refusal because there was too much to do: half as many may be in flight, at least one."""
        self.in_flight -= 1
        self.refused = True
        self.allowed = max(self.allowed / 2, 1.0)
