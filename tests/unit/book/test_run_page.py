"""The report of a run: totals that add up, words in place of programs' names, and each account's cost as its report."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from lxml import html
from support.reported import EXAMPLES, optimised

from book.outcome import Outcome, Row, judge
from book.page import _MOST, page
from book.requests import Account, Run
from bus.language.messages import encode
from report.facts.getting_there import cost_of
from report.facts.labels import target_words

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

ORDERED = Row("line 1", "one", Outcome.ORDERED, "night_1_one", orders=3, sold_aud=10.05, bought_aud=1_000.1)


def shown(rows: Sequence[Row]) -> html.HtmlElement:
    return html.fromstring(page(Run("night"), rows))


def table(rows: Sequence[Row], section: str) -> list[list[str]]:
    (found,) = shown(rows).xpath(f"//*[@id='{section}']//table")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("td|th")] for row in found.xpath(".//tr")]


def test_the_orders_have_a_total_of_every_column_of_numbers() -> None:
    other = replace(ORDERED, customer_id="two", orders=4, sold_aud=0.07, bought_aud=0.9, cost_aud=12.5, tax_aud=2.5)

    *_, total = table([ORDERED, other], "ordered")

    # 3 + 4; 10.05 + 0.07; 1,000.10 + 0.90; 0 + 12.50; 0 + 2.50.
    assert total == ["Total", "7", "10.12", "1,001.00", "12.50", "2.50", ""]


def test_the_total_is_that_of_all_accounts_where_the_page_has_the_first() -> None:
    *_, total = table([ORDERED] * (_MOST + 1), "ordered")

    # 501 accounts of 3 orders, and of 10.05 AUD.
    assert total[:3] == ["All accounts", "1503", "5,035.05"]


def test_targets_and_reasons_are_told_in_words() -> None:
    missed = replace(ORDERED, gave_way=("gamma.sharpe_ratio", "never_worse.trading_cost_aud", "correlation.alpha-beta"))
    refused = Row("line 2", "two", Outcome.REFUSED, "night_1_two", reason="rules_conflict", why="raise max_etfs")

    text = shown([missed, refused]).text_content()

    assert "Sharpe ratio of gamma, cost of getting there of the whole portfolio, correlation of alpha and beta" in text
    assert "Rules, or rules and goals, contradict each other: 1 account." in text
    assert not re.search(r"never_worse|rules_conflict|sharpe_ratio", text)


@pytest.mark.parametrize("name", ["", "own", "a.b"])
def test_a_name_that_is_not_known_is_told_as_it_is(name: str) -> None:
    assert target_words(name) == name


@pytest.mark.parametrize("name", ["existing-investor", "couple", "reference-customer"])
def test_an_account_costs_what_its_own_report_says(name: str) -> None:
    event = optimised(name)
    row, _ = judge(Account(1, "line 1", name), "id", encode(event))

    told = cost_of(event)
    assert name in EXAMPLES
    assert (row.cost_aud, row.tax_aud) == ((told.total_aud, told.tax_aud) if event.trading else (0.0, 0.0))
