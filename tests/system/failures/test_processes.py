"""Real server, real processes: what users rely on when they deploy, replicate, kill and restart."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from support.processes import ANSWER_S, NOT_THOSE, TWO, log_lines
from support.requests_made import BAD, data

from agents import mandate_files
from agents.answer import answer
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode
from bus.port import RefusedError, Stored

if TYPE_CHECKING:
    from support.processes import Site


async def test_bad_input_is_answered_and_harms_nothing(shared: Site) -> None:
    site = shared
    for name, (sent, _, _) in BAD.items():
        request_id = "bad" if name == "id_differs" else f"bad-{name}"
        await site.publish(sent.replace(b'"bad"', f'"bad-{name}"'.encode()), request_id)
    await site.publish(data(), "a.b")
    with pytest.raises(RefusedError, match="bytes"):
        await site.publish(b"x" * 10_000_000, "huge")
    await site.publish(data("good"), "good")

    for name, (_, reason, _) in BAD.items():
        event = await site.final("bad" if name == "id_differs" else f"bad-{name}")
        assert isinstance(event, MasterPortfolioFailed)
        assert event.reason == reason, name
        assert event.message
    assert isinstance(await site.final("good"), MasterPortfolioOptimized)
    rejected = [json.loads(message.data)["subject"] for message in await site.bus.record([subjects.ALL_REJECTED])]
    assert rejected.count("podfolio.v1.request.a.b") == 1


def answered_by(site: Site, pod: str) -> list[str]:
    """Read the ids of the requests that a pod's agents answered."""
    return [line["request_id"] for line in log_lines(site.folder, pod) if line["event"] == "request.answered"]


async def test_replicas_share_the_work_and_a_drained_one_loses_none(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    second = await site.start("agents", "gamma")
    await site.start("coordinator")
    for i in range(12):
        await site.publish(data(f"r{i}", deadline_s=300, explain="unmet", pod_weights=TWO), f"r{i}")
    status = await site.end(running["gamma"])
    assert await site.end(running["coordinator"]) == 0
    for i in range(12, 16):
        await site.publish(data(f"r{i}", deadline_s=300, explain="unmet", pod_weights=TWO), f"r{i}")

    events = [await site.final(f"r{i}") for i in range(16)]

    assert status == 0
    assert all(isinstance(event, MasterPortfolioOptimized) for event in events)
    assert second.returncode is None
    # A process writes its line after it has published.
    async with asyncio.timeout(ANSWER_S):
        while len(answered := answered_by(site, "gamma")) < 16:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
    assert sorted(answered) == sorted(f"r{i}" for i in range(16)), "each request solved once"
    assert {line["event"] for line in log_lines(site.folder, "0-agents")} >= {"process.ready", "process.drained"}


@pytest.mark.deep  # of chaos/test_chaos.py, alone
async def test_a_request_outlives_the_agents_and_the_coordinator(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    for process in running.values():
        await site.end(process, signal.SIGKILL)
    await site.publish(data(deadline_s=300, pod_weights=TWO), "r1")

    await site.start_all(but=NOT_THOSE)

    assert isinstance(await site.final("r1"), MasterPortfolioOptimized)


async def test_a_coordinator_that_is_killed_while_it_works_is_replaced(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    await site.start("coordinator")
    for i in range(8):
        await site.publish(data(f"r{i}", deadline_s=300, explain="unmet", pod_weights=TWO), f"r{i}")

    await site.end(running["coordinator"], signal.SIGKILL)

    events = [await site.final(f"r{i}") for i in range(8)]
    assert all(isinstance(event, MasterPortfolioOptimized) for event in events)
    assert len(await site.bus.record([subjects.ALL_FINALS])) == 8


async def test_a_pod_without_an_agent_ends_in_a_failure_by_the_deadline(site: Site) -> None:
    asked = data(deadline_s=5, pod_weights=TWO)
    answered = answer(mandate_files.load("beta"), "r1", asked)
    await site.start("coordinator")
    await site.publish(asked, "r1")
    # At once, since a busy agent might itself be late.
    await site.bus.publish_once(subjects.pod_result("r1", "beta"), encode(answered), message_id="b", headers={})

    event = await site.final("r1")

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, event.missing_pods) == (Reason.DEADLINE_EXCEEDED, ("gamma",))


async def test_a_second_request_under_the_same_id_is_refused_by_the_server(site: Site) -> None:
    await site.publish(data(), "r1")

    assert await site.bus.publish_once(subjects.request("r1"), b"{}", message_id="x", headers={}) is Stored.TAKEN


async def line_about(site: Site, name: str, request_id: str) -> dict[str, Any]:
    """Wait for the one line that a process writes about a request, after it has published."""
    async with asyncio.timeout(ANSWER_S):
        while not (lines := [line for line in log_lines(site.folder, name) if line.get("request_id") == request_id]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (line,) = lines
    return line


async def test_each_process_writes_one_line_a_request_with_the_times_spent(shared: Site) -> None:
    site = shared
    await site.publish(data("timed"), "timed")
    await site.final("timed")

    for pod in ("alpha", "beta", "gamma", "delta"):
        line = await line_about(site, pod, "timed")
        assert line["outcome"] == "optimised"
        assert line["solve_ms"] > 0
        assert line["publish_ms"] > 0
    line = await line_about(site, "coordinator", "timed")
    assert line["outcome"] == "optimised"
    assert line["read_ms"] > 0
    assert line["act_ms"] > 0
    assert (line["certified"], line["pods"]) == (True, ["alpha", "beta", "gamma", "delta"])


async def test_an_agent_without_streams_waits_for_them(site: Site) -> None:
    # The queue of a pod that nobody has set up.
    mandate = site.folder / "epsilon.toml"
    mandate.write_text(
        'pod = "epsilon"\npurpose = "p"\nobjective = "max_income"\nuniverse = ["VAS", "VHY", "VAF"]\n'
        "max_position = 0.5\nmin_effective_holdings = 2\n[goals]\ngrossed_up_yield = 0.03\n",
        encoding="utf-8",
    )
    waiting = asyncio.create_task(site.start("agents", str(mandate)))
    await set_up(site.bus, ("epsilon",))
    await waiting
    await site.start("coordinator")
    await site.publish(data(pod_weights={"epsilon": 1.0}, rules={"max_weight": 0.5}), "r1")

    event = await site.final("r1")

    assert isinstance(event, MasterPortfolioOptimized), event
    assert set(event.pods) == {"epsilon"}
