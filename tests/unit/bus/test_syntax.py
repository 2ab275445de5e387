"""A text that is no JSON is told by line, column, error and mend, in our words, by every way in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples
from support.requests_made import REFERENCE, data

from bus.language.exact import read_exactly
from bus.language.messages import BadMessageError, parse_request
from bus.language.subjects import request as subject_of
from bus.language.syntax import doubled, fault
from bus.port import Message
from cli.__main__ import podfolio
from coordinator.decisions import Fail, admit

if TYPE_CHECKING:
    from pathlib import Path

PRETTY = json.dumps(json.loads(REFERENCE.read_bytes()), indent=2)
# The words of the parsers that are used here, and of Python's.
OF_PARSERS = ("Expecting", "expected", "EOF", "Extra data", "key must be", "delimiter", "char 0")

WRONG = {
    "trailing comma": ('"deadline_s": 30,\n}', "line 2, column 17 has a comma before }: leave the comma out"),
    "trailing comma of a list": ('"never_buy": ["VAS",]}', "line 2, column 20 has a comma before ]"),
    "two commas": ('"a": 1,,"b": 2}', "line 2, column 8 has a comma too many: leave it out"),
    "single quotation marks": ("'market': 1}", 'line 2, column 1 has single quotation marks: write "market"'),
    "a value in single ones": ("\"market\": 'asx'}", 'line 2, column 11 has single quotation marks: write "asx"'),
    "typographic ones": ("“market”: 1}", 'line 2, column 1 has the quotation mark “: write "'),
    "a comment": ('"a": 1, // the first\n"b": 2}', "line 2, column 9 has a comment, which JSON has not: leave it out"),
    "a comment of a shell": ('# mine\n"a": 1}', "line 2, column 1 has a comment"),
    "a name alone": ("market: 1}", 'line 2, column 1 has the name market without quotation marks: write "market"'),
    "a text alone": ('"market": asx}', "line 2, column 11 has asx: write numbers as 1000 or 0.15, and text and days"),
    "a day alone": (
        '"as_of": 2025-11-07}',
        "column 10 has 2025-11-07: write numbers as 1000 or 0.15, and text and days",
    ),
    "NaN": ('"a": NaN, "b": ]}', "line 2, column 6 has NaN: JSON has no such number, leave the field out"),
    "Python": ('"a": None}', "line 2, column 6 has None: write null"),
    "a percentage": ('"a": 15%}', "line 2, column 6 has 15%: write 0.15"),
    "thousands": ('"a": 250,000}', "has 000 where a name is missing: write numbers as 1000 or 0.15"),
    "cut within a list": (
        '"a": [1, 2',
        "column 11 is the end, within the list that begins at line 2, column 6: give the rest",
    ),
    "cut within a text": ('"a": "the', "line 2, column 6 begins a text that has no end"),
    "no comma": ('"a": 1\n"b": 2}', 'line 3, column 1 has "b" where a comma is missing: write a comma between'),
    "no colon": ('"a" 1}', "line 2, column 5 has 1 where a colon is missing: write : after a name"),
    "a line in a text": ('"a": "two\nlines"}', "line 2, column 6 begins a text that does not end on its line"),
    "a tab in a text": (
        '"a": "one\ttwo"}',
        r"line 2, column 10 has a control character within a text: write a tab as \t",
    ),
    "a path of Windows": (r'"a": "C:\data"}', r"line 2, column 9 has a backslash within a text: write \\ for"),
    "another bracket": (
        '"a": [1}',
        "column 8 has } within the list that begins at line 2, column 6: give ] before it",
    ),
    "JSON in lines": ('"a": 1}\n{"a": 2}\n', "line 3, column 1 begins a second value: give one object, {...}, alone"),
    "more text": ('"a": 1};', "line 2, column 8 has ; after the end: leave it out"),
    "half a character": (r'"a": "\ud83d"}', "line 2, column 7 has half of a character in a text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_is_told_with_its_place_and_its_mend(case: str) -> None:
    rest, said = WRONG[case]

    with pytest.raises(BadMessageError) as refused:
        parse_request(b"{\n" + rest.encode(), "r1")

    assert str(refused.value).startswith("the body is not JSON: line ")
    assert said in str(refused.value)
    assert not [word for word in OF_PARSERS if word in str(refused.value)]


@pytest.mark.parametrize("command", [["validate"], ["request"], ["frontier", "--max-etfs", "9..9"], ["compare", "-"]])
def test_every_command_tells_the_file_the_line_and_the_column(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "mine.json"
    file.write_text(PRETTY.replace('"market": ', '"market" '), encoding="utf-8")
    line = next(number for number, text in enumerate(PRETTY.split("\n"), 1) if '"market"' in text)
    name, *options = command
    files = [str(file), str(REFERENCE)] if name == "compare" else [str(file), *options]

    run = CliRunner().invoke(podfolio, [name, *files])

    assert run.exit_code != 0
    assert f"{file}" in run.output
    assert f'the body is not JSON: line {line}, column 12 has "asx-' in " ".join(run.output.split())
    assert not [word for word in OF_PARSERS if word in run.output]


def test_the_wire_says_the_same() -> None:
    action = admit(Message(subject_of("r1"), data("r1")[:-1] + b",}", sequence=1), ("alpha",))

    assert isinstance(action, Fail)
    assert "has a comma before }: leave the comma out" in action.event.message


def test_whoever_reads_exactly_says_the_same() -> None:
    with pytest.raises(ValueError, match=r"it is not JSON: line 1, column 9 has x: write numbers"):
        read_exactly(b'{"type":x}')


def test_a_doubled_name_is_told_with_both_lines(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(PRETTY.replace("{\n", '{\n  "market": "m",\n', 1), encoding="utf-8")
    lines = [number for number, text in enumerate(file.read_text().split("\n"), 1) if '"market"' in text]

    run = CliRunner().invoke(podfolio, ["validate", str(file)])

    assert f"market is given twice, at lines {lines[0]} and {lines[1]}: give each field once" in run.output
    assert doubled('{"a": 1, "b": {"c": 1,\n"c": 2}}') == ("c", 1, 2)


def test_a_body_of_many_names_is_examined_in_linear_time() -> None:
    names = [f'"n{each}":0' for each in range(100_000)]
    body = "{" + ",".join([*names, '"n99999":1']) + "}"

    assert doubled(body) == ("n99999", 1, 1)
    assert fault("[" * 200_000) == "line 1, column 201 is nested more than 200 deep: give a flatter object"
    assert "within the object" in str(fault("{" + ",".join(names)))


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)


PIECES = st.sampled_from([*"{}[],:\"\\ \n\t0123456789.eE+-/#'xnu", "true", "null", '"a"', "\\n", "\\u00e4", "NaN", "ü"])


@examples(300, quick=100)
@given(at=st.integers(0, len(PRETTY)), cut=st.integers(0, 6), put=st.lists(PIECES, max_size=3).map("".join))
def test_there_is_an_error_just_where_python_finds_one(at: int, cut: int, put: str) -> None:
    text = PRETTY[:at] + put + PRETTY[at + cut :]
    try:
        json.loads(text, parse_constant=_no_constant)
        is_json = True
    except ValueError:
        is_json = False

    assert (fault(text) is None) == is_json


@examples(300, quick=100)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_so_it_is_with_any_text(text: str) -> None:
    try:
        json.loads(text, parse_constant=_no_constant)
        is_json = True
    except ValueError:
        is_json = False

    assert (fault(text) is None) == is_json


@given(st.binary(max_size=40))
def test_any_bytes_are_explained(data: bytes) -> None:
    assert isinstance(fault(data), str | None)
