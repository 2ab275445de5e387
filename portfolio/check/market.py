"""Check what a final event says of its market: what its returns are, the day of its prices, and what follows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market


def market_told(event: Event, market: Market) -> Iterator[str]:
    """Check the statements of the market against its own files."""
    told = event["market"]
    stated = asdict(market.basis).items()
    basis = {name: value.isoformat() if isinstance(value, date) else value for name, value in stated}
    for name, due in (("basis", basis), ("priced_on", market.priced_on.isoformat()), ("inflation", market.inflation)):
        if told[name] != due:
            yield f"the event says of its market that its {name} is {told[name]}, not {due}"
