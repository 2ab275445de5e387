"""What the customer wants money for: as events of the whole system tell it, and as the check sees it."""

from __future__ import annotations

import copy
import json
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.builders import OUTLOOK, final_event, pod_results, request, solved
from support.forgery import at, changed, leaves, pattern

from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode, parse_request
from coordinator.consolidation import consolidate
from portfolio.check import findings
from portfolio.check.growing import Asked, Path
from portfolio.funding import allotment
from portfolio.funding.chance import Aim, chance, needed_aud
from portfolio.funding.growth import Growth
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio.published.money_goals import MoneyGoal

EXACT = partial(pytest.approx, rel=1e-12)
NEAR = partial(pytest.approx, rel=1e-9)
# The tolerance at which settling ends: a hundred-thousandth of 240,000 AUD.
SETTLED = partial(pytest.approx, abs=2.4)
# What the check cannot know: names, who stated the inflation, and of the pods whether the request named them.
JUSTIFIED = {
    "money_goals.*.name",
    "funding.inflation_from",
    "money_goals.*.pod_chosen",
    # These say nothing where there is no surplus, no time, or no other goal between one priority and the next.
    "funding.surplus_pod",
    "money_goals.*.in_todays_money",
    "money_goals.*.wanted_probability",
    "money_goals.*.contribution_aud_per_month",
    "money_goals.*.priority",
}


def goal(goal_id: str, pod: str | None, amount_aud: float, years: float, **more: object) -> dict[str, Any]:
    named = {} if pod is None else {"pod": pod}
    return {"goal_id": goal_id, "name": goal_id, "target_amount_aud": amount_aud, "years": years, **named, **more}


def answered(goals: list[dict[str, Any]], **more: object) -> MasterPortfolioOptimized:
    """Answer a customer with 240,000 AUD, without pod_weights."""
    body = json.loads(request(market_id=OUTLOOK, capital=240_000.0)) | {"goals": goals, "pod_weights": None} | more
    found = final_event(json.dumps(body).encode())
    assert isinstance(found, MasterPortfolioOptimized), found
    assert findings(json.loads(encode(found)), load(OUTLOOK)) == []
    return found


def told(event: MasterPortfolioOptimized) -> Mapping[str, MoneyGoal]:
    return {goal.goal_id: goal for goal in event.money_goals}


GOALS = [
    goal("now", "alpha", 30_000.0, 0.0, priority=1),
    goal("house", "beta", 60_000.0, 6.0, priority=2, wanted_probability=0.8),
    goal("old", "gamma", 260_000.0, 22.0, priority=2, contribution_aud_per_month=700.0),
    goal("school", None, 20_000.0, 8.5, priority=3, in_todays_money=False),
    goal("boat", "delta", 60_000.0, 10.0, priority=9),
]


@pytest.fixture(scope="module")
def event() -> MasterPortfolioOptimized:
    return answered(GOALS)


def growth_alone(event: MasterPortfolioOptimized, pod: str) -> Growth:
    """Compute mean and volatility of a pod alone from the market's columns: 32 % tax, credits of 30/70."""
    market = load(OUTLOOK)
    w = np.zeros(len(market.etfs))
    for ticker, weight in event.pods[pod].naive_weights.items():
        w[market.tickers.index(ticker)] = weight
    y = market.column("distribution_yield")
    credits_ = y * market.column("franked_share") * 3 / 7
    mean = (market.expected_returns - 0.32 * (y + credits_) + credits_) @ w
    return Growth(float(mean), sqrt(float(w @ market.Sigma @ w)))


