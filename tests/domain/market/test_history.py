"""A market from prices: the figures against arithmetic of their own, and what happens to what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from support.histories import LAST, TICKERS, history, walk, weekdays, write

from portfolio.errors import DataError
from portfolio.market.basis import History
from portfolio.market.folders import bundled, digest, own
from portfolio.market.history.build import build
from portfolio.market.history.distributions import read_distributions
from portfolio.market.history.facts import Knowledge, read_facts
from portfolio.market.history.moments import estimate
from portfolio.market.history.prices import read_prices
from portfolio.market.history.sample import Period, align
from portfolio.market.history.snapshot import keep
from portfolio.market.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path

    from portfolio import Matrix

LIKE = Knowledge(return_is="fund", like="asx-outlook-2025-12")
# What double precision leaves of sums over hundreds of returns.
EXACT = 1e-12


def weekly_by_hand(values: Matrix, days: tuple[date, ...]) -> Matrix:
    """Take Fridays' prices and what they make of each other."""
    fridays = values[[i for i, day in enumerate(days) if day.weekday() == 4]]
    return np.array([after / before - 1 for before, after in pairwise(fridays)])


def test_weekly_returns_are_from_friday_to_friday() -> None:
    prices = history(walk())

    sample = align(prices, Period.WEEK)

    assert sample.returns == pytest.approx(weekly_by_hand(prices.values, prices.dates), abs=EXACT)
    assert (sample.begins, sample.ends) == (date(2023, 11, 17), LAST)
    assert (sample.left_out, sample.notes) == ({}, ())


def test_monthly_and_daily_returns_are_from_last_price_to_last_price() -> None:
    prices = history(walk(days=900), last=date(2025, 10, 31))
    last = {(day.year, day.month): i for i, day in enumerate(prices.dates)}

    months, days = align(prices, Period.MONTH), align(prices, Period.DAY)

    ends = prices.values[list(last.values())]
    assert months.returns == pytest.approx(ends[1:] / ends[:-1] - 1, abs=EXACT)
    assert days.returns == pytest.approx(prices.values[1:] / prices.values[:-1] - 1, abs=EXACT)


def test_the_moments_are_what_arithmetic_by_hand_makes_of_the_returns() -> None:
    sample = align(history(walk()), Period.WEEK)
    T, n = sample.returns.shape

    found = estimate(sample)

    assert found.expected_returns == pytest.approx(sample.returns.sum(axis=0) / T * 52, abs=EXACT)
    squares = ((sample.returns - sample.returns.sum(axis=0) / T) ** 2).sum(axis=0)
    assert found.volatilities == pytest.approx(np.sqrt(squares / (T - 1) * 52), abs=EXACT)
    # Ledoit and Wolf (2004), lemma 3.2 to 3.4, of returns with mean 0 and variance 1.
    Z = (sample.returns - sample.returns.mean(axis=0)) / sample.returns.std(axis=0)
    S = sum(np.outer(z, z) for z in Z) / T
    far = np.sum((S - np.eye(n)) ** 2) / n
    spread = sum(np.sum((np.outer(z, z) - S) ** 2) for z in Z) / T**2 / n
    intensity = min(spread, far) / far
    assert 0 < intensity < 1
    assert found.shrinkage == pytest.approx(intensity, rel=1e-9)
    assert found.correlations == pytest.approx((1 - intensity) * S + intensity * np.eye(n), abs=1e-10)


def test_the_correlations_are_scikit_learn_s_of_the_same_returns() -> None:
    sample = align(history(walk(seed=3)), Period.WEEK)
    scaled = sample.returns / sample.returns.std(axis=0)

    fitted = LedoitWolf().fit(scaled)

    found = estimate(sample)
    assert found.correlations == pytest.approx(fitted.covariance_, abs=1e-10)
    assert found.shrinkage == pytest.approx(fitted.shrinkage_, rel=1e-9)


def test_cash_keeps_its_own_risk() -> None:
    # Shrinking the covariances themselves would give it several times as much.
    sample = align(history(walk()), Period.WEEK)
    together = LedoitWolf().fit(sample.returns).covariance_

    cash = estimate(sample).volatilities[0]

    assert cash == pytest.approx(sample.returns[:, 0].std(ddof=1) * np.sqrt(52), rel=1e-12)
    assert np.sqrt(together[0, 0] * 52) > 2 * cash


