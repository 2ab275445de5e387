"""The words and digits of figures: no more of either than the event allows."""

from __future__ import annotations

import json

import pytest
from support.builders import OUTLOOK, TRAILING, final_event
from support.requests_made import body

from bus.language.messages import MasterPortfolioOptimized, Provider
from report.facts.given import NOT_REVIEWED, not_considered, provided_by, taken_as_given
from report.facts.labels import chance, chance_in_words, compared, sharpe


def event(market: str, **changes: object) -> MasterPortfolioOptimized:
    asked = body("test", market=market, pod_weights={"alpha": 0.4, "beta": 0.6}, **changes)
    found = final_event(json.dumps(asked).encode())
    assert isinstance(found, MasterPortfolioOptimized), found
    return found


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0.0, "under 1%"),
        (0.0099, "under 1%"),
        (0.01, "1%"),
        (0.777, "78%"),
        (0.99, "99%"),
        (0.9901, "above 99%"),
        (1.0, "above 99%"),
    ],
)
def test_a_chance_has_no_decimals_and_is_never_certain(probability: float, told: str) -> None:
    assert chance(probability) == told


def test_what_is_known_today_may_be_certain() -> None:
    assert (chance(0.0, known=True), chance(1.0, known=True)) == ("0%", "100%")


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0.5, "about 1 in 2"),
        (0.75, "about 3 in 4"),
        (0.74, "about 3 in 4"),
        (0.78, "about 4 in 5"),
        (0.66, "about 2 in 3"),
        (0.92, "about 9 in 10"),
        (0.97, "about 19 in 20"),
        (0.02, "about 2 in 100"),
        (0.012, "about 1 in 100"),
        (0.005, "under 1%"),
        (0.995, "above 99%"),
    ],
)
def test_a_chance_in_a_sentence_is_near_its_odds(probability: float, told: str) -> None:
    assert chance_in_words(probability) == told


@pytest.mark.parametrize(
    ("ratio", "error", "told"),
    [
        (2.5714, 0.729, "2.6 +/- 0.7"),
        (0.2, 0.049, "0.20 +/- 0.05"),
        (0.2069, None, "0.21"),
        (-0.04, 0.7, "-0.0 +/- 0.7"),
    ],
)
def test_a_sharpe_ratio_has_the_digits_that_its_error_leaves(ratio: float, error: float | None, told: str) -> None:
    assert sharpe(ratio, error) == told


def test_a_comparison_calls_only_an_outlook_expected_and_tells_the_error_of_a_history() -> None:
    history, outlook = event(TRAILING), event(OUTLOOK)

    rows = [{row.metric: compared(row, each) for row in each.comparison} for each in (history, outlook)]

    assert [row["expected_return"][0] for row in rows] == ["Return a year", "Expected return a year"]
    assert all("+/- 0.7" in cell for cell in rows[0]["sharpe_ratio"][1:3])
    assert all("+/-" not in cell for cell in rows[1]["sharpe_ratio"])


def test_without_a_provider_a_result_is_not_for_a_customer() -> None:
    found = event(OUTLOOK)

    assert provided_by(found) == NOT_REVIEWED
    told = [
        provided_by(found.model_copy(update={"provider": provider}))
        for provider in (
            Provider(name="Example Advice Pty Ltd", licence_number="123456", contact="help@example.com"),
            Provider(name="Example Advice Pty Ltd"),
        )
    ]
    assert told == [
        "Provided by Example Advice Pty Ltd (Australian financial services licence 123456). Contact: help@example.com.",
        "Provided by Example Advice Pty Ltd (no licence number is given).",
    ]


def test_what_was_taken_as_given_names_market_tax_risk_and_brokerage() -> None:
    customer = {"customer_id": "c", "total_capital_aud": 50_000, "marginal_tax_rate": 0.39, "risk_tolerance": 0.4}
    given = " ".join(taken_as_given(event(OUTLOOK, customer=customer, brokerage_aud=6)))

    for words in (
        "Outlook: Vanguard Australia, December 2025",
        "prices are of 7 November 2025",
        "individual, with 39.0% of tax",
        "Risk tolerance: 0.4",
        "Brokerage: 6.00 AUD per order",
        "This is a model portfolio: shares of 50,000 AUD",
    ):
        assert words in given


def test_what_was_not_considered_depends_on_what_was_given() -> None:
    account = {"as_of": "2025-11-17", "cash_aud": 50_000}
    model, owner = event(OUTLOOK), event(OUTLOOK, customer={"customer_id": "c"}, account=account)

    assert "no account was given" in " ".join(not_considered(model))
    assert "no account was given" not in " ".join(not_considered(owner))
    assert "The day of the trades, 17 November 2025, is 10 days after" in " ".join(taken_as_given(owner))