def test_goals_are_funded_by_priority_until_the_capital_is_spent(event: MasterPortfolioOptimized) -> None:
    goals = told(event)
    for name in ("now", "house", "old", "school"):
        assert goals[name].capital_aud == SETTLED(goals[name].needed_as_ordered_aud)
    assert goals["now"].capital_aud == SETTLED(30_000)
    before = sum(each.capital_aud for each in event.money_goals[:-1])
    assert goals["boat"].capital_aud == SETTLED(240_000 - before)
    assert 0 < goals["boat"].capital_aud < (goals["boat"].needed_as_ordered_aud or 0)
    assert event.funding is not None
    for pod, account in event.pods.items():
        its = sum(each.capital_aud for each in event.money_goals if each.pod == pod)
        assert account.capital_share == EXACT((its + event.funding.surplus_aud.get(pod, 0.0)) / 240_000)


def test_what_a_goal_needs_gives_it_the_chance_that_is_wanted(event: MasterPortfolioOptimized) -> None:
    house, old = told(event)["house"], told(event)["old"]
    assert house.needed_aud == NEAR(needed_aud(Aim(60_000, 6, 0, 0.025), growth_alone(event, "beta"), 0.8))
    with_contributions = chance(Aim(260_000, 22, 700, 0.025), old.needed_aud, growth_alone(event, "gamma"))
    assert with_contributions == NEAR(0.75)


def test_a_goal_without_a_pod_gets_the_one_that_needs_least(event: MasterPortfolioOptimized) -> None:
    school = told(event)["school"]
    needs = {p: needed_aud(Aim(20_000, 8.5, 0, 0), growth_alone(event, p), 0.75) for p in event.pods}
    assert (school.pod_chosen, school.pod) == (True, min(needs, key=lambda pod: needs[pod]))
    assert school.needed_aud == NEAR(min(needs.values()))


def test_turning_priorities_round_turns_the_funding_round() -> None:
    def asked(first: int, second: int) -> Mapping[str, MoneyGoal]:
        return told(
            answered(
                [
                    goal("buffer", "alpha", 90_000.0, 2.0, priority=first),
                    goal("house", "beta", 180_000.0, 6.0, priority=second),
                ]
            )
        )

    ahead, behind = asked(1, 9), asked(9, 1)
    for first, last in ((ahead["buffer"], ahead["house"]), (behind["house"], behind["buffer"])):
        assert first.capital_aud == SETTLED(first.needed_as_ordered_aud)
        assert last.capital_aud == SETTLED(240_000 - (first.needed_as_ordered_aud or 0))
    # So the chances turn round, too: an emergency fund is not left with one under 1 % for a boat.
    assert behind["buffer"].probability < 0.01
    assert ahead["buffer"].probability > 0.5
    assert ahead["house"].probability < behind["house"].probability


def test_scaling_all_amounts_scales_all_amounts(event: MasterPortfolioOptimized) -> None:
    scaled = [
        each
        | {
            "target_amount_aud": 10 * each["target_amount_aud"],
            "contribution_aud_per_month": 10 * each.get("contribution_aud_per_month", 0.0),
        }
        for each in GOALS
    ]
    body = json.loads(request(market_id=OUTLOOK, capital=2_400_000.0, brokerage=100.0))
    found = final_event(json.dumps(body | {"goals": scaled, "pod_weights": None}).encode())
    assert isinstance(found, MasterPortfolioOptimized)
    for large, small in zip(found.money_goals, event.money_goals, strict=True):
        # Either may end at any shares within its tolerance.
        assert large.capital_aud == pytest.approx(10 * small.capital_aud, abs=48)
        assert large.needed_aud == NEAR(10 * small.needed_aud)
        assert large.probability == pytest.approx(small.probability, abs=1e-4)


def test_what_no_goal_needs_is_told_and_held_where_the_request_says() -> None:
    goals = [goal("now", "alpha", 30_000.0, 0.0), goal("old", "gamma", 90_000.0, 22.0)]
    found = answered(goals, surplus_pod="beta")
    assert found.funding is not None
    spent = sum(each.capital_aud for each in found.money_goals)
    assert found.funding.surplus_aud["beta"] == SETTLED(240_000 - spent)
    assert sum(found.funding.surplus_aud.values()) == NEAR(240_000 - spent)
    assert found.pods["beta"].capital_share == pytest.approx(1 - spent / 240_000, abs=1e-5)


