"""What an event says of its market, and what follows from it, is checked against the market's own files."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import OUTLOOK, TRAILING, final_event, request

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]
MODEL, ACCOUNT, OLD = "model", "account", "old"
ASKED = {
    MODEL: (TRAILING, {"capital": 2_000.0}),
    ACCOUNT: (OUTLOOK, {"account": {"as_of": "2025-11-14", "cash_aud": 60_000.0}}),
    OLD: (TRAILING, {"account": {"as_of": "2025-12-01", "cash_aud": 60_000.0}}),
}


@cache
def made(which: str) -> str:
    market, asked = ASKED[which]
    found = final_event(request({"alpha": 0.4, "beta": 0.6}, market_id=market, **asked))  # type: ignore[arg-type]
    assert isinstance(found, MasterPortfolioOptimized), found
    return encode(found).decode()


def found_in(which: str, change: Callable[[Event], object] = lambda _: None) -> list[str]:
    event = copy.deepcopy(json.loads(made(which)))
    change(event)
    return findings(event, load(ASKED[which][0]))


@pytest.mark.parametrize("which", ASKED)
def test_an_event_as_made_is_true(which: str) -> None:
    assert found_in(which) == []


def test_the_event_says_how_old_prices_are_what_a_ratio_is_worth_and_what_a_model_is() -> None:
    model, account, old = (json.loads(made(which)) for which in ASKED)

    assert [event["prices_age_days"] for event in (model, account, old)] == [None, None, 24]
    assert model["sharpe_standard_error"] == pytest.approx(0.73, abs=0.02)
    assert account["sharpe_standard_error"] is None
    assert [event["model_portfolio"] is None for event in (model, account, old)] == [False, True, True]
    small = model["model_portfolio"]["too_small"]
    assert {one["ticker"] for one in small} == {h["ticker"] for h in model["holdings"] if h["amount_aud"] < 500}
    assert small


def call_history_an_outlook(event: Event) -> None:
    event["market"]["basis"] = {"kind": "outlook", "publication": "Bank A", "years": 10.0}


def lengthen_the_history(event: Event) -> None:
    event["market"]["basis"]["begins"] = "2013-11-10"


def make_the_prices_younger(event: Event) -> None:
    event["market"]["priced_on"] = "2025-11-30"


def state_an_inflation(event: Event) -> None:
    event["market"]["inflation"] = 0.01


def forget_the_age(event: Event) -> None:
    event["prices_age_days"] = None


def trade_a_year_later(event: Event) -> None:
    event["terms"]["owned"]["as_of"] = "2026-12-01"
    event["terms"]["owned"]["stale_prices"] = "refuse"
    event["prices_age_days"] = 389


def be_surer(event: Event) -> None:
    event["sharpe_standard_error"] = 0.07


def know_the_error_of_an_outlook(event: Event) -> None:
    event["sharpe_standard_error"] = 0.1


def call_it_no_model(event: Event) -> None:
    event["model_portfolio"] = None


def call_orders_a_model(event: Event) -> None:
    event["model_portfolio"] = {"cost_aud": 0.0, "too_small": []}


def buy_for_nothing(event: Event) -> None:
    event["model_portfolio"]["cost_aud"] = 0.0


def hide_a_small_position(event: Event) -> None:
    event["model_portfolio"]["too_small"].pop()


@pytest.mark.parametrize(
    ("which", "change", "told"),
    [
        (MODEL, call_history_an_outlook, "its basis is"),
        (OLD, lengthen_the_history, "its basis is"),
        (OLD, make_the_prices_younger, "its priced_on is 2025-11-30, not 2025-11-07"),
        (ACCOUNT, state_an_inflation, "its inflation is 0.01, not None"),
        (OLD, forget_the_age, "the age of the prices is told as None days, not 24"),
        (OLD, trade_a_year_later, "the prices are 389 days from the day of the trades, and the request does not allow"),
        (MODEL, be_surer, "the standard error of the Sharpe ratio is 0.7"),
        (ACCOUNT, know_the_error_of_an_outlook, "the standard error of the Sharpe ratio is None, not 0.1"),
        (MODEL, call_it_no_model, "must be told to be a model"),
        (ACCOUNT, call_orders_a_model, "must be told to be a model"),
        (MODEL, buy_for_nothing, "buying the model portfolio costs"),
        (MODEL, hide_a_small_position, "the positions below what can be bought are"),
    ],
)
def test_a_false_word_about_the_market_is_found(which: str, change: Callable[[Event], None], told: str) -> None:
    assert any(told in finding for finding in found_in(which, change))
