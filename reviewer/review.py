"""The loop of a reviewer: hear which markets are published, look through the customers, and ask for those that are due.

The archive and the stream are the only memory. The id of a request is made of the market's hash and the customer, so
the server refuses a second request of any reviewer, and a reviewer that is started again goes on where the last one
ended. The times of the requests that are there keep the pace, for all reviewers together.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from book.due import Thresholds
from book.look import Events, Look
from book.requests import Run
from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    MasterPortfolioOptimized,
    OptimizationRequest,
    glance,
    parse_final,
    parse_request,
)
from bus.language.payload import Payload
from bus.language.subjects import MessageKind
from bus.observability import metrics
from bus.port import BusError, Stored, TooLargeError
from bus.transports.envelope import publish
from portfolio.errors import DataError
from portfolio.market.age import refuse_stale
from portfolio.market.snapshot import load
from reviewer.account import Known, Skip, SkippedError, account_today
from reviewer.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from bus.port import Message
    from bus.transports.jetstream import JetStreamBus
    from bus.transports.snapshots import Provide
    from reviewer.latest import Last

SOURCE = "/podfolio/reviewer"
PER_HOUR = 60
ASKED, ASKED_BEFORE, NOT_DUE, OTHER_MARKETS = "asked", "asked_before", "not_due", "other_markets"
OUTCOMES = (ASKED, ASKED_BEFORE, NOT_DUE, OTHER_MARKETS, *Skip)
# The turn has come.
_GO = "go"
# How often to look for a new market, for the end of a stop, and for a server that did not answer.
EVERY_S = 10.0
# Subjects per question to the archive; the server allows 1,024.
_AT_ONCE = 500
# Digits of the market's hash in the id of a request.
_DIGITS = 12
# The names of one house's markets differ in the date at their end.
_DATED = re.compile(r"-\d{4}(-\d{2}){0,2}$")
# The day in Sydney, without the daylight saving of its summer.
_SYDNEY = timezone(timedelta(hours=10))

log = structlog.get_logger()


def family(market_id: str) -> str:
    """Return the name of a market without the date at its end: markets of one family follow each other."""
    return _DATED.sub("", market_id)


@dataclass(frozen=True, slots=True)
class Market:
    """The newest published market of a family.

    Attributes:
        id: The name.
        sha256: The hash of the content.
    """

    id: str
    sha256: str

    @property
    def run(self) -> Run:
        """The review as a run: the ids of its requests."""
        return Run(f"review-{self.sha256[:_DIGITS]}", self.id)


@dataclass(frozen=True, slots=True)
class _Due:
    """The request of a customer who is due, and the causes."""

    request_id: str
    body: bytes
    causes: tuple[str, ...]


@dataclass
class Reviewer:
    """One replica of the reviewer.

    Attributes:
        bus: The bus.
        provide: Fetches markets that are not on this machine.
        per_hour: The most requests per hour, of all reviewers together.
        now: The clock.
        every_s: Seconds between two looks for a new market, for the end of a stop, and for the turn.
    """

    bus: JetStreamBus
    provide: Provide
    per_hour: int = PER_HOUR
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    every_s: float = EVERY_S
    _latest: Latest = field(default_factory=Latest)
    # The day of the last whole review of each market: each day brings fills, and parcels that reach 12 months.
    _reviewed: dict[str, date] = field(default_factory=dict)
    _last_at: datetime | None = None

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Review until *stop* is set; set *ready* when markets, stops and archive have answered."""
        while not stop.is_set():
            try:
                markets = await self.markets()
                if not ready.is_set():
                    await self.bus.stops()
                    await self.bus.archive_state()
                    ready.set()
                for market in markets:
                    day = self.today
                    if self._reviewed.get(market.sha256) != day and await self.review(market, stop):
                        self._reviewed[market.sha256] = day
            except BusError as error:
                # Whatever was published is known to the server, and the next try goes on from there.
                log.warning("review.waits", error=str(error))
            await _pause(stop, self.every_s)

    @property
    def today(self) -> date:
        """The day in Sydney."""
        return self.now().astimezone(_SYDNEY).date()

    async def markets(self) -> list[Market]:
        """Return the newest published market of each family."""
        published = await self.bus.published_markets()
        return list({family(name): Market(name, sha256) for name, sha256 in published.items()}.values())

    async def review(self, market: Market, stop: asyncio.Event) -> bool:
        """Look at each customer, and ask for those that are due; return whether all were looked at.

        Raises:
            BusError: If the server does not answer, or refuses.
        """
        await self.provide(market.id)
        try:
            if load(market.id).sha256 != market.sha256:
                log.error("review.market_differs", market=market.id)
                return True
        except DataError as error:
            log.error("review.market_unreadable", market=market.id, error=str(error))  # noqa: TRY400 - it says all
            return True
        await self._catch_up()
        left = deque(await self._not_asked(market, list(self._latest)))
        look = Look(market.id, None, Thresholds())
        log.info("review.begins", market=market.id, customers=len(left))
        while left and not stop.is_set():
            last = left.popleft()
            outcome = await self._look_at(last, look, market, left, stop)
            if outcome is None:
                return False
            metrics.REVIEWS.labels(outcome).inc()
        if left:
            return False
        log.info("review.ends", market=market.id)
        return True

    async def _look_at(
        self, last: Last, look: Look, market: Market, left: Iterable[Last], stop: asyncio.Event
    ) -> str | None:
        """Look at a customer and ask if due; return the outcome, None if the review is to end before."""
        found = await self._request(last, look, market)
        if isinstance(found, str):
            return found
        if (ended := await self._turn(market, [last, *islice(left, _AT_ONCE - 1)], stop)) is not _GO:
            return ended
        # The turn may have come hours later, and the customer may have another suggestion by now.
        await self._catch_up()
        found = await self._request(self._latest.of(last.customer_id) or last, look, market)
        return found if isinstance(found, str) else await self._ask(found)

    async def _request(self, last: Last, look: Look, market: Market) -> _Due | str:
        """Make the request of a customer who is due; otherwise return the outcome."""
        request_id = market.run.request_id(last.customer_id)
        if last.request_id == request_id:
            return ASKED_BEFORE
        try:
            known = await self._known(last)
            event = _read(known.final)
            if family(event.market.id) != family(market.id):
                return OTHER_MARKETS
            _refuse_stale(event, market, self.today)
            line = account_today(known, event, self.today)
            # To say whether more than prices differ, the market of the suggestion must be here.
            await self.provide(event.market.id)
            look.events = Events(known.final)
            if not (why := look.at(line).why):
                return NOT_DUE
            body = market.run.body(line, request_id)
            parse_request(body, request_id)
        except (SkippedError, BadMessageError) as skipped:
            reason = skipped.reason if isinstance(skipped, SkippedError) else Skip.FAULT
            log.info("review.skipped", request_id=last.request_id, reason=reason.value, why=str(skipped))
            return reason.value
        return _Due(request_id, body, tuple(one.cause.value for one in why))

    async def _ask(self, due: _Due) -> str:
        """Publish a request, under its id as message id, so that all reviewers count as one sender."""
        sent, subject = Payload(OptimizationRequest.__name__, due.body), subjects.request(due.request_id)
        now = datetime.now(UTC)
        try:
            stored = await publish(self.bus, subject, sent, source=SOURCE, now=now, message_id=due.request_id)
        except TooLargeError as error:
            log.info("review.skipped", request_id=due.request_id, reason=Skip.FAULT.value, why=str(error))
            return Skip.FAULT.value
        self._last_at = self.now()
        log.info("review.asked", request_id=due.request_id, causes=due.causes, stored=stored.value)
        return ASKED if stored is Stored.NEW else ASKED_BEFORE

    async def _turn(self, market: Market, left: Sequence[Last], stop: asyncio.Event) -> str | None:
        """Wait for the turn to ask for the first of *left*; return ``_GO`` then.

        A turn comes an hour's part after the last request of any reviewer, and while no stop holds. Return the outcome
        if another reviewer asks meanwhile, and None if the review is to end.
        """
        every = timedelta(hours=1) / self.per_hour
        while not stop.is_set():
            if market not in await self.markets():
                log.info("review.superseded", market=market.id)
                return None
            if await self.bus.stops():
                metrics.REVIEW_STOPPED.set(1)
                await _pause(stop, self.every_s)
                continue
            metrics.REVIEW_STOPPED.set(0)
            if left[0] not in await self._not_asked(market, left):
                return ASKED_BEFORE
            wait_s = 0.0 if self._last_at is None else (self._last_at + every - self.now()).total_seconds()
            if wait_s <= 0:
                return _GO
            await _pause(stop, min(wait_s, self.every_s))
        return None

    async def _catch_up(self) -> None:
        async for archived in self.bus.archived(subjects.ALL_FINALS, first=self._latest.sequence + 1):
            self._latest.add(archived.message)

    async def _not_asked(self, market: Market, customers: Sequence[Last]) -> list[Last]:
        """Leave out the customers with a request of this review, and note the time of the last one."""
        ids = {market.run.request_id(one.customer_id): one for one in customers}
        there: list[Message] = []
        wanted = [subjects.request(one) for one in ids]
        for start in range(0, len(wanted), _AT_ONCE):
            there += await self.bus.last_archived(wanted[start : start + _AT_ONCE])
        times = [one.stored_at for one in there if one.stored_at is not None]
        self._last_at = max([*times, *([] if self._last_at is None else [self._last_at])], default=None)
        asked = {subjects.parse(one.subject).request_id for one in there}
        return [one for request_id, one in ids.items() if request_id not in asked]

    async def _known(self, last: Last) -> Known:
        """Read the messages about a customer's last suggestion.

        Raises:
            SkippedError: If a later request was refused, or a message is gone.
        """
        if last.refused:
            words = f"a later request of the customer has no portfolio ({last.refused}): a person must look"
            raise SkippedError(Skip.REFUSED, words)
        kinds: dict[MessageKind, list[Message]] = {kind: [] for kind in MessageKind}
        places: dict[str, str] = {}
        for pattern in subjects.of_request(last.request_id):
            async for archived in self.bus.archived(pattern):
                kinds[subjects.parse(archived.message.subject).kind].append(archived.message)
                if archived.place is not None:
                    places[archived.message.subject] = subjects.removed(archived.place.sequence)
        # An id may be used again after seven days: of its several lives, the last one counts.
        requests = [one for one in kinds[MessageKind.REQUEST] if one.sequence < last.sequence]
        finals = [one for one in kinds[MessageKind.FINAL] if one.sequence == last.sequence]
        if not requests or not finals:
            raise SkippedError(Skip.NO_REQUEST, "the request was removed from the archive")
        since = requests[-1].sequence
        decisions = [one.data for one in kinds[MessageKind.APPROVAL] if one.sequence > since]
        # By subject, since the archive may take a message over a second time after a restore.
        fills = {one.subject: one.data for one in kinds[MessageKind.FILL] if one.sequence > since}
        for subject in await self._removed({subject: places[subject] for subject in fills if subject in places}):
            del fills[subject]
        return Known(requests[-1].data, finals[-1].data, tuple(fills.values()), decisions[-1] if decisions else None)

    async def _removed(self, records: Mapping[str, str]) -> list[str]:
        """Name the messages that were removed from the event stream, as a contract that was corrected.

        Args:
            records: The subject of the record of its removal, if there is one, by the subject of each message.
        """
        if not records:
            return []
        told = {one.subject: glance(one.data) for one in await self.bus.last_archived(list(records.values()))}
        return [subject for subject, record in records.items() if told.get(record, {}).get("subject") == subject]


def _read(final: bytes) -> MasterPortfolioOptimized:
    event = parse_final(final)
    if not isinstance(event, MasterPortfolioOptimized):
        raise SkippedError(Skip.NO_REQUEST, "the final event has no portfolio")
    return event


def _refuse_stale(event: MasterPortfolioOptimized, market: Market, on: date) -> None:
    """Skip a customer whose request would be refused, since the market has prices of another time."""
    if event.terms.owned is None:
        return
    try:
        refuse_stale(load(market.id), on, event.terms.owned.stale_prices)
    except DataError as error:
        raise SkippedError(Skip.STALE, str(error)) from None


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds, or until *stop* is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
