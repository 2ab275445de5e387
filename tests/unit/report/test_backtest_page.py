"""The page of a backtest: the honest sentences first, numbers that are the result's, charts with their figures."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from functools import cache
from typing import TYPE_CHECKING

from lxml import html
from support.unspaced import unspaced
from support.walks import a_path, a_seeded_walk, a_walk

from backtest.result import Result, compare
from backtest.tables import as_csv, as_json
from report.facts.backtest import courses, judged, show_difference, show_interval, weights
from report.page.html import backtest_page
from report.story.backtest import sentences

if TYPE_CHECKING:
    from backtest.path import Walk


@cache
def walked() -> tuple[Walk, Result]:
    walk = a_seeded_walk()
    return walk, compare(walk)


def test_the_first_sentence_names_what_is_larger_than_its_interval_and_what_is_not() -> None:
    _, result = walked()

    said, by_chance = sentences(result)

    saved = next(each for each in result.differences if each.measure == "brokerage_aud")
    assert f"brokerage {saved.difference:+,.0f} AUD (better)" in said.split(" Not larger: ")[0]
    within = said.split(" Not larger: ")[1]
    assert within.startswith("wealth at the end, return per year, volatility per year, Sharpe ratio")
    # 11 measures have intervals; 5 % of 11 is 0.55.
    assert by_chance.startswith("Of 11 intervals of 95%, about 1 would")


def test_a_difference_is_better_or_worse_by_the_interest_of_the_customer() -> None:
    _, result = walked()
    one = next(each for each in result.differences if each.measure == "brokerage_aud")

    assert judged(one) == "better"
    assert judged(one.model_copy(update={"difference": 300.0, "low": 200.0, "high": 400.0})) == "worse"
    more = {"measure": "wealth_aud", "difference": 300.0, "low": 200.0, "high": 400.0}
    assert judged(one.model_copy(update=more)) == "better"
    assert judged(one.model_copy(update={"measure": "etfs", "difference": 1.0, "low": 0.5, "high": 2.0})) == "higher"
    assert judged(one.model_copy(update={"low": -400.0, "high": 1.0})) == "within"
    assert judged(one.model_copy(update={"low": None, "high": None})) == "no interval"


def test_differences_of_shares_are_told_in_points() -> None:
    _, result = walked()
    one = next(each for each in result.differences if each.measure == "growth")

    told = one.model_copy(update={"difference": 0.0123, "low": -0.001, "high": 0.0256})

    assert show_difference("growth", told.difference) == "+1.23 points"
    assert show_interval(told) == "-0.10 to +2.56"


def test_the_page_shows_every_figure_and_interval_of_the_result() -> None:
    walk, result = walked()
    read = html.fromstring(unspaced(backtest_page(walk, result)))

    cells = [[cell.text_content() for cell in row.iter("td")] for row in read.xpath("//*[@id='t-against-1']//tbody/tr")]
    shown = [
        [show_difference(each.measure, each.difference), show_interval(each), judged(each)]
        for each in result.differences
    ]
    assert [row[1:4] for row in cells] == shown
    figures = {row[0].text_content(): row[1].text_content() for row in read.xpath("//*[@id='t-figures']//tbody/tr")}
    assert figures["Wealth at the end, AUD"] == f"{result.strategies[0].wealth_aud:,.0f}"
    # The sentence stands before every table and picture.
    text = read.text_content()
    assert text.index("larger than their intervals") < text.index("Half the spread, AUD")


def test_the_page_has_its_charts_in_both_themes_and_their_figures_for_a_phone() -> None:
    walk, result = walked()
    read = html.fromstring(unspaced(backtest_page(walk, result)))

    names = [
        "Wealth after tax and costs, AUD",
        "Fall from the earlier peak",
        "Weights after each decision: coordinated",
    ]
    assert read.xpath("//figcaption/text()") == names
    assert len(read.xpath("//picture/source[contains(@media, 'dark')]")) == 3
    for picture in read.xpath("//picture/img"):
        svg = base64.b64decode(picture.get("src").split(",", 1)[1]).decode()
        assert svg.startswith("<svg")
        assert picture.get("alt")
    last = read.xpath("//*[@id='c-wealth']//tbody/tr[last()]/td/text()")
    assert last == [result.ends, *(f"{path.wealth_aud[-1]:,.0f}" for path in walk.paths)]
    assert not re.search(r'(src|href|srcset)="(?!data:)', backtest_page(walk, result))


def test_the_courses_are_those_of_the_path() -> None:
    walk = a_walk(a_path((100.0, 110.0, 99.0), decisions=({}, {})))

    wealth, falls = courses(walk)

    assert wealth.lines["coordinated"] == (100.0, 110.0, 99.0)
    # From 110 to 99: a tenth.
    assert [round(each, 12) for each in falls.lines["coordinated"]] == [0.0, 0.0, -0.1]
    assert weights(walk.paths[0]).rows == ("VAS", "VAF")
    assert weights(walk.paths[0]).values == ((0.6, 0.6), (0.4, 0.4))


def test_json_and_csv_have_the_same_figures() -> None:
    _, result = walked()

    assert Result.model_validate(json.loads(as_json(result))) == result
    rows = list(csv.DictReader(io.StringIO(as_csv(result).decode())))
    assert len(rows) == 2 * 13 + 11
    for each, row in zip(result.differences, rows[26:], strict=True):
        assert (row["strategy"], row["less"], row["measure"]) == ("coordinated", "separate pods", each.measure)
        assert float(row["value"]) == each.difference
        assert (float(row["low"]), float(row["high"])) == (each.low, each.high)
        assert row["beyond"] == str(each.beyond).lower()
