"""A page says a thing once, and an amount of money has its unit."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime

import pytest
from pptx import Presentation
from support.reported import optimised
from support.requests_made import data
from support.unspaced import unspaced

from bus.language import subjects
from bus.language.messages import AdviceStopped, encode, parse_request
from bus.port import Message
from cli.pages.final_event import make_console, show
from coordinator.stops import refusal
from report.facts.labels import FIGURES
from report.slides.deck import slides
from report.story.compose import tell

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

THEN = datetime(2026, 11, 30, 9, tzinfo=UTC)


def lines(deck: bytes) -> list[str]:
    frames = [
        shape.text_frame for s in Presentation(io.BytesIO(deck)).slides for shape in s.shapes if shape.has_text_frame
    ]
    return [paragraph.text for frame in frames for paragraph in frame.paragraphs]


@pytest.mark.parametrize("name", ["existing-investor", "reference-customer"])
def test_no_heading_of_the_slides_stands_before_each_of_its_lines(name: str) -> None:
    event = optimised(name)
    told = [unspaced(line) for line in lines(slides(event))]
    headings = Counter(line for line in told if line.startswith(("What was taken", "What was not cons")))

    assert headings == {"What was taken as given": 1, "What was not considered": 1}
    limits = [point for section in tell(event).more[1:] for point in section.points]
    assert limits
    assert [point for point in limits if unspaced(point) not in told] == []


def test_a_refusal_while_advice_is_stopped_says_once_when_to_ask_again() -> None:
    body = AdviceStopped(number="1", why="the prices of VAS are wrong", by="UADVISER", stopped_at=THEN)
    stop = Message(subjects.stop("1"), encode(body), sequence=1, stored_at=THEN)
    event = refusal(parse_request(data("r1"), "r1"), [stop])
    console = make_console(file=io.StringIO(), width=100)
    show(console, event)
    page = " ".join(console.file.getvalue().split()).lower()  # type: ignore[attr-defined]

    assert page.count("ask again") == 1
    assert "when the stop is lifted" in page
    paper = [*(text for section in tell(event).answers for text in (*section.lead, *section.points))]
    assert sum("when the stop is lifted" in text for text in paper) == 1


def test_every_target_of_money_has_its_unit() -> None:
    assert [name for name, (_, show) in FIGURES.items() if name.endswith("_aud") and show(12.5) != "12.50 AUD"] == []
    page = tell(optimised("existing-investor"))
    told = " ".join(text for section in (*page.answers, *page.appendix) for text in (*section.lead, *section.points))
    assert "cost of getting there of at most 1,583.67 AUD" in told
