"""The challenger beside agents and coordinators on the in-memory bus: one challenge a final event, and who waits."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator
from support.requests_made import TRAILING, data
from support.signed import System

from bus.language import subjects
from bus.language.messages import (
    Challenge,
    MasterPortfolioFailed,
    PortfolioChallenged,
    PortfolioNotChallenged,
    Reason,
    Unchallenged,
    encode,
    parse_challenge,
)
from bus.language.signing import CHALLENGE
from bus.transports.memory import MemoryBus
from challenger.answer import answer
from challenger.payload import payload_of
from challenger.worker import Challenger
from cli.pages.stream import keep, line
from cli.trust.check import Check, Verdict
from cli.trust.keys import Keys, make_keys
from cli.trust.verify import conclude, examine_both
from portfolio.check.challenge import challenge_findings
from portfolio.market import snapshot as markets
from portfolio.published.robustness import Effort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bus.language.payload import Payload
    from bus.language.signing import Signer
    from bus.port import Message

PATIENCE_S = 300  # for a machine that is busy; nothing here waits for time to pass


async def inline(request_id: str, final: bytes, final_sha256: str, effort: Effort) -> Payload:
    """Challenge here and now."""
    return payload_of(answer(request_id, final, final_sha256, effort))


@asynccontextmanager
async def system(bus: MemoryBus, *, challengers: int = 1, signer: Signer | None = None) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        group.create_task(coordinator(bus).run(stop, at_once=8))
        for _ in range(challengers):
            group.create_task(Challenger(bus, inline, signer=signer).run(stop, at_once=8))
        try:
            yield
        finally:
            stop.set()


async def publish(bus: MemoryBus, sent: bytes, request_id: str = "r1") -> None:
    await bus.publish_once(subjects.request(request_id), sent, message_id=f"m-{request_id}", headers={})


async def one(bus: MemoryBus, subject: str) -> Message:
    while not (found := await bus.record([subject])):  # noqa: ASYNC110 - bounded by system()
        await asyncio.sleep(0.005)
    return found[0]


async def challenged(bus: MemoryBus, request_id: str = "r1") -> tuple[Message, Message, Challenge]:
    challenge = await one(bus, subjects.challenge(request_id))
    return await one(bus, subjects.final(request_id)), challenge, parse_challenge(challenge.data)


async def test_a_challenge_stands_beside_the_final_event_and_is_of_that_event() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data())
        final, sent, challenge = await challenged(bus)

    assert isinstance(challenge, PortfolioChallenged)
    assert challenge.final_sha256 == sha256(final.data).hexdigest()
    assert challenge.robustness.effort is Effort.QUICK
    told = json.loads(sent.data)["robustness"]
    assert challenge_findings(told, json.loads(final.data), markets.load(TRAILING)) == []
    assert challenge.robustness.words in line(sent).plain


async def test_several_challengers_publish_one_challenge_a_final_event() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, challengers=3):
        for number in range(3):
            await publish(bus, data(f"r{number}", challenge="none"), f"r{number}")
        for number in range(3):
            await challenged(bus, f"r{number}")

    assert len(await bus.record([subjects.ALL_CHALLENGES])) == 3


async def test_a_queue_that_was_lost_and_delivers_all_again_makes_no_second_challenge() -> None:
    asked = []

    async def counted(request_id: str, final: bytes, final_sha256: str, effort: Effort) -> Payload:
        asked.append(request_id)
        return await inline(request_id, final, final_sha256, effort)

    bus, stop = MemoryBus(PODS), asyncio.Event()
    failed = encode(MasterPortfolioFailed(request_id="r2", reason=Reason.OVERLOADED, message="too much"))
    await bus.publish_once(subjects.challenge("r1"), b"{}", message_id="there-1", headers={})
    for request_id in ("r1", "r2"):
        await bus.publish_once(subjects.final(request_id), failed, message_id=request_id, headers={})
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(Challenger(bus, counted).run(stop, at_once=1))
        await one(bus, subjects.challenge("r2"))
        stop.set()

    assert (await bus.record([subjects.challenge("r1")]))[0].data == b"{}"
    assert asked == []  # of r2 there is nothing to challenge


async def test_a_final_event_that_another_challenges_meanwhile_is_not_computed_again() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    asked = []

    async def held_up(request_id: str, _: bytes, final_sha256: str, __: Effort) -> Payload:
        asked.append(request_id)
        began.set()
        await go_on.wait()
        said = PortfolioNotChallenged(
            request_id=request_id, final_sha256=final_sha256, reason=Unchallenged.SOLVER_FAILED, message="a test"
        )
        return payload_of(said)

    bus, stop = MemoryBus(PODS), asyncio.Event()
    async with system(bus, challengers=0):
        for request_id in ("r1", "r2", "r3"):
            await publish(bus, data(request_id), request_id)
            await one(bus, subjects.final(request_id))  # so that the challenger takes them in this order
        async with asyncio.TaskGroup() as group:
            group.create_task(Challenger(bus, held_up).run(stop, at_once=8))
            await began.wait()
            await bus.publish_once(subjects.challenge("r2"), b"{}", message_id="of another", headers={})
            go_on.set()
            await challenged(bus, "r3")
            stop.set()

    assert asked == ["r1", "r3"]
    assert (await bus.record([subjects.challenge("r2")]))[0].data == b"{}"


async def test_a_short_challenge_does_not_wait_for_a_long_one() -> None:
    go_on = asyncio.Event()
    asked = []

    async def held_up(request_id: str, _: bytes, final_sha256: str, effort: Effort) -> Payload:
        asked.append(request_id)
        if effort is Effort.FULL:
            await go_on.wait()
        said = PortfolioNotChallenged(
            request_id=request_id, final_sha256=final_sha256, reason=Unchallenged.SOLVER_FAILED, message="a test"
        )
        return payload_of(said)

    bus, stop = MemoryBus(PODS), asyncio.Event()
    async with system(bus, challengers=0):
        # Two full challenges, of which one waits for the other, and a quick one behind both.
        for request_id, effort in (("r1", "full"), ("r2", "full"), ("r3", "quick")):
            await publish(bus, data(request_id, challenge=effort), request_id)
            await one(bus, subjects.final(request_id))
        async with asyncio.TaskGroup() as group:
            group.create_task(Challenger(bus, held_up).run(stop, at_once=8))
            await challenged(bus, "r3")
            assert asked == ["r1", "r3"]
            go_on.set()
            await challenged(bus, "r2")
            stop.set()

    assert asked == ["r1", "r3", "r2"]


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"challenge": "none"}, Unchallenged.NOT_ASKED, "challenge: none"),
        ({"rules": {"max_etfs": 3}}, Unchallenged.NO_PORTFOLIO, "nothing to challenge"),
    ],
)
async def test_a_final_event_without_a_challenge_has_the_reason_beside_it(
    changes: dict[str, object], reason: Unchallenged, said: str
) -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data(**changes))
        final, sent, challenge = await challenged(bus)

    assert isinstance(challenge, PortfolioNotChallenged)
    assert challenge.reason is reason
    assert said in challenge.message
    assert challenge.final_sha256 == sha256(final.data).hexdigest()
    assert f"{reason.value}: {challenge.message}" in line(sent).plain


async def test_a_request_asks_for_a_full_challenge() -> None:
    efforts = []

    async def noted(request_id: str, final: bytes, final_sha256: str, effort: Effort) -> Payload:
        efforts.append(effort)
        return await inline(request_id, final, final_sha256, Effort.QUICK)

    bus, stop = MemoryBus(PODS), asyncio.Event()
    async with system(bus, challengers=0):
        await publish(bus, data(challenge="full"))
        await one(bus, subjects.final("r1"))
        async with asyncio.TaskGroup() as group:
            group.create_task(Challenger(bus, noted).run(stop, at_once=1))
            await challenged(bus)
            stop.set()

    assert efforts == [Effort.FULL]


async def test_a_market_that_is_another_here_is_told() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, challengers=0):
        await publish(bus, data())
        final = await one(bus, subjects.final("r1"))
    other = final.data.replace(markets.load(TRAILING).sha256.encode(), b"0" * 64)

    found = answer("r1", other, "", Effort.QUICK)

    assert isinstance(found, PortfolioNotChallenged)
    assert found.reason is Unchallenged.MARKETS_DIFFER


async def test_a_signed_challenge_is_verified_beside_its_event_and_no_other(tmp_path: Path) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    folder = tmp_path / "keys"
    make_keys(folder, PODS, hosts=(), now=datetime.now(UTC))
    made = System(Keys(folder))
    bus = MemoryBus(PODS)
    async with system(bus, signer=made.signer("challenger", CHALLENGE)):
        await publish(bus, data())
        await publish(bus, data("r2", challenge="none"), "r2")
        final, sent, _ = await challenged(bus)
        _, other, _ = await challenged(bus, "r2")
    key = made.signer("challenger", CHALLENGE).key
    stranger = made.signer("requester", CHALLENGE).key

    def checked(challenge: bytes, expected: str | None) -> dict[str, Verdict]:
        checks: list[Check] = examine_both(
            final.data, None, None, pod_keys=None, challenge=challenge, challenger=expected
        )
        assert conclude(checks) is not Verdict.HOLDS  # the event itself is unsigned here
        return {check.what: check.verdict for check in checks}

    spoilt = sent.data.replace(b'"better":', b'"better":0.001,"was":', 1)

    assert checked(sent.data, key)["author"] is checked(sent.data, key)["challenge"] is Verdict.HOLDS
    assert checked(sent.data, None)["author"] is Verdict.OPEN
    assert checked(sent.data, stranger)["author"] is Verdict.FAILS
    assert checked(spoilt, key)["author"] is checked(spoilt, key)["challenge"] is Verdict.FAILS
    assert checked(other.data, key)["challenge"] is Verdict.FAILS
    assert checked(final.data, key)["challenge"] is Verdict.FAILS


async def test_a_challenge_is_kept_beside_its_event(tmp_path: Path) -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data(challenge="none"))
        final, sent, _ = await challenged(bus)

    assert [keep(tmp_path, message) for message in (final, sent, sent)] == [None, None, None]
    assert (tmp_path / "r1.json").read_bytes() == final.data
    assert (tmp_path / "r1.challenge.json").read_bytes() == sent.data
