"""The frame of every long-running process: logging, connection, health, and an orderly stop.

SIGTERM and SIGINT ask the process to stop: the process takes no new work, finishes the work in hand and exits with 0.
At ``LEAVE_S``, the process leaves unfinished work to other processes: the server redelivers the messages. At ``END_S``,
a timer ends a process that hangs even then. Both late ends exit with 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bus.observability import metrics
from bus.observability.tracing import exporting
from bus.port import BusError, UnreachableError
from bus.process.http import serving
from bus.process.starting import started
from bus.transports.jetstream import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from bus.observability.service import Service
    from bus.process.settings import ListenAddress
    from bus.transports.jetstream import Connection, JetStreamBus

    Main: TypeAlias = Callable[[JetStreamBus, asyncio.Event, asyncio.Event], Awaitable[None]]

# A process that waits for an administrator to run `podfolio setup` says so this often.
_SETUP_TOLD_S = 30.0
# Between two tries to reach the server, or to find the work queues.
_AGAIN_S = 0.5
# From the signal on. A message in hand may be a search of an hour, or wait for a server that is away: other processes
# can take the message over.
LEAVE_S = 20.0
# Before the sender of the signal loses patience: Kubernetes kills after the 35 s that deploy/ asks for.
END_S = 25.0
# The most that a health check waits for the server; a healthy server takes a thousandth of this.
_READY_S = 1.0

log = structlog.get_logger()


def configure_logs(**facts: str) -> None:
    """Log to standard error, as JSON unless standard error is a terminal; add *facts* to every line."""
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
    service: Service,
    http: ListenAddress | None = None,
    set_up_by: str = "podfolio setup",
) -> int:
    """Run *main* until a signal or the loss of the connection ends it; return the exit status.

    The status is 0 if all work in hand was finished, else 1.

    Args:
        connection: The server and this process's identity.
        main: Receives the bus, an event that is set when *main* should finish, and an event that *main* sets when
            taking work.
        service: The process's service; its work queues must exist before the process can start.
        http: Where to serve health checks and metrics; nowhere by default.
        set_up_by: The command that creates the work queues, without the options for the server.
    """
    started()
    set_up = connection.command(set_up_by)
    status = 0
    try:
        with exporting(service):
            asyncio.run(_serve(connection, main, _Health(service, set_up), http))
    except* BusError as errors:
        log.error("process.failed", error="; ".join(str(error) for error in _leaves(errors)))  # noqa: TRY400
        status = 1
    return status


def _leaves(group: BaseExceptionGroup[BusError]) -> list[BusError]:
    """Extract the errors from the groups that task groups wrap around them."""
    errors: list[BusError] = []
    for error in group.exceptions:
        errors.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return errors


@dataclass(slots=True)
class _Health:
    """The state behind ``/ready``.

    Attributes:
        service: The process's service.
        set_up: The command that creates the service's work queues.
        stop: Set when the process takes no new work.
        started: Set when the process takes work.
        bus: The connection, once connected.
    """

    service: Service
    set_up: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    bus: JetStreamBus | None = None

    async def unready(self) -> str:
        """Say why the process takes no work now; return an empty string if the process does."""
        if self.stop.is_set():
            return "it is stopping"
        if self.bus is None:
            return "it is starting"
        if self.bus.is_reconnecting:
            return "the server does not answer"
        try:
            async with asyncio.timeout(_READY_S):
                if missing := await _missing(self.bus, self.service):
                    return f"it waits: {self.wanting(missing)}"
        except (BusError, TimeoutError) as error:
            return str(error) or f"the server has not answered within {_READY_S:g} s"
        return "" if self.started.is_set() else "it is starting"

    def wanting(self, missing: Sequence[str]) -> str:
        """Say which work queues do not exist, and the command that creates them."""
        return f"work queue {', '.join(missing)} does not exist: run `{self.set_up}` once"


async def _serve(connection: Connection, main: Main, health: _Health, http: ListenAddress | None) -> None:
    service = health.service
    metrics.SERVICE.info({"service": service.name, "version": service.version})
    for endpoint in service.endpoints:
        metrics.expect(endpoint.queue, endpoint.kind.value)
    try:
        async with asyncio.timeout(None) as limit:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, _stop, health.stop, limit)
            await _work(connection, main, health, http)
    except TimeoutError:
        message = f"work in hand {LEAVE_S:g} s after the signal to stop is left to others"
        raise BusError(message) from None


def _stop(stop: asyncio.Event, limit: asyncio.Timeout) -> None:
    """Request the stop and enforce the end: first by asyncio's timeout, later by a timer that needs no event loop."""
    if stop.is_set():
        return
    stop.set()
    log.info("process.stops", leaves_s=LEAVE_S, ends_s=END_S)
    # The timer is C code that waits for no event loop, lock or thread; the timer logs where the threads hang, then
    # exits with 1.
    faulthandler.dump_traceback_later(END_S, exit=True)
    with contextlib.suppress(RuntimeError):  # the work has ended already
        limit.reschedule(asyncio.get_running_loop().time() + LEAVE_S)


