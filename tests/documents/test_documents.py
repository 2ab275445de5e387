"""The documents are true: their links, commands, requests, outputs and pictures are those of the product."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from support.depth import some_of
from support.requests_made import ROOT

from bus.language.messages import parse_request
from documents import first_page, floor
from documents.commands import Typed, commands, targets, understood
from documents.outputs import documents, outputs

if TYPE_CHECKING:
    from pathlib import Path

# A row that is kept may be worse by what a solver leaves.
ROUNDING = 1e-6

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
    (tmp_path / "FOLDER").mkdir()
    for name in ("coordinator.pub", "admin.nk", "adviser.nk", "observer.nk", "requester.nk", "ca.pem"):
        (tmp_path / "secure" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("typed", TYPED, ids=str)
def test_every_command_is_one_that_there_is(typed: Typed, place: Path) -> None:
    for word in typed.words[1:]:
        if re.fullmatch(r"[\w-]+\.(json|jsonl|csv)", word):
            # Not empty, and of no kind: its reader would say what is wrong.
            (place / word).write_text("{", encoding="utf-8")

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


@pytest.mark.parametrize("page", some_of(SHOWING, every=3), ids=lambda page: page.name)
def test_every_output_is_what_the_command_prints(page: Path) -> None:
    for output in outputs(page.read_text(encoding="utf-8")):
        assert output.is_current(), f"{output.command}: run make pages, and read what it changed"


def test_the_first_page_of_the_existing_investor_is_the_one_of_the_report() -> None:
    page = first_page.page()
    assert "> **What do I have?**" in page
    assert page in first_page.ADVISERS.read_text(encoding="utf-8"), "run make pages, and read what it changed"


def test_the_comparison_without_the_floor_stands_beside_the_one_with_it() -> None:
    page = floor.DEMO.read_text(encoding="utf-8")
    assert floor.table() in page, "run make pages, and read what it changed"


def test_what_the_demo_claims_of_coordination_holds_with_the_floor_and_without_it() -> None:
    for is_kept in (True, False):
        half = {row.metric: row for row in floor.compared(floor=is_kept)}
        for metric in ("positions", "duplicated_etfs", "trading_cost_aud", "management_fees_aud"):
            assert (half[metric].master or 0.0) < (half[metric].naive or 0.0), metric
        for metric in ("largest_position", "sharpe_ratio", "tax_efficiency"):
            row = half[metric]
            less = (row.master or 0.0) - (row.naive or 0.0)
            assert (less if row.better == "lower" else -less) < ROUNDING, metric
        # And what it is not praised for.
        assert (half["effective_holdings"].master or 0.0) < (half["effective_holdings"].naive or 0.0)


def test_the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