def test_a_pod_for_which_nothing_is_left_takes_no_part_and_is_told() -> None:
    goals = [goal("house", "beta", 200_000.0, 6.0), goal("old", "gamma", 400_000.0, 22.0)]
    found = answered([*goals, goal("boat", "delta", 40_000.0, 10.0, priority=9)])
    assert found.funding is not None
    assert set(found.pods) == {"beta", "gamma"}
    assert set(found.funding.unused) == {"delta"}
    boat = told(found)["boat"]
    assert (boat.capital_aud, boat.probability, boat.more_today_aud) == (0.0, 0.0, NEAR(boat.needed_as_ordered_aud))
    # Nobody can hide whom it was taken from.
    forged = json.loads(encode(found))
    forged["funding"]["unused"] = {}
    assert findings(forged, load(OUTLOOK)) != []


def test_what_is_left_and_too_little_to_be_held_is_no_contradiction_of_rules() -> None:
    goals = [goal("house", "beta", 60_000.0, 0.0), goal("boat", "delta", 60_000.0, 10.0, priority=9)]
    # Of 240,000 AUD 1 % is left for the boat, and two ETFs of 2 % each are the least that its pod can hold.
    found = answered([*goals, goal("old", "gamma", 177_600.0, 0.0)])
    assert found.funding is not None
    assert set(found.funding.unused) == {"delta"}
    assert found.funding.surplus_aud == {"beta": NEAR(2_400)}


def test_a_coordinator_that_leaves_out_a_pod_with_enough_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allotment, "LEAST_SHARE", 0.2)
    body = json.loads(request(market_id=OUTLOOK, capital=240_000.0)) | {"goals": GOALS, "pod_weights": None}

    found = solved(json.dumps(body).encode())

    assert isinstance(found, MasterPortfolioFailed)
    assert found.reason is Reason.CHECK_FAILED
    assert "of the funding, unsettled_aud is" in found.message


def test_what_the_request_says_of_a_pod_that_takes_no_part_is_no_mistake() -> None:
    goals = [goal("house", "beta", 200_000.0, 6.0), goal("old", "gamma", 400_000.0, 22.0)]
    asked = {"goals": [*goals, goal("boat", "delta", 40_000.0, 10.0, priority=9)], "correlations": "limit"}
    priorities = {"delta.expected_return": 1, "beta.volatility": 2}
    limits = {"beta-delta": 0.5, "beta-gamma": 0.9}
    targets = {"delta.expected_return": 0.05, "beta.volatility": 0.16}
    found = answered(**asked, priorities=priorities, correlation_limits=limits, pod_targets=targets)
    assert found.terms.priorities == {"beta.volatility": 2}
    assert found.terms.correlation_limits == {"beta-gamma": 0.9}
    assert found.terms.pod_targets == {"beta.volatility": 0.16}
    assert "delta" not in {pod for each in found.goals for pod in each.pods}
    # Nor is a typing error one that passes.
    body = json.loads(request(market_id=OUTLOOK)) | asked | {"pod_weights": None, "priorities": {"delta.fame": 1}}
    failed = final_event(json.dumps(body).encode())
    assert isinstance(failed, MasterPortfolioFailed)
    assert "delta.fame" in failed.message


def test_the_same_answers_in_any_order_make_the_same_event() -> None:
    asked = json.loads(request(market_id=OUTLOOK)) | {"goals": GOALS, "pod_weights": None}
    data = json.dumps(asked).encode()
    results = pod_results(data)
    made = []
    for pods in (list(results), list(reversed(results))):
        event = consolidate(parse_request(data, "test"), {pod: results[pod] for pod in pods})
        made.append(json.loads(encode(event)) | {"elapsed_s": 0.0})
    assert made[0]["type"] == "MasterPortfolioOptimized"
    assert made[0] == made[1]


