"""Requests and their answers found again: ``list``, ``show``, and ``request`` with an id that was used."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

from support.commands import beside
from support.processes import START_S
from support.requests_made import OUTLOOK, REFERENCE, ROOT, body

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, Reason, encode

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site


async def test_a_request_that_is_answered_is_shown_again_and_said_to_be_old(shared: Site, tmp_path: Path) -> None:
    command = ("request", str(REFERENCE), "--server", shared.url, "--request-id", "asked-twice")
    _, first, _ = await beside(*command)
    status, second, _ = await beside(*command, "--json", str(tmp_path / "event.json"))

    assert status == 0
    assert "was answered" not in first
    assert "request asked-twice was answered on" in second
    assert second.index("was answered on") < second.index("podfolio.v1.request.asked-twice"), "before what it shows"
    assert "(in the file, or with --request-id)" in second


async def test_a_request_that_waits_is_said_to_wait(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "waits.json"
    file.write_text(json.dumps(body("waits", deadline_s=1)), encoding="utf-8")
    await site.publish(file.read_bytes(), "waits")

    asking = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "request", str(file), "--server", site.url),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert asking.stdout is not None
    out = ""
    async with asyncio.timeout(START_S):
        while "this waits for the answer" not in " ".join(out.split()):
            out += (line := (await asking.stdout.readline()).decode())
            assert line, out
    failed = MasterPortfolioFailed(request_id="waits", reason=Reason.OVERLOADED, message="m")
    await site.bus.publish_once(subjects.final("waits"), encode(failed), message_id="x", headers={})
    async with asyncio.timeout(START_S):
        await asking.communicate()

    assert asking.returncode == 1
    assert "request waits was published on" in " ".join(out.split())


async def test_show_finds_an_event_by_its_id_and_in_its_file(shared: Site, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    command = ("request", str(REFERENCE), "--server", shared.url, "--request-id", "to-show", "--json", str(file))
    _, page, _ = await beside(*command)

    by_id = await beside("show", "to-show", "--server", shared.url, "--json", str(tmp_path / "again.json"))
    by_file = await beside("show", str(file), "--server", "nats://127.0.0.1:1")

    assert (by_id[0], by_file[0]) == (0, 0)
    assert page.partition("\n\n")[2].split("the final event is in")[0] == by_id[1].split("the final event is in")[0]
    assert by_file[1] == by_id[1].split("the final event is in")[0]
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


async def test_show_says_whether_there_is_none_or_none_yet(site: Site) -> None:
    await site.publish(json.dumps(body("waits")).encode(), "waits")

    nothing = await beside("show", "never-asked", "--server", site.url)
    waits = await beside("show", "waits", "--server", site.url)
    wrong = await beside("show", "no/id", "--server", site.url)

    assert (nothing[0], waits[0], wrong[0]) == (1, 1, 2)
    assert "the server has no request never-asked" in nothing[2]
    assert "request waits was published on" in waits[2]
    assert "Traceback" not in nothing[2] + waits[2] + wrong[2]


async def test_show_says_that_an_event_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"type": "MasterPortfolioOptimized", "version": 2}', encoding="utf-8")

    status, _, errors = await beside("show", str(file))

    assert status == 3
    assert f"{file} is there and cannot be read" in errors


async def fill(site: Site) -> None:
    """Store three requests of two customers: one waits, one failed, one has a final event that nobody can read."""
    for name, customer, market in (("r1", "ann", OUTLOOK), ("r2", "bob", OUTLOOK), ("r3", "ann", "elsewhere")):
        await site.publish(
            json.dumps(
                body(name, customer={"customer_id": customer, "total_capital_aud": 5e4}, market=market)
            ).encode(),
            name,
        )
    failed = MasterPortfolioFailed(request_id="r2", reason=Reason.RULES_CONFLICT, message="m")
    for name, data in (("r2", encode(failed)), ("r3", b"\x1b[31m no json")):
        await site.bus.publish_once(subjects.final(name), data, message_id=name, headers={})
    await site.publish(b"[not a request\x1b[31m", "r4")


def ids(out: str) -> list[str]:
    return [json.loads(line)["request_id"] for line in out.splitlines()]


async def test_list_shows_states_times_and_customers_the_newest_first_and_no_more_than_asked(site: Site) -> None:
    await fill(site)
    here = ("list", "--server", site.url)

    status, out, errors = await beside(*here)
    lines = out.splitlines()
    assert status == 0
    assert [name for line in lines for name in ("r1", "r2", "r3", "r4") if f"  {name}  " in line] == [
        "r4",
        "r3",
        "r2",
        "r1",
    ]
    assert "waiting" in lines[0]
    assert "unreadable" in lines[1]
    assert "rules_conflict in" in lines[2]
    assert "customer bob" in lines[2]
    assert "UTC" in lines[2]
    assert out.replace("\n", "").isprintable()
    assert "4 of 4 requests since" in errors

    _, bounded, more = await beside(*here, "--most", "2", "--json")
    assert ids(bounded) == ["r4", "r3"]
    assert "2 of 4 requests" in more

    for options, wanted in (
        (("--customer", "ann"), ["r3", "r1"]),
        (("--state", "waiting"), ["r4", "r1"]),
        (("--state", "failed", "--customer", "bob"), ["r2"]),
        (("--market", "elsewhere"), ["r3"]),
        (("--state", "optimised"), []),
        (("--since", "2100-01-01T00:00"), []),
        (("--all",), ["r4", "r3", "r2", "r1"]),
    ):
        status, out, _ = await beside(*here, "--json", *options)
        assert (status, ids(out)) == (0, wanted), options


async def test_list_reads_a_stream_of_more_than_one_batch(site: Site) -> None:
    for number in range(300):
        await site.publish(b"{}", f"n{number}")

    status, out, errors = await beside("list", "--server", site.url, "--json", "--most", "1000")

    assert status == 0
    assert ids(out) == [f"n{number}" for number in reversed(range(300))]
    assert "300 of 300" in errors
