"""The command, as people and scripts use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.commands import beside, here
from support.processes import ANSWER_S, START_S, podfolio
from support.requests_made import OUTLOOK, REFERENCE, ROOT, TRAILING, body

from bus.administration.server import embedded_server
from bus.language import subjects
from bus.topology.streams import EVENTS
from bus.transports.jetstream import Connection, connect
from cli.arguments import parse_since
from portfolio.check import findings
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

    from support.processes import Site


async def test_the_demo_ends_with_a_portfolio_that_is_what_it_should_be(tmp_path: Path) -> None:
    status, page, errors = await podfolio("demo", "--json", str(tmp_path / "event.json"))

    event = json.loads((tmp_path / "event.json").read_bytes())
    assert (status, errors) == (0, "")
    assert findings(event, markets.load(TRAILING)) == []
    assert len(event["weights"]) <= 12
    assert all(len(holding["owners"]) == 1 for holding in event["holdings"])
    assert all(goal["met"] for goal in event["goals"])
    rows = {row["metric"]: row for row in event["comparison"]}
    for better in ("etfs", "positions", "duplicated_etfs", "trading_cost_aud"):
        assert rows[better]["master"] < rows[better]["naive"], better
    for part in ("Asset class", "Separate pods", "Best alone", "Correlation", "Objective", "podfolio.v1.final"):
        assert part in page, part
    # Last comes the challenge, which says how sure that is in one line.
    assert "podfolio.v1.challenge.reference-customer" in page.rstrip().splitlines()[-1]
    assert "in 100 draws" in page or "of 100 draws" in page
    assert "\x1b" not in page, "plain text into a pipe"
    assert page.isascii(), "and nothing that a plain terminal cannot show"
    assert "is shown on history, the two years to 7 November 2025, because the published targets" in " ".join(
        page.split()
    )


@pytest.mark.deep
async def test_the_demo_takes_another_market_and_says_what_cannot_be_had() -> None:
    status, page, _ = await podfolio("demo", "--market", OUTLOOK)

    # Goals give way there, and the demo ends in a portfolio all the same.
    said = " ".join(page.split())
    assert status == 0
    assert "* gamma: Sharpe ratio of at least 1.50 was asked." in said
    assert "* delta: return a year of at least 15.00 % was asked." in said
    assert "Proven optimal within" in said
    assert "is shown on history" not in said


async def test_a_request_is_answered_shown_and_kept(shared: Site, tmp_path: Path) -> None:
    file = tmp_path / "final.json"
    command = ("request", str(REFERENCE), "--request-id", "kept", "--server", shared.url)

    status, page, _ = await podfolio(*command, "--json", str(file))
    again, _, _ = await beside(*command, "--json", str(tmp_path / "2.json"))

    (stored,) = await shared.bus.record(["podfolio.v1.final.kept"])
    assert (status, again) == (0, 0)
    assert file.read_bytes() == stored.data == (tmp_path / "2.json").read_bytes()
    assert "Model portfolio" in page


async def test_an_id_that_was_used_for_something_else_is_refused(shared: Site, tmp_path: Path) -> None:
    await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "used")
    other = tmp_path / "other.json"
    other.write_text(json.dumps(body("used", brokerage_aud=5)), encoding="utf-8")

    status, _, errors = await beside("request", str(other), "--server", shared.url)
    renamed, _, _ = await beside("request", str(other), "--server", shared.url, "--request-id", "another")

    assert (status, renamed) == (1, 0)
    assert "already used" in errors


async def test_a_failure_has_exit_status_1_and_its_reason(shared: Site, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body("nine", rules={"max_etfs": 9})), encoding="utf-8")

    status, page, _ = await beside("request", str(file), "--server", shared.url)

    assert status == 1
    assert "rules, or rules and goals, contradict each other" in page
    assert "at most 9 ETFs" in page


def test_a_file_that_is_no_request_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text("{}", encoding="utf-8")

    status, _, errors = here("request", str(file), "--server", "nats://127.0.0.1:1")

    assert status == 1
    assert "not a valid request" in errors


async def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    status, _, errors = await beside("request", str(REFERENCE), "--server", "nats://127.0.0.1:1")

    assert status == 1
    assert "127.0.0.1:1" in errors
    assert "Traceback" not in errors


async def lines_about(watch: Process, name: str) -> list[str]:
    """Read what a watch shows until it has shown the request, four answers and the final event of one id."""
    assert watch.stdout is not None
    lines: list[str] = []
    while len(lines) < 6:
        line = (await watch.stdout.readline()).decode()
        assert line, "it ended"
        lines += [line] if f".{name}" in line else []
    return lines


async def test_watch_replays_the_stream_and_follows_it(shared: Site) -> None:
    await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "replayed")
    watch = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        "watch",
        "--all",
        cwd=ROOT,
        env={**os.environ, "PODFOLIO_NATS_URL": shared.url, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(START_S + ANSWER_S):
        replayed = await lines_about(watch, "replayed")
        await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "live")
        live = await lines_about(watch, "live")
        watch.send_signal(signal.SIGINT)
        assert await watch.wait() == 0

    assert "podfolio.v1.request.replayed" in replayed[0]
    assert "podfolio.v1.final.replayed" in replayed[5]
    assert "podfolio.v1.final.live" in live[5]


@pytest.mark.parametrize(
    ("text", "ago"), [("90s", timedelta(seconds=90)), ("10m", timedelta(minutes=10)), ("2h", timedelta(hours=2))]
)
def test_a_time_may_be_said_as_how_long_ago(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    since = parse_since(text)

    assert since is not None
    assert before - ago <= since <= datetime.now(UTC) - ago


def test_a_time_without_a_zone_is_in_utc_as_all_times_are() -> None:
    assert parse_since("2025-11-07T09:00:00+00:00") == datetime(2025, 11, 7, 9, tzinfo=UTC)
    assert parse_since("2025-11-07T09:00") == datetime(2025, 11, 7, 9, tzinfo=UTC)
    assert parse_since("2025-11-07 09:00:00.123 UTC") == datetime(2025, 11, 7, 9, 0, 0, 123_000, tzinfo=UTC)


async def test_watch_since_shows_what_came_after_and_nothing_before(shared: Site) -> None:
    await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "early")
    (early,) = await shared.bus.record(["podfolio.v1.final.early"])
    assert early.stored_at is not None
    await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "late")
    watch = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        "watch",
        "--since",
        (early.stored_at + timedelta(microseconds=1)).isoformat(),
        "--server",
        shared.url,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert watch.stdout is not None
    async with asyncio.timeout(START_S + ANSWER_S):
        lines = [(await watch.stdout.readline()).decode() for _ in range(6)]
        watch.send_signal(signal.SIGINT)
        await watch.wait()

    assert all(".late" in line for line in lines)


async def test_setup_says_what_it_would_do_does_it_and_does_nothing_twice(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        ran = [
            await beside("setup", "--server", url, *more)
            for more in (("--check",), ("--dry-run",), (), (), ("--check",))
        ]
        unknown = await beside("setup", "--server", url, "--check", "--pod", "epsilon")
    (would, wanted, _), again, (did, created, _), (twice, nothing, _), checked = ran

    assert (would, did, twice) == (1, 0, 0)
    assert again == ran[0], "a dry run does nothing"
    assert wanted.count("would be created") == created.count("created") == nothing.count("as it should be") == 13
    assert re.search(r"PODFOLIO_TIMERS +created", created)
    assert "All 13 are as they should be." in nothing
    assert checked == (0, nothing, "")
    assert unknown[0] == 1
    assert re.search(r"pod-epsilon +would be created", unknown[1])
    assert "1 of 10 would change; no change was made." in unknown[1]


async def test_setup_bounds_the_stream_and_leaves_a_bound_that_is_there(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        await beside("setup", "--server", url)
        bounded = await beside("setup", "--server", url, "--max-mib", "64")
        again = await beside("setup", "--server", url)
        async with connect(Connection(servers=url)) as bus:
            config = (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["config"]
        none = await beside("setup", "--server", url, "--max-mib", "0")

    assert bounded[0] == 0
    assert "max_bytes: no limit -> 64 MiB" in bounded[1]
    assert (again[0], config["max_bytes"]) == (0, 64 * 2**20)
    assert "All 13 are as they should be." in again[1]
    assert none[0] == 2


async def test_setup_deletes_nothing_of_what_is_there_for_a_bound_that_is_smaller(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        await beside("setup", "--server", url)
        async with connect(Connection(servers=url)) as bus:
            for number in range(12):
                name = subjects.request(f"large-{number}")
                await bus.publish_once(name, b"x" * 200_000, message_id=name, headers={})
            bounded = await beside("setup", "--server", url, "--max-mib", "1")
            state = (await bus.ask_api(f"STREAM.INFO.{EVENTS}"))["state"]

    assert bounded[0] == 0
    assert state["bytes"] > 2 * 2**20
    assert state["messages"] == 12
