"""A report on paper and on a narrow screen, in a real browser: whole rows, no surprise, nothing fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lxml import html
from pypdf import PdfReader
from support.depth import some_of
from support.printing import PATIENCE_MS, browser
from support.reported import event, failed

from report.page.html import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

# A4 in points.
WIDTH, HEIGHT = 595, 842
NARROW = 360
QUESTIONS = (
    "What do I have?",
    "What should I change, and why?",
    "What does it cost, and what does it bring?",
    "Will I reach my goals?",
    "What could go wrong?",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def wrong() -> list[str]:
    """What a browser complains of, and what it asks for anywhere else."""
    return []


def opened(chromium: Browser, file: Path, text: str, wrong: list[str], **settings: object) -> Page:
    file.write_text(text, encoding="utf-8")
    shown = chromium.new_page(**settings)  # type: ignore[arg-type]
    shown.set_default_timeout(PATIENCE_MS)
    shown.on("console", lambda message: wrong.append(message.text))
    shown.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
    shown.goto(file.as_uri(), timeout=PATIENCE_MS)
    return shown


def rows(text: str) -> list[list[str]]:
    """Read the cells of numbers of every row of every table."""
    return [
        [
            " ".join(cell.text_content().split())
            for cell in row.iter("td")
            if cell.get("class") == "n" and cell.text_content()
        ]
        for row in html.fromstring(text).xpath("//table[starts-with(@id, 't-')]/tbody/tr")
    ]


@pytest.mark.parametrize("name", ["existing-investor", "outlook"])
def test_it_prints_on_a_few_pages_of_a4_with_every_row_whole(
    chromium: Browser, name: str, tmp_path: Path, wrong: list[str]
) -> None:
    text = page(event(name))
    shown = opened(chromium, tmp_path / "report.html", text, wrong)

    shown.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)

    pages = PdfReader(tmp_path / "report.pdf").pages
    assert 6 <= len(pages) <= 11
    for sheet in pages:
        assert (round(sheet.mediabox.width), round(sheet.mediabox.height)) == (WIDTH, HEIGHT)
    words = [" ".join(sheet.extract_text().split()) for sheet in pages]
    for row in rows(text):
        assert any(all(cell in sheet for cell in row) for sheet in words), row
    for number, sheet in enumerate(words, 1):
        assert f"{number} of {len(pages)}" in sheet
    assert wrong == []


@pytest.mark.parametrize(
    "name",
    some_of(["existing-investor", "money-goals", "reference-customer", "super-fund", "tax-budget"], every=4),
)
def test_the_first_page_answers_the_five_questions_and_the_appendix_begins_on_the_third(
    chromium: Browser, name: str, tmp_path: Path, wrong: list[str]
) -> None:
    shown = opened(chromium, tmp_path / "report.html", page(event(name)), wrong)

    shown.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)

    first, second, *others = (
        " ".join(sheet.extract_text().split()) for sheet in PdfReader(tmp_path / "report.pdf").pages
    )
    at = [first.find(question) for question in QUESTIONS]
    assert -1 not in at
    assert at == sorted(at)
    assert "Not reviewed by a licensee; not for a customer as it is." in first
    assert "In pictures" in first + second
    assert "What was taken as given" in first + second
    assert "What was not considered" in first + second
    assert "Appendix" not in first + second
    assert "Appendix: for the file" in others[0]


def test_a_failure_prints_on_a_page_or_two(chromium: Browser, tmp_path: Path, wrong: list[str]) -> None:
    shown = opened(chromium, tmp_path / "report.html", page(failed("conflict")), wrong)

    shown.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)

    assert len(PdfReader(tmp_path / "report.pdf").pages) <= 2
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_narrow_screen_nothing_but_wide_tables_is_to_be_pushed_aside(
    chromium: Browser, scheme: str, tmp_path: Path, wrong: list[str]
) -> None:
    text = page(event("existing-investor").model_copy(update={"customer_id": "c" * 64}))

    shown = opened(
        chromium,
        tmp_path / "report.html",
        text,
        wrong,
        viewport={"width": NARROW, "height": 740},
        color_scheme=scheme,
    )

    assert shown.evaluate("document.documentElement.scrollWidth") <= NARROW
    boxes = "[...document.querySelectorAll('.wide')].map(e => e.getBoundingClientRect().right)"
    assert all(right <= NARROW for right in shown.evaluate(boxes))
    sizes = shown.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
    assert all(complete and natural for complete, natural in sizes)
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 32, 43)"}[scheme]
    used = shown.evaluate("[...document.images].map(i => i.currentSrc)")
    dark = set(html.fromstring(text).xpath("//source/@srcset"))
    assert all((source in dark) == (scheme == "dark") for source in used)
    assert wrong == []
