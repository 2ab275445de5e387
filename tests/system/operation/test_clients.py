"""The examples in other languages, run as they stand: each publishes, follows, prints, and says what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.clients import CLIENTS, PROGRAMS, asked, file_of, portfolio, run
from support.in_process import PODS
from support.line import line_to

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, Stage, encode, parse_progress

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

MOST_LINES = 39


async def test_clients_print_the_portfolio_to_the_digit_and_follow_how_it_comes_about(shared: Site) -> None:
    for language in CLIENTS:
        await works(shared, language)


async def works(site: Site, language: str) -> None:
    name = f"by-{language}"
    status, out, errors = await run(language, asked(site.folder, name), site.url)

    event = await site.final(name)
    assert isinstance(event, MasterPortfolioOptimized)
    assert (status, portfolio(out)) == (0, event.weights)
    told = [parse_progress(line.encode()) for line in errors.splitlines()]
    assert {progress.request_id for progress in told} == {name}
    # Other steps may come in any order, and the last after the answer was read.
    answered = [set(progress.pods) for progress in told if progress.stage is Stage.ANSWERED]
    assert set(PODS) in answered

    again, out, errors = await run(language, asked(site.folder, name), site.url)
    assert (again, out) == (1, "")
    assert "maximum messages per subject exceeded" in errors

    refused, out, errors = await run(language, asked(site.folder, f"not-{name}", market="nowhere"), site.url)
    assert (refused, out) == (1, "")
    assert "unknown_market: unknown market nowhere: name one of" in errors


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_question_that_gets_no_answer_is_asked_again(site: Site, language: str) -> None:
    lost: list[bytes] = []

    async def lose_the_first_question(some: bytes) -> bool:
        is_first = b"PUB $JS.API.DIRECT.GET" in some and not lost
        lost.extend([some] * is_first)
        return not is_first

    failed = MasterPortfolioFailed(request_id="r1", reason=Reason.OVERLOADED, message="too much")
    await site.bus.publish_once(subjects.final("r1"), encode(failed), message_id="f", headers={})
    async with line_to(site.url, passes=lose_the_first_question) as url:
        status, out, errors = await run(language, asked(site.folder, "r1"), url)

    assert (status, out, len(lost)) == (1, "", 1)
    assert errors.splitlines()[-1].endswith("overloaded: too much")


@pytest.mark.parametrize("language", CLIENTS)
async def test_a_client_says_what_is_missing(tmp_path: Path, language: str, unused_tcp_port: int) -> None:
    nowhere = f"nats://127.0.0.1:{unused_tcp_port}"
    for arguments in ((asked(tmp_path, "r1"), nowhere), (str(tmp_path / "none.json"), nowhere), ()):
        status, out, errors = await run(language, *arguments)

        assert (status, out) == (1, ""), arguments
        assert errors.splitlines()[-1].startswith("request."), arguments
        assert "Traceback" not in errors


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("language", CLIENTS)
def test_a_client_is_short_and_uses_nothing_of_ours(language: str, program: str) -> None:
    text = file_of(language, program).read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MOST_LINES
    assert not any(f"import {ours}" in text for ours in ("agents", "bus", "cli", "coordinator", "portfolio"))
