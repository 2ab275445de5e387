"""A final event of the real system, verified with nothing but its file and a public key."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import TYPE_CHECKING

from support.commands import beside, here
from support.processes import START_S, documented_program, podfolio
from support.requests_made import ROOT, body

from bus.topology.roles import COORDINATOR, OBSERVER, REQUESTER
from cli.trust.keys import Keys

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import SecureSystem, Site


async def saved(system: SecureSystem, folder: Path, name: str, **changes: object) -> tuple[int, Path]:
    """Ask, and save what is published, as a shell would with ``--json > FILE``."""
    request, event = folder / f"{name}-request.json", folder / f"{name}.json"
    request.write_text(json.dumps(body(name, **changes)), encoding="utf-8")
    status, out, page = await system.request(name, *system.as_role(REQUESTER), "--json", file=request)
    event.write_text(out, encoding="utf-8")
    assert "Signed by U" in page
    return status, event


async def test_what_is_published_is_verified_without_a_server(secure: SecureSystem, tmp_path: Path) -> None:
    answered, portfolio = await saved(secure, tmp_path, "verified")
    refused, failure = await saved(secure, tmp_path, "refused", rules={"max_etfs": 9})
    await watch(secure, tmp_path / "watched", portfolio.name, failure.name)
    public, other = (str(secure.keys.public(role)) for role in (COORDINATOR, REQUESTER))
    key = secure.keys.public(COORDINATOR).read_text(encoding="ascii").strip()
    for event in (portfolio, failure):
        assert (tmp_path / "watched" / event.name).read_bytes() == event.read_bytes()
    strangers = Keys(tmp_path / "strangers")
    await beside("keys", str(strangers.folder))
    forged = tmp_path / "forged.json"
    forged.write_bytes(portfolio.read_bytes().replace(b'"customer_id":"', b'"customer_id":"x'))

    assert (answered, refused) == (0, 1)
    command = await podfolio("verify", str(portfolio), "--key", public)
    assert command == here("verify", str(portfolio), "--key", public) == here("verify", str(portfolio), "--key", key)
    pods = ("--pod-keys", str(secure.keys.folder))
    for event, given, due, said in (
        (portfolio, ("--key", public, *pods), 0, "Everything holds."),
        (portfolio, ("--key", public, *pods), 0, "made of the answers that alpha, beta, gamma, delta signed"),
        (failure, ("--key", public, *pods), 0, "rules, or rules and goals, contradict each other"),
        (portfolio, ("--key", public), 3, "confirm that these are the pods' keys"),
        (portfolio, ("--key", public, "--pod-keys", str(strangers.folder)), 1, "not by a key given for alpha"),
        (portfolio, ("--key", public, "--pod-keys", str(tmp_path)), 2, "no public key of a pod"),
        (portfolio, (), 3, "confirm that this is the coordinator's key"),
        (portfolio, pods, 3, "confirm that this is the coordinator's key"),
        (portfolio, ("--key", other), 1, "not by the key given"),
        (forged, ("--key", public), 1, "forged or changed"),
        (tmp_path / "verified-request.json", ("--key", public), 1, "give a final event"),
        (portfolio, ("--key", str(secure.keys.seed(COORDINATOR))), 2, "holds a secret"),
        (portfolio, ("--key", str(tmp_path / "missing")), 2, "neither a public key"),
    ):
        status, out, errors = here("verify", str(event), *given)
        assert (status, said in " ".join(f"{out} {errors}".split())) == (due, True), (said, out, errors)
        assert "\x1b" not in out
    assert await piped(portfolio.read_bytes(), public) == 3
    assert await piped(forged.read_bytes(), public) == 1
    assert await by_the_documented_program(portfolio, key) == 0
    assert await by_the_documented_program(forged, key) != 0


async def watch(system: SecureSystem, folder: Path, *files: str) -> None:
    """Replay the stream until these final events are kept."""
    options = ("--all", "--save", str(folder), "--server", system.url, *system.as_role(OBSERVER))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "watch", *options, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(START_S):
            while not all((folder / file).exists() for file in files):  # noqa: ASYNC110 - another process makes them
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        await process.wait()


async def piped(event: bytes, key: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "verify", "-", "--key", key),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(START_S):
        await process.communicate(event)
    assert process.returncode is not None
    return process.returncode


async def by_the_documented_program(event: Path, key: str) -> int:
    program = documented_program("docs/security.md", "import rfc8785\n")
    assert not set(re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE)) & {"bus", "cli", "portfolio"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(event), key, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(START_S):
        return await process.wait()


async def test_an_event_of_a_system_without_keys_is_unsigned(shared: Site, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body("unsigned")), encoding="utf-8")
    _, out, page = await beside("request", str(request), "--server", shared.url, "--json")
    (tmp_path / "event.json").write_text(out, encoding="utf-8")

    status, told, _ = await beside("verify", str(tmp_path / "event.json"))

    assert out.encode() == (await shared.bus.record(["podfolio.v1.final.unsigned"]))[0].data
    assert "signed by" not in page
    assert status == 3
    assert "unsigned" in told
