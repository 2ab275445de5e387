"""A run of a book that ends although its replicas, its server and its client are killed, and advice is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from chaos.cluster import with_us
from support.processes import START_S
from support.requests_made import ROOT

from bus.language import subjects
from bus.language.subjects import MessageKind
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from night.system import System

CLIENT, STOP = "client", "stop of advice"
# A run that ends with a fault more often than this does not go on by being started again.
_MOST_FAULTS = 3
_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Death:
    """One process that is killed, or a stop of advice.

    Attributes:
        after: The number of answers after which it is killed.
        name: The process; ``CLIENT`` is the run itself.
    """

    after: int
    name: str


def deaths(answers: int, number: int, names: Sequence[str], seed: int) -> list[Death]:
    """Spread deaths over a run from its first answer on: the client's first, then those of *names* in turn.

    Each turn has another order, by the seed.
    """
    draw = random.Random(seed)  # noqa: S311 - which process is killed when
    turns = [CLIENT, *names]
    while len(turns) < number:
        turns += draw.sample([CLIENT, *names], 1 + len(names))
    return [Death(1 + answers * i // number, turns[i]) for i in range(number)]


@dataclass
class Client:
    """The process of a run, started again until the run is over.

    Attributes:
        command: The words after ``podfolio``.
        log: The file of its words.
        starts: How often it was started.
        ended: Exit statuses; that of a killed process is negative.
    """

    command: tuple[str, ...]
    log: Path
    starts: int = 0
    ended: list[int] = field(default_factory=list)
    may_start: asyncio.Event = field(default_factory=asyncio.Event)
    _process: Process | None = None

    async def run(self) -> None:
        """Run until it ends with status 0.

        Raises:
            RuntimeError: If it ends with another status, and was not killed, too often.
        """
        self.may_start.set()
        while not self.ended or self.ended[-1]:
            await self.may_start.wait()
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *with_us(),
                    sys.executable,
                    "-m",
                    "cli",
                    *self.command,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    env=_environment(),
                )
            self.starts += 1
            self.ended.append(await self._process.wait())
            if sum(status > 0 for status in self.ended) > _MOST_FAULTS:
                message = f"the run ended with {self.ended}: see {self.log}"
                raise RuntimeError(message)

    async def outlive(self, stop: Callable[[], Awaitable[object]], resume: Callable[[], Awaitable[object]]) -> None:
        """Stop advice, wait until the run has ended by itself, lift the stop, and let the run be started again."""
        self.may_start.clear()
        ends = len(self.ended)
        await stop()
        async with asyncio.timeout(START_S):
            while len(self.ended) == ends:  # noqa: ASYNC110 - no event
                await asyncio.sleep(_EVERY_S)
        await resume()
        self.may_start.set()

    def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def end(self) -> None:
        """Kill the process and wait for its end."""
        self.kill()
        if self._process is not None:
            await self._process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}


async def run_with_deaths(  # noqa: PLR0913, PLR0917 - a run, its system, and those who are told
    system: System,
    client: Client,
    run: str,
    planned: Sequence[Death],
    tell: Callable[[int], None],
    podfolio: Callable[..., Awaitable[object]],
    note: Callable[[Death], None],
) -> None:
    """Run a book to its end, and kill each process of *planned* when there are as many answers.

    Args:
        system: The processes.
        client: The run.
        run: The name of the run, of which the ids of its requests are made.
        planned: The deaths, by the number of answers.
        tell: Receives the number of answers.
        podfolio: Runs a command.
        note: Receives each death that happened; those after the last answer do not.
    """
    answered: set[str] = set()
    inflicting = asyncio.Lock()

    async def count() -> None:
        settings = Connection(servers=system.url, name="night")
        async with connect(settings) as bus, aclosing(bus.follow(everything=True)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                if address.kind is MessageKind.FINAL and address.key.startswith(f"{run}_"):
                    answered.add(address.key)

    async def kill() -> None:
        left = list(planned)
        while True:
            tell(len(answered))
            while left and left[0].after <= len(answered):
                async with inflicting:
                    await _inflict(left[0], system, client, podfolio)
                note(left.pop(0))
            await asyncio.sleep(_EVERY_S)

    beside = [asyncio.create_task(count()), asyncio.create_task(kill())]
    try:
        working = asyncio.create_task(client.run())
        done, _ = await asyncio.wait([working, *beside], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        async with inflicting:  # a stop is lifted, although the run is over
            tell(len(answered))
    finally:
        for task in beside:
            task.cancel()
        working.cancel()
        await client.end()


async def _inflict(death: Death, system: System, client: Client, podfolio: Callable[..., Awaitable[object]]) -> None:
    if death.name == CLIENT:
        client.kill()
    elif death.name == STOP:
        server = ("--server", system.url)
        stop = partial(podfolio, "stop", "--why", "a fault of the prices", *server)
        await client.outlive(stop, partial(podfolio, "resume", *server))
    else:
        await system.kill(death.name)
