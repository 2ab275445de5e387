"""The whole system on one machine: a server, four agents, a coordinator and a challenger, each in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import IO, TYPE_CHECKING

from agents import mandate_files
from bus.administration.server import ending_with_parent, launch
from bus.administration.setup import set_up
from bus.port import BusError, UnreachableError
from bus.process.frame import END_S
from bus.process.options import variables
from bus.topology.roles import ADMIN, CHALLENGER, COORDINATOR, OPERATOR, REVIEWER, agent_role, service_name
from bus.transports.jetstream import Connection, connect
from cli.system.kept import Kept
from portfolio.counted import counted

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bus.administration.server import Server
    from bus.transports.jetstream import JetStreamBus
    from cli.trust.keys import Keys

# Starting takes a second; a machine that needs this long will not succeed later.
_START_S = 30.0
# A stopping process finishes the work in hand or ends itself at END_S; only a process that cannot is killed, after this
# time.
_STOP_S = END_S + 2.0


@asynccontextmanager
async def whole_system(
    store: Path,
    *,
    port: int | None,
    logs: IO[bytes] | None,
    say: Callable[[str], None],
    keys: Keys | None = None,
    reviews_per_hour: int | None = None,
) -> AsyncIterator[str]:
    """Run the whole system while the block lasts; yield the server's URL.

    Restarts a process that exits meanwhile, the server on the same store and port. A process that exits before being
    ready ends the whole system, since such an exit means a fault.

    Args:
        store: Folder for the server's streams and log.
        port: The server's port; None for any free port.
        logs: The file that receives the processes' logs; None for this process's standard error.
        say: Receives progress messages, one sentence per call.
        keys: If given, the server has users, and every process gets only the key of the process's own role.
        reviews_per_hour: The most requests of a reviewer per hour; None for no reviewer.
    """
    pods = tuple(mandate_files.bundled())
    async with AsyncExitStack() as stack:
        server = await _serve(store, port, keys)
        url = server.url
        children = [Kept("nats-server", server.process, partial(_serve_again, store, server, keys))]
        stack.push_async_callback(_end_all, children)
        say(f"nats-server answers at {url}")
        async with connect(_as(ADMIN, url, keys)) as bus:
            done = await set_up(bus, pods)
        say(f"set up {counted(len(done), 'stream or work queue', 'streams and work queues')}")
        commands: dict[str, tuple[str, ...]] = {pod: ("agents", pod) for pod in pods}
        further = (COORDINATOR, CHALLENGER, *([] if reviews_per_hour is None else [REVIEWER]))
        commands |= {name: (name,) for name in further}
        if reviews_per_hour is not None:
            commands[REVIEWER] = (REVIEWER, "--per-hour", str(reviews_per_hour))
        settings = {pod: _as(agent_role(pod), url, keys) for pod in pods}
        settings |= {name: _as(name, url, keys) for name in further}
        for name, command in commands.items():
            start = partial(_start, command, settings[name], keys, logs)
            children.append(Kept(name, await start(), start))
        async with connect(_as(OPERATOR, url, keys)) as bus:
            started = zip(settings.values(), children[1:], strict=True)
            await asyncio.gather(*(_await_ready(bus, who.role, child.process) for who, child in started))
        await stack.enter_async_context(_keeping(children, say))
        beside = (
            "the coordinator, the challenger and the reviewer"
            if reviews_per_hour
            else "the coordinator and the challenger"
        )
        say(f"agents {', '.join(pods)}, {beside} are ready, each a process of its own")
        yield url


async def _serve(store: Path, port: int | None, keys: Keys | None) -> Server:
    return await launch(
        store / "jetstream", port=port, log=store / "nats-server.log", guard=keys.guard if keys else None
    )


async def _serve_again(store: Path, server: Server, keys: Keys | None) -> Process:
    """Restart the server on the port of the previous one, where clients reconnect."""
    return (await _serve(store, int(server.url.rpartition(":")[2]), keys)).process


def _as(role: str, url: str, keys: Keys | None) -> Connection:
    if keys is None:
        return Connection(servers=url, name=f"podfolio-{role}", role=role)
    return Connection(servers=url, name=f"podfolio-{role}", role=role, nkey_seed=keys.seed(role), ca=keys.ca)


async def _start(command: tuple[str, ...], settings: Connection, keys: Keys | None, logs: IO[bytes] | None) -> Process:
    return await asyncio.create_subprocess_exec(
        *ending_with_parent(sys.executable, "-m", *command),
        env={**os.environ, **variables(settings), "PODFOLIO_POD_KEYS": str(keys.folder) if keys else ""},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=logs,
        # Ctrl-C reaches only this process, which then stops the children in order.
        start_new_session=True,
    )


@asynccontextmanager
async def _keeping(children: list[Kept], say: Callable[[str], None]) -> AsyncIterator[None]:
    """Restart every child that exits, while the block lasts."""
    tasks = [asyncio.create_task(child.keep(say)) for child in children]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _end_all(children: list[Kept]) -> None:
    """Stop the other processes first, and then the server, so that the server receives their last messages."""
    server, *others = children
    await asyncio.gather(*(_end(child.process) for child in others))
    await _end(server.process)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _await_ready(bus: JetStreamBus, role: str, process: Process) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while not await _is_ready(bus, role):
                if process.returncode is not None:
                    message = f"{role} ended with status {process.returncode} before it was ready; see its log"
                    raise BusError(message)
                await asyncio.sleep(0.05)
    except TimeoutError:
        message = f"{role} was not ready within {_START_S:g} s; see its log"
        raise BusError(message) from None


async def _is_ready(bus: JetStreamBus, role: str) -> bool:
    try:
        return await bus.somebody_answers(service_name(role))
    except UnreachableError:
        return False
