"""The loop of a challenger: take a final event, challenge it in a child process, publish, settle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from bus.language import subjects
from bus.language.messages import PortfolioNotChallenged, Unchallenged, glance
from bus.language.subjects import MessageKind
from bus.observability import metrics, tracing
from bus.port import CHALLENGERS
from bus.process.answering import fault
from bus.process.workers import work_off
from bus.transports.envelope import publish
from bus.transports.snapshots import nothing_to_provide
from challenger.payload import NO_PORTFOLIO, payload_of
from portfolio.published.robustness import Effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.payload import Payload
    from bus.language.signing import Signer
    from bus.port import Bus, Delivery, Message, Stored
    from bus.transports.snapshots import Provide

SOURCE = "/podfolio/challenger"
# Challenges computed at a time: a long one, and a short one beside it.
AT_A_TIME = 2
_NOT_ASKED = "the request asks for no challenge (challenge: none)"

log = structlog.get_logger()


class Challenges(Protocol):
    """Challenges a final event: a ``ChallengeSolver``'s method, except in tests."""

    async def __call__(self, request_id: str, final: bytes, final_sha256: str, effort: Effort) -> Payload:
        """Return the challenge."""


@dataclass(frozen=True, slots=True)
class _Turns:
    """Whose turn it is: one long and one short challenge are computed at a time, so that no short one waits for long.

    A full challenge, and one of an account, takes up to ten times as long as a quick one of a model portfolio.
    """

    long: asyncio.Lock = field(default_factory=asyncio.Lock)
    short: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of(self, effort: Effort, event: Mapping[str, object]) -> asyncio.Lock:
        """Return the turns of the challenges that take as long."""
        return self.long if effort is Effort.FULL or event.get("trading") is not None else self.short


@dataclass(frozen=True, slots=True)
class Challenger:
    """One replica of the challenger.

    Attributes:
        bus: The bus to take final events from and publish to.
        challenge: Makes the challenges.
        provide: Fetches markets that are not on this machine.
        signer: Signs challenges; without a signer, challenges are unsigned.
    """

    bus: Bus
    challenge: Challenges
    provide: Provide = nothing_to_provide
    signer: Signer | None = None
    _turns: _Turns = field(default_factory=_Turns)

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Challenge final events until *stop* is set, then finish the work in hand."""
        await work_off(self.bus, CHALLENGERS, self, stop=stop, at_once=at_once)

    async def handle(self, delivery: Delivery) -> None:
        """Challenge one final event, unless that has been done: a queue that was lost delivers all of them again."""
        message = delivery.message
        request_id = subjects.parse(message.subject).key
        if not request_id:
            return
        began = perf_counter()
        stored_before = await self.bus.record((subjects.request(request_id), subjects.challenge(request_id)))
        kinds = {subjects.parse(each.subject).kind: each for each in stored_before}
        if MessageKind.CHALLENGE in kinds:
            return
        with tracing.span("challenge"):
            answer = await self.answer(request_id, message, kinds.get(MessageKind.REQUEST))
        if answer is None:
            return
        metrics.CHALLENGING.observe(perf_counter() - began)
        stored = await self.publish(request_id, answer)
        log.info(
            "portfolio.challenged",
            request_id=request_id,
            **answer.facts,
            stored=stored.value,
            attempt=delivery.attempt,
            challenge_ms=round((perf_counter() - began) * 1e3, 2),
        )

    async def answer(self, request_id: str, final: Message, request: Message | None) -> Payload | None:
        """Challenge a final event as its request asks; the default where the request has been removed.

        Return None if another challenger challenged the event during the wait for its turn: the server hands a message
        of a process that was frozen or cut off to another, and the wait may take minutes.
        """
        digest, event = sha256(final.data).hexdigest(), glance(final.data)
        asked = Effort.QUICK.value if request is None else glance(request.data).get("challenge", Effort.QUICK.value)
        if event.get("type") == "MasterPortfolioFailed":
            return _nothing(request_id, digest, Unchallenged.NO_PORTFOLIO, NO_PORTFOLIO)
        if not isinstance(asked, str) or asked not in list(Effort):
            message = f"the challenge {asked!r} that is asked for is not known here: deploy newer challengers"
            return _nothing(request_id, digest, Unchallenged.UNREADABLE, message)
        effort = Effort(asked)
        if effort is Effort.NONE:
            return _nothing(request_id, digest, Unchallenged.NOT_ASKED, _NOT_ASKED)
        market = event.get("market")
        await self.provide(market.get("id") if isinstance(market, dict) else None)
        async with self._turns.of(effort, event):
            if await self.bus.record([subjects.challenge(request_id)]):
                return None
            return await self.challenge(request_id, final.data, digest, effort)

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Say that there will be no challenge, and why."""
        if request_id := subjects.parse(delivery.message.subject).key:
            digest = sha256(delivery.message.data).hexdigest()
            message = f"the challenger cannot answer; report this with the request_id: {fault(error)}"
            await self.publish(request_id, _nothing(request_id, digest, Unchallenged.INTERNAL_ERROR, message))

    async def publish(self, request_id: str, answer: Payload) -> Stored:
        """Publish the challenge, once, signed if there is a signer."""
        if self.signer:
            answer = replace(answer, data=self.signer.sign(answer.data))
        now = datetime.now(UTC)
        stored = await publish(self.bus, subjects.challenge(request_id), answer, source=SOURCE, now=now)
        metrics.CHALLENGES.labels(answer.facts["outcome"], stored.value).inc()
        return stored


def _nothing(request_id: str, final_sha256: str, reason: Unchallenged, message: str) -> Payload:
    return payload_of(
        PortfolioNotChallenged(request_id=request_id, final_sha256=final_sha256, reason=reason, message=message)
    )