def test_the_order_of_the_columns_changes_no_figure() -> None:
    values, order = walk(seed=4), [3, 0, 5, 1, 4, 2]
    first = estimate(align(history(values), Period.WEEK))
    second = estimate(align(history(values[:, order], [TICKERS[i] for i in order]), Period.WEEK))

    assert second.expected_returns == pytest.approx(first.expected_returns[order], abs=EXACT)
    assert second.volatilities == pytest.approx(first.volatilities[order], abs=EXACT)
    assert second.correlations == pytest.approx(first.correlations[np.ix_(order, order)], abs=1e-10)


def test_the_scale_of_prices_changes_no_figure() -> None:
    values = walk(seed=5)
    scale = np.array([0.01, 1, 7, 100, 1e4, 1 / 3])

    first, second = (build(history(v), LIKE, Period.WEEK).files for v in (values, values * scale))

    assert first["moments.csv"] == second["moments.csv"]
    assert first["correlations.csv"] == second["correlations.csv"]


@pytest.mark.parametrize(("days", "n"), [(200, 60), (520, 6), (130, 120)])
def test_correlations_are_positive_definite_even_of_more_etfs_than_returns(days: int, n: int) -> None:
    prices = history(walk(days=days, n=n), [f"T{i}" for i in range(n)])

    found = estimate(align(prices, Period.WEEK))

    assert np.linalg.eigvalsh(found.correlations)[0] > 0
    assert (np.diag(found.correlations) == 1).all()


def test_a_date_that_one_etf_lacks_is_used_for_none_and_nothing_is_filled_in() -> None:
    values = walk()
    values[-6, 2] = np.nan  # the last Friday but one
    prices = history(values)

    sample = align(prices, Period.WEEK)

    # That week ends on Thursday, for all of them.
    assert sample.returns[-1] == pytest.approx(values[-1] / values[-7] - 1, abs=EXACT)
    assert sample.returns[-2] == pytest.approx(values[-7] / values[-11] - 1, abs=EXACT)
    assert sample.notes == ("1 date was not used, since an ETF has no price on it",)


def test_a_week_without_prices_makes_no_return_over_two() -> None:
    values = walk()
    values[-10:-5, 2] = np.nan  # the last week but one
    by_hand = weekly_by_hand(values, weekdays(len(values)))

    sample = align(history(values), Period.WEEK)

    assert sample.returns == pytest.approx(by_hand[:-2], abs=EXACT)
    assert sample.notes[1].startswith("1 return over more than a week was left out, the longest from 2025-10-24 to")


def test_a_week_that_is_not_over_is_left_out() -> None:
    prices = history(walk(), last=date(2025, 11, 5))

    sample = align(prices, Period.WEEK)

    assert sample.ends == date(2025, 10, 31)
    assert sample.notes == ("the last week is not over and was left out",)


def test_what_ended_began_late_or_has_holes_is_left_out_and_told_why() -> None:
    values = walk()
    values[-30:, 1] = np.nan
    values[:100, 2] = np.nan
    values[::9, 3] = np.nan
    values[:, 4] = np.nan

    sample = align(history(values), Period.WEEK)

    assert sample.tickers == ("BILL", "GOLD")
    days = weekdays(len(values))
    assert sample.left_out == {
        "VAF": f"ends on {days[-31]}: delisted, suspended or no longer supplied",
        "VAS": f"has a price on 80.8% of the dates, from {days[100]}; 95.0% are asked",
        "VHY": f"has a price on 88.8% of the dates, from {days[1]}; 95.0% are asked",
        "VGS": "has no price",
    }
    assert sample.returns == pytest.approx(weekly_by_hand(values[:, [0, 5]], days), abs=EXACT)


def test_a_later_start_or_less_coverage_keeps_what_began_late() -> None:
    values = walk()
    values[:100, 2] = np.nan
    begins = weekdays(len(values))[100]

    assert align(history(values), Period.WEEK, since=begins).left_out == {}
    assert align(history(values), Period.WEEK, coverage=0.8).begins >= begins


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (walk(days=100), "19 weekly returns that every ETF has, at least 24 are needed"),
        (np.full((520, 6), np.nan), "leaves no ETF: BILL has no price"),
        (np.where(np.arange(6) == 0, 1.0, walk()), "the return of BILL is the same in every period"),
    ],
)
def test_too_little_is_an_error_that_says_what_to_do(values: Matrix, said: str) -> None:
    with pytest.raises(DataError, match=said):
        align(history(values), Period.WEEK)


def test_a_start_after_the_end_is_an_error() -> None:
    with pytest.raises(DataError, match="no date from 2026-01-01 on, its last is 2025-11-07"):
        align(history(walk()), Period.WEEK, since=date(2026, 1, 1))


