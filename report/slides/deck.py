"""A story as slides: the same sentences and figures, with charts that the slides' reader can open and change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pptx.util import Inches

from bus.language.messages import MasterPortfolioOptimized
from report.charts.palette import LIGHT
from report.facts.fans import Fan
from report.facts.frontier import Frontier
from report.facts.series import Bars, all_series
from report.slides.layout import BOTTOM, LEFT, ROOM, TOP, Deck, fitting_size, sentences, told, write
from report.slides.native_charts import bars, fan, frontier
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bus.language.messages import Challenge, FinalEvent
    from report.facts.series import Shown
    from report.story.document import Section, Story

# Tables of the appendix that stand on the slide of a question.
_BESIDE = {"have": ("owned",), "change": ("orders", "bought")}
# Sections of the appendix that have a slide.
_APPENDIX = ("sure", "unreachable", "checks")
# Fans on a slide.
_FANS = 2


def slides(event: FinalEvent, *, checked: tuple[str, ...] = (), challenge: Challenge | None = None) -> bytes:
    """Make the slides of *event*, as a .pptx file; *checked* lists the checks made before, one sentence per check."""
    story = tell(event, checked=checked, challenge=challenge)
    deck = Deck(story.title, " ".join(story.notice))
    _opening(deck, story)
    if isinstance(event, MasterPortfolioOptimized):
        _portfolio(deck, story, all_series(event))
    else:
        for section in story.sections:
            told(deck, section)
    return deck.data()


def _portfolio(deck: Deck, story: Story, series: Mapping[str, Shown]) -> None:
    tables = {table.name: table for section in story.appendix for table in section.tables}
    for section in story.answers:
        beside = tuple(tables[name] for name in _BESIDE.get(section.name, ()) if name in tables)
        told(deck, replace(section, tables=(*section.tables, *beside)))
    pictures, *limits = story.more
    _pictures(deck, pictures, series)
    _side_by_side(deck, "Taken as given, and not considered", limits)
    for section in story.appendix:
        if section.name in _APPENDIX:
            told(deck, section)


def _side_by_side(deck: Deck, title: str, sections: Sequence[Section]) -> None:
    """Tell the points of some sections on one slide, a column for each."""
    slide = deck.slide(title)
    width = ROOM // max(len(sections), 1)
    for i, section in enumerate(sections):
        left, room = LEFT + i * width, width - Inches(0.3)
        head = slide.shapes.add_textbox(left, TOP, room, Inches(0.4))
        write(head.text_frame, [section.title], size=14, bold=True)
        top = TOP + Inches(0.4)
        body = slide.shapes.add_textbox(left, top, room, BOTTOM - top)
        write(body.text_frame, section.points, size=min(12, fitting_size(section.points * len(sections))))


def _pictures(deck: Deck, section: Section, series: Mapping[str, Shown]) -> None:
    """Draw each chart of a section on a slide, two fans side by side."""
    shown = [series[name] for name in section.charts if name in series]
    for one in shown:
        if isinstance(one, Bars):
            bars(deck.slide(one.title), one)
        elif isinstance(one, Frontier):
            frontier(deck.slide(one.title), one)
    fans = [one for one in shown if isinstance(one, Fan)]
    for first in range(0, len(fans), _FANS):
        slide = deck.slide("Your goals over the years")
        sentences(slide, section.lead[1:], size=12)
        for i, one in enumerate(fans[first : first + _FANS]):
            fan(slide, one, left=LEFT + i * ROOM // _FANS, width=ROOM // _FANS - Inches(0.2))


def _opening(deck: Deck, story: Story) -> None:
    slide = deck.slide(story.title)
    about = "    ".join(f"{name}: {value}" for name, value in story.about)
    sentences(slide, (about,), size=14, colour=LIGHT.quiet, top=Inches(1.3))
    sentences(slide, story.notice, size=18, top=Inches(2.1))
    width = ROOM // max(len(story.figures), 1)
    for i, (what, figure) in enumerate(story.figures):
        left = LEFT + i * width
        box = slide.shapes.add_textbox(left, Inches(3.6), width, Inches(0.6))
        write(box.text_frame, [figure], size=26, bold=True)
        box = slide.shapes.add_textbox(left, Inches(4.2), width, Inches(0.6))
        write(box.text_frame, [what], size=14, colour=LIGHT.quiet)
