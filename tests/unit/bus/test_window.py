"""As many reads at once as the line carries."""

from __future__ import annotations

import asyncio

import pytest
from support.own_time import in_own_time

from bus.transports.jetstream.connection.window import Window

# Later than an answer that waits for no other.
LATE_S = 2.0


class Line:
    """A line that carries so many at once in time; more make each late."""

    def __init__(self, carries: int) -> None:
        self.carries, self.on_it, self.most, self.late = carries, 0, 0, 0

    async def read(self, passing: Window) -> None:
        async with passing.passed():
            self.on_it += 1
            self.most = max(self.most, self.on_it)
            is_late = self.on_it > self.carries
            self.late += is_late
            await asyncio.sleep(LATE_S if is_late else 0.0)
            self.on_it -= 1


@in_own_time
async def test_a_line_that_is_fast_takes_all() -> None:
    passing, line = Window(), Line(1_000)
    await asyncio.gather(*(line.read(passing) for _ in range(100)))

    assert (line.most, passing.is_narrow) == (64, False)


@in_own_time
async def test_a_line_that_is_slow_is_given_what_it_carries_and_all_pass() -> None:
    passing, line = Window(), Line(4)
    await asyncio.gather(*(line.read(passing) for _ in range(200)))
    assert passing.is_narrow
    line.most = 0
    await asyncio.gather(*(line.read(passing) for _ in range(50)))

    # Reads that are in time widen the window until the first late ones have come.
    assert line.most <= 24
    assert (passing._through, passing.width >= 1) == (0, True)  # noqa: SLF001 - nobody is left in it


@in_own_time
async def test_a_line_that_was_slow_is_used_in_full_again() -> None:
    passing = Window(width=1)
    fast = Line(1_000)
    await asyncio.gather(*(fast.read(passing) for _ in range(100)))

    assert not passing.is_narrow


@in_own_time
async def test_a_read_that_fails_or_is_cancelled_leaves_its_place() -> None:
    passing = Window(width=1)

    async def fails() -> None:
        async with passing.passed():
            raise OSError

    for _ in range(3):
        with pytest.raises(OSError):  # noqa: PT011 - the one above
            await fails()
    async with passing.passed():
        passing.width = 1
        waiting = asyncio.create_task(fails())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), passing.passed():
        pass