def test_prices_are_read_as_written_and_sorted_by_date(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("\ufeffdate,VAS,BILL\n2025-01-03, 2.5,\n\n2025-01-02,2,1e2\n", encoding="utf-8")

    prices = read_prices(file)

    assert prices.dates == (date(2025, 1, 2), date(2025, 1, 3))
    assert prices.tickers == ("VAS", "BILL")
    assert prices.values == pytest.approx(np.array([[2, 100], [2.5, np.nan]]), nan_ok=True)
    assert prices.last() == {"VAS": 2.5, "BILL": 100.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: it is empty"),
        ("day,VAS\n", "line 1: there is no column date beside day, VAS: name the column so that holds it"),
        ("date\n2025-01-02\n", "line 1: there is no ETF"),
        ("date,VAS\n", "line 2: there is no price"),
        ("date,VAS,VAS\n2025-01-02,1,1\n", "line 1: the column VAS stands twice"),
        ("date,vas fund\n2025-01-02,1\n", "line 1: 'vas fund' is not a ticker"),
        ("date,VAS\n2025-01-02,1\n2025-01-03,abc\n", "line 3: VAS is 'abc', not a number"),
        ("date,VAS\n2025-01-02,1\n2025-01-03,inf\n", "line 3: VAS is 'inf', not a number"),
        ("date,VAS\n2025-01-02,1\n2025-01-03,inf\n", "line 3: VAS is 'inf', not a number; leave out what"),
        ("date,VAS\n2025-01-02,0\n", "line 2: VAS is 0; it must be from 0.000000001 to"),
        (
            "date,VAS\n2025-01-02,1\n2025-01-03,-2\n",
            "line 3: VAS is '-2', and no price: correct it, or make an index of returns",
        ),
        ("date,VAS\n2025-01-02,1\n2025-01-02,1\n", "line 3: 2025-01-02 stands again, first in line 2"),
        ("date,VAS\n02/01/2025,1\n", "line 2: '02/01/2025' may be 2025-01-02 or 2025-02-01, and no other date tells"),
        ("date,VAS\n2025-01-02,1,2\n", "line 2: 3 fields, the header has 2"),
        ('date,VAS\n2025-01-02,"1\n', "cannot be read as CSV"),
        ("date,VAS\n" + "".join(f"2025-01-{d:02},x\n" for d in range(1, 13)), "; and 4 more"),
    ],
)
def test_bad_prices_are_refused_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(DataError) as refused:
        read_prices(file)

    assert said in str(refused.value)
    assert "p.csv" in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b"date,VAS\n2025-01-02,\xff\n")

    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        read_prices(file)


def test_a_market_is_written_read_back_and_the_same_for_the_same_prices(tmp_path: Path) -> None:
    prices = read_prices(write(tmp_path / "prices.csv", history(walk())))
    built = build(prices, LIKE, Period.WEEK)

    market = keep(tmp_path / "mine", built.files)
    again = build(read_prices(tmp_path / "prices.csv"), LIKE, Period.WEEK)

    assert again.files == built.files
    assert (market.id, market.sha256) == ("mine", digest(built.files))
    assert market.tickers == TICKERS
    assert market.expected_returns == pytest.approx(built.moments.expected_returns, abs=5.1e-9)
    sigma = built.moments.volatilities
    assert market.Sigma == pytest.approx(built.moments.correlations * np.outer(sigma, sigma), abs=1e-7)
    assert market.risk_free == pytest.approx(built.moments.expected_returns[0], abs=5.1e-9)
    assert own([tmp_path]) == {"mine": tmp_path / "mine"}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["mine", "prices.csv"]


def test_an_id_is_for_one_snapshot(tmp_path: Path) -> None:
    first, second = (build(history(walk(seed)), LIKE, Period.WEEK).files for seed in (1, 2))
    kept = keep(tmp_path / "mine", first)

    assert keep(tmp_path / "mine", first).sha256 == kept.sha256
    with pytest.raises(DataError, match="holds another market: an id is for one snapshot"):
        keep(tmp_path / "mine", second)
    assert read(tmp_path / "mine").sha256 == kept.sha256


def test_what_is_no_market_leaves_nothing_behind(tmp_path: Path) -> None:
    files = build(history(walk()), LIKE, Period.WEEK).files

    with pytest.raises(DataError, match="market mine"):
        keep(tmp_path / "mine", {**files, "moments.csv": b"ticker\n"})
    assert list(tmp_path.iterdir()) == []


