"""An exported archive, loaded into a server that lost everything: the same bytes, proven by the same seals."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from fuzz.frames import RawConnection
from support.archives import served, store, taken_over, verdicts
from support.commands import beside

from bus.language import subjects
from bus.topology.streams import ARCHIVE
from bus.transports.jetstream import JetStreamBus
from cli.archive import restoring

if TYPE_CHECKING:
    from pathlib import Path


async def exported(folder: Path) -> tuple[Path, str]:
    """Archive messages, odd ones, a stop, a gap and seals; return the exported folder and the newest seal's hash."""
    async with served(folder) as (server, bus):
        option = ("--server", server.url)
        await store(bus, subjects.request("r1"), subjects.final("r1"), subjects.request("r2"), data=b"{}")
        await store(bus, subjects.stop("1"))
        await taken_over(bus, 4)
        # The archive then begins at 2.
        await beside("archive", "remove", "1", "--reason", "of another", "--yes", *option)
        async with RawConnection(int(server.url.rpartition(":")[2])) as raw:
            for subject, block in {
                b"podfolio.v1.request.caf\xe9": b"N",
                b"podfolio.v1.request.a.b": b"\r\n",
            }.items():
                assert b'"seq"' in await raw.publish(subject, block, b"\xff")
        await taken_over(bus, 6)
        await beside("archive", "seal", *option)
        await beside("archive", "remove", "3", "--reason", "of another, too", "--yes", *option)
        await taken_over(bus, 7)
        _, sealed, _ = await beside("archive", "seal", *option)
        status, _, errors = await beside("archive", "export", str(folder / "copy"), *option)
        assert status == 0, errors
    return folder / "copy", sealed.split()[-1]


async def test_a_restored_archive_has_the_same_bytes_and_seals_and_goes_on(tmp_path: Path) -> None:
    copy, witness = await exported(tmp_path / "first")
    before = (copy / "messages.jsonl").read_bytes()
    kept = [json.loads(line)["sequence"] for line in before.splitlines()]
    damaged = shutil.copytree(copy, tmp_path / "damaged")
    (damaged / "messages.jsonl").write_bytes(before + b"{}\n")
    async with served(tmp_path / "second") as (server, bus):
        option = ("--server", server.url)
        names = (await bus.ask_api("STREAM.NAMES"))["streams"]
        wrong = await beside("archive", "restore", str(damaged), *option)
        untouched = (await bus.ask_api("STREAM.NAMES"))["streams"] == names
        status, said, errors = await beside("archive", "restore", str(copy), *option)
        verified, checks, words = await verdicts(*option, "--witness", witness)
        twice, _, refused = await beside("archive", "restore", str(copy), *option)
        await beside("archive", "export", str(tmp_path / "again"), *option)
        shown, _, _ = await beside("archive", "show", "--request", "r1", *option)
        # The archive takes over what comes, and a further seal follows the old ones.
        await store(bus, subjects.request("later"))
        everything = await taken_over(bus, len(kept) + 1)
        sealed = await beside("archive", "seal", *option)
        after, later, _ = await verdicts(*option, "--witness", witness)
        streams = (await bus.ask_api(f"STREAM.INFO.{ARCHIVE}"))["config"]["sources"]

    assert (wrong[0], "messages.jsonl" in wrong[2], untouched) == (1, True, True), wrong
    assert (status, errors, shown) == (0, "", 0)
    assert f"in the archive: {len(kept)} messages, up to {kept[-1]}" in said
    assert kept[0] == 2
    assert 3 not in kept
    assert (tmp_path / "again" / "messages.jsonl").read_bytes() == before
    assert (verified, checks["messages"], checks["seals"], checks["witness"]) == (3, "ok", "ok", "ok"), words
    assert checks["order"] == "ok", "the places are those in the stream that is lost"
    assert (twice, "has messages, up to" in refused) == (1, True)
    assert everything[-1].message.subject == subjects.request("later")
    assert (sealed[0], after, later["messages"], later["order"]) == (0, 3, "ok", "open")
    assert [one["name"] for one in streams] == ["PODFOLIO", "PODFOLIO_STOPS"]


async def test_a_restoration_that_was_interrupted_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, _ = await exported(tmp_path / "first")
    async with served(tmp_path / "second") as (_, bus):
        publish, count = JetStreamBus.publish_restored, 0

        async def interrupted(*given: object) -> None:
            nonlocal count
            if (count := count + 1) > 2:
                raise KeyboardInterrupt
            await publish(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(JetStreamBus, "publish_restored", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await restoring.restore(bus, copy)
        monkeypatch.setattr(JetStreamBus, "publish_restored", publish)
        done = await restoring.restore(bus, copy)
        lines = b"".join([archived.line async for archived in bus.archived()])

    assert lines == (copy / "messages.jsonl").read_bytes()
    assert done.messages == len(lines.splitlines())


async def test_nobody_but_the_server_says_that_a_message_was_restored(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, bus):
        await store(bus, subjects.request("r1"))
        (one,) = await taken_over(bus, 1)
        head = f"NATS/1.0\r\nPodfolio-Archived: {one.facts}\r\n\r\n".encode()
        async with RawConnection(int(server.url.rpartition(":")[2])) as raw:
            await raw.publish(b"podfolio.v1.request.r2", head, b"{}")
        archived = await taken_over(bus, 2)

    assert archived[1].message.subject == subjects.request("r2")
    assert archived[1].place is not None
    assert archived[1].place.sequence == 2
