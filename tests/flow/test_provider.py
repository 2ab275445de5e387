"""The deployment's provider is in every final event, under the coordinator's signature; a bad file is refused."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from support.in_process import PODS, agent, coordinator
from support.requests_made import data
from support.signed import System, system

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Provider, Reason, parse_final
from bus.transports.memory import MemoryBus
from cli.trust.check import Verdict
from cli.trust.verify import examine
from coordinator.finals import failure, payload_of
from coordinator.provider import read_provider, with_provider
from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

TOLD = Provider(name="Example Advice Pty Ltd", licence_number="123456", contact="help@example.com")
FILE = 'name = "Example Advice Pty Ltd"\nlicence_number = "123456"\ncontact = "help@example.com"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> System:
    return system(tmp_path_factory.mktemp("keys") / "secure")


def test_the_file_is_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "provider.toml"
    file.write_text(FILE, encoding="utf-8")
    assert read_provider(file) == TOLD
    file.write_text('name = "A"\n', encoding="utf-8")
    assert read_provider(file) == Provider(name="A")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name is missing: say who provides the results, or give no file"),
        ('licence_number = "1"', "name is missing"),
        (
            'name = "A"\nlicense_number = "1"',
            "'license_number' is not known: give one of name, licence_number",
        ),
        ('name = "A"\nlicence_number = 123456', "licence_number is a int, no text: give .* in quotes"),
        ('name = ""', "name is '': give "),
        ('name = " "', "name is ' ': give "),
        ('name = "\\u001b[31mA"', "name is .*: give "),
        (f'name = "{"A" * 201}"', "name is .*: give .* 200 at most"),
        ("name: A", "is not TOML .*: write lines such as name = "),
        ("\x00", "NUL"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_the_mend(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "provider.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"provider\.toml.*{told}"):
        read_provider(file)


def test_without_a_provider_an_event_stays_as_it_is_to_the_byte() -> None:
    event = payload_of(failure("r1", Reason.OVERLOADED, "later"))
    assert with_provider(event, None) is event
    assert b"provider" not in event.data


async def test_every_final_event_names_the_provider_and_is_signed_with_it(made: System) -> None:
    bus, stop = MemoryBus(PODS), asyncio.Event()
    sent = {"good": data("good"), "bad": data("bad", market="nowhere")}
    finals: dict[str, bytes] = {}
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod, made.signer(f"pod-{pod}")).run(stop, at_once=8))
        one = coordinator(bus, signer=made.coordinator, pod_keys=made.pod_keys, provider=TOLD)
        group.create_task(one.run(stop, at_once=8))
        for name, body in sent.items():
            await bus.publish_once(subjects.request(name), body, message_id=name, headers={})
        while len(finals) < len(sent):
            await asyncio.sleep(0.005)
            for message in await bus.record([subjects.final(name) for name in sent]):
                finals[message.subject.rpartition(".")[2]] = message.data
        stop.set()

    good, bad = (parse_final(finals[name]) for name in sent)
    assert isinstance(good, MasterPortfolioOptimized)
    assert isinstance(bad, MasterPortfolioFailed)
    assert good.provider == bad.provider == TOLD
    for told in finals.values():
        forged = json.dumps(json.loads(told) | {"provider": {"name": "Somebody else"}}).encode()
        verdicts = [
            {each.what: each.verdict for each in examine(body, made.coordinator.key)} for body in (told, forged)
        ]
        assert verdicts[0]["signature"] is Verdict.HOLDS
        assert verdicts[1]["signature"] is Verdict.FAILS
