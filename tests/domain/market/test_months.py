"""The months in which an ETF pays: what people write, what distributions tell, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from portfolio.errors import DataError
from portfolio.market.history.distributions import read_distributions, trailing
from portfolio.market.history.facts import read_facts
from portfolio.market.months import read_months, write_months

if TYPE_CHECKING:
    from pathlib import Path


def test_months_have_equal_shares_or_those_that_stand_beside_them() -> None:
    assert read_months("3 6 9 12") == (0, 0, 0.25, 0, 0, 0.25, 0, 0, 0.25, 0, 0, 0.25)
    assert read_months("7:0.3 1:0.7") == (0.7, 0, 0, 0, 0, 0, 0.3, 0, 0, 0, 0, 0)
    assert sum(read_months("1:0.333 5:0.333 9:0.333")) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("text", ["", "13", "0 6", "3 3", "3:0.5 6", "March", "3:x", "3:-1 6:2", "3:nan", "3;6", "1.5"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 3 6 9 12, or with their shares, such as 3:0.4 9:0.6"):
        read_months(text)


def test_shares_that_are_not_a_year_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the shares add up to 0\.9: make them add up to 1"):
        read_months("3:0.4 9:0.5")


def test_what_is_written_is_read() -> None:
    text = write_months({7: 3.0, 1: 1.0})

    assert text == "1:0.250000 7:0.750000"
    assert read_months(text)[6] == 0.75
    assert write_months({3: 0.0}) == ""


def test_distributions_tell_the_months_of_a_year(tmp_path: Path) -> None:
    file = tmp_path / "paid.csv"
    rows = ("2025-03-31,0.6", "2025-06-30,1.2", "2025-07-01,0.2", "2024-12-30,0.4", "2024-06-28,9")
    file.write_text("ticker,date,amount_aud,franked_share\n" + "".join(f"VAS,{row},1\n" for row in rows))
    prices = read_distributions(file)["VAS"]

    told = trailing("VAS", prices, 100.0, until=max(payment.date for payment in prices))

    # 2.4 in the year: 0.4 in December, 0.6 in March, 1.2 in June, 0.2 in July.
    assert told["paid_in"] == "3:0.250000 6:0.500000 7:0.083333 12:0.166667"


def test_facts_with_months_that_cannot_be_read_are_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "facts.csv"
    file.write_text("ticker,paid_in\nVAS,3 6 9 12\nVHY,quarterly\n")

    with pytest.raises(DataError, match="line 3: paid_in is 'quarterly': give the months of a year"):
        read_facts(file)
