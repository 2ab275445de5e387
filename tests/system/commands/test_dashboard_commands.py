"""The commands that serve the dashboard, as people start them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.commands import beside, here
from support.processes import ANSWER_S, START_S, podfolio
from support.requests_made import REFERENCE, ROOT

from bus.topology.roles import OBSERVER, REQUESTER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.processes import SecureSystem, Site


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run a command until its dashboard is there; see that it ends with status 0 when it is interrupted."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            while "the dashboard is at" not in (line := (await process.stdout.readline()).decode()):
                assert line, "it ended before it was ready"
        async with httpx.AsyncClient(base_url=line.split()[-1], timeout=ANSWER_S, trust_env=False) as client:
            yield client
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            while await process.stdout.read(2**16):
                pass
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_optimised(page: httpx.AsyncClient, name: str) -> dict[str, object]:
    """Listen until a request's portfolio is told of; gives what was told with it."""
    async with asyncio.timeout(ANSWER_S), page.stream("GET", "/events") as answer:
        async for line in answer.aiter_lines():
            told = json.loads(line[6:]) if line.startswith("data: ") else {"rows": []}
            if any(row["id"] == name and row["state"] == "optimised" for row in told["rows"]):
                return dict(told)
    message = "it ended before"
    raise AssertionError(message)


@pytest.mark.deep
async def test_the_demo_moves_by_itself() -> None:
    async with started("demo", "--dashboard", "0") as page:
        told = await until_optimised(page, "reference-customer-1")
        opened = (await page.get("/requests/reference-customer-1")).json()

    assert told["summary"]["failed"] == 0  # type: ignore[index] - it is JSON
    assert opened["sections"][0]["title"] == "Model portfolio"


async def test_it_shows_a_system_that_runs_elsewhere(shared: Site) -> None:
    async with started("dashboard", "--port", "0", "--server", shared.url, "--all") as page:
        status, _, _ = await beside("request", str(REFERENCE), "--request-id", "seen", "--server", shared.url)
        told = await until_optimised(page, "seen")

    assert status == 0
    assert told["status"]["connected"] is True  # type: ignore[index]


async def test_with_users_it_reads_and_nothing_else(secure: SecureSystem) -> None:
    server_log, name = secure.store / "nats-server.log", "read-by-observers"
    told_before = len(server_log.read_text(encoding="utf-8"))
    status, _, _ = await secure.request(name, *secure.as_role(REQUESTER))
    async with httpx.AsyncClient(base_url=secure.dashboard, timeout=ANSWER_S, trust_env=False) as page:
        told = await until_optimised(page, name)
    async with started("dashboard", "--port", "0", "--server", secure.url, *secure.as_role(OBSERVER)) as other:
        same = await until_optimised(other, name)
        opened = (await other.get(f"/requests/{name}")).json()

    log = server_log.read_text(encoding="utf-8")[told_before:]
    assert status == 0
    assert row_of(told, name) == row_of(same, name)
    assert "Signed by" in json.dumps(opened)
    assert "Violation" not in log


def row_of(told: dict[str, Any], name: str) -> dict[str, object]:
    """Find what is told of a request; its challenge comes some time after the event."""
    (row,) = (row for row in told["rows"] if row["id"] == name)
    return row | {"changed": 0}


async def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    status, _, errors = await podfolio("dashboard", "--port", "0", "--server", "nats://127.0.0.1:1")

    assert status == 1
    assert errors.count("\n") == 1
    assert "no NATS server answers at" in errors


@pytest.mark.parametrize("option", [("--since", "yesterday"), ("--port", "70000")])
def test_what_is_asked_wrongly_is_said(option: tuple[str, str]) -> None:
    status, _, errors = here("dashboard", *option)

    assert status == 2
    assert option[0] in errors
