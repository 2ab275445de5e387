"""What sales would save by waiting, derived by hand; and the check, which finds the same and nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from support.builders import final_event
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized
from portfolio.check import findings
from portfolio.market import snapshot as markets

# VAS fetches 108.83 x (1 - 0.0002) = 108.808234 a unit.
FETCHED = 108.808234


def sells_vas(as_of: str, acquired: str, cost_aud: float, **customer: object) -> MasterPortfolioOptimized:
    """Let an owner of 400 units of VAS have a pod that may not hold VAS: all of it is sold, in one order of 10 AUD."""
    body = {
        "request_id": "test",
        "stale_prices": "allow",
        "customer": {"customer_id": "c", **customer},
        "pod_weights": {"delta": 1.0},
        "market": "asx-outlook-2025-12",
        "brokerage_aud": 10,
        "rules": {"max_weight": 1.0},
        "account": {
            "as_of": as_of,
            "cash_aud": 100,
            "holdings": [
                {
                    "ticker": "VAS",
                    "units": 400,
                    "parcels": [{"acquired": acquired, "units": 400, "cost_base_aud": cost_aud}],
                }
            ],
        },
    }
    event = final_event(json.dumps(body).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


def waits(event: MasterPortfolioOptimized) -> list[tuple[str, str, float]]:
    assert event.trading is not None
    assert event.trading.waits is not None
    return [(one.day.isoformat(), one.waits_for.value, one.saves_aud) for one in event.trading.waits]


def faults(event: dict[str, Any]) -> list[str]:
    return findings(event, markets.load(event["market"]["id"]))


def test_three_days_before_12_months_the_discount_is_what_waiting_saves() -> None:
    # Gain 400 x 108.808234 - 10 - 24,000 = 19,513.2936, at 47 % in full: half of it, and so half the tax, is saved from
    # 13 November 2025 on: bought on 12 November 2024, a full year lies between from then.
    event = sells_vas("2025-11-10", "2024-11-12", 24_000, marginal_tax_rate=0.47)
    gain = 400 * FETCHED - 10 - 24_000

    assert waits(event) == [("2025-11-13", "twelve_months", pytest.approx(0.47 * gain / 2))]
    body = json.loads(event.model_dump_json())
    assert faults(body) == []
    for change in ({"saves_aud": 1.0}, {"day": "2025-11-12"}, {"waits_for": "next_year"}):
        wrong = copy.deepcopy(body)
        wrong["trading"]["waits"][0] |= change
        assert any("waiting" in words for words in faults(wrong)), change
    for untold in ([], 2 * body["trading"]["waits"]):
        wrong = copy.deepcopy(body)
        wrong["trading"]["waits"] = untold
        assert any("waiting" in words for words in faults(wrong))


def test_where_a_sale_is_forced_there_is_no_portfolio_that_waits() -> None:
    event = sells_vas("2025-11-10", "2024-11-12", 24_000, marginal_tax_rate=0.47)
    assert event.trading is not None
    assert event.trading.later is None


def test_the_best_portfolio_that_waits_stands_beside_the_one_that_sells_now() -> None:
    body = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))
    body |= {"request_id": "test", "stale_prices": "allow", "account": body["account"] | {"as_of": "2026-01-20"}}
    event = final_event(json.dumps(body).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    later, waiting = event.trading.later, event.trading.waits
    assert later is not None
    assert waiting

    # On 20 January 2026, what was bought between 21 January and 20 March 2025 is within 60 days of 12 months.
    bought = {(one.ticker, one.acquired.isoformat()) for one in waiting}
    assert bought <= {("VAS", "2025-03-20"), ("VTS", "2025-01-28"), ("NDQ", "2025-02-19")}
    sold = {(order.ticker, part.acquired.isoformat()) for order in later.orders for part in order.parcels}
    assert sold
    assert not sold & bought
    told = json.loads(event.model_dump_json())
    assert faults(told) == []
    for change in ({"objective": later.objective + 0.001}, {"worse": ["alpha.volatility"]}, {"cash_left_aud": 1.0}):
        wrong = copy.deepcopy(told)
        wrong["trading"]["later"] |= change
        assert any("waits" in words for words in faults(wrong)), change
    sells_what_waits = copy.deepcopy(told)
    sells_what_waits["trading"]["later"]["orders"] = told["trading"]["orders"]
    assert any("waits" in words for words in faults(sells_what_waits))


@pytest.mark.parametrize("payment", [{"contribution_aud": 4_000}, {"withdraw_aud": 4_000, "withdraw_by": "2026-02-02"}])
def test_the_portfolio_that_waits_has_the_money_that_comes_or_goes(payment: dict[str, Any]) -> None:
    body = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))
    account = body["account"] | {"as_of": "2026-01-20"} | payment
    event = final_event(json.dumps(body | {"request_id": "test", "stale_prices": "allow", "account": account}).encode())

    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    assert event.trading.later is not None
    assert faults(json.loads(event.model_dump_json())) == []


def test_61_days_before_12_months_nothing_is_listed() -> None:
    # 12 months from 10 January 2026, which is 61 days from 10 November.
    assert waits(sells_vas("2025-11-10", "2025-01-09", 24_000, marginal_tax_rate=0.47)) == []


def test_across_30_june_a_rate_that_falls_is_what_waiting_saves() -> None:
    # Long held; gain 19,513.2936, half of it 9,756.6468 on an income of 30,000. From 1 July 2026 the rate of 16 % is
    # 15 %: one per cent of 9,756.6468.
    event = sells_vas("2026-06-10", "2015-11-12", 24_000, taxable_income_aud=30_000)

    net = (400 * FETCHED - 10 - 24_000) / 2
    assert waits(event) == [("2026-07-01", "next_year", pytest.approx(0.01 * net))]
    assert faults(json.loads(event.model_dump_json())) == []


def test_across_1_july_2027_the_gain_until_then_keeps_the_discount_and_the_new_rate() -> None:
    # The value on the eve is today's price: the gain until then is 400 x (108.808234 - 60) = 19,523.2936, half of it at
    # 14 % instead of 15 %, with 2 % of levy both times. The 10 AUD of the order are then a loss since 1 July 2027,
    # which reduces the gain until then: half of 19,513.2936 as before.
    event = sells_vas("2027-06-01", "2015-11-12", 24_000, taxable_income_aud=30_000)

    net = (400 * FETCHED - 10 - 24_000) / 2
    assert waits(event) == [("2027-07-01", "next_year", pytest.approx(0.01 * net))]
    assert faults(json.loads(event.model_dump_json())) == []


def test_an_event_of_before_the_list_passes_the_check() -> None:
    event = sells_vas("2025-11-10", "2024-11-12", 24_000, marginal_tax_rate=0.47)
    assert event.trading is not None
    older = json.loads(replace_waits(event))
    assert faults(older) == []
    assert date.fromisoformat(older["terms"]["owned"]["as_of"]) == date(2025, 11, 10)


def replace_waits(event: MasterPortfolioOptimized) -> str:
    assert event.trading is not None
    return event.model_copy(update={"trading": replace(event.trading, waits=None)}).model_dump_json()
