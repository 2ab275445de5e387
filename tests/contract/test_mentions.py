"""What is mentioned reaches who listens then, and nobody later: the same tests in memory and with the real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bus.language import subjects

if TYPE_CHECKING:
    from support.site import Site

PATIENCE_S = 240.0


async def test_who_listens_hears_what_is_mentioned_there_in_its_order(site: Site) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async with site.other.subscribe(subjects.progress("r1"), heard.put_nowait):
        # The subscription's connection has been answered, so the server has the subscription too.
        await site.other.queues()
        for request_id, data in (("r1", b"1"), ("r2", b"other"), ("r1", b"2")):
            await site.bus.publish_transient(subjects.progress(request_id), data)
        async with asyncio.timeout(PATIENCE_S):
            assert [await heard.get() for _ in range(2)] == [b"1", b"2"]


async def test_one_may_listen_to_all(site: Site) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async with site.other.subscribe(subjects.ALL_PROGRESS, heard.put_nowait):
        await site.other.queues()
        for number in range(3):
            await site.bus.publish_transient(subjects.progress(f"r{number}"), b"%d" % number)
        async with asyncio.timeout(PATIENCE_S):
            assert [await heard.get() for _ in range(3)] == [b"0", b"1", b"2"]


async def test_nothing_of_it_is_kept(site: Site) -> None:
    await site.bus.publish_transient(subjects.progress("r1"), b"{}")
    await site.bus.publish_once(subjects.request("r1"), b"{}", message_id="m", headers={})

    stored = await site.bus.record([subjects.ALL, subjects.ALL_PROGRESS])

    assert [message.subject for message in stored] == [subjects.request("r1")]


async def test_nobody_need_listen(site: Site) -> None:
    await site.bus.publish_transient(subjects.progress("r1"), b"{}")

    assert await site.bus.queues()  # the connection has taken no harm
