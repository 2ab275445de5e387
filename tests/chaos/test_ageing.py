"""An id may be used again once its request has aged, and is refused to others until then; judged by the history."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from bus.administration.server import launch
from bus.administration.setup import set_up
from bus.language import subjects
from bus.topology.streams import EVENTS, SECOND
from bus.transports.jetstream import Connection, connect
from chaos.fleet import Fleet, Member
from chaos.history import History, What
from chaos.judge import judge
from chaos.load import Load, body
from chaos.schedule import PODS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bus.transports.jetstream import JetStreamBus

# In the place of seven days, once the test lets the stream age: what it does before takes as long as it takes.
KEPT_S = 1.0
PATIENCE_S = 240.0


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[JetStreamBus]:
    """Run one server that forgets at once which ids it was sent, an agent of each pod, and a coordinator."""
    async with AsyncExitStack() as stack:
        server = await launch(tmp_path / "store", log=tmp_path / "log")
        stack.push_async_callback(server.stop)
        made = await stack.enter_async_context(connect(Connection(servers=server.url)))
        await set_up(made, PODS)
        # What has aged is older than this by far: its id means nothing to the server any more.
        await _change(made, duplicate_window=int(KEPT_S / 10 * SECOND))
        commands = {f"{pod}-1": ("agents", pod) for pod in PODS} | {"coordinator-1": ("coordinator",)}
        fleet = Fleet({name: Member(name, command, tmp_path, server.url) for name, command in commands.items()})
        lives = [asyncio.create_task(member.live()) for member in fleet.members.values()]
        try:
            await fleet.ready()
            yield made
        finally:
            for life in lives:
                life.cancel()
            for member in fleet.members.values():
                await member.end()


@pytest.mark.deep
async def test_an_id_that_is_used_again_after_it_aged_is_a_new_request(bus: JetStreamBus) -> None:
    history = History()
    load = Load(seed=1, requests=0, rate=1, in_flight=1, history=history)
    now = asyncio.get_running_loop().time
    observing = asyncio.create_task(load.observe(bus, "observer"))
    try:
        for use in range(2):
            load.until = now() + PATIENCE_S
            await load.ask(bus, {**body(use, 0), "request_id": "monthly-review"})
            assert await load.use_again(bus, "answered", 8 * use)  # too early, by somebody else
            await _aged(bus)
    finally:
        observing.cancel()

    assert judge(history.events, kept_s=KEPT_S).wrong == ()
    told = [event.what for event in history.events if event.what in {What.ACKNOWLEDGED, What.TAKEN}]
    assert told == [What.ACKNOWLEDGED, What.TAKEN] * 2


async def _aged(bus: JetStreamBus) -> None:
    """Let the stream keep what it holds for a second, until the request is gone; then as long as before."""
    kept = await _change(bus, max_age=int(KEPT_S * SECOND))
    async with asyncio.timeout(PATIENCE_S):
        while await bus.record([subjects.request("monthly-review"), subjects.final("monthly-review")]):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await _change(bus, max_age=kept["max_age"])


async def _change(bus: JetStreamBus, **settings: int) -> dict[str, Any]:
    """Change the stream; returns how it was."""
    config: dict[str, Any] = (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["config"]
    await bus.ask_api(f"STREAM.UPDATE.{EVENTS}", {**config, **settings})
    return config
