"""What every long-running process of the system does: log, connect, watch, say it is ready, drain.

SIGTERM and SIGINT ask it to stop: what is in hand is finished, nothing new is taken, it exits with 0.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

import structlog

from bus.jetstream import connect
from bus.port import BusError, NotSetUpError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeAlias

    from bus.jetstream import Connection, JetStreamBus

    Main: TypeAlias = Callable[[JetStreamBus, asyncio.Event, asyncio.Event], Awaitable[None]]

# How long a process waits for somebody to run `podfolio setup` before it gives up.
_SETUP_WAIT_S = 30.0
# A health check may call the process dead when its ready file is three times older than this.
_READY_EVERY_S = 5.0

_TURN_S = 0.0005

log = structlog.get_logger()


def configure_logs(**facts: str) -> None:
    """Log to standard error, as JSON unless that is a terminal; *facts* go into every line."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**facts)


def run(
    connection: Connection,
    main: Main,
    *,
    queues: frozenset[str],
    ready_file: Path | None = None,
) -> int:
    """Run *main* until a signal or the loss of the connection ends it; returns the exit status.

    Args:
        connection: The server and who we are.
        main: Gets the bus, an event that is set when it should finish, and one that it sets when it takes work.
        queues: Work queues that must exist before it can start.
        ready_file: Touched while the process is ready, removed when it is not; for health checks.
    """
    # A solver's thread that computes in Python gives the event loop its turn this often; the default
    # of 5 ms is paid again for every message while it computes.
    sys.setswitchinterval(_TURN_S)
    status = 0
    try:
        asyncio.run(_serve(connection, main, queues, ready_file))
    except* BusError as errors:
        log.error("process.failed", error="; ".join(str(error) for error in _leaves(errors)))  # noqa: TRY400
        status = 1
    return status


def _leaves(group: BaseExceptionGroup[BusError]) -> list[BusError]:
    """Take the errors out of the groups that task groups wrap around them."""
    found: list[BusError] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


async def _serve(
    connection: Connection,
    main: Main,
    queues: frozenset[str],
    ready_file: Path | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with connect(connection) as bus:
        await _await_setup(bus, queues, stop)
        ready = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(_fail_when_closed(bus)), group.create_task(_tell(ready, ready_file))]
                await main(bus, stop, ready)
                log.info("process.drained")
                for task in beside:
                    task.cancel()
        finally:
            if ready_file:
                ready_file.unlink(missing_ok=True)


async def _await_setup(bus: JetStreamBus, queues: frozenset[str], stop: asyncio.Event) -> None:
    """Wait until somebody has created the work queues, and until there is somebody to ask.

    A process that is started during an outage of the server is not to end for that: whoever starts it again would wait
    longer each time, and long after the outage.

    Raises:
        NotSetUpError: If nobody did.
        UnreachableError: If nobody answers.
    """
    deadline = asyncio.get_running_loop().time() + _SETUP_WAIT_S
    told = False
    while not stop.is_set():
        try:
            missing = [queue for queue in sorted(queues) if not await bus.has_queue(queue)]
            problem: BusError = NotSetUpError(
                f"work queue {', '.join(missing)} does not exist: run `podfolio setup` once"
            )
        except UnreachableError as error:
            missing, problem = sorted(queues), error
        if not missing:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise problem
        if not told:
            log.warning("process.waiting_for_setup", missing=missing, error=str(problem))
            told = True
        await asyncio.sleep(0.5)


async def _fail_when_closed(bus: JetStreamBus) -> None:
    await bus.closed()
    message = "the connection to the server is lost for good; restart this process"
    raise BusError(message)


async def _tell(ready: asyncio.Event, file: Path | None) -> None:
    """Log that the process takes work, and keep touching its file."""
    await ready.wait()
    log.info("process.ready")
    while file:
        file.touch()
        await asyncio.sleep(_READY_EVERY_S)
