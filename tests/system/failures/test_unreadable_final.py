"""A final event that cannot be read: the command, the watch and the clients say which, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import RawConnection
from support.clients import CLIENTS, run
from support.processes import podfolio
from support.requests_made import ROOT, body

from bus.language import subjects
from cli.client.answers import UNREADABLE

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

BODIES = {
    "empty": b"",
    "no-json": b"\xff{",
    "no-object": b"[]",
    "later": b'{"type": "MasterPortfolioOptimized", "version": 2, "weights": {}}',
    "of-another-kind": b'{"type": "MasterPortfolioPostponed", "version": 1}',
}


async def occupy(site: Site) -> None:
    """Put a final event that cannot be read where each one will be looked for."""
    async with RawConnection(int(site.url.rpartition(":")[2])) as raw:
        for name, sent in BODIES.items():
            await raw.publish(subjects.final(name).encode(), b"NATS/1.0", sent)


@pytest.mark.parametrize("name", BODIES)
async def test_a_request_ends_at_once_and_says_which_and_what_is_wrong(site: Site, name: str, tmp_path: Path) -> None:
    await occupy(site)
    kept = tmp_path / "kept.json"

    # It follows from its own request on, so that the final event must come after it.
    command = ("request", "examples/reference-customer.json", "--request-id", "r1", "--json", str(kept))
    asking = asyncio.create_task(podfolio(*command, "--server", site.url))
    while not await site.bus.record([subjects.request("r1")]):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await site.bus.publish_once(subjects.final("r1"), BODIES[name], message_id="x", headers={})
    status, out, errors = await asking

    assert status == UNREADABLE
    assert "podfolio.v1.final.r1 (message 7 of the stream) is there and cannot be read" in errors
    assert "podfolio remove" in errors
    assert "CANNOT BE READ: " in out
    assert "Traceback" not in errors
    assert kept.read_bytes() == BODIES[name]


async def test_a_watch_shows_what_is_wrong_and_goes_on(site: Site) -> None:
    await occupy(site)
    watching = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "watch", "--all", "--server", site.url),
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    assert watching.stdout is not None
    try:
        async with asyncio.timeout(60):
            lines = [(await watching.stdout.readline()).decode() for _ in BODIES]
    finally:
        watching.kill()
        await watching.wait()

    for name, line in zip(BODIES, lines, strict=True):
        assert f"podfolio.v1.final.{name}" in line
        assert "CANNOT BE READ: " in line


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_client_says_so_and_ends_with_a_status_of_its_own(site: Site, tmp_path: Path, language: str) -> None:
    await occupy(site)
    for number, name in enumerate(BODIES, start=1):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(body(name)), encoding="utf-8")

        status, out, errors = await run(language, str(file), site.url)

        assert (status, out) == (3, ""), errors
        assert f"message {number}, the final event, cannot be read (" in errors
