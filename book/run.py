"""Ask the requests of a run over a bus, as many at a time as the system answers, until each has a final event.

The stream is the only memory: a run that is started again reads the final events that are there, waits for those that
are asked, and asks the rest. No final event is kept here; ``files`` reads them afterwards.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from bus.language import subjects
from bus.language.messages import BadMessageError, OptimizationRequest, Reason, glance
from bus.language.payload import Payload
from bus.language.subjects import MessageKind
from bus.port import BusError, RefusedError, Stored, TooLargeError, UnreachableError
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator

    from book.lines import Line
    from book.requests import Account, Run
    from book.window import Window
    from bus.port import Bus

_T = TypeVar("_T")

# Reasons that do not concern the account: the same request may get a portfolio later.
AGAIN = frozenset({Reason.OVERLOADED.value, Reason.DEADLINE_EXCEEDED.value})
MOST_TRIES = 5
STOPPED = Reason.STOPPED.value
# Before the second try, seconds; twice as long before each further one, while other accounts are asked.
_FIRST_PAUSE_S = 2.0
# Final events read at once: some megabytes.
AT_ONCE = 128
# Messages that wait in the longest work queue: more than this, and no request is published. A replica of a coordinator
# takes 256 at a time, so that this many wait only where all are busy.
MOST_WAITING = 100
_LOOK_EVERY = 20
_BEHIND_S = 0.25
# Longer than the usual deadline and a failover.
_SILENCE_S = 60.0
_READS, _LAG_S = 50, 0.2


class TakenError(RefusedError):
    """The id of a request belongs to a request with another body."""


class AdviceStoppedError(BusError):
    """Advice is stopped, so that every further account would be refused."""


async def _nothing_waits() -> int:
    return 0


@dataclass(slots=True)
class Asking:
    """The requests of one run, while they are asked.

    Attributes:
        bus: The bus.
        run: The run.
        window: How many requests may be in flight.
        done: Called for each account that has a final event or a fault.
        say: Receives a sentence where the server or the system does not answer.
        waiting: Returns the length of the longest work queue.
        pause: Waits for some seconds.
        asked: The id of each account's last request, by the number of the line.
        faults: Why an account could not be asked, by the number of the line.
    """

    bus: Bus
    run: Run
    window: Window
    done: Callable[[Account], None]
    say: Callable[[str], None]
    waiting: Callable[[], Awaitable[int]] = _nothing_waits
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    asked: dict[int, str] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    _heard: dict[str, asyncio.Future[bytes]] = field(default_factory=dict)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _silent: bool = False

    async def ask_all(self, pairs: Iterable[tuple[Line, Account]]) -> None:
        """Ask for every account, and return when each has a final event.

        Waits without a limit for a system that does not answer, since the requests are kept.

        Raises:
            AdviceStoppedError: If advice is stopped; a run that is started again after the stop asks the rest.
            BusError: If the server refuses to go on; a run that is started again goes on from there.
        """
        since = (await self.bus.stream_state()).at
        try:
            async with asyncio.TaskGroup() as hearing:
                ears = hearing.create_task(self._hear(since))
                async with asyncio.TaskGroup() as asking:
                    for some in _some(pairs):
                        await self._ask_some(some, asking)
                ears.cancel()
        except BaseExceptionGroup as errors:
            if (stopped := errors.subgroup(AdviceStoppedError)) is None:
                raise
            # Every request in flight is refused for the same reason.
            raise _first(stopped) from None

    async def read(self, request_ids: Collection[str]) -> dict[str, bytes]:
        """Read the final events of requests that have one, by id.

        Raises:
            UnreachableError: If no replica shows one of the events soon.
        """
        for _ in range(_READS):
            found = await self._insist(lambda: _finals(self.bus, request_ids))
            if len(found) == len(set(request_ids)):
                return found
            await self.pause(_LAG_S)
        missing = next(request_id for request_id in request_ids if request_id not in found)
        message = f"the server does not show the final event of {missing}: start the run again, which goes on from here"
        raise UnreachableError(message)

    async def _ask_some(self, some: list[tuple[Line, Account]], asking: asyncio.TaskGroup) -> None:
        first = {account.number: self.run.request_id(account.customer_id) for _, account in some}
        known = await self._insist(lambda: _finals(self.bus, first.values()))
        for index, (line, account) in enumerate(some):
            final = known.get(first[account.number])
            reason = None if final is None else _reason(final)
            if reason is not None and reason not in {*AGAIN, STOPPED}:
                self._settle(account, first[account.number])
                continue
            if index % _LOOK_EVERY == 0:
                await self._catch_up()
            await self._take_place()
            asking.create_task(self._ask(line, account, 1 if reason is None else 2, 2 if reason in AGAIN else 1))

    async def _ask(self, line: Line, account: Account, attempt: int, for_load: int) -> None:
        """Ask for one account, again where the system had too much to do; holds a place of the window at first.

        Args:
            line: The line.
            account: The account of the line.
            attempt: The number of the request within the run.
            for_load: The same, without requests that were refused because of a stop.

        Raises:
            AdviceStoppedError: If advice is stopped now.
        """
        while True:
            request_id = self.run.request_id(account.customer_id, attempt)
            try:
                final, is_new = await self._final(line, request_id)
            except (TooLargeError, TakenError, BadMessageError) as error:
                self.faults[account.number] = str(error)
                self._give_place(self.window.answered)
                self.done(account)
                return
            attempt += 1
            reason = _reason(final)
            if reason == STOPPED:
                if is_new:
                    raise AdviceStoppedError(_told(final))
                # Refused in an earlier run, and that stop may be lifted.
                continue
            if for_load == MOST_TRIES or reason not in AGAIN:
                self._give_place(self.window.answered)
                self._settle(account, request_id)
                return
            self._give_place(self.window.overloaded)
            await self.pause(_FIRST_PAUSE_S * 2 ** (for_load - 1))
            for_load += 1
            await self._take_place()

    def _settle(self, account: Account, request_id: str) -> None:
        self.asked[account.number] = request_id
        self.done(account)

    async def _take_place(self) -> None:
        while not self.window.has_room:
            self._room.clear()
            await self._room.wait()
        self.window.in_flight += 1

    def _give_place(self, noted: Callable[[], None]) -> None:
        noted()
        self._room.set()

    async def _catch_up(self) -> None:
        while await self._insist(self.waiting) > MOST_WAITING:
            await self.pause(_BEHIND_S)

    async def _final(self, line: Line, request_id: str) -> tuple[bytes, bool]:
        """Return the final event of a request, and whether the answer came while this process waited for it."""
        body = self.run.body(line, request_id)
        heard = self._heard[request_id] = asyncio.get_running_loop().create_future()
        try:
            if await self._publish(request_id, body) is not Stored.NEW:
                final = await self._earlier(request_id, body)
                if final is not None:
                    return final, False
            return await self._wait(heard), True
        finally:
            del self._heard[request_id]

    async def _publish(self, request_id: str, body: bytes) -> Stored:
        """Publish a request under its id as message id, so that every process of the run counts as one sender."""
        sent, subject = Payload(OptimizationRequest.__name__, body), subjects.request(request_id)

        async def once() -> Stored:
            now = datetime.now(UTC)
            return await publish(self.bus, subject, sent, source="/podfolio/book", now=now, message_id=request_id)

        return await self._insist(once)

    async def _insist(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call until the server answers, however long that takes."""
        while True:
            try:
                return await call()
            except UnreachableError as error:
                self.say(f"{error}; the run goes on trying")
                await self.pause(_FIRST_PAUSE_S)

    async def _earlier(self, request_id: str, body: bytes) -> bytes | None:
        """Read a request that was published before, and its final event, if there is one.

        Raises:
            TakenError: If the stored request is another one.
            UnreachableError: If no replica shows the request soon.
        """
        request, final = subjects.request(request_id), subjects.final(request_id)
        for _ in range(_READS):
            stored = await self._insist(lambda: self.bus.record((request, final)))
            found = {message.subject: message.data for message in stored}
            if request in found:
                if found[request] != body:
                    message = (
                        f"the server has another request under {request_id}: the line changed since this run began;"
                        " start a run under another name (--run)"
                    )
                    raise TakenError(message)
                return found.get(final)
            await self.pause(_LAG_S)
        message = f"the server took {request}, but does not show it yet: start the run again, which goes on from there"
        raise UnreachableError(message)

    async def _wait(self, heard: asyncio.Future[bytes]) -> bytes:
        while True:
            done, _ = await asyncio.wait([heard], timeout=_SILENCE_S)
            if done:
                self._silent = False
                return heard.result()
            if not self._silent:
                self._silent = True
                self.say(
                    f"no answer for {_SILENCE_S:.0f} s: see that agents and a coordinator run; the run goes on waiting,"
                    " and may be interrupted and started again"
                )

    async def _hear(self, since: datetime) -> None:
        async with aclosing(self.bus.follow(since=since)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                heard = self._heard.get(address.key) if address.kind is MessageKind.FINAL else None
                if heard is not None and not heard.done():
                    heard.set_result(message.data)


def _reason(final: bytes) -> str:
    """Return why a final event has no portfolio; empty with one, and where the event cannot be read."""
    # To read every event whole would take as long as to publish its request.
    if b"MasterPortfolioFailed" not in final:
        return ""
    told = glance(final)
    return str(told.get("reason", "")) if told.get("type") == "MasterPortfolioFailed" else ""


def _told(final: bytes) -> str:
    """Say why a run ends, with the reason that the coordinator gave, and the mend."""
    told, _, _ = str(glance(final).get("message", "new advice is stopped")).partition(". Ask again under")
    return (
        f"{told}. The run ends here, and the answers so far are kept: start the run again, with the same book and name,"
        " when the stop is lifted (podfolio resume)"
    )


def _first(errors: BaseExceptionGroup[AdviceStoppedError]) -> AdviceStoppedError:
    """Return the first of several errors, which may be groups."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _finals(bus: Bus, request_ids: Iterable[str]) -> dict[str, bytes]:
    """Read the final events of some requests, by id; those that are not there are left out."""
    wanted = tuple(subjects.final(request_id) for request_id in request_ids)
    found = await bus.record(wanted) if wanted else ()
    return {subjects.parse(message.subject).request_id: message.data for message in found}


def _some(pairs: Iterable[tuple[Line, Account]]) -> Iterator[list[tuple[Line, Account]]]:
    left = iter(pairs)
    while some := list(islice(left, AT_ONCE)):
        yield some
