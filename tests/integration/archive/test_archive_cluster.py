"""The archive of a cluster whose servers are killed in turn: each message once, in order."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support.deployed import NAMES, PATIENCE_S, PODS, publish

from bus.administration.setup import set_up
from bus.language import subjects
from bus.topology.roles import ADMIN, ARCHIVIST
from bus.transports.jetstream import connect
from cli.archive import sealing
from cli.archive.verification import Verification, verify
from cli.trust.check import Verdict

if TYPE_CHECKING:
    from support.deployed import Cluster


@pytest.mark.deep
async def test_three_servers_that_are_killed_in_turn_archive_each_message_once(cluster: Cluster) -> None:
    async with asyncio.timeout(6 * PATIENCE_S):
        await cluster.start(*NAMES)
        await cluster.whole()
        async with connect(cluster.settings(ADMIN)) as admin:
            await set_up(admin, PODS, replicas=3)
        names = []
        for turn, server in enumerate(NAMES * 2):
            part = [f"r{turn}-{count}" for count in range(20)]
            await publish(cluster, *part)
            names += part
            await cluster.end(server, signal.SIGKILL)
            await cluster.start(server)
        await cluster.whole()
        async with connect(cluster.settings(ARCHIVIST)) as bus:
            while (await bus.archive_state()).messages < len(names):  # noqa: ASYNC110 - the server tells nobody of it
                await asyncio.sleep(0.05)
            await sealing.seal(bus, None, lambda: datetime.now(UTC))
            archived = [one async for one in bus.archived(subjects.ALL_REQUESTS)]
            kept = (await bus.archive_state()).kept
            checks = (await verify(bus.archived(), Verification(datetime.now(UTC), kept))).checks()

    assert [one.message.subject for one in archived] == [subjects.request(name) for name in names]
    assert {check.what for check in checks if check.verdict is Verdict.FAILS} == set()
