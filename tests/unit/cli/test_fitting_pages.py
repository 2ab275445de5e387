"""Every page of the terminal at every width: no figure, name or column is cut, and every total adds up."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.reported import EXAMPLES, event, optimised
from support.requests_made import OUTLOOK
from support.standing_made import with_standings
from support.unspaced import unspaced

from bus.language.messages import MasterPortfolioOptimized
from cli.pages.final_event import SafeConsole, show
from cli.pages.market import show_market, show_published
from cli.pages.tables import GLUE, FittingTable, make_table
from cli.trust.verify import Check, Verdict, describe
from cli.what_if.frontier import METRICS, Point
from cli.what_if.frontier_page import show_frontier
from cli.what_if.side_by_side import show_side_by_side
from portfolio.market import snapshot
from report.story import screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from bus.language.messages import FinalEvent
    from report.story.document import Table

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

WIDTHS = (60, 80, 112, 160)
EVENTS = (*EXAMPLES, "outlook", "conflict")
# A word that no line of the narrowest page has room for.
LONG = "r" * 64


class Recording(SafeConsole):
    """A terminal of some width, and the tables that were printed there."""

    def __init__(self, width: int) -> None:
        super().__init__(file=io.StringIO(), force_terminal=True, width=width, color_system=None, markup=False)
        self.tables: list[FittingTable] = []

    def print(self, *objects: object, **how: object) -> None:  # type: ignore[override]
        """Print, and keep the tables."""
        self.tables += [each for each in objects if isinstance(each, FittingTable)]
        super().print(*objects, **how)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """All that was printed."""
        assert isinstance(self.file, io.StringIO)
        return unspaced(self.file.getvalue())


def words(cell: str) -> list[str]:
    return unspaced(cell.replace(GLUE, " ")).split()


def drawn(table: FittingTable, width: int) -> str:
    console = Recording(width)
    console.print(table)
    return console.text


def assert_whole(table: FittingTable, width: int) -> None:
    """Compare words, since the lines of neighbouring cells stand side by side."""
    text = drawn(table, width)
    asked = Counter(word for row in table.rows for cell in row for word in words(cell.plain) if word != LONG)

    assert max(map(len, text.splitlines())) <= width
    assert asked - Counter(text.split()) == Counter()


def with_known(name: str) -> FinalEvent:
    found = event(name)
    return with_standings(found) if isinstance(found, MasterPortfolioOptimized) else found


PAGES: dict[str, Callable[[Console], None]] = {
    **{name: lambda console, name=name: show(console, with_known(name)) for name in EVENTS},  # type: ignore[misc]
    "compare": lambda console: show_side_by_side(
        console, with_known("existing-investor"), with_known("reference-customer")
    ),
    "market": lambda console: show_market(console, snapshot.load(OUTLOOK)),
    "published": lambda console: show_published(console, {LONG: "0" * 64}, "nats://127.0.0.1:4222"),
    "frontier": lambda console: show_frontier(console, [point(n) for n in (4, 10, 11)]),
}


def point(n: int) -> Point:
    if n < 10:
        return Point("max_etfs", n, as_asked=False, outcome="rules_conflict", message="No portfolio keeps them.")
    figures = dict.fromkeys(METRICS, 0.123456)
    return Point(
        "max_etfs",
        n,
        n == 11,
        "optimised",
        certified=False,
        gap=1e-3,
        objective=0.5 + n,
        figures=figures,
        goals_met=9,
        goals=13,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_no_cell_of_a_page_is_cut(page: str, width: int) -> None:
    console = Recording(width)

    PAGES[page](console)

    assert console.tables
    assert max(map(len, console.text.splitlines())) <= width
    assert "…" not in console.text
    for table in console.tables:
        assert_whole(table, width)


def test_a_table_becomes_a_list_only_where_its_columns_do_not_fit() -> None:
    table = FittingTable("Orders", ("ETF", "Name", "Value, AUD", "Tax"), frozenset({2, 3}), is_ruled=True)
    table.add_row("VAS", "Vanguard Australian Shares Index ETF", "12,144.00", "")
    table.add_row("Total", "", "12,144.00", "", strong=True)

    assert drawn(table, 80).splitlines()[1].split() == ["ETF", "Name", "Value,", "AUD", "Tax"]
    assert [line.rstrip() for line in drawn(table, 30).splitlines()] == [
        "Orders",
        "- VAS",
        "  Name: Vanguard Australian",
        "  Shares Index ETF",
        "  Value, AUD: 12,144.00",
        "- Total",
        "  Value, AUD: 12,144.00",
    ]


@pytest.mark.parametrize("width", [20, 60, 80])
def test_a_word_longer_than_the_page_goes_on_in_the_next_line(width: int) -> None:
    table = make_table(Recording(width), "Ids", "Id", "Says", "Number", right=(2,))
    table.add_row("a", LONG, "1,234,567.89")

    assert LONG in "".join(drawn(table, width).split())
    assert "1,234,567.89" in drawn(table, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_words_of_verify_wrap_below_each_other(width: int) -> None:
    words = ("rules and figures hold: 11 ETFs, 13 targets, 14 comparisons, 10 orders, and 7 parcels sold",)

    *lines, _, conclusion = describe([Check("portfolio", Verdict.HOLDS, words)], width=width).splitlines()

    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert max(map(len, plain)) <= width
    assert " ".join(" ".join(plain).split()).endswith(words[0])
    assert len({len(line) - len(line.lstrip()) for line in plain[1:]}) <= 1
    assert conclusion


def number(cell: str) -> float:
    """Read a cell as a reader does: a sum is of what is shown."""
    found = re.fullmatch(r"([+-]?[\d,]+(?:\.\d+)?)(?:%| points)?", cell)
    assert found, cell
    return float(found[1].replace(",", ""))


def totals(told: Table) -> list[tuple[str, list[str], str]]:
    """List for each total of a table the cells above it: column, cells, total."""
    found = []
    for last in told.strong:
        for i in told.numbers:
            cells = [row[i] for row in told.rows[:last] if row[i]]
            found.append((f"{told.name} {told.columns[i]}", cells, told.rows[last][i]))
    return [(name, cells, total) for name, cells, total in found if total]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("made", [False, True], ids=["computed", "made"])
def test_every_table_with_a_total_adds_up_to_the_last_digit(name: str, made: bool) -> None:  # noqa: FBT001
    found = optimised(name)
    sections = screen.sections(with_standings(found) if made else found)
    tables = [table for section in sections for table in section.tables]

    summed = [each for table in tables for each in totals(table)]

    assert {"separate-cost Suggested", "held Suggested" if found.trading else "model AUD"} <= {n for n, *_ in summed}
    for column, cells, total in summed:
        assert round(sum(map(number, cells)), 2) == number(total), column


@pytest.mark.parametrize("name", ["existing-investor", "reference-customer"])
def test_income_is_what_is_paid_out_less_the_tax_after_credits(name: str) -> None:
    (table, *_) = (
        table
        for section in screen.sections(with_standings(optimised(name)))
        for table in section.tables
        if table.name.endswith("-year")
    )
    rows = {row[0].split(" a year")[0]: [number(cell) for cell in row[1:3]] for row in table.rows}
    for i in range(2):
        assert round(rows["Distributions"][i] - rows["Tax after credits"][i], 2) == rows["Income after tax"][i]


def shown(name: str) -> str:
    console = Recording(112)
    show(console, with_known(name))
    return console.text


def test_today_comes_first_then_the_cost_then_the_orders_and_separate_pods_after_that() -> None:
    text = shown("existing-investor")
    headings = ["Today and suggested", "Cost of the switch", "\nOrders\n", "Separate pods and suggested", "\nProof\n"]

    places = [text.index(heading) for heading in headings]

    assert places == sorted(places)
    assert text.index("does not pay for itself in return") < places[1]
    assert "Suggested portfolio of" in text


def test_without_an_account_it_is_a_model_portfolio() -> None:
    text = shown("reference-customer")

    assert "Model portfolio of reference-customer" in text
    assert "This is a model portfolio" in " ".join(text.split())
    assert "Today" not in text


@pytest.mark.parametrize("page", PAGES)
def test_no_page_speaks_of_naive_and_master(page: str) -> None:
    console = Recording(112)
    PAGES[page](console)

    assert not re.search(r"naive|master", console.text, re.IGNORECASE)


def test_a_change_is_told_in_the_unit_of_the_figure_and_judged_by_the_interest_in_it() -> None:
    (table, *more) = (
        table
        for section in screen.sections(with_standings(optimised("existing-investor")))
        for table in section.tables
        if table.name.startswith("today-")
    )
    rows = {row[0]: row[1:] for each in (table, *more) for row in each.rows}

    assert rows["Sharpe ratio"] == ("-0.01", "0.02", "+0.03", "better")
    assert rows["Income after tax a year, AUD"][-1] == "worse"
    assert rows["Tax after credits a year, AUD"][-1] == ""
    assert rows["Volatility a year"][2:] == ("-4.20 points", "better")
    assert not re.search(r"-0\.00|\d%\s*(better|worse)", shown("existing-investor"))
