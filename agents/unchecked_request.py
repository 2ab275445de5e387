"""A request in an agent's own process: bytes; only the solver's process checks and reads all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bus.language.messages import LONGEST_S, SHORTEST_S, USUAL_S, glance


@dataclass(frozen=True, slots=True)
class UncheckedRequest:
    """A request that may be invalid.

    Attributes:
        request_id: The id under which the request was published.
        data: The request's body.
        market: The market that the request names; of any type, since nothing is checked yet.
        deadline_s: The time allowed for the final event, within the limits of a valid request.
    """

    request_id: str
    data: bytes
    market: object
    deadline_s: float

    @classmethod
    def glimpse(cls, request_id: str, data: bytes) -> Self:
        """Read the two fields that the agent's own process needs: the market to fetch, and the seconds to compute."""
        body = glance(data)
        stated = body.get("deadline_s", USUAL_S)
        seconds = stated if isinstance(stated, int | float) and stated >= SHORTEST_S else SHORTEST_S
        return cls(request_id, data, body.get("market"), min(seconds, LONGEST_S))
