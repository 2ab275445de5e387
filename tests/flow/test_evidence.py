"""The evidence: simulated histories have the truth that they state, means over histories Student's interval."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated
from evidence_page import document, over
from support.walks import a_seeded_walk

from backtest.result import compare
from portfolio.market import snapshot

if TYPE_CHECKING:
    from pathlib import Path

TICKERS = ("BILL", "VAF", "VAS", "VGS")


def test_simulated_returns_have_the_moments_of_the_truth_and_fat_tails() -> None:
    market = snapshot.load("asx-outlook-2025-12")
    truth = simulated.truth_of(market, TICKERS)

    drawn = simulated.weekly_returns(truth, 40_000, seed=1)

    z = (drawn - truth.means) / truth.deviations
    # Standard errors over 40,000 weeks: of a mean 0.005; of a deviation, with the kurtosis 9 of five degrees of
    # freedom, sqrt((9 - 1) / 4 / 40,000) = 0.007; four of each.
    assert np.abs(z.mean(axis=0)).max() < 0.02
    assert np.abs(z.std(axis=0) - 1).max() < 0.028
    assert np.abs(np.corrcoef(z.T) - truth.correlations).max() < 0.03
    # The normal distribution has 3.
    assert (z**4).mean(axis=0).min() > 4.5
    assert truth.correlations.diagonal() == pytest.approx(1.0, abs=1e-12)


def test_price_and_distribution_of_a_week_make_the_total_return() -> None:
    market = snapshot.load("asx-outlook-2025-12")
    truth = simulated.truth_of(market, TICKERS)
    returns, dates = simulated.weekly_returns(truth, 60, seed=2), simulated.days(60)

    prices, paid = simulated.units(market, truth, returns, dates)

    amounts = np.zeros_like(prices)
    for ticker, day, amount, _ in paid:
        amounts[dates.index(day), TICKERS.index(ticker)] = amount
    assert (prices[1:] + amounts[1:]) / prices[:-1] - 1 == pytest.approx(returns, abs=1e-12)
    # 60 weeks from 1 January 2016 begin the quarters of April, July, October and January.
    assert sorted({day.isoformat() for _, day, _, _ in paid}) == [
        "2016-04-01",
        "2016-07-01",
        "2016-10-07",
        "2017-01-06",
    ]
    vas = market.etfs[market.positions(["VAS"])[0]]
    first = next(each for each in paid if each[0] == "VAS")
    before = prices[dates.index(first[1]) - 1, 2]
    assert (first[2], first[3]) == (pytest.approx(before * vas.distribution_yield / 4, abs=1e-6), vas.franked_share)


def test_the_mean_over_histories_has_the_interval_of_student() -> None:
    result = compare(a_seeded_walk())
    one = result.differences[0]
    # Differences 1 and 3: mean 2, standard deviation sqrt(2), so 1 of the mean; the 97.5 % point of one degree of
    # freedom is 12.706.
    two = [
        result.model_copy(update={"differences": (one.model_copy(update={"difference": value}),)})
        for value in (1.0, 3.0)
    ]

    (found,) = over(two)

    assert (found.mean, found.higher) == (2.0, 1.0)
    assert (found.low, found.high) == pytest.approx((2 - 12.706, 2 + 12.706), abs=1e-3)
    assert found.verdict == "within"
    assert replace(found, low=0.5).verdict == "better"
    assert replace(found, measure="tax_aud", low=0.5).verdict == "worse"


def test_the_document_says_how_many_histories_there_were(tmp_path: Path) -> None:
    results = [compare(a_seeded_walk(seed=seed)) for seed in (1, 2, 3)]

    file = tmp_path / "evidence.md"
    file.write_text(document(results, results[0], "2 minutes of one core: a machine"), encoding="utf-8")

    text = file.read_text(encoding="utf-8")
    assert "Over 3 simulated histories of 156 weeks and 12 dates of orders" in text
    assert "of 3 simulated histories, no more" in text
    assert "- Against **separate pods**: better: " in text
    # The differences that are larger than their intervals come first, with their number.
    rows = over(results)
    beyond = [row for row in rows if row.verdict != "within"]
    assert f"**{len(beyond)} of {len(rows)} differences are larger than their intervals**" in text
    better = text[text.index("- For coordination, by rival: ") :].partition("\n")[0].partition(": ")[2]
    assert better.count(", ") + better.count("; ") + 1 == sum(row.verdict == "better" for row in beyond)
    order = [
        "- For coordination, by",
        "- Against it, by",
        "- Neither better nor worse, by",
        "- Against **separate pods**",
    ]
    assert sorted(order, key=text.index) == order
    # Findings come before figures.
    assert text.index("What was found") < text.index("| mean of a history |")
