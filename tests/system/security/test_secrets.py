"""No secret of the running system is anywhere but in its own file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.commands import beside
from support.processes import START_S
from support.requests_made import ROOT, data
from support.secrets import leaks, secrets

from bus.topology.roles import ADMIN, OBSERVER, REQUESTER
from bus.transports.jetstream import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import SecureSystem

# up, the server, four agents, the coordinator, a solver for each of these, and whoever watches.
PROCESSES = 15


def family(pid: int) -> Iterator[int]:
    """Name a process and all that it started, and they."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from family(int(child))


async def everything_said(system: SecureSystem) -> dict[str, bytes]:
    """Collect logs, configuration, all that the server stores, and what was ever published."""
    files = [system.log, *(file for file in system.store.rglob("*") if file.is_file())]
    said = {str(file): file.read_bytes() for file in files}
    async with connect(system.connection(OBSERVER)) as bus:
        for message in await bus.record(["podfolio.v1.>"]):
            said[message.subject] = message.data + repr(dict(message.headers)).encode()
    return said


async def test_no_secret_is_in_a_log_a_message_a_file_an_argument_or_an_environment(
    secure: SecureSystem, tmp_path: Path
) -> None:
    asking = secure.as_role(REQUESTER)
    watch = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "watch", "--all", "--server", secure.url, *secure.as_role(OBSERVER)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert watch.stdout is not None
    bad = tmp_path / "bad.json"
    bad.write_bytes(data("told-2", rules={"max_etfs": 9}))
    told = {
        "request": await secure.request("told-1", *asking, "--json"),
        "failure": await secure.request("told-2", *asking, "--json", file=bad),
        "taken": await secure.request("told-1", *asking, file=bad),
        "stranger": await secure.request("told-3", "--nkey-seed", str(secure.keys.public(REQUESTER)), *asking[2:]),
        "no seed": await secure.request("told-4", "--nkey-seed", str(bad), *asking[2:]),
        "setup": await beside("setup", "--check", "--server", secure.url, *secure.as_role(ADMIN)),
        "keys": await beside("keys", str(secure.keys.folder)),
        "verify": await beside("verify", str(bad), "--key", str(secure.keys.seed(ADMIN))),
    }
    async with asyncio.timeout(START_S):
        watched = b""
        while b"podfolio.v1.final.told-2" not in watched:
            watched += (line := await watch.stdout.readline())
            assert line, watched
    assert secure.up.pid is not None
    running = [*family(secure.up.pid), *family(watch.pid)]
    processes = {
        f"/proc/{pid}/{what}": Path(f"/proc/{pid}/{what}").read_bytes()
        for pid in running
        for what in ("cmdline", "environ")
    }
    said = await everything_said(secure)
    watch.terminate()
    await watch.wait()
    known = secrets(secure.keys.folder)
    shown = {command: f"{out} {errors}".encode() for command, (_, out, errors) in told.items()} | {"watch": watched}

    # What was looked through is all there is, and what is looked for would be found.
    assert len(running) == PROCESSES
    assert [told[command][0] for command in ("request", "failure", "taken", "stranger", "setup")] == [0, 1, 1, 1, 0]
    assert len(known) == 15
    files = {name: (secure.keys.folder / name).read_bytes() for name in known}
    assert leaks(files, known) == {(name, name) for name in known}
    assert any(b"PODFOLIO_NATS_NKEY_SEED=" in text for text in processes.values())
    assert b"coordinator.signs" in said[str(secure.log)]
    assert {"podfolio.v1.final.told-1", "podfolio.v1.final.told-2", "podfolio.v1.pod.told-1.alpha"} <= set(said)
    assert any(name.endswith(".blk") and b"podfolio.v1.final.told-1" in text for name, text in said.items())

    assert leaks(said | processes | shown, known) == set()
