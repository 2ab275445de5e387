"""A copy of a stopped server's store brings everything back, as docs/operations.md says."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from support.processes import NOT_THOSE, START_S, TWO, Site
from support.requests_made import data

from agents import mandate_files
from bus.administration.server import embedded_server
from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.language.messages import MasterPortfolioOptimized
from bus.port import Stored
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_restored_store_answers_what_was_open_and_nothing_twice(tmp_path: Path) -> None:
    store, copy, log = tmp_path / "store", tmp_path / "copy", tmp_path / "server.log"
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_server(store, log=log))
        bus = await stack.enter_async_context(connect(Connection(servers=url)))
        await set_up(bus, tuple(mandate_files.bundled()))
        site = Site(url, bus, tmp_path)
        stack.push_async_callback(site.end_all)
        await site.start_all(but=NOT_THOSE)
        await site.publish(data("answered", pod_weights=TWO), "answered")
        before = await site.final("answered")
        await site.end_all()
        await site.publish(data("open", deadline_s=300, pod_weights=TWO), "open")

    shutil.copytree(store, copy)
    shutil.rmtree(store)
    shutil.copytree(copy, store)

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_server(store, log=log))
        bus = await stack.enter_async_context(connect(Connection(servers=url)))
        left = [step for step in await plan(bus, tuple(mandate_files.bundled())) if step.is_needed]
        site = Site(url, bus, tmp_path)
        stack.push_async_callback(site.end_all)
        again = await site.publish(data("answered", pod_weights=TWO), "answered")
        await site.start_all(but=NOT_THOSE)
        after = await site.final("answered")
        opened = await site.final("open", patience_s=2 * START_S)
        finals = await bus.record([subjects.ALL_FINALS])

    assert left == []
    assert again is Stored.SAME
    assert after == before
    assert isinstance(opened, MasterPortfolioOptimized)
    assert len(finals) == 2
