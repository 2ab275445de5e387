"""Agents and coordinators together on the in-memory bus: the whole flow, in one process, without waiting."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.deaths import die_with
from support.in_process import PODS, agent, coordinator, inline
from support.requests_made import BAD, TRAILING, body, data

from bus.language import subjects
from bus.language.messages import FinalEvent, MasterPortfolioFailed, MasterPortfolioOptimized, Reason, parse_final
from bus.port import COORDINATORS, Stored
from bus.process.workers import LOST
from bus.transports.memory import MemoryBus
from coordinator.finals import failure, payload_of
from portfolio.check import findings
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bus.language.payload import Payload
    from bus.port import Message
    from coordinator.decisions import Optimise

PATIENCE_S = 240.0  # for a machine that is busy; nothing here waits for time to pass


@asynccontextmanager
async def system(bus: MemoryBus, *, pods: tuple[str, ...] = PODS, coordinators: int = 1) -> AsyncIterator[None]:
    """Run agents and coordinators on *bus*; drain them at the end."""
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in pods:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        for _ in range(coordinators):
            group.create_task(coordinator(bus, inline).run(stop, at_once=8))
        try:
            yield
        finally:
            stop.set()


async def publish(bus: MemoryBus, sent: bytes, request_id: str = "r1") -> Stored:
    return await bus.publish_once(subjects.request(request_id), sent, message_id=f"m-{request_id}", headers={})


async def final_of(bus: MemoryBus, request_id: str = "r1") -> FinalEvent:
    while not (found := await bus.record([subjects.final(request_id)])):  # noqa: ASYNC110 - bounded by system()
        await asyncio.sleep(0.005)
    return parse_final(found[0].data)


async def everything(bus: MemoryBus) -> tuple[Message, ...]:
    return await bus.record(["podfolio.v1.>"])


async def test_a_request_becomes_one_checked_and_proven_portfolio() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data())
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioOptimized)
    assert event.certificate.certified
    assert findings(json.loads(event.model_dump_json()), markets.load(TRAILING)) == []
    assert [subjects.parse(m.subject).kind.value for m in await everything(bus)] == ["request", *["pod"] * 4, "final"]


async def test_two_coordinators_publish_one_final_event() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, coordinators=2):
        for i in range(5):
            await publish(bus, data(f"r{i}"), f"r{i}")
        events = [await final_of(bus, f"r{i}") for i in range(5)]

    assert all(isinstance(event, MasterPortfolioOptimized) for event in events)
    assert (
        len({json.dumps(dict(event.weights)) for event in events if isinstance(event, MasterPortfolioOptimized)}) == 1
    )
    assert sum(subjects.parse(m.subject).kind.value == "final" for m in await everything(bus)) == 5


async def test_the_same_id_twice_is_worked_on_once() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        assert await publish(bus, data()) is Stored.NEW
        other = await bus.publish_once(subjects.request("r1"), data(deadline_s=9), message_id="other", headers={})
        await final_of(bus)

    assert other is Stored.TAKEN
    assert len(await everything(bus)) == 6


async def test_a_pod_that_does_not_run_is_named_when_the_deadline_comes() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, pods=("alpha", "beta", "delta")):
        await publish(bus, data(deadline_s=30))
        while len(await everything(bus)) < 4:  # noqa: ASYNC110 - bounded by system()
            await asyncio.sleep(0.005)
        bus.advance(31)
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, event.missing_pods) == (Reason.DEADLINE_EXCEEDED, ("gamma",))


async def test_the_deadline_is_kept_by_another_coordinator_than_the_one_that_set_it() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, pods=()):
        await publish(bus, data(deadline_s=30))
        await asyncio.sleep(0.05)
    bus.advance(31)
    async with system(bus, pods=()):
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.missing_pods == tuple(sorted(PODS))


async def test_a_request_from_before_the_start_is_answered() -> None:
    bus = MemoryBus(PODS)
    await publish(bus, data())
    async with system(bus):
        assert isinstance(await final_of(bus), MasterPortfolioOptimized)


@pytest.mark.parametrize("name", sorted(BAD))
async def test_a_bad_request_is_answered_and_the_next_good_one_too(name: str) -> None:
    bus = MemoryBus(PODS)
    sent, reason, _ = BAD[name]
    async with system(bus):
        await publish(bus, sent, "bad")
        refused = await final_of(bus, "bad")
        await publish(bus, data(pod_weights={"alpha": 1.0}, rules={"max_weight": 0.6}))
        answered = await final_of(bus)

    assert isinstance(refused, MasterPortfolioFailed)
    assert refused.reason == reason
    assert isinstance(answered, MasterPortfolioOptimized)


@pytest.mark.parametrize("token", ["a.b", "*", ">", "h\u00e9llo", "x" * 65, "a b"])
async def test_a_subject_without_a_valid_id_is_put_aside_where_watchers_see_it(token: str) -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data(), token)
        while not (rejected := await bus.record([subjects.ALL_REJECTED])):  # noqa: ASYNC110 - bounded by system()
            await asyncio.sleep(0.005)

    told = json.loads(rejected[0].data)
    assert (told["type"], told["subject"]) == ("MessageRejected", subjects.request(token))
    assert rejected[0].subject == subjects.rejected(told["sequence"])


async def test_the_trace_of_a_request_reaches_its_final_event() -> None:
    bus = MemoryBus(PODS)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with system(bus):
        await bus.publish_once(subjects.request("r1"), data(), message_id="m", headers={"traceparent": trace})
        await final_of(bus)

    for message in await everything(bus):
        assert message.headers["traceparent"] == trace


async def test_every_message_of_ours_is_a_cloud_event() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data())
        await final_of(bus)

    for message in (await everything(bus))[1:]:
        assert message.headers["ce-specversion"] == "1.0"
        assert message.headers["ce-type"] == f"podfolio.v1.{json.loads(message.data)['type']}"
        assert message.headers["ce-id"]
        assert message.headers["ce-source"].startswith("/podfolio/")


def conflicting() -> dict[str, Any]:
    return body(rules={"max_etfs": 9})


async def test_rules_that_conflict_are_named() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, json.dumps(conflicting()).encode())
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.RULES_CONFLICT
    mandates = {"beta.max_position", "gamma.max_position", "delta.max_position"}
    assert {conflict.requirement for conflict in event.conflicts} == {"max_etfs", "duplicates"} | mandates
    assert "at most 9 ETFs" in event.message
    assert "max_etfs 9 to 11" in {repair.words for repair in event.repairs}


async def test_a_result_on_a_subject_with_wildcards_mixes_nobody_s_requests() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await publish(bus, data())
        await final_of(bus)
        await bus.publish_once("podfolio.v1.pod.*.alpha", b"{}", message_id="x", headers={})
        while not await bus.record([subjects.ALL_REJECTED]):  # noqa: ASYNC110 - bounded by system()
            await asyncio.sleep(0.005)

    finals = [m.subject for m in await everything(bus) if subjects.parse(m.subject).kind.value == "final"]
    assert finals == [subjects.final("r1")]


async def test_headers_that_are_too_long_are_not_repeated_in_every_message() -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await bus.publish_once(subjects.request("r1"), data(), message_id="m", headers={"tracestate": "x" * 200_000})
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioOptimized)
    assert all("tracestate" not in message.headers for message in (await everything(bus))[1:])


async def test_a_pod_of_one_percent_is_answered_at_once_with_the_rule_that_hinders_it() -> None:
    bus = MemoryBus(PODS)
    shares = {"alpha": 0.01, "beta": 0.29, "gamma": 0.50, "delta": 0.20}
    async with system(bus):
        await publish(bus, data(pod_weights=shares))
        event = await final_of(bus)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.RULES_CONFLICT
    assert "min_weight" in {conflict.requirement for conflict in event.conflicts}


async def test_what_was_answered_while_it_waited_for_its_turn_is_not_optimised_again() -> None:
    bus = MemoryBus(PODS)
    asked: list[str] = []
    go_on = asyncio.Event()

    async def slow(action: Optimise, *, seconds: float) -> Payload:
        asked.append(action.request.request_id)
        await go_on.wait()
        return await inline(action, seconds=seconds)

    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        group.create_task(coordinator(bus, slow).run(stop, at_once=8))
        await publish(bus, data())
        while not asked:  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.005)
        bus.advance(31)  # the deadline comes while it is being optimised; its set is full, so it waits its turn
        await asyncio.sleep(0.05)
        go_on.set()
        event = await final_of(bus)
        stop.set()

    assert isinstance(event, MasterPortfolioOptimized)
    assert asked == ["r1"]


@pytest.mark.parametrize("off_s", [-3_600, 3_600])
async def test_a_coordinator_whose_clock_is_wrong_takes_no_more_time_than_the_request_has(off_s: float) -> None:
    bus = MemoryBus(PODS)
    given: list[float] = []

    async def timed(action: Optimise, *, seconds: float) -> Payload:
        given.append(seconds)
        return await inline(action, seconds=seconds)

    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        group.create_task(coordinator(bus, timed, off_s=off_s).run(stop, at_once=8))
        await publish(bus, data(deadline_s=20))
        event = await final_of(bus)
        stop.set()

    assert isinstance(event, MasterPortfolioOptimized)
    assert all(10 < seconds < 20 for seconds in given)


async def test_a_coordinator_that_was_away_too_long_publishes_late_and_changes_nothing() -> None:
    bus = MemoryBus(PODS)
    away = asyncio.Event()
    asked: list[str] = []

    async def frozen(action: Optimise, *, seconds: float) -> Payload:
        asked.append("first")
        await away.wait()
        assert seconds > 0
        # So that it can be told from the other's.
        return payload_of(failure(action.request, Reason.SOLVER_FAILED, "late"))

    async def prompt(action: Optimise, *, seconds: float) -> Payload:
        asked.append("second")
        return await inline(action, seconds=seconds)

    stop, stop_first = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        first = group.create_task(coordinator(bus, frozen).run(stop_first, at_once=8))
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        await publish(bus, data())
        while not asked:  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.005)
        stop_first.set()
        group.create_task(coordinator(bus, prompt).run(stop, at_once=8))
        bus.advance(6)  # longer than the ack wait, and nobody has said that work goes on
        event = await final_of(bus)
        away.set()
        await first
        stop.set()

    assert asked == ["first", "second"]
    assert isinstance(event, MasterPortfolioOptimized)
    assert await final_of(bus) == event


async def test_a_coordinator_that_was_away_does_not_optimise_what_others_have_finished_meanwhile() -> None:
    bus = MemoryBus(PODS)
    away = asyncio.Event()
    asked: list[str] = []

    async def frozen(action: Optimise, *, seconds: float) -> Payload:
        asked.append(action.request.request_id)
        await away.wait()
        return await inline(action, seconds=seconds)

    stop, stop_first = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        first = group.create_task(coordinator(bus, frozen).run(stop_first, at_once=64))
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        for request_id in ("r1", "r2", "r3"):
            await publish(bus, data(request_id), request_id)
        while len(await everything(bus)) < 3 * (1 + len(PODS)):  # noqa: ASYNC110 - bounded by the timeout
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)  # it has taken all of them by then, and is at the first
        stop_first.set()
        bus.advance(6)
        group.create_task(coordinator(bus, inline).run(stop, at_once=8))
        for request_id in ("r1", "r2", "r3"):
            await final_of(bus, request_id)
        away.set()
        await first
        stop.set()

    assert len(asked) == 1


async def test_a_new_coordinator_gives_up_what_others_did_not_survive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bus, stop = MemoryBus(PODS), asyncio.Event()
    await publish(bus, data())
    for _ in range(LOST):
        lost = await anext(aiter(bus.work(COORDINATORS, stop=asyncio.Event(), at_once=1)))
        die_with(COORDINATORS, lost.message)
        bus.advance(6)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(coordinator(bus).run(stop, at_once=8))
        event = await final_of(bus)
        stop.set()

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.INTERNAL_ERROR
    assert "did not live to answer it" in event.message
