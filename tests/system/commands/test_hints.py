"""Every command that a message names is one that there is, and those that are to help do help: they are run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click
from catalogue.sentences import sentences
from documents.commands import targets
from support.commands import beside, here, hinted
from support.processes import podfolio
from support.requests_made import REFERENCE, ROOT, TRAILING, data

from agents.__main__ import main as agents_main
from agents.mandate_files import bundled, load
from bus.administration.server import embedded_server
from bus.language.messages import encode, parse_request
from bus.transports.snapshots import pack
from cli.__main__ import podfolio as command_line
from cli.what_if.locally import solve
from coordinator.__main__ import main as coordinator_main
from portfolio.market import folders
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from support.processes import Site

# A command, up to what cannot be of it, and an option by itself.
NAMED = re.compile(
    r"(?<!this )(?<!\ba )\bpodfolio (?P<words>[a-z]+(?: (?:list|show|build|fetch|publish))?)"
    r"(?P<rest>(?: --[a-z-]+(?: [^\s`,;:)]+)?)*)"
)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
MAKE = re.compile(r"`make ([a-z-]+)`")

# Each command that messages name, and the test that runs it: below, or where it says.
TRIED = {
    "setup": "test_a_server_that_was_not_set_up_is_helped_by_the_command_named, tests/system/operation/test_health.py",
    "up": "tests/system/commands/test_up.py",
    "request": "tests/system/commands/test_up.py",
    "archive": "tests/integration/archive/test_archive.py",
    "archive show": "tests/system/commands/test_record.py",
    "backtest": "tests/unit/cli/test_backtest.py",
    "book": "tests/unit/process/test_given.py, tests/system/commands/test_book.py",
    "fake": "tests/unit/process/test_given.py, tests/system/operation/test_fake.py",
    "validate": "tests/unit/process/test_given.py, tests/unit/cli/test_validate.py",
    "fills": "tests/unit/book/test_fills.py",
    "orders": "tests/unit/book/test_export.py",
    "approve": "tests/integration/test_people.py",
    "approvals": "tests/integration/test_people.py",
    "resume": "tests/integration/test_people.py",
    "list": "test_an_id_that_nobody_used_is_helped_by_the_list",
    "keys": "test_a_file_without_a_seed_is_helped_by_new_keys",
    "market fetch": "test_a_market_that_is_not_here_is_helped_by_fetching_it",
    "market list": "test_a_market_that_is_not_here_is_helped_by_fetching_it",
    "market show": "tests/system/commands/test_own_market.py",
    "market build": "tests/system/commands/test_own_market.py",
    "verify": "test_an_event_that_is_signed_or_refused_is_verified_as_said",
    "remove": "tests/system/commands/test_removal.py",
    "watch": "tests/system/commands/test_removal.py, tests/system/operation/test_fake.py",
}


def templates() -> list[str]:
    return [sentence.template for sentence in sentences()]


def find(words: str) -> click.Command | None:
    """Find a command of the command line."""
    command: click.Command | None = command_line
    for word in words.split():
        command = command.commands.get(word) if isinstance(command, click.Group) else None
    return command


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def every_option(command: click.Command) -> Iterator[str]:
    yield from options(command)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from every_option(inner)


def named() -> set[str]:
    """Find the commands that messages name."""
    return {
        match["words"] if find(match["words"]) else match["words"].split()[0]
        for template in templates()
        for match in NAMED.finditer(template)
    }


def test_every_command_in_a_message_is_one_that_there_is_with_its_options() -> None:
    found = [match for template in templates() for match in NAMED.finditer(template)]

    assert len(found) > 15
    for match in found:
        # "podfolio list shows", "podfolio keys made": a verb of the sentence follows.
        command = find(match["words"]) or find(match["words"].split()[0])
        assert command is not None, match[0]
        assert set(OPTION.findall(match["rest"])) <= options(command), match[0]


def test_every_option_in_a_message_is_of_a_command() -> None:
    there = {*every_option(command_line), *every_option(agents_main), *every_option(coordinator_main)}

    assert {option for template in templates() for option in OPTION.findall(template)} - there == {
        "--build-arg",  # of docker
        "--tag",
    }


def test_every_target_of_make_in_a_message_is_one_that_there_is() -> None:
    found = {target for template in templates() for target in MAKE.findall(template)}

    assert found
    assert found <= targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_every_command_that_a_message_names_is_run_by_a_test() -> None:
    # The address of the server makes the command "up", in parts.
    assert named() | {"up"} == set(TRIED)
    for told in TRIED.values():
        for name in told.split(", "):
            assert name in globals() or (ROOT / name).is_file(), name


async def test_a_server_that_was_not_set_up_is_helped_by_the_command_named(tmp_path: Path) -> None:
    async with embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        status, _, errors = await beside("list", "--server", url)
        helped = await podfolio(*hinted(errors))
        again, out, _ = await beside("list", "--server", url)

    assert (status, helped[0], again, out) == (1, 0, 0, ""), errors


async def test_a_server_elsewhere_is_not_to_be_started_here() -> None:
    _, _, errors = await beside("list", "--server", "nats://nats.invalid:4222")

    assert "start that server, or give --server" in errors


async def test_an_id_that_nobody_used_is_helped_by_the_list(shared: Site) -> None:
    await beside("request", str(REFERENCE), "--server", shared.url, "--request-id", "to-be-listed")
    status, _, errors = await beside("show", "to-be-lisetd", "--server", shared.url)
    assert "podfolio list shows" in errors
    listed = await beside("list", "--server", shared.url, "--json")
    names = [json.loads(line)["request_id"] for line in listed[1].splitlines()]

    assert status == 1
    assert (await beside("show", next(name for name in names if name == "to-be-listed"), "--server", shared.url))[
        0
    ] == 0


def test_a_file_without_a_seed_is_helped_by_new_keys(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.nk"
    wrong.write_text("no seed", encoding="utf-8")
    nowhere = ("list", "--server", "nats://127.0.0.1:1", "--nkey-seed")
    status, _, errors = here(*nowhere, str(wrong))
    made = here(*hinted(errors), str(tmp_path / "secure"))
    _, _, after = here(*nowhere, str(tmp_path / "secure" / "observer.nk"))

    assert (status, made[0]) == (1, 0)
    assert "holds no secret" in errors
    assert "holds no secret" not in after


async def test_a_market_that_is_not_here_is_helped_by_fetching_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODFOLIO_NATS_URL", site.url)
    monkeypatch.setenv("PODFOLIO_MARKETS", str(tmp_path / "markets"))
    market = markets.load(TRAILING)
    folder = ROOT / "portfolio" / "markets" / TRAILING
    packed = pack({name: (folder / name).read_bytes() for name in folders.FILES})
    await site.bus.publish_market("house-1", market.sha256, packed)
    event = tmp_path / "event.json"
    event.write_bytes(_event_in("house-1"))

    status, out, _ = await beside("verify", str(event))
    fetched = await beside(*hinted(out))
    again, after, _ = await beside("verify", str(event))
    unknown = await beside("market", "fetch", "house-2")
    listed = await beside("market", "list", "--server", site.url)

    assert (status, fetched[0], again) == (1, 0, 3), after
    assert "podfolio market list shows with --server" in unknown[2]
    assert "house-1" in listed[1]


def _event_in(market_id: str) -> bytes:
    """Make a final event that names its market otherwise."""
    request = parse_request(data("r1", explain="unmet"), "r1")
    event = json.loads(encode(solve(request, {pod: load(pod) for pod in bundled()})))
    event["market"]["id"] = market_id
    return json.dumps(event).encode()


async def test_an_event_that_is_signed_or_refused_is_verified_as_said(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    body = json.loads(_event_in(TRAILING))
    body["weights"] = {ticker: weight * 2 for ticker, weight in body["weights"].items()}
    file.write_text(json.dumps(body), encoding="utf-8")

    status, _, errors = await beside("report", str(file), "-o", str(tmp_path / "report.html"))
    verified = await beside("verify", str(file))

    assert status == 1
    assert "See podfolio verify" in errors
    assert verified[0] == 1
    assert "FAILED" in verified[1]