async def _work(connection: Connection, main: Main, health: _Health, http: ListenAddress | None) -> None:
    async with AsyncExitStack() as stack:
        if http:
            log.info("process.listens", http=await stack.enter_async_context(serving(http, unready=health.unready)))
        health.bus = bus = await _connected(stack, connection, health.stop)
        if bus is not None:
            await _await_setup(bus, health)
        if bus is None or health.stop.is_set():
            return
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(_fail_when_closed(bus)), group.create_task(_announce(bus, health))]
            await main(bus, health.stop, health.started)
            log.info("process.drained")
            for task in beside:
                task.cancel()


async def _connected(stack: AsyncExitStack, connection: Connection, stop: asyncio.Event) -> JetStreamBus | None:
    """Connect for as long as *stack* lasts, however long no server answers; return None once *stop* is set.

    Raises:
        RefusedError: If the server rejects the credentials.
    """
    told = False
    while not stop.is_set():
        try:
            return await stack.enter_async_context(connect(connection))
        except UnreachableError as error:
            if not told:
                log.warning("process.waiting_for_server", error=str(error))
                told = True
        await _pause(stop)
    return None


async def _pause(stop: asyncio.Event) -> None:
    """Wait until the next try, or until the process is to stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_AGAIN_S):
            await stop.wait()


async def _missing(bus: JetStreamBus, service: Service) -> list[str]:
    return [queue for queue in sorted(service.queues) if not await bus.has_queue(queue)]


async def _await_setup(bus: JetStreamBus, health: _Health) -> None:
    """Wait until the server answers and the work queues exist, or until the process is to stop.

    A process that starts during an outage of the server, or before the set-up, must not exit for that, here or in
    ``_connected``: the supervisor would wait longer before each restart, until long after the outage.
    """
    clock = asyncio.get_running_loop().time
    told_at = -_SETUP_TOLD_S
    while not health.stop.is_set():
        try:
            if not (missing := await _missing(bus, health.service)):
                return
            problem = health.wanting(missing)
        except UnreachableError as error:
            problem = str(error)
        if clock() >= told_at + _SETUP_TOLD_S:
            log.warning("process.waiting_for_setup", queues=sorted(health.service.queues), why=problem)
            told_at = clock()
        await _pause(health.stop)


async def _fail_when_closed(bus: JetStreamBus) -> None:
    await bus.closed()
    message = "the connection to the server is lost for good; restart this process"
    raise BusError(message)


async def _announce(bus: JetStreamBus, health: _Health) -> None:
    """Log that the process takes work, and answer discovery requests for its service."""
    await health.started.wait()
    async with bus.answering(health.service):
        log.info("process.ready", service=health.service.name, id=health.service.id)
        await asyncio.Event().wait()
