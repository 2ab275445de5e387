"""The slides of a report: as many as one can sit through, native charts, the event's numbers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from pptx import Presentation
from pptx.util import Emu
from support.oracle_of_tables import ORACLES
from support.reported import failed, optimised
from test_html import raw

from report.slides.deck import slides

if TYPE_CHECKING:
    from pptx.presentation import Presentation as Slides

NAMES = ["existing-investor", "reference-customer", "outlook", "nothing-to-do"]


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
    return "\n".join(shape.text_frame.text for s in deck.slides for shape in s.shapes if shape.has_text_frame)


@pytest.mark.parametrize("name", [*NAMES, "limited", "alone"])
def test_there_are_eight_to_ten_slides_with_a_title_each(name: str) -> None:
    deck = opened(slides(optimised(name)))

    assert 8 <= len(deck.slides) <= 10
    assert all(slide.shapes.title.text_frame.text for slide in deck.slides)
    for slide in deck.slides:
        for shape in slide.shapes:
            assert 0 <= shape.left <= shape.left + shape.width <= deck.slide_width
            assert 0 <= shape.top <= shape.top + shape.height <= deck.slide_height + Emu(1)


@pytest.mark.parametrize("name", NAMES)
def test_the_charts_are_native_and_hold_the_event_s_numbers(name: str) -> None:
    found = optimised(name)

    # With a table of what the money is for, the one of the ETFs gives way: ten slides at most.
    classes, *etfs, parts, costs = charts(opened(slides(found)))
    assert len(etfs) == (not found.money_goals)

    expected = [row for row in ORACLES["classes"](raw(name)) if row[0] != "Total"]
    for i, values in ((1, 0), (3, 1)):
        assert sorted(f"{v:,.2f}" for v in list(classes.values())[values]) == sorted(row[i] for row in expected)
    after = found.trading.pods if found.trading else {p: a.weights for p, a in found.pods.items()}
    scale = 1.0 if found.trading else found.terms.total_capital_aud
    held = sorted(value * scale for own in after.values() for value in own.values())
    assert sorted(v for column in parts.values() for v in column if v is not None) == pytest.approx(held)
    for each in etfs:
        invested = sum(list(each.values())[1]) - (found.trading.cash_left_aud if found.trading else 0.0)
        assert invested == pytest.approx(sum(held))
    rows = [row for row in ORACLES["costs"](raw(name)) if row[0] != "Together"]
    for i, values in enumerate(costs.values(), 1):
        assert [f"{value:,.2f}" for value in values] == [row[i] for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_those_of_the_page(name: str) -> None:
    deck = opened(slides(optimised(name)))

    tables = {s.name: s.table for slide in deck.slides for s in slide.shapes if s.has_table}
    assert "goals" in tables
    for kind, table in tables.items():
        shown = [[cell.text for cell in row.cells] for row in table.rows][1:]
        for first, *numbers in ORACLES[kind](raw(name)):
            assert any(row[0] == first and all(number in row for number in numbers) for row in shown), (kind, first)


def test_what_charts_show_is_told_in_words_too() -> None:
    deck = opened(slides(optimised("existing-investor")))

    told = [
        shape._element.nvGraphicFramePr.cNvPr.get("descr")  # noqa: SLF001
        for slide in deck.slides
        for shape in slide.shapes
        if shape.has_chart
    ]
    assert len(told) == 4
    assert all(alt.startswith("Bars.") for alt in told)


def test_what_gave_way_and_what_nobody_promises_is_said() -> None:
    said = texts(opened(slides(optimised("outlook"))))

    assert "Growth (gamma): Sharpe ratio of at least 1.500 was asked." in said
    assert said.count("Nothing here is advice.") >= 8


@pytest.mark.parametrize(
    ("name", "source"),
    [("existing-investor", "104 weekly total returns to 2025-11-07"), ("outlook", "Macquarie property 6.2 %")],
)
def test_sources_are_named(name: str, source: str) -> None:
    assert source in texts(opened(slides(optimised(name))))


def test_a_failure_has_slides_too() -> None:
    found = failed("conflict")

    deck = opened(slides(found))

    assert "There is no portfolio" in texts(deck)
    cells = [c.text for s in deck.slides for shape in s.shapes if shape.has_table for c in shape.table.iter_cells()]
    for conflict in found.conflicts:
        assert conflict.words in cells
