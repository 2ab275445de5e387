"""Charts of final events, drawn one at a time and cached: a page asks for all charts of an event at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from dashboard.portfolio import series
from report.charts.pictures import draw

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bus.language.messages import MasterPortfolioOptimized

# The charts of some ten events in both themes, 20 kB per chart.
_KEPT = 160


class Pictures:
    """A cache of the most recently used charts."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[tuple[Hashable, str, str], str] = OrderedDict()
        self._drawing = asyncio.Lock()

    async def svg(self, event: MasterPortfolioOptimized, identity: Hashable, name: str, theme: str) -> str | None:
        """Return chart *name*, as SVG, of the event in the message with this *identity*; None for an unknown name."""
        key = identity, name, theme
        async with self._drawing:
            if key not in self._drawn:
                if (shown := series(event).get(name)) is None:
                    return None
                self._drawn[key] = (await asyncio.to_thread(draw, shown, theme=theme)).svg
            self._drawn.move_to_end(key)
            while len(self._drawn) > _KEPT:
                self._drawn.popitem(last=False)
            return self._drawn[key]
