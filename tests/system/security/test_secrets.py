"""No secret of the running system is anywhere but in its own file."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nkeys
from support.processes import START_S, podfolio, secure_system
from support.requests_made import ROOT, data

from bus.topology.roles import ADMIN, OBSERVER, REQUESTER
from bus.transports.jetstream import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import SecureSystem

# up, the server, four agents, the coordinator, a solver for each of these, and whoever watches.
PROCESSES = 15


def secrets(folder: Path) -> dict[str, list[bytes]]:
    """Collect every secret of a folder of keys, in every form in which it might be written."""
    found = {}
    for file in folder.glob("*.nk"):
        seed = file.read_bytes().strip()
        raw = bytes(nkeys.decode_seed(bytearray(seed))[1])
        found[file.name] = [seed, raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]
    lines = (folder / "server-key.pem").read_bytes().splitlines()
    found["server-key.pem"] = [line for line in lines if b"PRIVATE KEY" not in line]
    return found


def leaks(texts: dict[str, bytes], known: dict[str, list[bytes]]) -> set[tuple[str, str]]:
    """Say which secret is in which text."""
    return {
        (name, where)
        for name, forms in known.items()
        for where, text in texts.items()
        if any(form in text for form in forms)
    }


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
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with secure_system(tmp_path, unused_tcp_port) as system:
        asking = system.as_role(REQUESTER)
        watch = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cli", "watch", "--all", "--server", system.url, *system.as_role(OBSERVER)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert watch.stdout is not None
        bad = tmp_path / "bad.json"
        bad.write_bytes(data("r2", rules={"max_etfs": 9}))
        told = {
            "request": await system.request("r1", *asking, "--json"),
            "failure": await system.request("r2", *asking, "--json", file=bad),
            "taken": await system.request("r1", *asking, file=bad),
            "stranger": await system.request("r3", "--nkey-seed", str(system.keys.public(REQUESTER)), *asking[2:]),
            "no seed": await system.request("r4", "--nkey-seed", str(bad), *asking[2:]),
            "setup": await podfolio("setup", "--check", "--server", system.url, *system.as_role(ADMIN)),
            "keys": await podfolio("keys", str(system.keys.folder)),
            "verify": await podfolio("verify", str(bad), "--key", str(system.keys.seed(ADMIN))),
        }
        async with asyncio.timeout(START_S):
            watched = b"".join([await watch.stdout.readline() for _ in range(12)])
        assert system.up.pid is not None
        running = [*family(system.up.pid), *family(watch.pid)]
        processes = {
            f"/proc/{pid}/{what}": Path(f"/proc/{pid}/{what}").read_bytes()
            for pid in running
            for what in ("cmdline", "environ")
        }
        said = await everything_said(system)
        watch.terminate()
        await watch.wait()
        known = secrets(system.keys.folder)
    shown = {command: f"{out} {errors}".encode() for command, (_, out, errors) in told.items()} | {"watch": watched}
    # Once more, when the processes have said their last.
    said["processes.log, at the end"] = system.log.read_bytes()

    # What was looked through is all there is, and what is looked for would be found.
    assert len(running) == PROCESSES
    assert [told[command][0] for command in ("request", "failure", "taken", "stranger", "setup")] == [0, 1, 1, 1, 0]
    assert len(known) == 11
    assert leaks({name: (system.keys.folder / name).read_bytes() for name in known}, known) == {(n, n) for n in known}
    assert any(b"PODFOLIO_NATS_NKEY_SEED=" in text for text in processes.values())
    assert b"coordinator.signs" in said[str(system.log)]
    assert {"podfolio.v1.final.r1", "podfolio.v1.final.r2", "podfolio.v1.pod.r1.alpha"} <= set(said)
    assert any(name.endswith(".blk") and b"podfolio.v1.final.r1" in text for name, text in said.items())

    assert leaks(said | processes | shown, known) == set()
