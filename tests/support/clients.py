"""The examples in other languages, run as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

from bus.topology.roles import REQUESTER
from support import npm
from support.processes import START_S
from support.programs import NODE
from support.requests_made import ROOT, body

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

    from support.processes import SecureSystem

JAVASCRIPT, PYTHON = ROOT / "clients" / "javascript", ROOT / "clients" / "python"
CLIENTS = {"javascript": JAVASCRIPT / "request.js", "python": PYTHON / "request.py"}
PROGRAMS = ("request", "finals", "markets")


def interpreter(language: str) -> str:
    if language == "python":
        return sys.executable
    npm.install(JAVASCRIPT)
    return NODE.path()


def file_of(language: str, program: str) -> Path:
    """Name the file of an example."""
    return CLIENTS[language].with_stem(program)


async def launched(language: str, *arguments: str, program: str = "request") -> Process:
    """Start a client."""
    # Elsewhere, and without a path, so that nothing of ours can be imported.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return await asyncio.create_subprocess_exec(
        interpreter(language),
        str(file_of(language, program)),
        *arguments,
        cwd="/",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(language: str, *arguments: str, program: str = "request") -> tuple[int, str, str]:
    """Run a client to its end; returns exit status, output and errors."""
    client = await launched(language, *arguments, program=program)
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


async def as_requester(system: SecureSystem, language: str, folder: Path) -> tuple[int, str, str]:
    """Run a client with the requester's key; used where a secure system runs anyway."""
    seed, ca = system.keys.seed(REQUESTER), system.keys.ca
    return await run(language, asked(folder, f"with-{language}"), system.url, str(seed), str(ca))
