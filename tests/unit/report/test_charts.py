"""The charts of a final event: its numbers, colours that people can tell apart, and nothing that is fetched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from lxml import etree, html
from support.reported import optimised
from support.unspaced import unspaced

from report.charts.palette import THEMES
from report.charts.pictures import charts, draw
from report.charts.vega import specification
from report.facts.series import Bars, all_series
from report.facts.standings import SUGGESTED, TODAY
from report.page.html import page
from report.story.chart_tables import as_table

if TYPE_CHECKING:
    from report.charts.palette import Palette

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

TEXT, MARK = 4.5, 3.0


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in etree.fromstring(svg.encode()).iter("{http://www.w3.org/2000/svg}text")]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_before_and_after_are_what_is_owned_and_what_the_orders_lead_to(theme: str) -> None:
    found = optimised("existing-investor")
    assert found.trading is not None
    assert found.terms.owned is not None

    drawn = charts(found, theme=theme)

    held = {t: sum(p.get(t, 0.0) for p in found.trading.pods.values()) for t in found.trading.units}
    shown = texts(drawn["etfs"].svg)
    for value in [*held.values(), found.terms.owned.cash_aud, found.trading.cash_left_aud]:
        assert f"{value:,.0f}" in shown
    assert "19,589" in shown, "180 VAS at 108.83"
    series = all_series(found)["asset-classes"]
    assert isinstance(series, Bars)
    assert sum(series.series[TODAY]) == pytest.approx(found.terms.total_capital_aud)
    costs = found.trading.brokerage_aud + found.trading.spread_aud
    assert sum(series.series[SUGGESTED]) == pytest.approx(found.terms.total_capital_aud - costs)


def test_who_starts_from_cash_is_shown_the_suggestion_alone() -> None:
    found = optimised("reference-customer")

    series = all_series(found)["etfs"]

    assert isinstance(series, Bars)
    assert list(series.series) == [SUGGESTED]
    assert sum(series.series[SUGGESTED]) == pytest.approx(found.terms.total_capital_aud)
    amounts = {holding.ticker: pytest.approx(holding.amount_aud, abs=0.0101) for holding in found.holdings}
    assert dict(zip(series.categories, series.series[SUGGESTED], strict=True)) == amounts


@pytest.mark.parametrize("name", ["existing-investor", "reference-customer", "outlook", "nothing-to-do", "wanted"])
def test_each_chart_has_a_text_with_every_number_it_shows(name: str) -> None:
    for chart in charts(optimised(name)).values():
        if chart.alt.startswith(("Fan chart.", "Line with points.")):
            continue  # their axes have numbers of no portfolio; what is told is compared with the event elsewhere
        numbers = {text for text in texts(chart.svg) if re.fullmatch(r"-?[\d,]+(\.\d\d)?", text)}
        missing = {text for text in numbers if text not in chart.alt}
        if chart.name == "owners":  # its sums are those of its parts
            continue
        assert missing <= {"1.00"}, "each part moves with itself"
        assert chart.alt.startswith(("Bars.", "Table of colours."))


@pytest.mark.parametrize("name", ["existing-investor", "reference-customer", "outlook", "nothing-to-do", "wanted"])
def test_a_chart_too_wide_for_a_phone_has_a_table_with_every_number_and_name_that_it_shows(name: str) -> None:
    found = optimised(name)
    wide = 0
    for shown in all_series(found).values():
        chart, table = draw(shown), as_table(shown)
        # As wide as a phone: within the margins of the page, smaller by a tenth.
        width = float(str(etree.fromstring(chart.svg.encode()).get("width")))
        assert (table is None) == (width <= 390) == chart.narrow, (shown.name, width)
        if table is None:
            continue
        wide += 1
        assert (table.caption, {len(row) for row in table.rows}) == (chart.title, {len(table.columns)})
        told = " ".join(cell for row in (table.columns, *table.rows) for cell in row)
        for text in map(unspaced, texts(chart.svg)):
            known = all(part in told for part in text.removesuffix(": not met").split(" of "))
            assert known or text in {"met", "not met", "1.00"}, (shown.name, text)
    assert wide >= 3


def test_a_page_has_a_table_instead_of_each_wide_chart_and_none_twice() -> None:
    found = optimised("existing-investor")
    document = html.document_fromstring(page(found))

    for figure in document.iter("figure"):
        title = figure.findtext("figcaption")
        instead = [caption.text for caption in figure.findall(".//div[@class='instead']//caption")]
        assert instead == ([] if figure.get("class") == "third" else [title])
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_goals_that_gave_way_say_so_in_words_and_by_how_much() -> None:
    found = optimised("outlook")

    svg = charts(found)["goals"].svg

    (ratio,) = (goal for goal in found.goals if goal.name == "gamma.sharpe_ratio")
    assert ratio.delivered is not None
    assert f"{ratio.delivered:.2f} of at least 1.50: not met" in texts(svg)
    assert THEMES["light"].missed in svg.lower()


def test_a_fan_has_the_years_the_amounts_and_the_line_of_what_is_wanted() -> None:
    drawn = charts(optimised("money-goals"))

    fan = next(chart for chart in drawn.values() if chart.title.startswith("Retirement"))

    shown = texts(fan.svg)
    assert "wanted 320,000" in shown
    assert "Years from today" in shown
    assert {"0", "5", "10", "15", "20"} <= set(shown)
    assert len(re.findall(THEMES["light"].missed, fan.svg)) >= 2


@pytest.mark.parametrize(
    ("name", "axis"), [("reference-customer", "Return a year"), ("existing-investor", "Expected return a year")]
)
def test_the_frontier_names_its_axes_by_the_market_and_the_portfolios_by_their_words(name: str, axis: str) -> None:
    found = optimised(name)
    shown = texts(charts(found)["frontier"].svg)

    assert {axis, "Volatility a year", "Separate pods", "Suggested"} <= set(shown)
    assert ("Today" in shown) == (found.today is not None)
    assert "Separate pods" not in texts(charts(found)["risk"].svg)


def test_correlations_are_those_of_the_optimised() -> None:
    found = optimised("existing-investor")

    shown = texts(charts(found)["correlations"].svg)

    for row in found.correlations:
        assert shown.count(f"{row.correlation:.2f}") >= 2


@pytest.mark.parametrize("theme", THEMES)
def test_nothing_is_fetched_and_nothing_can_run(theme: str) -> None:
    for chart in charts(optimised("existing-investor"), theme=theme).values():
        names = {element.tag.rpartition("}")[2] for element in etree.fromstring(chart.svg.encode()).iter()}
        assert names <= {"svg", "rect", "g", "path", "line", "text", "tspan", "title", "desc"}
        assert "http" not in chart.svg.replace("http://www.w3.org/", "")
        assert "style=" not in chart.svg
        assert "href" not in chart.svg
        assert "url(" not in chart.svg


def test_a_specification_names_no_address_but_that_of_its_language() -> None:
    for shown in all_series(optimised("outlook")).values():
        made = json.dumps(specification(shown, THEMES["light"]))

        assert set(re.findall(r"https?://[^\"]*", made)) == {"https://vega.github.io/schema/vega-lite/v5.json"}


def test_words_of_customers_are_text_and_not_markup() -> None:
    evil = "<script>alert(1)</script>"
    bars = Bars("x", evil, (evil,), {"a": (1.0,), "b": (2.0,)}, "{:.2f}", evil)

    svg = draw(bars).svg

    assert "<script" not in svg
    assert evil in texts(svg)


@pytest.mark.parametrize("palette", THEMES.values(), ids=THEMES)
def test_colours_have_contrast_for_everybody_and_in_grey(palette: Palette) -> None:
    for text, behind in (
        (palette.ink, palette.paper),
        (palette.quiet, palette.paper),
        (palette.on_after, palette.after),
        (palette.missed, palette.paper),
        *((palette.on_cell, cell) for cell in (palette.negative, palette.zero, palette.positive)),
    ):
        assert contrast(text, behind) >= TEXT, (text, behind)
    for mark in (palette.before, palette.after, palette.missed):
        assert contrast(mark, palette.paper) >= MARK, mark
    assert contrast(palette.before, palette.after) >= 2, "grey print keeps nothing but lightness"
