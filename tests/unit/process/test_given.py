"""A file of the wrong kind is met by one sentence: what it is, what is wanted, and the command that takes it."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import shlex
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner
from support.requests_made import ROOT, data

from agents.__main__ import main as agents_main
from bus.process.given import GivenFile, Kind, expect, recognise
from cli.__main__ import podfolio
from coordinator.__main__ import main as coordinator_main
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = ROOT / "examples" / "messages"
EVENT = (MESSAGES / "MasterPortfolioOptimized.json").read_text(encoding="utf-8")
LINE = json.dumps(json.loads(EVENT))
MANDATE = (ROOT / "examples" / "fifth-pod" / "epsilon.toml").read_text(encoding="utf-8")
REQUEST = json.dumps(json.loads(data()), indent=1)

APPROVAL = (MESSAGES / "PortfolioApproved.json").read_text(encoding="utf-8")
GIVEN = {
    Kind.REQUEST: REQUEST,
    Kind.EVENT: EVENT,
    Kind.CHALLENGE: (MESSAGES / "PortfolioChallenged.json").read_text(encoding="utf-8"),
    Kind.APPROVAL: APPROVAL,
    Kind.APPROVALS: f"{json.dumps(json.loads(APPROVAL))}\n" * 2,
    Kind.MESSAGE: (MESSAGES / "PodResult.json").read_text(encoding="utf-8"),
    Kind.MANDATE: MANDATE,
    Kind.PROVIDER: 'name = "Example Advice Pty Ltd"\n',
    Kind.TABLE: "sep=;\ndate;VAS\n2025-11-07;100,5\n",
    Kind.BOOK: f"{data().decode().replace(chr(10), '')}\n" * 2,
    Kind.EVENTS: f"{LINE}\n{LINE}\n",
    Kind.RECORDING: (ROOT / "clients" / "recorded" / "stream.jsonl").read_text(encoding="utf-8"),
    Kind.FIX: "8=FIX.4.4\x019=5\x0135=0\x0110=163\x01",
    Kind.PAGE: "<!doctype html><title>x</title>",
}


def refusal(content: bytes, *kinds: Kind) -> str:
    with pytest.raises(DataError) as refused:
        expect(content, "x y", *kinds)
    return str(refused.value)


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_recognised_by_its_content_and_told_where_another_is_wanted(kind: Kind) -> None:
    expect(GIVEN[kind].encode("utf-8-sig"), "x", kind)
    for other in set(Kind) - {kind}:
        told = refusal(GIVEN[kind].encode(), other)
        assert told.startswith(f"x y is {kind.words}: give {other.words}")
        assert told.endswith(kind.use.format(file="'x y'"))


def test_every_kind_has_an_example_here() -> None:
    assert set(GIVEN) == set(Kind)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b" \n", "x y is empty: give a request, in JSON"),
        (REQUEST.encode("utf-16"), "x y is UTF-16, as Windows programs write: save it as UTF-8"),
        (gzip.compress(b"{}"), "x y is compressed: unpack it first"),
        (bz2.compress(b"{}"), "x y is compressed: unpack it first"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "x y is a picture: give a file of text"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "x y is no text: give a request, in JSON"),
        (b'{"a": "Ren\xe9"}', "x y: line 1 is not UTF-8 (byte 10): save it as UTF-8"),
    ],
    # Compressed bytes have the time in them, and workers must collect the same tests.
    ids=["empty", "utf-16", "gzip", "bzip2", "picture", "program", "latin-1"],
)
def test_what_no_reader_can_read_is_named(content: bytes, told: str) -> None:
    assert refusal(content, Kind.REQUEST) == told


@pytest.mark.parametrize("text", ['{"pod_weights": ', "[1, 2]", "null", "words", '{"a": 1}', 'pod = "a', "[" * 10_000])
def test_what_is_not_recognised_is_left_to_the_reader_of_the_format(text: str) -> None:
    assert recognise(text) is None
    for kind in Kind:
        expect(text.encode(), "x", kind)


def test_one_line_is_also_a_book_or_events_of_one_and_no_events_are_events() -> None:
    expect(data().replace(b"\n", b""), "x", Kind.BOOK)
    expect(LINE.encode(), "x", Kind.EVENTS)
    expect(b"", "x", Kind.EVENTS)
    assert "give a book" in refusal(REQUEST.encode(), Kind.BOOK)


def test_a_line_of_a_book_that_is_no_text_is_left_to_that_line() -> None:
    line = data().replace(b"\n", b"")

    expect(line + b"\n{\xff\0}\n", "x", Kind.BOOK)
    assert refusal(b"\x7fELF\0\n" + line, Kind.BOOK).startswith("x y is no text")


def test_of_a_long_file_whole_lines_at_the_beginning_are_enough(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    # Two bytes a letter, so that a cut anywhere in a row may be within a letter.
    file.write_text("date,VAS\n" + "ä,é\n" * 200_000, encoding="utf-8")

    assert GivenFile(Kind.TABLE).convert(file, None, None) == file


def test_a_pipe_is_left_to_the_command_that_reads_it_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert GivenFile(Kind.REQUEST).convert(pipe, None, None) == pipe


def parameters(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    yield from ((name, parameter) for parameter in command.params)
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from parameters(each, f"{name} {inner}")


def test_every_command_that_reads_a_file_says_which_kind_it_takes() -> None:
    mains = ((podfolio, "podfolio"), (agents_main, "agents"), (coordinator_main, "coordinator"))
    found = [each for command, name in mains for each in parameters(command, name)]
    files = [
        (name, parameter)
        for name, parameter in found
        if isinstance(parameter.type, click.Path) and parameter.type.exists and parameter.type.file_okay
    ]
    # Keys and certificates: their readers say what is wrong with one.
    secret = {"credentials", "nkey_seed", "ca", "signing_seed"}

    others = {(name, p.name) for name, p in files if not isinstance(p.type, GivenFile) and p.name not in secret}

    assert others == set()
    assert len([p for _, p in files if isinstance(p.type, GivenFile)]) >= 25


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.use.startswith("podfolio")])
def test_the_command_that_is_named_for_a_file_takes_it(kind: Kind, tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_text(GIVEN[kind], encoding="utf-8")
    stand_ins = {"REQUEST.json": GIVEN[Kind.REQUEST], "EVENT.json": GIVEN[Kind.EVENT]}
    stand_ins |= {"EVENTS.jsonl": GIVEN[Kind.EVENTS], "BOOK.jsonl": GIVEN[Kind.BOOK]}
    _, *words = shlex.split(kind.use.format(file=file))
    for i, word in enumerate(words):
        if word in stand_ins:
            (tmp_path / word).write_text(stand_ins[word], encoding="utf-8")
            words[i] = str(tmp_path / word)

    context, command, rest = click.Context(podfolio), podfolio, words
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(context, rest)
        assert command is not None

    # Parses the arguments, and so examines the files.
    assert command.make_context("x", list(rest)).params


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("validate {toml}", "{toml} is a mandate, in TOML: give a request, in JSON; for this file there is: podfolio"),
        ("validate {folder}", "{folder} is a folder: give a request, in JSON"),
        ("validate {json} --mandate {json}", "{json} is a request, in JSON: give a mandate, in TOML"),
        ("verify {json}", "{json} is a request, in JSON: give a final event, in JSON"),
        ("report {json}", "{json} is a request, in JSON: give a final event, in JSON"),
        ("report {folder}", "{folder} is a folder: give a final event, in JSON"),
        ("show {toml}", "{toml} is a mandate, in TOML: give a final event, in JSON"),
        ("compare {toml} {json}", "{toml} is a mandate, in TOML: give a request, in JSON or a final event, in JSON"),
        ("market build {json}", "{json} is a request, in JSON: give a table, in CSV"),
        ("book run {toml}", "{toml} is a mandate, in TOML: give a book"),
        ("orders export {json}", "{json} is a request, in JSON: give final events"),
    ],
)
def test_commands_say_so_in_one_line(words: str, told: str, tmp_path: Path) -> None:
    named = {"toml": tmp_path / "x.toml", "json": tmp_path / "x.json", "folder": tmp_path}
    named["toml"].write_text(MANDATE, encoding="utf-8")
    named["json"].write_text(REQUEST, encoding="utf-8")

    ended = CliRunner().invoke(podfolio, shlex.split(words.format(**named)))

    assert ended.exit_code == 1
    assert ended.output.startswith(f"Error: {told.format(**named)}")
    assert len(ended.output.splitlines()) == 1