def test_with_pod_weights_a_pod_divides_its_money_in_the_same_order() -> None:
    goals = [
        goal("later", "gamma", 300_000.0, 20.5, priority=2),
        goal("soon", "gamma", 38_000.0, 2.0, priority=1),
        goal("none", None, 1_000.0, 3.0),
    ]
    found = answered(goals, pod_weights={"alpha": 0.25, "beta": 0.25, "gamma": 0.5})
    each = told(found)
    # What a goal needs is what it needs as ordered, so that the first one has the chance that is wanted.
    assert each["soon"].capital_aud == each["soon"].needed_as_ordered_aud
    assert each["soon"].probability == NEAR(0.75)
    assert each["later"].capital_aud == EXACT(120_000 - each["soon"].capital_aud)
    assert found.funding is not None
    assert found.funding.by == "pod_weights"
    kept = {pod: 60_000 - (each["none"].capital_aud if each["none"].pod == pod else 0) for pod in ("alpha", "beta")}
    assert found.funding.surplus_aud == NEAR(kept)


ACCOUNT = {
    "as_of": "2025-12-01",
    "cash_aud": 40_000,
    "holdings": [
        {
            "ticker": "VAS",
            "units": 1_800,
            "parcels": [{"acquired": "2024-02-01", "units": 1_800, "cost_base_aud": 160_000}],
        }
    ],
}


def grown(held_aud: Mapping[str, float], money_aud: float, cash_rate: float = 0.0) -> Growth:
    """Compute mean and volatility of ETFs and money, from the market's columns: 32 % tax, credits of 30/70."""
    market = load(OUTLOOK)
    total = sum(held_aud.values()) + money_aud
    w, mean = np.zeros(len(market.etfs)), 0.68 * cash_rate * money_aud / total
    for ticker, aud in held_aud.items():
        j = market.tickers.index(ticker)
        w[j], etf = aud / total, market.etfs[j]
        credit = etf.distribution_yield * etf.franked_share * 3 / 7
        mean += w[j] * float(market.expected_returns[j] - 0.32 * (etf.distribution_yield + credit) + credit)
    return Growth(mean, sqrt(float(w @ market.Sigma @ w)))


@pytest.mark.parametrize("cash_rate", [0.0, 0.04])
def test_today_the_whole_account_serves_the_goals_by_priority(cash_rate: float) -> None:
    goals = [goal("house", "beta", 60_000.0, 6.0), goal("old", "gamma", 190_000.0, 22.0, priority=2)]
    account = ACCOUNT | {"cash_floor_aud": 20_000, "cash_rate": cash_rate}
    found = answered(goals, customer={"customer_id": "c"}, account=account)
    capital, trading = found.terms.total_capital_aud, found.trading
    assert trading is not None
    assert found.funding is not None
    assert sum(account.capital_share for account in found.pods.values()) == NEAR(1 - 20_000 / capital)
    in_goals = sum(each.capital_aud for each in found.money_goals)
    assert in_goals + sum(found.funding.surplus_aud.values()) == NEAR(capital - 20_000)
    # Today there is one ETF, and 20,000 AUD above the 20,000 AUD to be kept: whatever a goal has is invested so.
    today = grown({"VAS": capital - 40_000}, 20_000, cash_rate)
    left_today = capital - 20_000
    for each in found.money_goals:
        aim = Aim(each.target_amount_aud, each.years, 0, 0.025)
        assert each.needed_today_aud == NEAR(needed_aud(aim, today, 0.75))
        assert each.capital_today_aud == NEAR(min(each.needed_today_aud or 0.0, left_today))
        assert each.probability_today == NEAR(chance(aim, each.capital_today_aud or 0.0, today))
        left_today -= each.capital_today_aud or 0.0
    # The house has all that it needs, the rest is not enough for what is to come later.
    house, old = found.money_goals
    assert house.probability_today == NEAR(0.75)
    assert left_today == pytest.approx(0, abs=1e-6)
    assert (old.capital_today_aud or 0.0) < (old.needed_today_aud or 0.0)
    assert house.capital_today_aud != pytest.approx(house.capital_aud, rel=0.01)
    for name in ("needed_today_aud", "capital_today_aud", "probability_today"):
        forged = json.loads(encode(found))
        forged["money_goals"][0][name] *= 1.01
        assert findings(forged, load(OUTLOOK)) != [], name
    costs = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    assert costs > 1_000
    for each in found.money_goals:
        aim = Aim(each.target_amount_aud, each.years, 0, 0.025)
        # As ordered, brokerage, spread and tax are gone, and each pod holds its part of the money that is left.
        held = trading.pods[each.pod]
        short = {p: max(found.pods[p].capital_share * capital - sum(h.values()), 0) for p, h in trading.pods.items()}
        money = (trading.cash_left_aud - 20_000) * short[each.pod] / sum(short.values())
        ordered = grown(held, max(money, 0), cash_rate)
        left = 1 - costs / (capital - 20_000)
        assert each.after_costs_aud == NEAR(each.capital_aud * left)
        assert each.expected_return == NEAR(ordered.mean)
        assert each.probability == NEAR(chance(aim, each.capital_aud * left, ordered))
        assert each.needed_as_ordered_aud == NEAR(needed_aud(aim, ordered, 0.75) / left)


