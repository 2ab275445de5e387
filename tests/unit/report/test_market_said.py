"""What a result says of its market."""

from __future__ import annotations

import json

import pytest
from support.builders import final_event
from support.requests_made import body, holding, owning

from bus.language.messages import MasterPortfolioOptimized
from report.facts.market import said_of_market


def said(sent: bytes) -> str:
    event = final_event(json.dumps(json.loads(sent) | {"request_id": "test"}).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    return " | ".join(said_of_market(event))


def on(day: str) -> bytes:
    asked = json.loads(owning(holding(), cash_aud=90_000.0))
    return json.dumps(asked | {"account": asked["account"] | {"as_of": day}, "stale_prices": "allow"}).encode()


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2025-11-16", ""),
        (
            "2025-11-17",
            "The day of the trades, 17 November 2025, is 10 days after the day of the prices, 7 November 2025",
        ),
        (
            "2024-02-29",
            "The day of the trades, 29 February 2024, is 617 days before the day of the prices, 7 November 2025",
        ),
    ],
)
def test_a_day_far_from_the_prices_is_told(day: str, told: str) -> None:
    found = said(on(day))

    assert told in found
    assert bool(told) == ("day of the trades" in found)


@pytest.mark.parametrize(("capital", "small"), [(2_000, True), (500_000, False)])
def test_positions_below_what_can_be_bought_are_told_without_an_account(capital: int, small: bool) -> None:  # noqa: FBT001 - a case
    asked = body(customer={"customer_id": "c", "total_capital_aud": capital})

    found = said(json.dumps(asked).encode())

    assert f"This is a model portfolio: shares of {capital:,} AUD, and no orders; buying it costs" in found
    assert ("cannot be bought, as too small (500 AUD at first on ASX, and a unit): " in found) == small
    assert ("% of it; for orders, also state the money and the ETFs in the account today" in found) == small


def test_with_an_account_nothing_is_called_a_model() -> None:
    assert "model portfolio" not in said(on("2025-11-10"))
