"""The whole system with users and TLS, as one command starts it; and who does not get in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from typing import TYPE_CHECKING

import pytest
from support.clients import CLIENTS, as_requester, portfolio
from support.commands import beside, here

from bus.administration.server import embedded_server
from bus.language import subjects
from bus.language.pod_keys import PodKeys
from bus.port import RefusedError
from bus.topology.roles import ADMIN, COORDINATOR, OBSERVER, REQUESTER, inbox_of
from bus.transports.jetstream import Connection, connect
from cli.trust.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.processes import SecureSystem

# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_S = 240.0


async def test_it_answers_whoever_has_a_key_and_trusts_its_certificate(secure: SecureSystem, tmp_path: Path) -> None:
    strangers = Keys(tmp_path / "strangers")
    await beside("keys", str(strangers.folder))
    keys, log = secure.keys, secure.store / "nats-server.log"
    told_before = len(log.read_text(encoding="utf-8"))
    known, trusting = ("--nkey-seed", str(keys.seed(REQUESTER))), ("--ca", str(keys.ca))
    answered, page, _ = await secure.request("answered", *known, *trusting)
    clients = {language: await as_requester(secure, language, tmp_path) for language in CLIENTS}
    # What everybody did so far was allowed: a role that lacks something would have been refused it.
    told = log.read_text(encoding="utf-8")[told_before:]

    refused = {
        "does not prove who it is": [
            await secure.request("stranger-1", *known),
            await secure.request("stranger-2", *known, "--ca", str(strangers.ca)),
        ],
        "refuses these credentials": [
            await secure.request("stranger-3", *trusting),
            await secure.request("stranger-4", *trusting, "--nkey-seed", str(strangers.seed(REQUESTER))),
        ],
        "lets this user not listen": [
            await secure.request("stranger-5", *trusting, "--nkey-seed", str(keys.seed(OBSERVER)))
        ],
    }
    async with connect(secure.connection(OBSERVER)) as bus:
        stored = {message.subject.split(".")[3] for message in await bus.record(["podfolio.v1.>"])}

    assert answered == 0
    assert "Model portfolio" in page
    assert {status for status, _, _ in clients.values()} == {0}, clients
    assert portfolio(clients["python"][1]) == portfolio(clients["javascript"][1])
    assert all('"stage":"answered"' in errors for _, _, errors in clients.values())
    assert "Violation" not in told
    for reason, attempts in refused.items():
        for status, _, errors in attempts:
            assert status == 1
            assert reason in " ".join(errors.split())
    assert stored >= {"answered", *(f"with-{language}" for language in CLIENTS)}
    assert not any(name.startswith("stranger") for name in stored)


async def test_a_final_carries_what_the_pods_signed_and_a_forged_result_makes_none(secure: SecureSystem) -> None:
    asking = secure.as_role(REQUESTER)
    honest, event, _ = await secure.request("honest", *asking, "--json")
    # Whoever may publish where alpha's results belong, and has not got alpha's secret: as alpha's user, unsigned.
    result = json.loads(event)["pod_answers"][0] | {"request_id": "forged"}
    result["mandate"] |= {"universe": ["SEMI", "ASIA"], "max_position": 1.0, "goals": {}}
    async with connect(secure.connection("pod-alpha")) as bus:
        for name, signed in (("forged", result), ("unsigned", {**result, "signature": None})):
            told = json.dumps({**signed, "request_id": name}).encode()
            await bus.publish_once(subjects.pod_result(name, "alpha"), told, message_id=name, headers={})
    forged, failure, page = await secure.request("forged", *asking, "--json")
    _, unsigned, _ = await secure.request("unsigned", *asking, "--json")

    pods = [(answer["pod"], answer["signature"]["key"]) for answer in json.loads(event)["pod_answers"]]
    public = {pod: secure.keys.public(f"pod-{pod}").read_text(encoding="ascii").strip() for pod, _ in pods}
    assert honest == 0
    assert pods == list(public.items())
    assert len(set(public.values())) == 4
    assert forged == 1
    assert {json.loads(failed)["reason"] for failed in (failure, unsigned)} == {"result_not_genuine"}
    assert "forged or changed" in json.loads(failure)["message"]
    assert "unsigned" in json.loads(unsigned)["message"]
    assert "alpha's answer is not proven to be its own" in " ".join(page.split())


async def test_an_administrator_removes_a_message_and_nobody_else(secure: SecureSystem) -> None:
    await secure.request("removed", *secure.as_role(REQUESTER))
    async with connect(secure.connection(OBSERVER)) as bus:
        (asked,) = await bus.record([subjects.request("removed")])
    command = ("remove", str(asked.sequence), "--reason", "a test", "--yes", "--server", secure.url)
    done = {
        role: await beside(*command, *secure.as_role(role), "--inbox-prefix", inbox_of(role))
        for role in (REQUESTER, OBSERVER, COORDINATOR, ADMIN)
    }
    _, watched, _ = await beside(*command, *secure.as_role(ADMIN))

    assert {role: status for role, (status, _, _) in done.items()} == {
        REQUESTER: 1,
        OBSERVER: 1,
        COORDINATOR: 1,
        ADMIN: 0,
    }
    assert "permissions violation" in done[REQUESTER][2]
    assert watched == "", "it is gone"


async def test_a_client_that_was_too_slow_for_the_server_tries_again_and_never_in_the_clear(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    keys = Keys(tmp_path / "keys")
    await beside("keys", str(keys.folder))
    heard: list[bytes] = []
    ended = asyncio.Semaphore(0)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, first: bytes) -> None:
        sink.write(first)
        with contextlib.suppress(ConnectionError):
            while some := await source.read(65_536):
                sink.write(some)
        sink.close()

    async def delay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Of the first connection, nothing reaches the server before it has lost patience and spoken.
        to_server = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        heard.append(await reader.read(65_536))
        said = await to_server[0].read(65_536) if len(heard) == 1 else b""
        async with asyncio.TaskGroup() as group:
            group.create_task(copy(reader, to_server[1], heard[-1]))
            group.create_task(copy(to_server[0], writer, said))
        ended.release()

    async with embedded_server(tmp_path / "store", log=tmp_path / "log", guard=keys.guard) as url:
        proxy = await asyncio.start_server(delay, "127.0.0.1", unused_tcp_port)
        here = Connection(
            servers=f"tls://127.0.0.1:{unused_tcp_port}", role=OBSERVER, nkey_seed=keys.seed(OBSERVER), ca=keys.ca
        )
        async with connect(here):
            assert len(heard) == 2
        proxy.close()
        # Else a stream could be left to the garbage collector, to be noticed in another test.
        async with asyncio.timeout(PATIENCE_S):
            for _ in heard:
                await ended.acquire()

    # A record of TLS's handshake, each time.
    assert [data[:2] for data in heard] == [b"\x16\x03", b"\x16\x03"]


async def test_a_client_that_wants_tls_says_nothing_to_a_server_without(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    await beside("keys", str(keys.folder))
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        with pytest.raises(RefusedError, match="does not prove who it is"):
            async with connect(Connection(servers=url, nkey_seed=keys.seed(REQUESTER), ca=keys.ca)):
                pass


class TestKeys:
    def test_are_for_nobody_else_s_eyes_and_stay_as_they_are(self, tmp_path: Path) -> None:
        keys = Keys(tmp_path / "keys")
        first, told, _ = here("keys", str(keys.folder))
        before = {file.name: file.read_bytes() for file in keys.folder.iterdir()}
        second, told_again, _ = here("keys", str(keys.folder))

        assert (first, second, told_again) == (0, 0, "")
        assert before == {file.name: file.read_bytes() for file in keys.folder.iterdir()}
        assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in keys.folder.iterdir()} == {0o600}
        assert (keys.folder / ".gitignore").read_text(encoding="utf-8") == "*\n"
        seeds = [file.read_text(encoding="utf-8").strip() for file in keys.folder.glob("*.nk")]
        assert len(set(seeds)) == 14
        users = keys.guard.accounts.read_text(encoding="utf-8")
        assert not any(seed in users or seed in told for seed in seeds)

    def test_of_a_fifth_pod_are_one_argument(self, tmp_path: Path) -> None:
        keys = Keys(tmp_path / "keys")
        here("keys", str(keys.folder))
        before = {file.name: file.read_bytes() for file in keys.folder.iterdir()}

        status, _, _ = here("keys", str(keys.folder), "--pod", "epsilon")
        here("keys", str(keys.folder))

        after = {file.name: file.read_bytes() for file in keys.folder.iterdir()}
        changed = {name for name in after if after[name] != before.get(name)}
        assert status == 0
        assert changed == {"pod-epsilon.nk", "pod-epsilon.pub", "accounts.conf"}
        assert keys.public("pod-epsilon").read_text(encoding="ascii").strip().encode() in after["accounts.conf"]

    def test_are_replaced_one_by_one(self, tmp_path: Path) -> None:
        keys = Keys(tmp_path / "keys")
        here("keys", str(keys.folder))
        old = keys.public("pod-alpha").read_text(encoding="ascii").strip()
        for file in (keys.seed("pod-alpha"), keys.public("pod-alpha")):
            file.unlink()
        # A secret that is kept elsewhere is not made again.
        keys.seed("pod-beta").unlink()

        here("keys", str(keys.folder))

        users = keys.guard.accounts.read_text(encoding="utf-8")
        assert old not in users
        assert keys.public("pod-alpha").read_text(encoding="ascii").strip() in users
        assert not keys.seed("pod-beta").exists()

    def test_take_the_place_of_users_who_shared_an_account_and_say_what_to_do(self, tmp_path: Path) -> None:
        keys = Keys(tmp_path / "keys")
        here("keys", str(keys.folder))
        keys.guard.accounts.unlink()
        (keys.folder / "authorization.conf").write_text("authorization {}\n", encoding="utf-8")

        status, told, _ = here("keys", str(keys.folder))

        assert status == 0
        assert keys.guard.accounts.exists()
        assert not (keys.folder / "authorization.conf").exists()
        assert "docs/operations.md says (Upgrade to accounts)" in " ".join(told.split())

    def test_of_a_pod_that_were_replaced_are_known_to_coordinators_and_to_no_server(self, tmp_path: Path) -> None:
        keys = Keys(tmp_path / "keys")
        here("keys", str(keys.folder))
        old = keys.public("pod-alpha").read_text(encoding="ascii").strip()
        keys.public("pod-alpha").rename(keys.folder / "pod-alpha.2026-11.pub")
        keys.seed("pod-alpha").unlink()

        status, _, _ = here("keys", str(keys.folder))

        new = keys.public("pod-alpha").read_text(encoding="ascii").strip()
        users = keys.guard.accounts.read_text(encoding="utf-8")
        assert status == 0
        assert (old in users, new in users) == (False, True)
        assert PodKeys(keys.folder).read()["alpha"] == {old, new}

    @pytest.mark.parametrize(
        ("spoil", "options", "reason"),
        [
            (lambda folder: folder.chmod(0o755), (), "can be read by others"),
            (lambda folder: (folder / "ca.pem").unlink(), (), "move them away first"),
            (lambda folder: (folder / "pod-alpha.pub").unlink(), (), "never overwritten"),
            (lambda _: None, ("--host", "nats"), "move them away first"),
            (lambda _: None, ("--pod", "../x"), "no name of a pod"),
        ],
    )
    def test_are_not_made_where_they_do_not_belong(
        self, tmp_path: Path, spoil: Callable[[Path], None], options: tuple[str, ...], reason: str
    ) -> None:
        folder = tmp_path / "keys"
        here("keys", str(folder))
        spoil(folder)
        before = {file.name: file.read_bytes() for file in folder.iterdir()}

        status, _, errors = here("keys", str(folder), *options)

        assert status == 1
        assert errors.startswith("podfolio: ")
        assert reason in " ".join(errors.split())
        assert before == {file.name: file.read_bytes() for file in folder.iterdir()}
