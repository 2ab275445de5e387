"""A fake system and a recorded stream, for the tests of a client of one's own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import jsonschema
import pytest
from documents.recording import FILE, REQUESTS
from support.clients import CLIENTS, asked, run
from support.commands import beside, here
from support.ports import free_ports
from support.processes import START_S, podfolio
from support.requests_made import ROOT

from bus.language import subjects
from bus.language.messages import BODIES, MasterPortfolioFailed, MasterPortfolioOptimized, Reason, parse_final
from bus.language.subjects import MessageKind
from bus.transports.jetstream import Connection, connect
from cli.client import recording
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def fake(*options: str) -> AsyncIterator[str]:
    """Run ``podfolio fake`` on a free port; see that it ends with status 0."""
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "fake", "--port", str(port), *options),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            while "a fake answers at" not in (line := (await process.stdout.readline()).decode()):
                assert line, "it ended"
        yield f"nats://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(START_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_clients_work_against_the_fake(tmp_path: Path) -> None:
    async with fake() as url:
        for language in CLIENTS:
            name = f"by-{language}"
            status, out, told = await run(language, asked(tmp_path, name), url)
            assert status == 0, told
            assert len(out.splitlines()) > 3
            # Told before the final event is published; "done" follows it, and a client that has read it may have gone.
            assert '"stage":"answered"' in told

            for reason in (Reason.RULES_CONFLICT, Reason.DEADLINE_EXCEEDED):
                failed, out, errors = await run(language, asked(tmp_path, f"{reason}-{language}"), url)
                assert (failed, out) == (1, "")
                assert f"{reason}: " in errors

            strange, _, errors = await run(language, asked(tmp_path, f"unreadable-{language}"), url)
            assert strange == 3
            assert "cannot be read" in errors

            refused, _, errors = await run(language, asked(tmp_path, f"no-{language}", market="nowhere"), url)
            assert refused == 1
            assert "unknown_market: unknown market nowhere" in errors


async def test_the_fake_answers_under_the_request_s_ids_and_not_where_it_is_to_be_silent(tmp_path: Path) -> None:
    async with fake() as url, connect(Connection(servers=url)) as bus:
        for name in ("silent-1", "one"):
            customer = {"customer_id": f"of-{name}", "total_capital_aud": 5e4}
            file = asked(tmp_path, name, customer=customer, deadline_s=1)
            sent = (tmp_path / f"{name}.json").read_bytes()
            assert file
            await bus.publish_once(subjects.request(name), sent, message_id=name, headers={})
        async with asyncio.timeout(START_S):
            while not (found := await bus.record([subjects.final("one")])):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        event = parse_final(found[0].data)
        silent = await bus.record([subjects.final("silent-1")])

    assert isinstance(event, MasterPortfolioOptimized)
    assert (event.request_id, event.customer_id) == ("one", "of-one")
    assert silent == ()


async def test_the_recording_is_replayed_to_a_real_server(tmp_path: Path) -> None:
    kept = tmp_path / "again.jsonl"
    async with fake("--replay", str(FILE)) as url:
        shown = await podfolio("show", "existing-investor", "--server", url)
        listed = await beside("list", "--all", "--json", "--server", url)
        watch = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cli", "watch", "--all", "--record", str(kept), "--server", url),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert watch.stdout is not None
        async with asyncio.timeout(START_S):
            for _ in recording.read(FILE):
                assert await watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        await watch.wait()
    first, again = recording.read(FILE), recording.read(kept)

    assert shown[0] == 0
    assert [json.loads(line)["state"] for line in listed[1].splitlines()] == ["failed", "optimised", "optimised"]
    assert [(m.subject, m.data, m.headers) for m in first] == [(m.subject, m.data, m.headers) for m in again]


def test_the_recording_is_of_today_s_messages() -> None:
    messages = recording.read(FILE)
    finals = [parse_final(m.data) for m in messages if subjects.parse(m.subject).kind is MessageKind.FINAL]

    assert [event.request_id for event in finals] == [request["request_id"] for request in REQUESTS]
    assert [type(event) for event in finals] == [
        MasterPortfolioOptimized,
        MasterPortfolioOptimized,
        MasterPortfolioFailed,
    ]
    for message in messages:
        body = json.loads(message.data)
        jsonschema.validate(body, BODIES[body.get("type", "OptimizationRequest")].model_json_schema())


def test_bytes_that_are_no_text_are_recorded_as_they_are(tmp_path: Path) -> None:
    message = recording.Message("podfolio.v1.request.r1", b"\xff\x00{", {"ce-id": "x"}, 7)
    file = tmp_path / "one.jsonl"
    file.write_text(recording.line(message), encoding="utf-8")

    assert [(m.subject, m.data, m.headers) for m in recording.read(file)] == [
        (message.subject, message.data, message.headers)
    ]


@pytest.mark.parametrize("text", ["{}", "no json", '{"subject": "else.where", "headers": {}, "data": ""}', "[" * 9_999])
def test_a_file_that_is_no_recording_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "stream.jsonl"
    file.write_text(f"{FILE.read_text(encoding='utf-8')}{text}\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"line 19 of stream\.jsonl is no recorded message"):
        recording.read(file)


def test_an_event_that_no_client_could_read_is_no_answer(unused_tcp_port: int) -> None:
    status, _, errors = here("fake", "--port", str(unused_tcp_port), "--event", "examples/tax-budget.json")

    assert status == 1
    assert "tax-budget.json is a request, in JSON: give a final event" in errors
