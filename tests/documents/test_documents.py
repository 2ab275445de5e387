"""The documents are true: their links, commands, requests, outputs and pictures are those of the product."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from support.requests_made import ROOT

from bus.language.messages import parse_request
from documents.commands import Typed, commands, targets, understood
from documents.outputs import documents, outputs

if TYPE_CHECKING:
    from pathlib import Path

PAGES = documents()
OTHERS = [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
SHOWING = [page for page in PAGES if outputs(page.read_text(encoding="utf-8"))]
TYPED = [typed for page in PAGES for typed in commands(page)]

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<picture>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    names = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    found = []
    for link in LINK.finditer(text):
        target = link["target"] or link["picture"]
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", [*PAGES, *OTHERS, *DECISIONS], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone, with the files that a reader has made on the way."""
    for name in ("examples", "clients"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "markets" / "house-2025-11").mkdir(parents=True)
    (tmp_path / "secure").mkdir()
    for name in ("coordinator.pub", "admin.nk", "observer.nk", "requester.nk", "ca.pem"):
        (tmp_path / "secure" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("typed", TYPED, ids=str)
def test_every_command_is_one_that_there_is(typed: Typed, place: Path) -> None:
    for word in typed.words[1:]:
        if re.fullmatch(r"[\w-]+\.(json|csv)", word):
            (place / word).touch()

    if typed.words[0] == "make":
        assert typed.words[1] in targets((ROOT / "Makefile").read_text(encoding="utf-8"))
    else:
        assert understood(typed.words)


def test_commands_are_found_in_every_page_that_has_any() -> None:
    assert {"README.md", "advisers.md", "operations.md", "running.md", "security.md", "what-if.md"} <= {
        typed.document for typed in TYPED
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_whole_request_is_a_valid_one(page: Path) -> None:
    for block in re.findall(r"^```json\n(.*?)```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        body = json.loads(block)
        if {"request_id", "customer", "market"} <= body.keys():
            assert parse_request(block.encode(), body["request_id"]).market


@pytest.mark.parametrize(
    "page", [page for page in PAGES if outputs(page.read_text("utf-8"))], ids=lambda page: page.name
)
def test_every_output_is_what_the_command_prints(page: Path) -> None:
    for output in outputs(page.read_text(encoding="utf-8")):
        assert output.is_current(), f"{output.command}: run make pages, and read what it changed"


def test_the_comparison_without_the_floor_stands_beside_the_one_that_the_demo_prints() -> None:
    page = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    (printed,) = (output.block for output in outputs(page) if output.part == "Without and with coordination")
    by_hand = page.partition("| reference customer |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in by_hand.splitlines()[2:]]

    figures = [cell.partition(" (")[0].replace(" %", "%") for row in rows for cell in row[1:3]]
    assert len(figures) == 18
    assert [figure for figure in figures if f" {figure} " not in printed] == [], "measure both columns again"


def test_the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
