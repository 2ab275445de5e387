"""The slides of a report: the page's words, native charts, the event's numbers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from pptx import Presentation
from pptx.util import Emu
from support.oracle_of_tables import ORACLES
from support.reported import failed, optimised
from support.unspaced import unspaced
from test_html import raw

from report.facts.given import NOT_REVIEWED
from report.slides.deck import slides
from report.story.compose import tell

if TYPE_CHECKING:
    from pptx.presentation import Presentation as Slides

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

NAMES = ["existing-investor", "reference-customer", "outlook", "nothing-to-do", "money-goals"]


def opened(data: bytes) -> Slides:
    return Presentation(io.BytesIO(data))


def charts(deck: Slides) -> list[dict[str, tuple[float, ...]]]:
    return [
        {series.name: tuple(series.values) for series in shape.chart.plots[0].series}
        for slide in deck.slides
        for shape in slide.shapes
        if shape.has_chart
    ]


def texts(deck: Slides) -> str:
    shown = (shape.text_frame.text for s in deck.slides for shape in s.shapes if shape.has_text_frame)
    return unspaced("\n".join(shown))


@pytest.mark.parametrize("name", [*NAMES, "limited", "alone", "wanted"])
def test_there_are_eleven_to_fifteen_slides_with_a_title_each_within_the_slide(name: str) -> None:
    deck = opened(slides(optimised(name)))

    assert 11 <= len(deck.slides) <= 15
    assert all(slide.shapes.title.text_frame.text for slide in deck.slides)
    for slide in deck.slides:
        for shape in slide.shapes:
            assert 0 <= shape.left <= shape.left + shape.width <= deck.slide_width
            assert 0 <= shape.top <= shape.top + shape.height <= deck.slide_height + Emu(1)


@pytest.mark.parametrize("name", [*NAMES, "super-fund", "limited", "wanted"])
def test_the_slides_say_all_that_the_page_says_of_risk_law_and_warnings(name: str) -> None:
    found = optimised(name)
    deck = opened(slides(found))
    said = texts(deck)
    sections = {section.name: section for section in tell(found).sections}

    for section in ("wrong", "given", "not-considered", "unreachable", "checks"):
        assert sections[section].points or sections[section].lead
        for sentence in (*sections[section].lead, *sections[section].points):
            assert unspaced(sentence) in said
    assert said.count(NOT_REVIEWED) >= len(deck.slides)


def test_a_loss_that_is_sold_and_replaced_is_on_the_slides() -> None:
    found = optimised("existing-investor")
    assert found.trading is not None
    (pair,) = found.trading.losses_replaced

    said = texts(opened(slides(found)))

    assert f"{pair.sold} is sold at a loss and {pair.bought}, which moves like it" in said
    assert "TR 2008/1" in said


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_its_answer(name: str) -> None:
    story, said = tell(optimised(name)), texts(opened(slides(optimised(name))))

    for section in story.answers:
        assert section.title in said
        for sentence in (*section.lead, *section.points):
            assert unspaced(sentence) in said


def test_what_you_have_is_today_and_not_the_suggestion() -> None:
    found = optimised("existing-investor")
    assert found.terms.owned is not None
    (slide,) = (
        slide for slide in opened(slides(found)).slides if slide.shapes.title.text_frame.text == "What do I have?"
    )

    (table,) = (shape.table for shape in slide.shapes if shape.has_table)

    tickers = [row.cells[0].text for row in table.rows][1:-2]
    assert sorted(tickers) == sorted({parcel.ticker for parcel in found.terms.owned.parcels})
    assert [cell.text for cell in table.rows[1].cells][2] == "350", "VAF, before the order to sell 214"


@pytest.mark.parametrize("name", NAMES)
def test_the_charts_are_native_and_hold_the_event_s_numbers(name: str) -> None:
    found = optimised(name)

    classes, risk, *fans = charts(opened(slides(found)))

    expected = [row for row in ORACLES["classes"](raw(name)) if row[0] != "Total"]
    columns = {"Today": 1, "Suggested": 3} if found.trading else {"Suggested": 3}
    assert list(classes) == list(columns)
    for label, i in columns.items():
        shown = [f"{value:,.2f}" for value in classes[label]]
        assert sorted(v for v in shown if v != "0.00") == sorted(row[i] for row in expected if row[i] != "0.00")
    assert found.suggested is not None
    assert risk["Suggested"] == (found.suggested.expected_return,)
    assert ("Today" in risk) == (found.today is not None)
    goals = [goal for goal in found.money_goals if goal.years > 0 and goal.median_aud > 0]
    assert sorted(fan["Middle"][-1] for fan in fans) == pytest.approx(sorted(goal.median_aud for goal in goals))


def test_a_goal_s_years_begin_today() -> None:
    deck = opened(slides(optimised("money-goals")))

    drawn = [shape.chart for slide in deck.slides for shape in slide.shapes if shape.has_chart]
    axes = [chart.category_axis for chart in drawn if "Wanted" in [one.name for one in chart.plots[0].series]]
    assert [(axis.minimum_scale, axis.maximum_scale) for axis in axes] == [(0, 2), (0, 6), (0, 22), (0, 10)]


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_those_of_the_page(name: str) -> None:
    deck = opened(slides(optimised(name)))

    tables = {s.name: s.table for slide in deck.slides for s in slide.shapes if s.has_table}
    assert set(tables) & {"today", "bought"}
    for kind, table in tables.items():
        shown = [[unspaced(cell.text) for cell in row.cells] for row in table.rows][1:]
        for first, *numbers in ORACLES[kind](raw(name)):
            assert any(row[0] == first and all(number in row for number in numbers) for row in shown), (kind, first)


def test_what_charts_show_is_told_in_words_too() -> None:
    for name, beginnings in (
        ("existing-investor", ["Bars.", "Line with points."]),
        ("money-goals", ["Bars.", "Line with points.", *["Fan chart."] * 4]),
    ):
        told = [
            shape._element.nvGraphicFramePr.cNvPr.get("descr")  # noqa: SLF001
            for slide in opened(slides(optimised(name))).slides
            for shape in slide.shapes
            if shape.has_chart
        ]
        assert len(told) == len(beginnings)
        assert all(alt.startswith(beginning) for alt, beginning in zip(told, beginnings, strict=True))


def test_what_gave_way_is_said() -> None:
    said = texts(opened(slides(optimised("outlook"))))

    assert "Growth (gamma): Sharpe ratio of at least 1.50 was asked." in said


@pytest.mark.parametrize(
    ("name", "source"),
    [("reference-customer", "the two years to 7 November 2025"), ("outlook", "Macquarie for cash and property")],
)
def test_the_basis_of_the_returns_is_named(name: str, source: str) -> None:
    assert source in texts(opened(slides(optimised(name))))


def test_a_failure_has_slides_too() -> None:
    found = failed("conflict")

    deck = opened(slides(found))

    assert "There is no portfolio" in texts(deck)
    cells = [
        unspaced(c.text) for s in deck.slides for shape in s.shapes if shape.has_table for c in shape.table.iter_cells()
    ]
    for conflict in found.conflicts:
        assert conflict.words in cells