def test_known_facts_come_from_a_bundled_market_but_for_its_old_prices() -> None:
    facts = build(history(walk()), LIKE, Period.WEEK).facts["VAS"]

    known = read(bundled()[LIKE.like])
    vas = known.etfs[known.tickers.index("VAS")]
    assert float(facts.values["distribution_yield"]) == vas.distribution_yield
    assert (facts.values["name"], facts.values["asset_class"]) == (vas.name, vas.asset_class)
    assert facts.values["price_aud"] == ""
    assert facts.sources["liquidity"] == f"market {LIKE.like}"


FACTS = "ticker,asset_class,distribution_yield,franked_share,liquidity,half_spread_bps,price_aud,priced_on\n"


def test_what_a_person_states_comes_before_distributions_and_those_before_a_bundled_market(tmp_path: Path) -> None:
    (tmp_path / "facts.csv").write_text(
        FACTS + "VAS,equities,,,0.5,3,100,2025-11-07\nVHY,,0.07,0.9,,,50,2025-10-31\n", encoding="utf-8"
    )
    (tmp_path / "paid.csv").write_text(
        "ticker,date,amount_aud,franked_share\n"
        # The first is of the year before: no part of the yield.
        "VAS,2024-11-07,9,1\nVAS,2025-05-08,1,0.5\nVAS,2025-11-07,3,1\nVAS,2025-11-08,9,1\nVHY,2025-06-30,1,1\n",
        encoding="utf-8",
    )
    knowledge = replace(
        LIKE,
        stated=(read_facts(tmp_path / "facts.csv"), "facts.csv"),
        payments=(read_distributions(tmp_path / "paid.csv"), "paid.csv"),
    )

    facts = build(history(walk()), knowledge, Period.WEEK).facts

    vas, vhy = facts["VAS"], facts["VHY"]
    assert (vas.values["distribution_yield"], vas.values["franked_share"]) == ("0.040000", "0.875000")
    assert (vhy.values["distribution_yield"], vhy.values["franked_share"]) == ("0.07", "0.9")
    assert (vas.sources["distribution_yield"], vhy.sources["distribution_yield"]) == ("paid.csv", "facts.csv")
    assert (vas.values["asset_class"], vas.values["liquidity"], vas.sources["liquidity"]) == (
        "equities",
        "0.5",
        "facts.csv",
    )
    assert "facts.csv" in vas.source


def test_the_price_of_a_unit_is_the_history_s_only_if_that_is_said() -> None:
    prices = history(walk())

    facts = build(prices, replace(LIKE, prices=(prices.last(), "prices.csv")), Period.WEEK).facts

    assert float(facts["VAS"].values["price_aud"]) == pytest.approx(prices.values[-1, 2], abs=5.1e-7)


def test_a_market_of_prices_says_that_its_returns_are_their_history(tmp_path: Path) -> None:
    prices = history(walk())

    market = keep(tmp_path / "mine", build(prices, replace(LIKE, inflation=0.03), Period.WEEK).files)

    basis = market.basis
    assert isinstance(basis, History)
    assert basis.ends == prices.dates[-1]
    assert (basis.ends - basis.begins).days == 7 * basis.returns
    assert basis.returns_per_year == 52
    assert (market.priced_on, market.inflation) == (prices.dates[-1], 0.03)


def test_the_day_of_the_prices_is_the_last_that_is_stated_and_has_no_default_beside_a_stated_price(
    tmp_path: Path,
) -> None:
    prices, file = history(walk()), tmp_path / "facts.csv"

    def built(text: str, **more: date) -> date:
        file.write_text(text, encoding="utf-8")
        knowledge = replace(LIKE, stated=(read_facts(file), "facts.csv"), **more)
        made = build(prices, knowledge, Period.WEEK)
        return keep(tmp_path / f"m{abs(hash((text, *more.values())))}", made.files).priced_on

    dated = "ticker,price_aud,priced_on\nVAS,100,2025-12-01\nVHY,50,2025-12-03\n"
    undated = "ticker,price_aud\nVAS,100\nVHY,50\n"

    assert built(dated) == date(2025, 12, 3)
    assert built(undated, priced_on=date(2025, 12, 24)) == date(2025, 12, 24)
    with pytest.raises(DataError, match=r"price_aud of VAS, VHY is stated without its day: state priced_on .*--priced"):
        built(undated)
    with pytest.raises(DataError, match=r"priced_on of VHY in etfs\.csv is after 2025-12-02"):
        built(dated, priced_on=date(2025, 12, 2))


