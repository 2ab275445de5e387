"""Limit the number of concurrent reads to the capacity of the line, which is probed as TCP does.

More reads than the line carries only make each read late. The client gives up late reads and repeats them, so that on
a slow line soon no read completes.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# More than the number of messages that a process handles at once.
_MOST = 64
# An answer that waits for no other answers comes within this time, even if the first replica asked is cut off.
_SOON_S = 1.0


@dataclass(slots=True)
class Window:
    """Limit on concurrent reads.

    Attributes:
        width: Number of reads that may run at once.
    """

    width: int = _MOST
    _through: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def is_narrow(self) -> bool:
        """Whether the line carries less than the maximum number of reads."""
        return self.width < _MOST

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Wait for a free place, and hold the place while the block lasts."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._through < self.width)
            self._through += 1
        now = asyncio.get_running_loop().time
        began, width = now(), self.width
        try:
            yield
        finally:
            self._through -= 1
            # Halve only once for all reads that ran at the same time.
            if now() - began <= _SOON_S:
                self.width = min(_MOST, self.width + 1)
            elif self.width == width:
                self.width = max(1, width // 2)
            async with self._changed:
                self._changed.notify_all()
