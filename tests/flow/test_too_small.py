"""An account too small for its pods is told how much would be enough, to a dollar, and which pods would do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders import OUTLOOK, TRAILING, final_event, pod_results
from support.depth import some_of
from support.requests_made import TOO_LITTLE, body, holding

from bus.language.messages import FinalEvent, MasterPortfolioFailed, MasterPortfolioOptimized, Reason, parse_request
from coordinator.budget import Budget
from coordinator.consolidation import consolidate

ALL = {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10}
# One VAS and one VAP; a super fund of its own pays another rate.
OWNED = [holding("VAS", 3, cost_base_aud=250.0), holding("VAP", 2, cost_base_aud=150.0)]
GOALS = [
    {"goal_id": "a", "name": "A", "pod": "alpha", "target_amount_aud": 4_000, "years": 1, "priority": 2},
    {"goal_id": "b", "name": "B", "pod": "gamma", "target_amount_aud": 40_000, "years": 9, "priority": 2},
]
SMALL: dict[str, dict[str, Any]] = {
    "four pods": {"cash": 2_500.0},
    "two pods": {"cash": 900.0, "pod_weights": {"alpha": 0.5, "beta": 0.5}},
    "one pod, on history": {"cash": 1_100.0, "pod_weights": {"gamma": 1.0}, "market": TRAILING},
    "with holdings": {"cash": 700.0, "pod_weights": {"beta": 0.4, "gamma": 0.6}, "holdings": OWNED},
    "with a floor of cash": {"cash": 1_500.0, "pod_weights": {"beta": 1.0}, "min_cash_share": 0.4},
    "shares from money goals": {"cash": 1_500.0, "pod_weights": None, "goals": GOALS},
}


def ask(
    cash: float,
    *,
    pod_weights: dict[str, float] | None = ALL,
    market: str = OUTLOOK,
    holdings: list[dict[str, Any]] | tuple[()] = (),
    min_cash_share: float = 0.0,
    **more: object,
) -> bytes:
    account = {
        "as_of": "2025-11-10", "cash_aud": cash, "holdings": list(holdings), "min_cash_share": min_cash_share
    }  # fmt: skip
    asked = body("test", customer={"customer_id": "c"}, account=account, market=market, **more)
    return json.dumps(asked | {"pod_weights": pod_weights}).encode()


def answered(sent: bytes, seconds: float = 600.0) -> FinalEvent:
    return consolidate(parse_request(sent, "test"), pod_results(sent), budget=Budget(seconds))


def enough(event: FinalEvent) -> float:
    assert isinstance(event, MasterPortfolioFailed), event
    (found,) = (repair for repair in event.repairs if repair.rule == "account.cash_aud")
    assert found.words in event.message
    assert isinstance(found.to, float)
    return found.to


@pytest.mark.parametrize("name", some_of(SMALL, every=3))
def test_the_money_that_is_told_is_enough_and_a_dollar_less_is_not(name: str) -> None:
    asked = dict(SMALL[name])
    cash = asked.pop("cash")

    least = enough(answered(ask(cash, **asked)))

    works = answered(ask(least, **asked))
    assert isinstance(works, MasterPortfolioOptimized), works
    assert works.trading is not None
    assert works.trading.orders

    below = answered(ask(least - 1, **asked))
    assert isinstance(below, MasterPortfolioFailed), below
    assert below.reason is Reason.RULES_CONFLICT
    assert enough(below) == least


def test_four_pods_need_as_much_as_the_smallest_of_them_needs_for_three_first_purchases() -> None:
    # delta has a tenth of the capital, 10.5 % with the tolerance, and at most 40 % of that in one ETF: three ETFs, each
    # for 500 AUD at least. In whole units the cheapest are 22 x 23.22 = 510.84 SEMI, 35 x 14.62 = 511.70 ASIA and
    # 9 x 57.28 = 515.52 NDQ (6 x 91.94 = 551.64 ROBO): 1,538.06, 10.5 % of 14,648.19.
    event = answered(ask(6_000.0))

    assert enough(event) == 14_649
    assert "account.cash_aud 6,000.00 AUD to 14,649.00 AUD (14,648.00 AUD is too little)" in event.message


def with_pods(event: FinalEvent) -> dict[str, float]:
    assert isinstance(event, MasterPortfolioFailed), event
    (found,) = (repair for repair in event.repairs if repair.rule == "pod_weights")
    assert found.words in event.message
    return {pod: float(share) for pod, share in (one.split() for one in str(found.to).split(", "))}


def test_the_pods_with_which_the_money_would_do_are_those_with_the_most_of_it() -> None:
    # Without delta beta is the smallest: 25 of 90 parts are 28 %, and three first purchases fit into 6,000 AUD.
    event = answered(ask(6_000.0))
    assert with_pods(event) == {"alpha": 0.17, "beta": 0.28, "gamma": 0.55}

    works = answered(ask(6_000.0, pod_weights=with_pods(event)))
    assert isinstance(works, MasterPortfolioOptimized), works
    assert works.trading is not None
    assert works.trading.orders


def test_pods_that_the_request_names_elsewhere_are_not_left_out() -> None:
    # A target of delta would have no meaning without delta, and a money goal of alpha no money.
    asked = {"pod_targets": {"delta.volatility": 0.4}, "goals": [GOALS[0]]}
    event = answered(ask(6_000.0, **asked))

    assert isinstance(event, MasterPortfolioFailed)
    assert enough(event) == 14_649
    # Beside alpha alone delta has 40 %: 6,000 AUD do. Beside gamma, which has more, delta has less than it needs.
    assert with_pods(event) == {"alpha": 0.6, "delta": 0.4}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_an_account_worth_less_than_any_pod_needs_is_told_how_much_is_enough(name: str) -> None:
    sent, said = TOO_LITTLE[name]
    event = final_event(sent.replace(b'"bad"', b'"test"'))

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.INVALID_REQUEST
    assert said in event.message
    assert enough(event) > 1_000


def test_where_money_does_not_help_none_is_asked_for() -> None:
    event = answered(ask(50_000.0, rules={"max_etfs": 2}), seconds=10.0)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.RULES_CONFLICT
    assert all(repair.rule != "account.cash_aud" for repair in event.repairs)
