"""Run a command's coroutine with a command's usual manners: interruptible, errors in one line."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import structlog

from bus.port import BusError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


def run(work: Coroutine[None, None, int], *, interrupted: int = 130) -> int:
    """Run one command's coroutine; return the exit status.

    An interruption cancels the coroutine, which then cleans up. An error of the bus prints one line.
    """
    try:
        with _warnings_only():
            return asyncio.run(_interruptible(work, interrupted))
    except BusError as error:
        click.echo(f"podfolio: {error}", err=True)
    except BaseExceptionGroup as errors:
        if not (known := errors.subgroup(BusError)):
            raise
        # Tasks that end for one reason say it once.
        for words in dict.fromkeys(map(str, _flat(known))):
            click.echo(f"podfolio: {words}", err=True)
    return 1


def _flat(errors: BaseExceptionGroup[BusError]) -> Iterator[BusError]:
    """List the errors of a group, and of the groups within it."""
    for each in errors.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _flat(each)
        else:
            yield each


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Log no more than warnings: people read the output here, and the processes have logs of their own."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _interruptible(work: Coroutine[None, None, int], interrupted: int) -> int:
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return interrupted