@pytest.mark.parametrize("volatility", [1e-9, 1e-6, 1e-4, 0.5])
def test_the_check_knows_the_chance_of_what_hardly_moves_too(volatility: float) -> None:
    amount = 100_000.0 * (1 + volatility)
    made = chance(Aim(amount, 1.0, 0.0, 0.0), 100_000.0, Growth(0.0, volatility))

    assert 0.1 < made < 0.5
    asked, path = Asked(amount, 1.0, 0.0, 0.0), Path(0.0, volatility**2)
    assert asked.has_chance(made, 100_000.0, path)
    assert not asked.has_chance(made * 1.01, 100_000.0, path)


def test_every_figure_of_theirs_is_protected(event: MasterPortfolioOptimized) -> None:
    true, market = json.loads(encode(event)), load(OUTLOOK)
    unprotected = set()
    for part in ("money_goals", "funding"):
        for path in leaves({part: true[part]}):
            forged, value = copy.deepcopy(true), at(true, path)
            # Less than a tenth of a cent is the rounding of an amount that is settled in rounds.
            told = 0.0 if isinstance(value, float) and abs(value) < 1e-3 else value
            at(forged, path[:-1])[path[-1]] = changed(told, 1.01)
            if not findings(forged, market):
                unprotected.add(pattern(path))
    assert unprotected == JUSTIFIED


def test_what_says_something_of_a_goal_s_funding_is_protected_there(event: MasterPortfolioOptimized) -> None:
    lies: list[dict[str, dict[str, object]]] = [
        {"old": {"in_todays_money": False}},
        {"old": {"wanted_probability": 0.76}},
        {"old": {"contribution_aud_per_month": 707.0}},
        {"house": {"pod_chosen": True}},
        {"school": {"priority": 9}},
        {"boat": {"priority": 1}},
        {"now": {"priority": 9}, "boat": {"priority": 1}},
    ]
    for lie in lies:
        forged = json.loads(encode(event))
        for each in forged["money_goals"]:
            each.update(lie.get(each["goal_id"], {}))
        assert findings(forged, load(OUTLOOK)) != [], lie


def test_no_goal_can_be_taken_away(event: MasterPortfolioOptimized) -> None:
    for i in range(len(GOALS)):
        forged = json.loads(encode(event))
        del forged["money_goals"][i]
        assert findings(forged, load(OUTLOOK)) != []
    forged = json.loads(encode(event))
    forged["funding"] = None
    assert findings(forged, load(OUTLOOK)) != []
