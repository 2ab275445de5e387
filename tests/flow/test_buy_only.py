"""Holdings that are never sold: doing nothing is allowed, and a limit that they break becomes the holding itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders import OUTLOOK, final_event
from support.requests_made import body, holding

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load
from portfolio.published.order import Side
from report.facts.step import said_of_step

HALVES = {"alpha": 0.5, "gamma": 0.5}
# 200 VGB at 47.10 (9,420.00) and 100 BILL at 100.51 (10,051.00) for alpha; 60 VGS at 154.12 (9,247.20) and 90 VAS at
# 108.83 (9,794.70) for gamma: 38,512.90 AUD.
EVEN = [holding("VGB", 200), holding("BILL", 100), holding("VGS", 60), holding("VAS", 90)]
# 520 VGS (80,142.40) and 100 BILL (10,051.00): with 9,806.60 of cash, 100,000 AUD.
ONE_SIDED = [holding("VGS", 520), holding("BILL", 100)]


def ask(holdings: list[dict[str, Any]], cash_aud: float, rules: dict[str, Any], **account: object) -> bytes:
    owned = {"as_of": "2025-11-10", "cash_aud": cash_aud, "holdings": holdings} | account
    made = body("test", customer={"customer_id": "c"}, account=owned, market=OUTLOOK, rules=rules, explain="unmet")
    return json.dumps(made | {"pod_weights": HALVES}).encode()


def answered(sent: bytes) -> MasterPortfolioOptimized:
    event = final_event(sent)
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    return event


def bought(event: MasterPortfolioOptimized) -> dict[str, float]:
    assert event.trading is not None
    assert {order.side for order in event.trading.orders} <= {Side.BUY}
    return {order.ticker: order.units for order in event.trading.orders}


@pytest.mark.parametrize("never", [{"buy_only": True}, {"never_sell": ["VGB", "BILL", "VGS", "VAS"]}])
@pytest.mark.parametrize(
    "broken",
    [
        # Each holding is a quarter of the capital.
        {"max_weight": 0.2},
        {"max_etfs": 3},
        {"min_weight": 0.28, "max_weight": 0.3},
        # VGB and VAS, BILL and VGB: all but uncorrelated ETFs are nearer than this.
        {"min_correlation_distance": 0.8},
    ],
)
def test_nothing_is_done_where_the_holdings_of_today_break_a_limit_and_nothing_is_sold(
    never: dict[str, Any], broken: dict[str, Any]
) -> None:
    event = answered(ask(EVEN, 0.0, never | broken))

    assert bought(event) == {}
    assert event.today is not None
    assert event.today.weights == pytest.approx(dict(event.weights))


def test_without_the_rule_the_same_limit_forces_a_sale() -> None:
    event = answered(ask(EVEN, 0.0, {"max_weight": 0.2}))
    assert event.trading is not None
    assert any(order.side is Side.SELL for order in event.trading.orders)


def test_what_is_above_its_limit_is_not_bought() -> None:
    # VGS is 9,247.20 of 46,512.90 AUD, 19.9 %, and VAS 21.1 %: neither may be more. VGB and BILL likewise.
    event = answered(ask(EVEN, 8_000.0, {"buy_only": True, "max_weight": 0.19}))

    assert set(bought(event))
    assert not set(bought(event)) & {"VGS", "VAS", "VGB", "BILL"}


def test_cash_below_its_floor_stays_as_it_is() -> None:
    event = answered(ask(EVEN, 700.0, {"buy_only": True}, cash_floor_aud=5_000.0))

    assert event.trading is not None
    assert bought(event) == {}
    assert event.trading.cash_left_aud == 700.0


def test_pods_come_as_near_to_their_shares_as_purchases_bring_them() -> None:
    event = answered(ask(ONE_SIDED, 9_806.60, {"buy_only": True, "max_weight": 1.0}))

    # Of 50,000 AUD each, a pod may be 5 % away: gamma has 80,142.40, which is 27,642.40 beyond 52,500. All the cash
    # goes to alpha, which then lacks 47,500 - 10,051.00 - 9,806.60 = 27,642.40 too, and the costs of its orders (some
    # 30 AUD): 0.552848 of the capital together. The dearest of what is bought, BILL, costs 100.51.
    smallest = 0.552848
    assert event.trading is not None
    assert event.trading.step is not None
    (rule,) = [each for each in event.trading.step.rules if each.rule == "capital_tolerance"]
    # The cost of the orders, and less than a unit of what is bought, are missing.
    assert smallest < rule.suggested < smallest + 0.0006 + 0.0010052
    assert set(bought(event)) <= {"BILL", "VGB", "VAF"}
    (told,) = said_of_step(event)
    assert "from 80.1% of the capital in Growth (gamma) to 80.1%, where the share is 50.0%" in told


def test_the_check_finds_a_larger_distance_from_the_shares() -> None:
    event = json.loads(encode(answered(ask(ONE_SIDED, 9_806.60, {"buy_only": True, "max_weight": 1.0}))))
    assert findings(event, load(OUTLOOK)) == []

    (rule,) = [each for each in event["trading"]["step"]["rules"] if each["rule"] == "capital_tolerance"]
    rule["held"] = 0.5

    assert any("away from their shares, more than 0.5" in words for words in findings(event, load(OUTLOOK)))


def test_a_pod_that_can_hold_nothing_stays_empty() -> None:
    # All is in VGS, which alpha may not hold, and 300 AUD buy no first parcel of 500 AUD.
    event = answered(ask([holding("VGS", 520)], 300.0, {"buy_only": True}))

    assert bought(event) == {}
    assert event.trading is not None
    assert event.trading.pods["alpha"] == {}
    assert {goal.delivered for goal in event.goals if goal.pods == ("alpha",)} <= {None}
