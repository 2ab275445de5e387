"""A percentage is shown in one style, 7.8 %, wherever people look: page, charts, slides, terminal and dashboard."""

from __future__ import annotations

import html
import io
import re
import zipfile
from typing import TYPE_CHECKING

import pytest
from rich.text import Text
from support.depth import some_of
from support.reported import EXAMPLES, event, optimised

from cli.pages.final_event import make_console, show
from dashboard.opened import _section
from report.charts.palette import THEMES
from report.charts.pictures import charts
from report.facts.percentages import spaced
from report.facts.series import all_series
from report.page.html import page
from report.slides.deck import slides
from report.story.screen import sections

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.messages import MasterPortfolioOptimized

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

PERCENTAGE = re.compile(r"\d(\s*)%")
NO_BREAK = "\u00a0"


def page_texts(found: MasterPortfolioOptimized) -> str:
    """Read what stands between the tags of a page, and its text alternatives, without the style sheet."""
    whole = re.sub(r"<style.*?</style>", "", page(found), flags=re.DOTALL)
    return html.unescape(" ".join((re.sub(r"<[^>]+>", "\n", whole), *re.findall(r'alt="([^"]*)"', whole))))


def chart_texts(found: MasterPortfolioOptimized) -> str:
    drawn = [chart for theme in THEMES for chart in charts(found, theme=theme).values()]
    texts = [text for chart in drawn for text in re.findall(r">([^<]+)</text>", chart.svg)]
    return html.unescape("\n".join((*texts, *(chart.alt for chart in drawn))))


def slide_texts(found: MasterPortfolioOptimized) -> str:
    """Read every run of text, text alternative, and format of a chart's numbers."""
    with zipfile.ZipFile(io.BytesIO(slides(found))) as deck:
        parts = [
            deck.read(name).decode() for name in deck.namelist() if re.match(r"ppt/(slides|charts)/[^/]+\.xml", name)
        ]
    told = re.findall(r'<a:t>([^<]*)</a:t>|descr="([^"]*)"|formatCode(?:="|>)([^"<]*)', "".join(parts))
    return html.unescape("\n".join("".join(each) for each in told))


def dashboard_texts(found: MasterPortfolioOptimized) -> str:
    return "\n".join(str(_section(section, all_series(found))) for section in sections(found)).replace(
        "\\xa0", NO_BREAK
    )


@pytest.mark.parametrize("read", [page_texts, chart_texts, slide_texts, dashboard_texts])
@pytest.mark.parametrize("name", some_of([*EXAMPLES, "outlook"], every=20))
def test_every_percentage_that_is_drawn_has_a_space_at_which_no_line_breaks(
    name: str, read: Callable[[MasterPortfolioOptimized], str]
) -> None:
    spaces = PERCENTAGE.findall(read(optimised(name)))

    assert spaces
    assert set(spaces) <= ({" ", NO_BREAK} if read is slide_texts else {NO_BREAK})  # a format has a plain space: 0.0 %


@pytest.mark.parametrize("width", [61, 80, 120])
@pytest.mark.parametrize("name", some_of([*EXAMPLES, "outlook"], every=20))
def test_every_percentage_in_a_terminal_has_a_space_and_stays_on_one_line(name: str, width: int) -> None:
    file = io.StringIO()

    show(make_console(file=file, width=width, force_terminal=True, color_system=None), event(name))

    printed = file.getvalue()
    assert set(PERCENTAGE.findall(printed)) == {" "}
    assert not [line for line in printed.splitlines() if line.lstrip().startswith("%")]


def test_the_heading_in_its_frame_has_room_for_the_spaces() -> None:
    file = io.StringIO()

    show(make_console(file=file), optimised("existing-investor"))

    assert "| 101,029.90 AUD over alpha 15 %, beta 25 %, gamma 50 %, delta 10 % |" in file.getvalue()


def test_a_sentence_with_both_styles_is_shown_with_one_and_the_rest_stays() -> None:
    sentence = '7.8 % instead of 9.1%, with 100% of a%20b and 5%off; %d %; alpha is "15%"'

    assert spaced(sentence, " ") == '7.8 % instead of 9.1 %, with 100 % of a%20b and 5%off; %d %; alpha is "15%"'
    assert spaced(spaced(sentence)) == spaced(sentence)


def test_a_style_in_a_terminal_survives_the_space() -> None:
    file = io.StringIO()
    console = make_console(file=file, force_terminal=True, width=20, color_system="standard")

    console.print(Text.assemble("risk ", ("9.1%", "bold"), " a year"))

    # 13 letters as they were, and one space.
    assert re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) == "risk 9.1 % a year\n"
    assert "\x1b[1m9.1" in file.getvalue()
