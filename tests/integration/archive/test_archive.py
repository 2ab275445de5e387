"""The archive of a real server: what it takes over, what its seals prove, and what a copy of it can do."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import RawConnection
from support.archives import served, store, taken_over, verdicts
from support.commands import beside
from support.site import PODS

from bus.administration.server import Server, launch
from bus.administration.setup import plan, set_up
from bus.language import subjects
from bus.topology.streams import ARCHIVE, wanted_streams
from bus.transports.jetstream import Connection, connect
from cli.archive import sealing

if TYPE_CHECKING:
    from pathlib import Path


NOW = datetime(2026, 11, 30, tzinfo=UTC)


async def test_what_is_stored_is_archived_sealed_and_proven_and_a_second_seal_adds_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        await store(bus, subjects.request("r1"), subjects.pod_result("r1", "alpha"), subjects.final("r1"))
        archived = await taken_over(bus, 3)
        events = await bus.record([subjects.ALL])
        first = await beside("archive", "seal", "--server", server.url)
        second = await beside("archive", "seal", "--server", server.url)
        await store(bus, subjects.challenge("r1"))
        await taken_over(bus, 5)
        partly, _, told = await verdicts("--server", server.url)
        third = await beside("archive", "seal", "--server", server.url)
        status, all_, _ = await verdicts("--server", server.url, "--witness", first[1].split()[-1])

    assert [(each.message.subject, each.message.data, each.message.headers) for each in archived] == [
        (each.subject, each.data, each.headers) for each in events
    ]
    assert [each.place.sequence for each in archived if each.place] == [1, 2, 3]
    assert first[1].startswith("seal 1, messages 1 to 3: ")
    assert (second[1], second[2]) == ("", "every message is sealed\n")
    # The second seal covers the first, which is message 4, and the challenge.
    assert third[1].startswith("seal 2, messages 4 to 5: ")
    assert "1 from message 5 on" in told
    # No key is given, and the seals are unsigned.
    assert (partly, status) == (3, 3)
    assert all_ == {
        name: "open" if name == "signatures" else "ok"
        for name in ("seals", "signatures", "witness", "messages", "order", "removals", "unsealed")
    }


async def kill_and_restart(folder: Path, server: Server) -> Server:
    await server.kill()
    return await launch(folder / "store", log=folder / "log")


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.deep)])
async def test_a_server_that_is_killed_takes_over_each_message_once(tmp_path: Path, kills: int) -> None:
    server, count = await launch(tmp_path / "store", log=tmp_path / "log"), 0
    async with connect(Connection(servers=server.url)) as bus:
        await set_up(bus, PODS)
    for _ in range(kills):
        async with connect(Connection(servers=server.url)) as bus:
            # Killed right after the last acknowledgement: the archive may not have the message yet.
            await store(bus, *(subjects.request(f"r{count + one}") for one in range(30)))
        count += 30
        server = await kill_and_restart(tmp_path, server)
    async with connect(Connection(servers=server.url)) as bus:
        archived = await taken_over(bus, count)
    await server.stop()

    assert [one.message.subject for one in archived] == [subjects.request(f"r{one}") for one in range(count)]
    assert [one.message.sequence for one in archived] == [*range(1, count + 1)]
    assert [one.place.sequence for one in archived if one.place] == [*range(1, count + 1)]


async def test_removals_are_told_and_a_deletion_without_a_record_is_a_fault(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        server_option = ("--server", server.url)
        await store(bus, subjects.final("r1"), subjects.final("r2"), subjects.final("r3"), data=b"Jane")
        await taken_over(bus, 3)
        await beside("archive", "seal", *server_option)
        # Archive: 1 to 3 the finals, 4 the seal, 5 and 6 the records of the removals.
        gone, _, _ = await beside("remove", "1", "--reason", "erasure", "--yes", *server_option)
        stays = await bus.read_from_archive(1)
        removed, said, _ = await beside("archive", "remove", "2", "--reason", "of another", "--yes", *server_option)
        await taken_over(bus, 5)
        seal_stays, _, why = await beside("archive", "remove", "4", "--reason", "x", "--yes", *server_option)
        _, record_stays, told = await beside("archive", "remove", "5", "--reason", "x", "--yes", *server_option)
        await beside("archive", "seal", *server_option)
        recorded, verdict, words = await verdicts(*server_option)
        await bus.delete_from_archive(3)
        status, faults, complaint = await verdicts(*server_option)

    assert (gone, removed, seal_stays) == (0, 0, 1)
    assert stays is not None
    assert stays.data == b"Jane"
    assert "podfolio.v1.removed.archive-2" in said
    assert "it is a seal" in why
    assert (record_stays, "record of a removal" in told) == ("", True)
    assert (recorded, verdict["messages"], verdict["removals"]) == (3, "ok", "ok")
    assert "of another" in words
    assert "erasure" in words
    assert (status, faults["messages"]) == (1, "FAILED")
    assert "message 3 is missing, and no record tells of its removal" in complaint


async def test_a_message_that_was_removed_before_it_came_is_no_gap_and_one_without_a_record_is(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        config = next(each for each in wanted_streams(replicas=None, max_bytes=None) if each["name"] == ARCHIVE)
        await bus.ask_api(f"STREAM.DELETE.{ARCHIVE}")
        await store(bus, *(subjects.final(f"r{one}") for one in range(4)))
        await beside("remove", "2", "--reason", "early", "--yes", "--server", server.url)
        await bus.ask_api(f"STREAM.CREATE.{ARCHIVE}", config)
        # Messages 1, 3 and 4, and the record of the removal of 2.
        await taken_over(bus, 4)
        _, told, _ = await verdicts("--server", server.url)
        await bus.ask_api(f"STREAM.DELETE.{ARCHIVE}")
        await bus.delete(3)
        await bus.ask_api(f"STREAM.CREATE.{ARCHIVE}", config)
        await taken_over(bus, 3)
        status, faults, words = await verdicts("--server", server.url)

    assert told["order"] == "ok"
    assert (status, faults["order"]) == (1, "FAILED")
    assert "1 of the messages 2 to 3 of the event stream never came here" in words


async def test_what_no_client_means_is_archived_too_and_nobody_forges_a_place(tmp_path: Path) -> None:
    forged = b"NATS/1.0\r\nNats-Stream-Source: PODFOLIO 999 > > podfolio.v1.request.x abc\r\n\r\n"
    odd = {
        b"podfolio.v1.request.caf\xe9": b"N",
        b"podfolio.v1.request.r2": b"NATS/1.0",
        b"podfolio.v1.request.a.b": b"\r\n",
    }
    async with served(tmp_path) as (server, bus):
        async with RawConnection(int(server.url.rpartition(":")[2])) as raw:
            refused = await raw.publish(b"podfolio.v1.request.r1", forged, b"{}")
            for subject, block in odd.items():
                assert b'"seq"' in await raw.publish(subject, block, b"\xff")
        await store(bus, subjects.request("r3"))
        archived = await taken_over(bus, 4)
        await beside("archive", "seal", "--server", server.url)
        status, _, words = await verdicts("--server", server.url)
        exported, _, _ = await beside("archive", "export", str(tmp_path / "copy"), "--server", server.url)
        again, _, _ = await verdicts(str(tmp_path / "copy"))

    assert b'"err_code":10227' in refused
    assert [one.message.data for one in archived] == [b"\xff", b"\xff", b"\xff", b"{}"]
    # The note about the second cannot be read: its headers are no headers.
    assert [one.place and one.place.sequence for one in archived] == [1, None, 3, 4]
    assert (status, exported, again) == (3, 0, 3), words


async def test_a_copy_grows_is_proven_alone_and_shows_every_change(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    async with served(tmp_path) as (server, bus):
        server_option = ("--server", server.url)
        await store(bus, subjects.request("r1"), subjects.final("r1"))
        await taken_over(bus, 2)
        await beside("archive", "seal", *server_option)
        first, _, _ = await beside("archive", "export", str(copy), *server_option)
        # As an interrupted export would leave it.
        with (copy / "messages.jsonl").open("ab") as opened:
            opened.write(b'{"sequence": 4, "ti')
        await store(bus, subjects.challenge("r1"))
        await taken_over(bus, 4)
        await beside("archive", "seal", *server_option)
        _, told, _ = await beside("archive", "export", str(copy), *server_option)
    async with served(tmp_path / "other") as (server, bus):
        await store(bus, *(subjects.request(f"r{one}") for one in range(9)))
        await taken_over(bus, 9)
        another, _, why = await beside("archive", "export", str(copy), "--server", server.url)

    whole = (copy / "messages.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    status, _, _ = await verdicts(str(copy))
    assert (first, status) == (0, 3)
    assert "2 new messages, up to 5" in told
    assert (another, "holds another archive" in why) == (1, True)
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3, 4, 5]
    # The archive: request, final event, seal 1, challenge, seal 2.
    for check, changed in {
        "messages": [lines[0].replace(b'"{}"', b'"{ }"'), *lines[1:]],
        "order": [lines[1], lines[0], *lines[2:]],
        "seals": [*lines[:2], lines[2].replace(b'\\"number\\":1', b'\\"number\\":7'), *lines[3:]],
    }.items():
        (copy / "messages.jsonl").write_bytes(b"".join(changed))
        failed, faults, words = await verdicts(str(copy))
        assert (failed, faults[check]) == (1, "FAILED"), (check, words)
    for left_out in range(4):
        (copy / "messages.jsonl").write_bytes(b"".join(lines[:left_out] + lines[left_out + 1 :]))
        failed, _, words = await verdicts(str(copy))
        assert failed == 1, (left_out, words)
    # The end of a copy may be missing without a trace; the hash that a person kept tells.
    (copy / "messages.jsonl").write_bytes(b"".join(lines[:3]))
    newest = hashlib.sha256(json.loads(lines[4])["data"].encode()).hexdigest()
    cut, _, _ = await verdicts(str(copy))
    missed, verdict, _ = await verdicts(str(copy), "--witness", newest)
    assert (cut, missed, verdict["witness"]) == (3, 1, "FAILED")


async def test_a_copied_store_and_a_second_set_up_keep_the_archive(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        await store(bus, subjects.request("r1"), subjects.final("r1"))
        await taken_over(bus, 2)
        await beside("archive", "seal", "--server", server.url)
        longer, _, _ = await beside("setup", "--archive-years", "10", "--server", server.url)
        kept = (await bus.archive_state()).kept.days
    shutil.copytree(tmp_path / "store", tmp_path / "restored" / "store")
    async with served(tmp_path / "restored") as (server, bus):
        # The set-up of ``served`` ran again, without a number of years.
        again = (await bus.archive_state()).kept.days
        left = [step for step in await plan(bus, PODS) if step.is_needed]
        status, told, _ = await verdicts("--server", server.url)
        await store(bus, subjects.challenge("r1"))
        archived = await taken_over(bus, 4)
        config = (await bus.ask_api(f"STREAM.INFO.{ARCHIVE}"))["config"]

    # Years of 366 days.
    assert (longer, kept, again) == (0, 3660, 3660)
    assert left == []
    assert (status, told["messages"], told["order"]) == (3, "ok", "ok")
    assert [one.message.subject for one in archived] == [
        subjects.request("r1"),
        subjects.final("r1"),
        subjects.seal(1),
        subjects.challenge("r1"),
    ]
    # A mirror would answer in the place of the event stream; a killed server can lose a compressed stream.
    assert "mirror" not in config
    assert (config["compression"], config["deny_purge"], config["mirror_direct"]) == ("none", True, False)


async def test_long_archives_take_several_seals_and_a_repetition_adds_none(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, bus):
        await store(bus, *(subjects.request(f"r{one}") for one in range(7)))
        await taken_over(bus, 7)
        await bus.delete_from_archive(2)
        await bus.delete_from_archive(3)
        made = await sealing.seal(bus, None, lambda: NOW, most=3)
        again = await sealing.seal(bus, None, lambda: NOW, most=3)

    # Messages 1, 4, 5, 6 and 7 in ranges of three; the seals themselves are left for the next time.
    assert [(body.first_sequence, body.last_sequence) for body, _ in made] == [(1, 3), (4, 6), (7, 7)]
    assert [sum(entry is not None for entry in body.entries) for body, _ in made] == [1, 3, 1]
    assert [body.previous_sha256 for body, _ in made] == [None, *(digest for _, digest in made[:2])]
    assert again == []
