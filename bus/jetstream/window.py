"""How many reads are on their way at once: as many as the line carries, found out as TCP does.

More than it carries only makes each of them late; what is late is given up and asked for again, so that a line that was
slow becomes one on which nothing arrives.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# More than a process has in hand at once.
_MOST = 64
# Within this an answer comes that did not wait behind others, even if the first replica that was asked is cut off.
_SOON_S = 1.0


@dataclass(slots=True)
class Window:
    """Lets so many through at once.

    Attributes:
        width: How many.
    """

    width: int = _MOST
    _through: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def is_narrow(self) -> bool:
        """Whether the line carries less than it could be asked for."""
        return self.width < _MOST

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Wait for one's turn, and take it while the block lasts."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._through < self.width)
            self._through += 1
        now = asyncio.get_running_loop().time
        began, width = now(), self.width
        try:
            yield
        finally:
            self._through -= 1
            # Halved once for all that were on their way together.
            if now() - began <= _SOON_S:
                self.width = min(_MOST, self.width + 1)
            elif self.width == width:
                self.width = max(1, width // 2)
            async with self._changed:
                self._changed.notify_all()
