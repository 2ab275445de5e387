"""The bus over NATS JetStream.

What the server promises, and what of it is relied on, stands in docs/adr/0004; the
short of it: one message a subject, for ever, refused by the server itself; an answer that does not
come means *unknown*, so everything here can be done again; a read is believed only if it proves itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from bus import subjects
from bus.port import (
    COORDINATORS,
    DEADLINES,
    MAX_MESSAGE_BYTES,
    BusError,
    Message,
    NotSetUpError,
    RefusedError,
    Stored,
    TooLargeError,
    UnreachableError,
    pod_queue,
)
from bus.pulls import Pull, own_headers, read_message, read_receipt
from bus.wire import Connection, NobodyListensError, Wire, decode, message_bytes, status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping

    from bus.wire import Frame

__all__ = ["EVENTS", "TIMERS", "Connection", "JetStreamBus", "connect"]

_T = TypeVar("_T")
_log = structlog.get_logger()

EVENTS = "PODFOLIO"
TIMERS = "PODFOLIO_TIMERS"

# One try; a failover takes 4 to 9 s, but a lost answer is noticed sooner by asking again.
_ANSWER_S = 2.0
# Longer than a failover.
_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0
_ACK_S = 1.0
# About three tries; after an ack wait it has been handed out again anyway.
_SETTLE_S = 4.0
# As much as an observer has in flight: a few socket buffers full, whatever it does with them.
_FOLLOW_BATCH = 256
# An observer that was killed is forgotten by the server after this.
_FOLLOW_FORGOTTEN_S = 30
_OBSERVER = {
    "ack_policy": "none",
    "replay_policy": "instant",
    "filter_subject": subjects.ALL,
    "inactive_threshold": _FOLLOW_FORGOTTEN_S * 1_000_000_000,
    "mem_storage": True,
    "num_replicas": 1,
}

# The subject is taken, or perhaps: the same check, in three places of the server.
_WRONG_LAST_SEQUENCE = 10071
_WRONG_LAST_SEQUENCE_IN_FLIGHT = 10164
_STORE_FAILED = 10077
_PERHAPS_TAKEN = frozenset({_WRONG_LAST_SEQUENCE, _WRONG_LAST_SEQUENCE_IN_FLIGHT, _STORE_FAILED})
_TOO_LARGE = 10054
_NO_SUCH_CONSUMER = 10014
_NO_SUCH_STREAM = 10059
_NOT_LEADER = 10009
_UNAVAILABLE = 503

_MESSAGE_ID = "Nats-Msg-Id"
_DUPLICATE: Mapping[str, Any] = {"description": "repeated message id"}
_END_OF_BATCH = "204"
_NOTHING_FOUND = "404"


@asynccontextmanager
async def connect(settings: Connection) -> AsyncIterator[JetStreamBus]:
    """Connect while the block lasts; what is on its way at its end is still sent.

    Raises:
        UnreachableError: If no server answers within some seconds.
        RefusedError: If the server does not know us.
    """
    wire = Wire(settings)
    await wire.open()
    try:
        yield JetStreamBus(wire)
    finally:
        await wire.close()


class JetStreamBus:
    """The ``Bus`` over one connection; see ``connect``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        """Store the only message that *subject* will ever hold; see ``Bus``."""
        publication = _Publication(self._wire, subject, data, message_id, headers)
        return await _insist(
            f"publishing {subject}", publication.attempt, timeout_s=timeout_s, when_nobody_listens=self._has_events
        )

    async def work(self, queue: str, *, stop: asyncio.Event, at_once: int) -> AsyncGenerator[_Delivery, None]:
        """Take deliveries from *queue* until *stop* is set; see ``Bus``."""
        stream = TIMERS if queue == DEADLINES else EVENTS
        await _require(self._wire, f"CONSUMER.INFO.{stream}.{queue}")
        shift = _Shift(self._wire, Pull(self._wire, stream, queue), stop, at_once)
        async with shift.begun():
            while (delivery := await shift.next()) is not None:
                yield delivery

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        """Read the last message on each of *subjects*; see ``Bus``."""
        query: dict[str, Any] = {"multi_last": list(subjects)}
        if including is not None:
            query["up_to_seq"] = including.sequence
        request = json.dumps(query).encode()

        async def attempt(timeout_s: float) -> tuple[Message, ...]:
            frames = await self._wire.ask_all(
                f"$JS.API.DIRECT.GET.{EVENTS}", request, timeout_s=timeout_s, is_last=_ends_batch
            )
            return _read_record(frames, including)

        return await _insist("reading the record", attempt, when_nobody_listens=self._has_events)

    async def schedule(self, request_id: str, at: datetime) -> None:
        """Have a message on ``subjects.due(request_id)`` delivered at *at*; see ``Bus``."""
        subject = subjects.timer(request_id)
        headers = {
            "Nats-Schedule": f"@at {at.astimezone(UTC).isoformat(timespec='milliseconds')}".replace("+00:00", "Z"),
            "Nats-Schedule-Target": subjects.due(request_id),
        }

        async def attempt(timeout_s: float) -> None:
            answer = decode(await self._wire.ask(subject, headers=headers, timeout_s=timeout_s))
            if error := answer.get("error"):
                raise _translate(error, f"scheduling {subject}")

        await _insist(f"scheduling {subject}", attempt, when_nobody_listens=self._has_timers)

    async def queues(self) -> frozenset[str]:
        """Name the work queues that exist on the event stream."""
        names: list[str] = []
        total = 1
        while len(names) < total:
            answer = await self.ask_api(f"CONSUMER.NAMES.{EVENTS}", {"offset": len(names)})
            names += answer["consumers"] or []
            total = answer["total"] if answer["consumers"] else 0
        # Observers have consumers too; only ours are queues.
        return frozenset(name for name in names if name == COORDINATORS or name.startswith(pod_queue("")))

    async def follow(self, *, since: datetime | None = None, everything: bool = False) -> AsyncGenerator[Message, None]:
        """Follow the event stream as an observer; see ``Bus``."""
        place = _Place(since, everything=everything)
        while True:
            pull = Pull(self._wire, EVENTS, f"observer-{uuid.uuid4().hex}")
            async with pull.opened():
                if not await self._begin(place, pull.consumer):
                    continue
                while (frame := await _next_frame(pull)) is not None:
                    receipt = read_receipt(frame.reply)
                    if not place.is_next_turn(receipt.turn):
                        break  # one was lost on the way: begin again after the last that was not
                    if place.move_to(receipt.sequence):
                        yield read_message(frame, receipt)

    async def _begin(self, place: _Place, consumer: str) -> bool:
        """Make a consumer that begins at *place*; False if the server was silent: it may come back."""
        config = {**_OBSERVER, "name": consumer, **place.policy()}
        body = {"stream_name": EVENTS, "config": config, "action": "create"}
        try:
            answer = await self.ask_api(f"CONSUMER.CREATE.{EVENTS}.{consumer}.{subjects.ALL}", body)
        except UnreachableError as error:
            if not place.known:
                raise
            _log.warning("bus.follow_interrupted", error=str(error))
            return False
        place.begin(answer["delivered"]["stream_seq"])
        return True

    async def closed(self) -> None:
        """Return when the connection is lost for good or has become useless."""
        await self._wire.useless()

    async def ask_api(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask JetStream's own interface, ``$JS.API.<name>``; for ``setup``, not for use by others.

        Raises:
            NotSetUpError: If the stream or queue that *name* names does not exist.
            RefusedError: If the server will not do it.
            UnreachableError: If it did not answer in time.
        """
        subject = f"$JS.API.{name}"
        request = json.dumps(body).encode() if body else b""

        async def attempt(timeout_s: float) -> dict[str, Any]:
            answer = decode(await self._wire.ask(subject, request, timeout_s=timeout_s))
            if error := answer.get("error"):
                raise _translate(error, name)
            return answer

        return await _insist(subject, attempt)

    async def _has_events(self) -> None:
        await _require(self._wire, f"STREAM.INFO.{EVENTS}")

    async def _has_timers(self) -> None:
        await _require(self._wire, f"STREAM.INFO.{TIMERS}")


class _Publication:
    """One message on its way to a subject of its own."""

    def __init__(self, wire: Wire, subject: str, data: bytes, message_id: str, headers: Mapping[str, str]) -> None:
        self._wire = wire
        self._subject = subject
        self._data = data
        self._id = message_id
        self._headers = {
            **headers,
            "ce-id": message_id,
            _MESSAGE_ID: message_id,
            "Nats-Expected-Last-Subject-Sequence": "0",
        }

    async def attempt(self, timeout_s: float) -> Stored:
        frame = await self._wire.ask(self._subject, self._data, headers=self._headers, timeout_s=timeout_s)
        answer = decode(frame)
        if error := answer.get("error"):
            if error.get("err_code") in _PERHAPS_TAKEN:
                return await self._compare(error, timeout_s)
            raise self._translate(error)
        if answer.get("duplicate"):
            return await self._compare(_DUPLICATE, timeout_s)
        return Stored.NEW

    async def _compare(self, error: Mapping[str, Any], timeout_s: float) -> Stored:
        """See whose message is there."""
        frame = await self._wire.ask(f"$JS.API.DIRECT.GET.{EVENTS}.{self._subject}", timeout_s=timeout_s)
        if not status(frame):
            return Stored.SAME if (frame.headers or {}).get("ce-id") == self._id else Stored.TAKEN
        if error is _DUPLICATE:
            # Somebody used our id for another subject, and the server took ours for a repetition. The id
            # only saves work; the subject alone makes it once.
            self._headers.pop(_MESSAGE_ID, None)
        elif error["err_code"] == _STORE_FAILED and "per subject" not in error["description"]:
            message = f"the stream {EVENTS} is full ({error['description']}): raise its limits, or wait till it ages"
            raise RefusedError(message)
        message = f"the server says that {self._subject} is taken, and does not show by what ({error['description']})"
        raise UnreachableError(message)

    def _translate(self, error: Mapping[str, Any]) -> BusError:
        if error.get("err_code") == _TOO_LARGE:
            return TooLargeError(self._subject, message_bytes(self._data, self._headers), MAX_MESSAGE_BYTES)
        return _translate(error, f"publishing {self._subject}")


class _Delivery:
    """A message of a work queue; see ``Delivery``."""

    __slots__ = ("_reply", "_settled", "_wire", "attempt", "message")

    def __init__(self, wire: Wire, frame: Frame, settled: Callable[[], None]) -> None:
        receipt = read_receipt(frame.reply)
        self.message = read_message(frame, receipt)
        self.attempt = receipt.attempt
        self._wire = wire
        self._reply = frame.reply
        self._settled: Callable[[], None] | None = settled

    async def done(self) -> None:
        """Settle it; a failure only means that it will be handed out again."""

        async def attempt(timeout_s: float) -> None:
            await self._wire.ask(self._reply, timeout_s=min(_ACK_S, timeout_s))

        try:
            await _insist(f"settling {self.message.subject}", attempt, timeout_s=_SETTLE_S)
        except BusError as error:
            _log.warning("bus.not_settled", subject=self.message.subject, attempt=self.attempt, error=str(error))
        finally:
            self._settle()

    async def working(self) -> None:
        """Tell the server that work goes on."""
        await self._tell(b"+WPI")

    async def again(self, *, delay_s: float) -> None:
        """Give it back for later."""
        try:
            await self._tell(b'-NAK {"delay":%d}' % (delay_s * 1e9) if delay_s > 0 else b"-NAK")
        finally:
            self._settle()

    async def _tell(self, verdict: bytes) -> None:
        try:
            await self._wire.tell(self._reply, verdict)
        except UnreachableError as error:
            _log.debug("bus.verdict_lost", subject=self.message.subject, verdict=verdict.decode(), error=str(error))

    def _settle(self) -> None:
        if self._settled is not None:
            self._settled()
            self._settled = None


class _Shift:
    """One worker's time at a queue, from the first delivery to ``stop``."""

    def __init__(self, wire: Wire, pull: Pull, stop: asyncio.Event, at_once: int) -> None:
        self._wire = wire
        self._pull = pull
        self._stop = stop
        self._at_once = at_once
        self._unsettled = 0
        self._pause_s = _FIRST_PAUSE_S
        self._give_up_at = asyncio.get_running_loop().time() + _PATIENCE_S

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Take part while the block lasts; at its end, give back what nobody took."""
        stopping = asyncio.create_task(self._stop.wait())
        stopping.add_done_callback(lambda _: self._pull.wake.set())
        async with self._pull.opened():
            try:
                yield
            finally:
                stopping.cancel()
                await self._leave()

    async def next(self) -> _Delivery | None:
        """Wait for a delivery; None once stopped."""
        while not self._stop.is_set():
            if self._pull.frames and self._unsettled < self._at_once:
                self._unsettled += 1
                return _Delivery(self._wire, self._pull.frames.popleft(), self._one_settled)
            if await self._ask():
                await self._pull.happens()
        return None

    async def _ask(self) -> bool:
        """Have a request open for all that may be taken; False if that failed."""
        free = self._at_once - self._unsettled - len(self._pull.frames)
        if self._pull.waiting or free <= 0:
            return True
        if self._pull.broken:
            await self._back_off()
        else:
            self._pause_s = _FIRST_PAUSE_S
        try:
            await self._pull.ask(free)
        except UnreachableError as error:
            self._pull.broken = str(error)
            return False
        return True

    async def _back_off(self) -> None:
        if not self._pull.answered and asyncio.get_running_loop().time() > self._give_up_at:
            raise NotSetUpError(_not_set_up(f"the queue {self._pull.consumer} does not answer"))
        _log.warning("bus.queue_interrupted", queue=self._pull.consumer, why=self._pull.broken, pause_s=self._pause_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._stop.wait()
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    async def _leave(self) -> None:
        # An open request cannot be taken back: what it brings after we are gone would be lost for a whole
        # ack wait, and what is given back while it is open would come straight to us again.
        while self._pull.waiting:
            await self._pull.happens()
        for frame in self._pull.frames:
            with contextlib.suppress(UnreachableError):
                await self._wire.tell(frame.reply, b"-NAK")

    def _one_settled(self) -> None:
        self._unsettled -= 1
        self._pull.wake.set()


class _Place:
    """How far an observer has come."""

    def __init__(self, since: datetime | None, *, everything: bool) -> None:
        self._since = since
        self._everything = everything
        self._after: int | None = None
        self._turn = 0

    @property
    def known(self) -> bool:
        """Whether the server has ever told where the observer began."""
        return self._after is not None

    def policy(self) -> dict[str, Any]:
        """Where a consumer must begin to go on from here."""
        if self._after is not None:
            return {"deliver_policy": "by_start_sequence", "opt_start_seq": self._after + 1}
        if self._since is not None:
            return {"deliver_policy": "by_start_time", "opt_start_time": self._since.astimezone(UTC).isoformat()}
        return {"deliver_policy": "all" if self._everything else "new"}

    def begin(self, after: int) -> None:
        """Note that a consumer begins, by its own account *after* this sequence."""
        self._turn = 0
        if self._after is None:
            self._after = after

    def is_next_turn(self, turn: int) -> bool:
        """Whether nothing was lost between the consumer's last message and this one."""
        self._turn += 1
        return turn == self._turn

    def move_to(self, sequence: int) -> bool:
        """Note the message; False if it was seen before."""
        if self._after is not None and sequence <= self._after:
            return False
        self._after = sequence
        return True


async def _next_frame(pull: Pull) -> Frame | None:
    """Wait for the next message; None if some may have been lost."""
    while not pull.frames:
        if pull.lost:
            return None
        if not pull.waiting:
            try:
                await pull.ask(_FOLLOW_BATCH)
            except UnreachableError:
                return None
        await pull.happens()
    return pull.frames.popleft()


async def _insist(
    what: str,
    attempt: Callable[[float], Awaitable[_T]],
    *,
    timeout_s: float = _PATIENCE_S,
    when_nobody_listens: Callable[[], Awaitable[None]] | None = None,
) -> _T:
    """Repeat *attempt*, which takes the seconds it may last, until it is not met with silence.

    Raises:
        UnreachableError: If *timeout_s* is over.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await attempt(max(_FIRST_PAUSE_S, min(_ANSWER_S, deadline - now())))
        except UnreachableError as error:
            if now() + pause_s >= deadline:
                message = f"{what}: no success within {timeout_s:g} s, try again ({error})"
                raise UnreachableError(message) from error
            _log.debug("bus.retrying", what=what, error=str(error), pause_s=pause_s)
            if isinstance(error, NobodyListensError) and when_nobody_listens is not None:
                await when_nobody_listens()
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _require(wire: Wire, name: str) -> None:
    """Raise ``NotSetUpError`` if the server says that what *name* asks for does not exist.

    Silence says nothing, nor does the refusal of a user who may not ask.
    """
    with contextlib.suppress(UnreachableError, RefusedError):
        answer = decode(await wire.ask(f"$JS.API.{name}", timeout_s=_ANSWER_S))
        if error := answer.get("error"):
            raise _translate(error, name)


def _translate(error: Mapping[str, Any], what: str) -> BusError:
    """Make an error of ours from the server's, by what can be done about it."""
    text = f"{what}: {error.get('description')} (error {error.get('err_code')})"
    if error.get("err_code") in {_NO_SUCH_STREAM, _NO_SUCH_CONSUMER}:
        return NotSetUpError(_not_set_up(text))
    # 503 and a deposed leader pass; 500 is also said of a setting that can never be.
    passes = error.get("code") == _UNAVAILABLE or error.get("err_code") == _NOT_LEADER
    return UnreachableError(text) if passes else RefusedError(text)


def _not_set_up(text: str) -> str:
    return f"{text}: run `podfolio setup` once for this server"


def _ends_batch(frame: Frame) -> bool:
    return bool(status(frame))


def _read_record(frames: list[Frame], including: Message | None) -> tuple[Message, ...]:
    *found, end = frames
    verdict = status(end)
    if verdict not in {_END_OF_BATCH, _NOTHING_FOUND}:
        message = f"the server cannot read the record: {verdict} {(end.headers or {}).get('Description', '')}"
        raise RefusedError(message)
    if (end.headers or {}).get("Nats-Num-Pending", "0") != "0":
        message = "the server sent only a part of the record"
        raise UnreachableError(message)
    messages = tuple(sorted((_read_stored(frame) for frame in found), key=lambda message: message.sequence))
    if including is not None and all(message.sequence != including.sequence for message in messages):
        message = f"the replica that answered has not yet got message {including.sequence} ({including.subject})"
        raise UnreachableError(message)
    return messages


def _read_stored(frame: Frame) -> Message:
    headers = frame.headers or {}
    return Message(
        subject=headers["Nats-Subject"],
        data=frame.data,
        headers=own_headers(headers),
        sequence=int(headers["Nats-Sequence"]),
        stored_at=datetime.fromisoformat(headers["Nats-Time-Stamp"]),
    )
