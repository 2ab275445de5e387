"""Figures of a report that a reader adds up: tables, sentences, signs, and the words for returns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reported import OPTIMISED, VARIED, failed, optimised

from report.facts.getting_there import cost_of
from report.facts.rounding import adding_up
from report.facts.standings import RATIO, SHARE, Row
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from report.story.document import Story, Table

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

ALL = [*OPTIMISED, *VARIED]
_AUD = re.compile(r"(\d[\d,]*\.\d\d) AUD")


def number(cell: str) -> float:
    return float(cell.replace(",", "").removesuffix("%").removesuffix(" points") or 0)


def texts(story: Story) -> Iterator[str]:
    """Read every sentence and every cell."""
    for section in story.sections:
        yield from (section.title, *section.lead, *section.points)
        for table in section.tables:
            yield from (table.caption, table.note, *table.columns)
            yield from (cell for row in table.rows for cell in row)


def wrong_totals(table: Table) -> list[str]:
    """Name the columns whose total is not the sum of the rows above it, as they are shown."""
    found, start = [], 0
    for total in sorted(table.strong):
        for column in table.numbers:
            shown = table.rows[total][column]
            if shown and re.fullmatch(r"[+-]?[\d,]+\.\d\d%?", shown):
                parts = sum(number(row[column]) for row in table.rows[start:total])
                found += [] if round(parts - number(shown), 6) == 0 else [f"{table.columns[column]}: {parts} {shown}"]
        start = total + 1
    return found


@pytest.mark.parametrize("name", ALL)
def test_every_table_with_a_total_adds_up_as_it_is_shown(name: str) -> None:
    tables = [table for section in tell(optimised(name)).sections for table in section.tables if table.strong]

    assert len(tables) >= 3
    assert {table.name: wrong_totals(table) for table in tables} == {table.name: [] for table in tables}


def test_a_total_that_is_a_cent_off_is_found_out() -> None:
    (table,) = (t for s in tell(optimised("existing-investor")).sections for t in s.tables if t.name == "costs")
    *rows, (label, alone, now) = table.rows

    off = type(table)(
        table.name,
        "",
        table.columns,
        table.numbers,
        (*rows, (label, alone, f"{number(now) + 0.01:,.2f}")),
        table.strong,
    )

    assert len(wrong_totals(off)) == 1


@pytest.mark.parametrize("name", ALL)
def test_income_is_distributions_less_tax_and_a_change_is_the_difference_as_they_are_shown(name: str) -> None:
    tables = {table.name: table for section in tell(optimised(name)).sections for table in section.tables}
    rows = {row[0]: row[1:] for row in tables["standings"].rows}

    for paid, taxed, left in zip(
        rows["Distributions a year, AUD"],
        rows["Tax after credits a year, AUD"],
        rows["Income after tax a year, AUD"],
        strict=True,
    ):
        assert number(paid) - number(taxed) == pytest.approx(number(left), abs=1e-9)
    for _, before, after, change, _ in tables["today"].rows if "today" in tables else ():
        assert number(after) - number(before) == pytest.approx(number(change), abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_there_is_one_cost_of_getting_there_and_its_parts_add_up(name: str) -> None:
    found = optimised(name)
    story, cost = tell(found), cost_of(found)
    told = [sentence for sentence in story.answers[2].lead if "brokerage" in sentence]

    assert dict(story.figures)["AUD to get there, once"] == f"{cost.total_aud:,.2f}"
    assert sum(cost.parts) == pytest.approx(cost.total_aud, abs=1e-9)
    for sentence in told:
        total, *parts = (number(each) for each in _AUD.findall(sentence))
        assert total == cost.total_aud
        assert sum(parts) == pytest.approx(total, abs=1e-9)
    rows = {row[0]: row for section in story.sections for t in section.tables if t.name == "costs" for row in t.rows}
    assert number(rows["Together"][2]) == cost.total_aud
    if found.switch:
        # Of each part the nearest cent; together they are at most a cent and a half from the exact sum.
        assert found.switch.cost_aud == pytest.approx(cost.total_aud, abs=0.015)
        values = {row[0]: row for s in story.answers for t in s.tables if t.name == "today" for row in t.rows}
        assert number(values["Value, AUD"][3]) == pytest.approx(-cost.total_aud, abs=0.0001)


@pytest.mark.parametrize("name", ALL)
def test_orders_are_counted_one_way(name: str) -> None:
    found = optimised(name)
    count = len(found.trading.orders) if found.trading else 0

    counts = {int(n) for text in texts(tell(found)) for n in re.findall(r"\b(\d+) orders?\b", text)}

    waiting = {len(found.trading.later.orders)} if found.trading and found.trading.later else set()
    assert counts <= {count} | waiting
    assert not any(re.search(r"\b\d+ trades\b|\(trades\)", text) for text in texts(tell(found)))


@pytest.mark.parametrize("name", ALL)
def test_no_zero_has_a_sign_and_no_word_of_the_workshop_is_on_a_page(name: str) -> None:
    found = optimised(name)
    said = "\n".join(texts(tell(found)))

    assert re.findall(r"[+-]0(?:\.0+)?(?![\d.])%?", said) == []
    assert re.findall(r"(?i)\bnaive\b|\bmaster\b|each part alone|\ball together|nothing here is advice", said) == []
    if found.market.basis.kind == "history":
        assert re.findall(r"(?i)expected return", said) == []
        assert "history, and no forecast" in said
    else:
        assert "Expected return a year" in said


@pytest.mark.parametrize("name", ALL)
def test_separate_pods_stand_in_the_appendix_alone(name: str) -> None:
    story = tell(optimised(name))

    captions = [cell for s in (*story.answers, *story.more) for t in s.tables for cell in (*t.columns, t.caption)]

    assert "Separate pods" not in captions
    assert "Separate pods" in [cell for s in story.appendix for table in s.tables for cell in table.columns]


def test_a_change_of_a_ratio_near_zero_is_told_by_from_and_to_and_not_in_percent() -> None:
    ratio, share = Row("Sharpe ratio", (-0.006, 0.02), RATIO, 1), Row("Volatility", (0.121, 0.0789), SHARE, -1)

    assert (*ratio.cells, ratio.change, ratio.verdict) == ("-0.01", "0.02", "+0.03", "better")
    assert (*share.cells, share.change, share.verdict) == ("12.10%", "7.89%", "-4.21 points", "better")
    assert Row("x", (-0.001, 0.001), RATIO, 1).cells == ("0.00", "0.00")
    assert Row("x", (-0.001, 0.001), RATIO, 1).change == "0.00"
    assert Row("x", (-0.001, 0.001), RATIO, 1).verdict == ""
    assert Row("x", (None, 0.4), RATIO, 1).cells == ("not defined", "0.40")


@given(st.lists(st.floats(-1e6, 1e6), max_size=12), st.integers(0, 4))
def test_rounded_parts_add_up_and_none_moves_by_more_than_a_unit(values: list[float], digits: int) -> None:
    shown, unit = adding_up(values, digits=digits), 10.0**-digits

    assert round(sum(shown), digits) == pytest.approx(round(sum(values), digits), abs=unit / 1000)
    assert all(abs(one - other) <= unit * 1.01 for one, other in zip(shown, values, strict=True))


def test_parts_of_the_audit_add_up() -> None:
    assert adding_up([57.1949, 269.4349]) == [57.19, 269.44]
    assert adding_up([1 / 3] * 3, digits=4) == [0.3334, 0.3333, 0.3333]
    assert adding_up([2 / 3, 1 / 3], total=1.0, digits=0) == [1.0, 0.0]


def test_a_refusal_has_no_word_of_the_workshop_either() -> None:
    said = "\n".join(texts(tell(failed("conflict"))))

    assert re.findall(r"(?i)\bnaive\b|\bmaster\b|advice", said) == []
