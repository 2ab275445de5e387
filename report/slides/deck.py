"""A story as slides: the same sentences and figures, with charts that the slides' reader can open and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pptx.util import Inches

from bus.language.messages import MasterPortfolioOptimized
from report.charts.palette import LIGHT
from report.facts.series import Bars, Rows, all_series
from report.slides.layout import LEFT, ROOM, Deck, fitting_size, sentences, tabled, write
from report.slides.native_charts import bars, stacked
from report.story.assumptions import SOURCE
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import FinalEvent
    from report.story.document import Section, Story, Table


def slides(event: FinalEvent, *, checked: tuple[str, ...] = ()) -> bytes:
    """Make the slides of *event*, as a .pptx file; *checked* lists the checks made before, one sentence per check."""
    story = tell(event, checked=checked)
    deck = Deck(story.title, "Expected figures are assumptions. Nothing here is advice.")
    _opening(deck, story)
    sections = {section.name: section for section in story.sections}
    if isinstance(event, MasterPortfolioOptimized):
        _portfolio(deck, event, sections)
    else:
        for section in story.sections:
            _said(deck, section)
    return deck.data()


def _portfolio(deck: Deck, event: MasterPortfolioOptimized, sections: dict[str, Section]) -> None:
    series = all_series(event)
    tables = {table.name: table for section in sections.values() for table in section.tables}
    suggested = sections["suggest"]
    tabled(deck, sections["own"].title, tables.get("owned") or tables["parts"], sections["own"].lead)
    tabled(deck, suggested.title, tables.get("orders") or tables.get("bought"), suggested.lead)
    # At most ten slides: the table on the slide before lists the ETFs, too.
    for name in ("asset-classes",) if event.money_goals else ("asset-classes", "etfs"):
        shown = series[name]
        assert isinstance(shown, Bars)  # noqa: S101 - the series of this name always has this type
        bars(deck.slide(f"{sections['change'].title}: {shown.title[0].lower()}{shown.title[1:]}"), shown)
    parts = series["owners"]
    assert isinstance(parts, Rows)  # noqa: S101 - the series of this name always has this type
    stacked(deck.slide(parts.title), parts)
    if event.money_goals:
        wanted = sections["money-goals"]
        tabled(deck, wanted.title, tables["money-goals"], wanted.lead)
    tabled(deck, sections["goals"].title, tables["goals"], ())
    costs = series["costs"]
    assert isinstance(costs, Bars)  # noqa: S101 - the series of this name always has this type
    slide = deck.slide(sections["costs"].title)
    bars(slide, costs, height=Inches(3.6))
    sentences(slide, (*sections["costs"].lead, *sections["costs"].points), size=13, top=Inches(4.95))
    _said(deck, sections["unreachable"])
    lines = [*sections["assumptions"].lead, *_sources(tables.get("assumptions")), *sections["assumptions"].points]
    lines += [*sections["checks"].lead, *sections["checks"].points]
    sentences(deck.slide("Assumptions, and how to check this"), lines, size=min(14, fitting_size(lines)))


def _opening(deck: Deck, story: Story) -> None:
    slide = deck.slide(story.title)
    about = "    ".join(f"{name}: {value}" for name, value in story.about)
    sentences(slide, (about,), size=12, colour=LIGHT.quiet, top=Inches(1.1))
    width = ROOM // max(len(story.figures), 1)
    for i, (what, figure) in enumerate(story.figures):
        left = LEFT + i * width
        box = slide.shapes.add_textbox(left, Inches(1.6), width, Inches(0.6))
        write(box.text_frame, [figure], size=26, bold=True)
        box = slide.shapes.add_textbox(left, Inches(2.1), width, Inches(0.4))
        write(box.text_frame, [what], size=13, colour=LIGHT.quiet)
    sentences(slide, story.summary, top=Inches(2.9 if story.figures else 1.8))


def _said(deck: Deck, section: Section) -> None:
    """Add a slide with a section's sentences, and one slide per table."""
    if lines := (*section.lead, *section.points):
        sentences(deck.slide(section.title), lines, size=fitting_size(lines))
    for table in section.tables:
        tabled(deck, section.title, table, ())


def _sources(table: Table | None) -> Iterator[str]:
    """Name the sources of the assumptions, each once: the slides have no room for the table."""
    if table is None:
        return
    if SOURCE in table.columns:
        each = dict.fromkeys(row[table.columns.index(SOURCE)] for row in table.rows)
        yield f"{SOURCE}: {'; '.join(each)}."
    yield table.note
