"""Time that passes only where everybody waits for it, so that no machine is too slow: for tests of pauses."""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """In the place of waiting, time has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for something else than time"
        self.now += max(timeout, 0.0)
        return super().select(0)  # type: ignore[no-any-return]


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def in_own_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop whose time passes at once, and where nothing but what waits makes it pass."""

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(test(*arguments, **named))

    return run
