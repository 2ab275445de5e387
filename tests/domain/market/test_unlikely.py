"""Prices and facts that cannot be so: each is found, told with its line and its amount, and left out or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.histories import LAST, TICKERS, history, walk, weekdays, write

from portfolio.errors import DataError
from portfolio.market.history.build import build
from portfolio.market.history.distributions import Payment, in_a_year, read_distributions
from portfolio.market.history.facts import Knowledge, read_facts
from portfolio.market.history.moments import estimate
from portfolio.market.history.prices import Prices, read_prices
from portfolio.market.history.sample import Period, align

if TYPE_CHECKING:
    from pathlib import Path

    from portfolio import Matrix

LIKE = Knowledge(return_is="fund", like="asx-outlook-2025-12")


def of_days(values: Matrix, days: tuple[date, ...]) -> Prices:
    """Make a history with a line for each date, below a header."""
    return Prices("prices.csv", days, TICKERS, values, tuple(range(2, len(days) + 2)))


def every(days: int, count: int) -> tuple[date, ...]:
    return tuple(LAST - timedelta(days=days * (count - 1 - i)) for i in range(count))


def test_a_hole_in_daily_prices_makes_no_return_of_a_day() -> None:
    whole = of_days(walk(), weekdays(520))
    rows = [i for i in range(520) if not 200 <= i < 400]
    hole = of_days(whole.values[rows], tuple(whole.dates[i] for i in rows))

    found, sample = align(hole, Period.DAY), align(whole, Period.DAY)

    kept = [i for i in range(519) if not 199 <= i < 400]
    assert found.returns == pytest.approx(sample.returns[kept])
    assert found.a_year == pytest.approx(261, abs=2)
    assert "1 return over more than 5 days, or over a date that is not used, was left out, the longest from" in str(
        found.notes
    )
    assert f"from {whole.dates[199]} to {whole.dates[400]} (line 202)" in str(found.notes)


def test_rows_that_were_filled_in_for_weekends_change_no_figure() -> None:
    values, days = walk(), weekdays(520)
    every_day = tuple(days[0] + timedelta(days=i) for i in range((days[-1] - days[0]).days + 1))
    last = np.searchsorted(np.array([day.toordinal() for day in days]), [d.toordinal() for d in every_day], "right") - 1

    filled, plain = align(of_days(values[last], every_day), Period.DAY), align(of_days(values, days), Period.DAY)

    assert filled.returns == pytest.approx(plain.returns)
    assert filled.a_year == plain.a_year
    assert (
        "206 rows repeat the row before for every ETF and were not used, first 2023-11-18 (line 7)" in filled.notes[0]
    )


def test_years_are_counted_by_dates_where_every_day_has_another_price() -> None:
    sample = align(of_days(walk(days=400), every(1, 400)), Period.DAY)

    assert sample.a_year == pytest.approx(365.25, abs=0.1)


@pytest.mark.parametrize(
    ("apart", "period", "said"),
    [
        (7, Period.DAY, r"\(its dates are 7 days apart\): give --returns week"),
        (31, Period.WEEK, r"\(its dates are 31 days apart\): give --returns month"),
        (31, Period.DAY, r"\(its dates are 31 days apart\): give --returns month"),
        (91, Period.MONTH, r"\(its dates are 91 days apart\): give prices of at least every month"),
    ],
)
def test_rows_further_apart_than_the_period_are_told(apart: int, period: Period, said: str) -> None:
    with pytest.raises(DataError, match=said):
        align(of_days(walk(days=60), every(apart, 60)), period)


def test_the_period_follows_from_the_dates() -> None:
    months = tuple(date(2020 + i // 12, i % 12 + 1, 28) for i in range(60))
    monthly = align(of_days(walk(days=60), months))

    assert (monthly.period, monthly.a_year) == (Period.MONTH, 12)
    assert monthly.notes == ("dates are 31 days apart, so returns are monthly", *monthly.notes[1:])
    assert align(of_days(walk(), weekdays(520))).period is Period.WEEK
    assert align(of_days(walk(days=60), every(7, 60))).period is Period.WEEK


def test_a_fund_filled_back_before_its_launch_is_left_out_or_begins_there() -> None:
    values, days = walk(), weekdays(520)
    values[:80, 4] = values[80, 4]
    prices = of_days(values, days)

    sample = align(prices, Period.WEEK)

    assert list(sample.left_out) == ["VGS"]
    assert f"from {days[80]}; 95.0% are asked" in sample.left_out["VGS"]
    assert f"VGS stands still at {values[80, 4]:g} from {days[0]} to {days[80]} (lines 2 to 82)" in str(sample.notes)
    assert align(prices, Period.WEEK, since=days[80]).left_out == {}
    assert align(prices, Period.WEEK, trusted=["VGS"]).left_out == {}


def test_a_short_standstill_is_no_price_but_three_weeks_and_a_rounded_price_are() -> None:
    values, days = walk(), weekdays(520)
    values[300:323, 5] = values[300, 5]

    found = align(of_days(values, days), Period.WEEK)

    assert found.left_out == {}
    assert f"GOLD stands still at {values[300, 5]:g} from {days[300]} to {days[322]} (lines 302 to 324)" in str(
        found.notes
    )
    assert "22 dates were not used" in str(found.notes)
    values[300:323, 5] = walk()[300:323, 5]
    values[300:315, 5] = values[300, 5]
    assert align(of_days(values, days), Period.WEEK).notes == ()


@pytest.mark.parametrize("factor", [3 / 4, 2 / 3, 1 / 10, 4.0])
def test_a_split_is_left_out_told_and_decides_nothing_of_the_others(factor: float) -> None:
    plain, days = walk(seed=7), weekdays(520)
    values = plain.copy()
    values[333:, 2] *= factor

    sample, before = align(of_days(values, days)), align(of_days(plain, days))

    (note,) = sample.notes
    assert note.startswith("VAS moved by ")
    assert f"in the week to {sample_day(days, 333)} (line " in note
    assert "times its usual move: left out for every ETF" in note
    found, expected = estimate(sample), estimate(before)
    assert found.shrinkage == pytest.approx(expected.shrinkage, abs=0.03)
    assert found.correlations == pytest.approx(expected.correlations, abs=0.06)
    assert found.volatilities == pytest.approx(expected.volatilities, rel=0.05)


def sample_day(days: tuple[date, ...], i: int) -> date:
    """Give the Friday of the week of a day."""
    return next(day for day in days[i:] if day.weekday() == 4)


def test_a_slip_of_a_digit_is_two_moves_and_both_are_left_out() -> None:
    values, days = walk(), weekdays(520)
    i = days.index(date(2025, 3, 14))
    values[i, 1] *= 10

    sample = align(of_days(values, days))

    assert len(sample.returns) == 101
    assert [note[:12] for note in sample.notes] == ["VAF moved by"] * 2
    assert "+8" in sample.notes[0]
    assert "-89.99%" in sample.notes[1]


def test_a_crash_of_all_is_told_kept_and_bounded_for_the_correlations() -> None:
    values, days = walk(), weekdays(520)
    values[400:, 2:5] *= 0.85

    sample = align(of_days(values, days))
    found = estimate(sample)

    assert len(sample.returns) == 103
    assert len(sample.notes) == 3
    assert all(note.endswith("its usual move: kept") for note in sample.notes)
    assert found.bounded == {"VAS": 1, "VHY": 1, "VGS": 1}
    assert found.volatilities == pytest.approx(sample.returns.std(axis=0, ddof=1) * np.sqrt(52))


def test_one_outlier_that_a_user_trusts_does_not_decide_everybody_s_correlations() -> None:
    values, days = walk(), weekdays(520)
    values[400:, 2] *= 0.3

    sample = align(of_days(values, days), trusted=["VAS"])
    found, others = estimate(sample), estimate(align(of_days(walk(), days)))

    assert found.bounded == {"VAS": 1}
    # Without the bound, all correlations are shrunk to next to nothing.
    assert found.shrinkage == pytest.approx(others.shrinkage, abs=0.1)


def test_cash_whose_prices_leave_its_distributions_out_is_refused(tmp_path: Path) -> None:
    values, days = walk(), weekdays(520)
    month_began = [i for i in range(1, 520) if days[i].month != days[i - 1].month]
    for i in month_began:
        values[i:, 0] *= 1 - 0.042 / 12
    prices = read_prices(write(tmp_path / "prices.csv", of_days(values, days)))

    for period in (Period.DAY, Period.WEEK):
        with pytest.raises(DataError, match=r"prices\.csv: BILL, which is cash, falls in \d+ of \d+ .* \(line \d+\)"):
            build(prices, LIKE, period)
    assert build(prices, LIKE, trusted=["BILL"]).moments.expected_returns[0] < 0.005


FACTS = "ticker,distribution_yield\n"
PAID = "ticker,date,amount_aud,franked_share\n"


def knowing(folder: Path, *, facts: str = "", paid: str = "") -> Knowledge:
    (folder / "facts.csv").write_text(FACTS + facts, encoding="utf-8")
    (folder / "paid.csv").write_text(PAID + paid, encoding="utf-8")
    return replace(
        LIKE,
        stated=(read_facts(folder / "facts.csv"), "facts.csv"),
        payments=(read_distributions(folder / "paid.csv"), "paid.csv"),
        prices=(history(walk()).last(), "prices.csv"),
    )


@pytest.mark.parametrize(
    ("facts", "paid", "said"),
    [
        ("VAF,0.05\nVHYY,0.09\n", "", r"facts\.csv: line 3: VHYY \(distribution_yield 0\.09\) .*; VHY, of which"),
        ("GODL,0\n", "", r"line 2: GODL .*; GOLD, of which facts\.csv says nothing, is likely meant: mend it"),
        (
            "",
            "VAS,2025-06-30,1,1\nVS,2025-04-01,0.8,0\n",
            r"paid\.csv: line 3: VS \(0\.8 AUD a unit in all\) .*; VGS, of",
        ),
    ],
)
def test_a_misspelt_ticker_is_refused(tmp_path: Path, facts: str, paid: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        build(history(walk()), knowing(tmp_path, facts=facts, paid=paid))


def test_facts_of_other_etfs_are_told_and_not_used(tmp_path: Path) -> None:
    notes = build(history(walk()), knowing(tmp_path, facts="NDQ,0.01\n", paid="A200,2025-06-30,1,1\n")).notes

    assert notes == (
        "facts.csv: line 2: NDQ (distribution_yield 0.01) is no ETF of prices.csv, and is not used",
        "paid.csv: line 2: A200 (1 AUD a unit in all) is no ETF of prices.csv, and is not used",
    )


def test_a_fifth_payment_after_364_days_is_no_part_of_a_year(tmp_path: Path) -> None:
    days = ("2024-11-08", "2025-01-31", "2025-05-01", "2025-08-01", "2025-11-07")
    paid = "".join(f"VAS,{day},{i + 1},1\n" for i, day in enumerate(days))

    built = build(history(walk()), knowing(tmp_path, paid=paid))

    price = float(built.facts["VAS"].values["price_aud"])
    assert float(built.facts["VAS"].values["distribution_yield"]) == pytest.approx(14 / price, abs=1e-6)
    assert "paid.csv: the payment of VAS on 2024-11-08 (line 2, 1 AUD) is no part of its yield" in built.notes[0]


@pytest.mark.parametrize(
    ("days", "count"),
    [
        ((0, 91, 182, 273, 364), 4),
        ((3, 95, 186, 277, 369), 4),
        ((0, 30, 61, 91, 122, 152, 182, 213, 243, 274, 304, 335, 364), 12),
        ((10, 194, 374), 2),
        ((0, 364), 1),
        ((20,), 1),
        # A special one beside the four of a year.
        ((5, 96, 110, 187, 278, 369), 5),
    ],
)
def test_a_year_has_the_payments_of_a_year(days: tuple[int, ...], count: int) -> None:
    payments = [Payment(LAST - timedelta(days=ago), 1.0, 0.0) for ago in days]

    assert len(in_a_year(payments, until=LAST)) == count


def test_payments_above_the_price_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"VAS paid 450 AUD a unit in a year \(line 2 and further\), more than its price"
    ):
        build(history(walk()), knowing(tmp_path, paid="VAS,2025-06-30,450,1\n"))


def test_prices_before_the_first_unit_are_told(tmp_path: Path) -> None:
    (tmp_path / "facts.csv").write_text("ticker,since\nVGS,2024-06-03\n", encoding="utf-8")
    stated = read_facts(tmp_path / "facts.csv"), "facts.csv"

    (note,) = build(history(walk()), replace(LIKE, stated=stated)).notes

    assert note.startswith("VGS has prices from 2023-11-13, and units could be owned from 2024-06-03 (facts.csv)")


def test_a_return_that_no_etf_has_is_told_in_words_of_the_prices() -> None:
    values = walk()
    values[:, 5] = 100 * 1.07 ** np.arange(520) * (1 + 0.001 * np.sin(np.arange(520)))

    with pytest.raises(DataError, match=r"prices\.csv: GOLD returns .* a year .*: mend its prices, or take the column"):
        build(history(values), LIKE, trusted=["GOLD"])


def test_a_misspelt_ticker_is_named_before_the_facts_that_it_leaves_out(tmp_path: Path) -> None:
    # BIL for BILL: without the typing error, no fact would be missing.
    (tmp_path / "facts.csv").write_text("ticker,return_is\n" + "".join(f"{t},fund\n" for t in ("BIL", *TICKERS[1:])))
    knowledge = Knowledge(stated=(read_facts(tmp_path / "facts.csv"), "facts.csv"), like="asx-outlook-2025-12")

    with pytest.raises(DataError, match=r"facts\.csv: line 2: BIL \(return_is fund\) is no ETF of prices\.csv; BILL"):
        build(history(walk()), knowledge)


def test_a_refusal_for_missing_facts_tells_what_is_suspicious_in_the_prices_too(tmp_path: Path) -> None:
    values = walk()
    values[200:, 2] *= 2 / 3  # three units for two
    prices = read_prices(write(tmp_path / "prices.csv", history(values)))

    with pytest.raises(DataError, match=r"BILL lacks return_is;.*; VAS moved by -3\d\.\d\d% in the week to"):
        build(prices, Knowledge(like="asx-outlook-2025-12"))
