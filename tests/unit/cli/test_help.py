"""The help of every command: whole, with examples that are understood, and at 80 columns."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import pytest
from documents.commands import understood
from support.commands import here
from support.requests_made import ROOT

from cli.__main__ import STEPS, podfolio
from cli.client.listing import State

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = 80
# Names in an example that stand for a file or a folder of the reader's own.
STANDS_FOR_A_FILE = re.compile(
    r"(EVENT|CHALLENGE|APPROVAL|REQUEST|BEFORE|AFTER)\.json|(BOOK|EVENTS)\.jsonl|prices\.csv|facts\.csv|fills\.(csv|fix)|EVENTS|STORE|secure/.*|markets/.*"
)


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    """Name every command that does something, with the groups that it is in."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield *names, name


ALL = sorted(commands(podfolio))


def text_of(*names: str) -> str:
    status, out, errors = here(*names, "--help")
    assert (status, errors) == (0, "")
    return out


def examples(text: str) -> list[str]:
    _, _, after = text.partition("\nExamples:\n")
    return [line.strip() for line in after.splitlines() if line.strip()]


@pytest.mark.parametrize("columns", [40, COLUMNS, 200])
def test_no_description_is_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for group in ((), ("market",), ("book",)):
        words = " ".join(text_of(*group).split())
        found = podfolio if not group else podfolio.commands[group[0]]
        assert isinstance(found, click.Group)
        for command in found.commands.values():
            assert command.help is not None
            first = " ".join(command.help.split("\n\n")[0].split()).removesuffix(".")
            assert first in words, command.name
        assert "..." not in words.replace("[ARGS]...", "")


def test_every_command_is_in_the_help_of_its_group_once() -> None:
    listed = [name for names in podfolio.headings.values() for name in names]

    assert sorted(listed) == sorted(podfolio.commands)


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_every_command_has_examples_that_are_understood(names: tuple[str, ...], tmp_path: str) -> None:
    found = examples(text_of(*names))

    assert found
    for example in found:
        words = shlex.split(example)
        # The file of the reader's own becomes one that is there.
        there = tuple(
            str(tmp_path) if word in {"EVENTS", "STORE", "FOLDER", "secure"} else _file(word) for word in words
        )
        assert words[: len(names) + 1] == ["podfolio", *names], example
        assert understood(there) == names[-1], example


def _file(word: str) -> str:
    if STANDS_FOR_A_FILE.fullmatch(word):
        return str(ROOT / ("examples" if word.startswith("markets/") else "README.md"))
    return str(ROOT / word) if word.startswith("examples/") else word


@pytest.mark.parametrize("names", [(), ("market",), ("book",), *ALL], ids=" ".join)
def test_no_line_of_the_help_is_wider_than_a_terminal(names: tuple[str, ...]) -> None:
    assert [line for line in text_of(*names).splitlines() if len(line) > COLUMNS] == []


def test_the_states_of_a_list_are_those_that_there_are() -> None:
    (option,) = (each for each in podfolio.commands["list"].params if each.name == "states")

    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(State)


def test_no_command_loads_the_messages_before_it_runs() -> None:
    code = "import sys, cli.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, text=True)  # noqa: S603

    assert not {"pydantic", "bus.language.messages", "agents.answer"} & set(loaded.stdout.split())


def test_the_version_is_the_package_s() -> None:
    assert here("--version") == (0, f"podfolio {version('podfolio')}\n", "")


def test_the_processes_are_found_from_the_help() -> None:
    text = text_of()

    for process in ("agents", "coordinator", "challenger", "reviewer"):
        assert f"python -m {process}" in text
        command = [sys.executable, "-m", process, "--help"]
        shown = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)  # noqa: S603
        assert b"Usage: python -m " in shown.stdout


def test_the_way_from_an_example_to_a_report_is_the_same_everywhere() -> None:
    steps = [step.partition("#")[0].strip() for step in STEPS]

    for page in (text_of(), *(_page(name) for name in ("README.md", "docs/advisers.md"))):
        places = [page.find(f"    {step}" if page.startswith("#") else step) for step in steps]
        assert -1 not in places, page
        assert places == sorted(places)


def _page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete"), ("bash", "complete -o")])
def test_a_shell_gets_its_completion(shell: str, word: str) -> None:
    script = _complete(f"{shell}_source")

    assert word in script
    assert "podfolio" in script


def test_commands_and_options_are_completed() -> None:
    assert "validate" in _complete("fish_complete", COMP_WORDS="podfolio va", COMP_CWORD="va")
    assert "--max-etfs" in _complete("fish_complete", COMP_WORDS="podfolio frontier --m", COMP_CWORD="--m")


def _complete(instruction: str, **more: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "cli"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "_PODFOLIO_COMPLETE": instruction, **more},
        text=True,
    )
    return ran.stdout
