"""A later version beside this one, on a real server: what it adds is passed over, what it changes is left to it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support.processes import ANSWER_S, NOT_THOSE, TWO
from support.requests_made import data

from agents import mandate_files
from agents.answer import answer
from bus.administration.setup import set_up
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, encode
from bus.topology.streams import EVENTS

if TYPE_CHECKING:
    from support.processes import Site

PODS = ("alpha", "beta", "gamma", "delta")
LATER = {"of_a_later_version": {"a": [1, None]}}


def added_to(result: dict[str, Any]) -> dict[str, Any]:
    """Add a field to every object of a pod's result that has fields, as a later version may."""
    inner = {name: result[name] | LATER for name in ("market", "mandate", "figures")}
    return result | inner | LATER


async def answer_as(site: Site, pod: str, request_id: str, **changes: object) -> None:
    """Answer for a pod as a later version's agent would."""
    found = answer(mandate_files.load(pod), request_id, data(request_id))
    assert found is not None
    body = added_to(json.loads(encode(found))) | changes
    await site.bus.publish_once(
        subjects.pod_result(request_id, pod),
        json.dumps(body).encode(),
        message_id=f"later-{request_id}-{pod}",
        headers={"ce-type": "podfolio.v1.PodResult", "ce-later": "yes", "ce-time": datetime.now(UTC).isoformat()},
    )


async def test_a_coordinator_of_this_version_takes_the_answers_of_later_agents(site: Site) -> None:
    await site.start("coordinator")
    await site.start("agents", "delta")
    await site.publish(data(), "r1")
    for pod in PODS[:3]:
        await answer_as(site, pod, "r1")

    event = await site.final("r1")

    assert isinstance(event, MasterPortfolioOptimized), event
    assert set(event.pods) == set(PODS)


async def test_an_answer_of_another_version_on_this_one_s_subject_is_told_by_name(site: Site) -> None:
    await site.start("coordinator")
    await site.publish(data(), "r1")
    for pod in PODS:
        await answer_as(site, pod, "r1", **({"version": 2} if pod == "gamma" else {}))

    event = await site.final("r1")

    assert isinstance(event, MasterPortfolioFailed)
    assert "gamma" in event.message
    assert "version" in event.message


async def test_messages_of_the_next_version_are_left_for_those_who_know_it(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    config = (await site.bus.ask_api(f"STREAM.INFO.{EVENTS}"))["config"]
    later = ["podfolio.v2.request.*", "podfolio.v2.pod.*.*", "podfolio.v2.final.*"]
    await site.bus.ask_api(f"STREAM.UPDATE.{EVENTS}", {**config, "subjects": [*config["subjects"], *later]})
    queue = {"durable_name": "v2-pod-alpha", "name": "v2-pod-alpha", "filter_subject": later[0]}
    queue |= {"ack_policy": "explicit", "deliver_policy": "all"}
    await site.bus.ask_api(
        f"CONSUMER.CREATE.{EVENTS}.v2-pod-alpha.{later[0]}",
        {"stream_name": EVENTS, "config": queue, "action": "create"},
    )
    for subject in ("request.r2", "pod.r2.alpha", "pod.r1.alpha", "final.r1"):
        await site.bus.publish_once(f"podfolio.v2.{subject}", b'{"version":2}', message_id=f"v2-{subject}", headers={})

    await site.publish(data(pod_weights=TWO), "r1")
    assert isinstance(await site.final("r1"), MasterPortfolioOptimized)
    # An administrator who has not upgraded sets up again: nothing of the next version is taken away.
    done = await set_up(site.bus, PODS)

    assert not any(step.is_needed for step in done)
    assert {process.returncode for process in running.values()} == {None}
    found = [message.subject for message in await site.bus.record(["podfolio.v2.>"])]
    assert found == [f"podfolio.v2.{subject}" for subject in ("request.r2", "pod.r2.alpha", "pod.r1.alpha", "final.r1")]
    assert await site.bus.record([subjects.ALL_REJECTED]) == ()
    assert await site.bus.queues() >= {"pod-alpha", "coord"}
    assert "v2-pod-alpha" not in await site.bus.queues()
    await site.bus.publish_once("podfolio.v2.request.r3", b'{"version":2}', message_id="v2-r3", headers={})
    async with asyncio.timeout(ANSWER_S):
        # The server acknowledges a message before it has told the queues of it.
        while (waiting := await site.bus.ask_api(f"CONSUMER.INFO.{EVENTS}.v2-pod-alpha"))["num_pending"] < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    assert (waiting["num_pending"], waiting["num_ack_pending"]) == (2, 0)


async def test_agents_of_this_version_answer_what_a_later_coordinator_will_read(site: Site) -> None:
    for pod in TWO:
        await site.start("agents", pod)
    later = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ce-later": "yes"}
    await site.bus.publish_once(subjects.request("r1"), data(pod_weights=TWO), message_id="later", headers=later)

    async with asyncio.timeout(ANSWER_S):
        while len(found := await site.bus.record([subjects.pod_result("r1", "*")])) < len(TWO):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    for message in found:
        body = json.loads(message.data)
        assert (body["type"], body["version"], message.headers["ce-type"]) == ("PodResult", 1, "podfolio.v1.PodResult")