@pytest.mark.parametrize(
    ("paid", "said"),
    [
        ("VAS,2025-06-30,1,1\n", "the yield of VAS cannot be told from paid.csv without the price of a unit"),
        ("VAS,2025-06-30,-1,1\n", "line 2: amount_aud is -1; it must be from 0"),
        ("VAS,2025-06-30,1,70\n", "line 2: franked_share is 70; it must be from 0 to 1"),
        ("VAS,2025-06-30,1,\n", "line 2: franked_share is '', not a number"),
        ("VAS,2025-06-30,1,1\nVAS,2025-06-30,1,1\n", "line 3: a payment of VAS on 2025-06-30 stands in line 2 too"),
    ],
)
def test_distributions_that_say_nothing_are_refused(tmp_path: Path, paid: str, said: str) -> None:
    (tmp_path / "paid.csv").write_text("ticker,date,amount_aud,franked_share\n" + paid, encoding="utf-8")

    with pytest.raises(DataError, match=said):
        build(
            history(walk()),
            replace(LIKE, payments=(read_distributions(tmp_path / "paid.csv"), "paid.csv")),
            Period.WEEK,
        )


def test_old_distributions_are_not_taken_for_a_yield_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "paid.csv"
    file.write_text("ticker,date,amount_aud,franked_share\nVAS,2023-06-30,1,1\n", encoding="utf-8")
    prices = history(walk())
    knowledge = replace(LIKE, payments=(read_distributions(file), "paid.csv"), prices=(prices.last(), "prices.csv"))

    with pytest.raises(DataError, match="VAS has no distribution in the year to 2025-11-07, its last is of 2023-06-30"):
        build(prices, knowledge, Period.WEEK)


def test_facts_that_nobody_states_are_named_all_at_once() -> None:
    prices = history(walk(), ["BILL", "AAA", "VAS", "BBB", "VGS", "GOLD"])

    with pytest.raises(DataError) as refused:
        build(prices, LIKE, Period.WEEK)

    lacks = "AAA lacks asset_class, management_fee, distribution_yield, franked_share, liquidity, half_spread_bps; BBB"
    assert lacks in str(refused.value)
    assert "--facts" in str(refused.value)


def test_whose_returns_the_prices_tell_has_no_default_and_is_not_copied_from_a_bundled_market(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"BILL lacks return_is; .* by --return-is fund, .* or --return-is index"):
        build(history(walk()), replace(LIKE, return_is=""), Period.WEEK)

    (tmp_path / "facts.csv").write_text("ticker,return_is\nVAS,index\n", encoding="utf-8")
    stated = replace(LIKE, stated=(read_facts(tmp_path / "facts.csv"), "facts.csv"))
    made = keep(tmp_path / "mine", build(history(walk()), stated, Period.WEEK).files)
    plain = keep(tmp_path / "plain", build(history(walk()), LIKE, Period.WEEK).files)

    fee = {etf.ticker: etf.management_fee for etf in made.etfs}["VAS"]
    expected = [fee if ticker == "VAS" else 0.0 for ticker in made.tickers]
    assert fee > 0
    assert plain.expected_returns - made.expected_returns == pytest.approx(expected, abs=1e-12)


def test_a_market_without_cash_is_told_why() -> None:
    values = walk()
    values[-30:, 0] = np.nan

    with pytest.raises(DataError, match=r"no ETF of this market is of the asset class 'cash' \(left out: BILL\)"):
        build(history(values), LIKE, Period.WEEK)


def test_an_unknown_market_to_be_like_is_answered_with_those_there_are() -> None:
    with pytest.raises(DataError, match="unknown market x: name one of asx-"):
        build(history(walk()), Knowledge(like="x"), Period.WEEK)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ticker,colour\nVAS,red\n", "line 1: unknown column colour"),
        ("ticker,liquidity\nVAS,2\n", "line 2: liquidity is 2; it must be from 0 to 1"),
        ("ticker,price_aud\nVAS,0\n", "line 2: price_aud is 0; it must be from 0.000000001 to"),
        ("ticker,since\nVAS,2010\n", "line 2: since is '2010', not a date"),
        ("ticker,until\nVAS,2010\n", "line 2: until is '2010', not a date"),
        ("ticker,return_is\nVAS,gross\n", "line 2: return_is is 'gross'; give fund or index"),
        ("ticker,liquidity\nVAS,1\nVAS,1\n", "line 3: VAS stands twice"),
        ("name\nx\n", "line 1: there is no column ticker"),
    ],
)
def test_bad_facts_are_refused_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "facts.csv").write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=said):
        read_facts(tmp_path / "facts.csv")


def test_the_years_of_distributions_are_of_365_days() -> None:
    # What the test above relies on: the day a year before is not part of the year.
    assert LAST - timedelta(days=365) == date(2024, 11, 7)
