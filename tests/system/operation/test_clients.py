"""The examples in other languages, run as they stand: each publishes, follows, prints, and says what went wrong."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from support import npm
from support.in_process import PODS
from support.processes import START_S
from support.programs import NODE
from support.requests_made import ROOT, body

from bus.language.messages import MasterPortfolioOptimized, Stage, parse_progress
from bus.topology.roles import REQUESTER

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import SecureSystem, Site

JAVASCRIPT, PYTHON = ROOT / "clients" / "javascript", ROOT / "clients" / "python"
CLIENTS = {"javascript": JAVASCRIPT / "request.js", "python": PYTHON / "request.py"}
MOST_LINES = 37


def interpreter(language: str) -> str:
    if language == "python":
        return sys.executable
    npm.install(JAVASCRIPT)
    return NODE.path()


async def run(language: str, *arguments: str) -> tuple[int, str, str]:
    """Run a client to its end; returns exit status, output and errors."""
    # Elsewhere, and without a path, so that nothing of ours can be imported.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    client = await asyncio.create_subprocess_exec(
        interpreter(language),
        str(CLIENTS[language]),
        *arguments,
        cwd="/",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(START_S):
            out, errors = await client.communicate()
    except BaseException:
        client.kill()
        await client.wait()
        raise
    return client.returncode or 0, out.decode(), errors.decode()


def asked(folder: Path, request_id: str, **changes: object) -> str:
    file = folder / f"{request_id}.json"
    file.write_text(json.dumps(body(request_id, **changes)), encoding="utf-8")
    return str(file)


def portfolio(out: str) -> dict[str, float]:
    return {ticker: float(weight) for ticker, weight in (line.split() for line in out.splitlines())}


async def test_clients_print_the_portfolio_to_the_digit_and_follow_how_it_comes_about(shared: Site) -> None:
    for language in CLIENTS:
        await works(shared, language)


async def works(site: Site, language: str) -> None:
    name = f"by-{language}"
    status, out, errors = await run(language, asked(site.folder, name), site.url)

    event = await site.final(name)
    assert isinstance(event, MasterPortfolioOptimized)
    assert (status, portfolio(out)) == (0, event.weights)
    told = [parse_progress(line.encode()) for line in errors.splitlines()]
    assert {progress.request_id for progress in told} == {name}
    # Other steps may come in any order, and the last after the answer was read.
    answered = [set(progress.pods) for progress in told if progress.stage is Stage.ANSWERED]
    assert set(PODS) in answered

    again, out, errors = await run(language, asked(site.folder, name), site.url)
    assert (again, out) == (1, "")
    assert "maximum messages per subject exceeded" in errors

    refused, out, errors = await run(language, asked(site.folder, f"not-{name}", market="nowhere"), site.url)
    assert (refused, out) == (1, "")
    assert "unknown_market: unknown market nowhere: name one of" in errors


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_client_says_what_is_missing(tmp_path: Path, language: str, unused_tcp_port: int) -> None:
    nowhere = f"nats://127.0.0.1:{unused_tcp_port}"
    for arguments in ((asked(tmp_path, "r1"), nowhere), (str(tmp_path / "none.json"), nowhere), ()):
        status, out, errors = await run(language, *arguments)

        assert (status, out) == (1, ""), arguments
        assert errors.splitlines()[-1].startswith("request."), arguments
        assert "Traceback" not in errors


@pytest.mark.parametrize("language", CLIENTS)
def test_a_client_is_short_and_uses_nothing_of_ours(language: str) -> None:
    text = CLIENTS[language].read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MOST_LINES
    assert not any(f"import {ours}" in text for ours in ("agents", "bus", "cli", "coordinator", "portfolio"))


async def as_requester(system: SecureSystem, language: str, folder: Path) -> tuple[int, str, str]:
    """Run a client with the requester's key; used where a secure system runs anyway."""
    seed, ca = system.keys.seed(REQUESTER), system.keys.ca
    return await run(language, asked(folder, f"with-{language}"), system.url, str(seed), str(ca))
