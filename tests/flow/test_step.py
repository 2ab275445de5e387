"""Budgets never make a request impossible: a rule that today's holdings break becomes a target."""

from __future__ import annotations

import copy
import json
import random
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from support.builders import OUTLOOK, final_event, pod_results
from support.depth import some_of
from support.requests_made import body, holding

from bus.language.messages import MasterPortfolioOptimized, encode, parse_request
from coordinator.consolidation import _sleeve as as_sleeve
from portfolio.case.case import Case
from portfolio.case.distance import distances, money_left
from portfolio.case.shares import settle_shares
from portfolio.check import findings
from portfolio.market.snapshot import load
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.orders.step import within_budgets
from portfolio.published.order import Side
from report.facts.step import said_of_step
from report.story.compose import tell
from report.story.screen import sections

HALVES = {"alpha": 0.5, "gamma": 0.5}
# 2,000 VGS at 154.12 are 308,240 AUD; with 20,000 of cash the capital is 328,240 AUD.
CAPITAL, CASH, VGS = 328_240.0, 20_000.0, 154.12
LARGE = [holding("VGS", 2_000, cost_base_aud=80_000.0)]


def ask(
    holdings: list[dict[str, Any]],
    cash_aud: float,
    rules: dict[str, Any],
    weights: dict[str, float] | None = None,
    **account: object,
) -> dict[str, Any]:
    owned = {"as_of": "2025-11-10", "cash_aud": cash_aud, "holdings": holdings} | account
    made = body("test", customer={"customer_id": "c"}, account=owned, market=OUTLOOK, rules=rules, explain="unmet")
    return made | {"pod_weights": weights or HALVES}


def answered(request: dict[str, Any]) -> MasterPortfolioOptimized:
    event = final_event(json.dumps(request).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


@cache
def large(**rules: float) -> MasterPortfolioOptimized:
    """Answer the owner of one large holding."""
    return answered(ask(LARGE, CASH, rules))


def distance(event: MasterPortfolioOptimized, rule: str) -> tuple[float, float]:
    assert event.trading is not None
    assert event.trading.step is not None
    (told,) = [each for each in event.trading.step.rules if each.rule == rule]
    return told.today, told.suggested


def test_the_largest_weight_comes_as_near_to_its_limit_as_the_tax_allows() -> None:
    event = large(max_tax_aud=5_000.0)
    assert event.trading is not None
    assert event.trading.step is not None
    # A unit is sold at 154.12 less half the spread of 0.04 %, 154.058352, and cost 40: at 32 % on half of the gain of
    # 114.058352 that is 18.249336 of tax. 5,000 AUD pay for 273.98 units, so for 273.
    (sale,) = [order for order in event.trading.orders if order.side is Side.SELL]
    assert (sale.ticker, sale.units) == ("VGS", 273)
    assert event.trading.gains.tax_aud == pytest.approx(0.16 * (273 * 114.058352 - 10))

    # Today 308,240 of 328,240 are VGS, 93.907 %, and at most 30 % may be; 1,727 units are 266,165.24 AUD, 81.089 %.
    (rule,) = [each for each in event.trading.step.rules if each.rule == "max_weight"]
    assert rule.today == pytest.approx(308_240 / CAPITAL - 0.3)
    assert rule.suggested == pytest.approx(266_165.24 / CAPITAL - 0.3)
    # In fractions 5,000 / 18.249336 units are sold, and no more.
    assert rule.bound == pytest.approx((2_000 - 5_000 / 18.249336) * VGS / CAPITAL - 0.3, abs=2e-6)
    (part,) = rule.parts
    assert (part.about, part.limit) == ("VGS", 0.3)
    # 63.907 % are above the limit, and a step takes 12.818 %: 4.99 steps.
    assert rule.steps == 5


def test_report_slides_and_terminal_say_it_on_the_first_page() -> None:
    event = large(max_tax_aud=5_000.0)
    (told,) = said_of_step(event)

    assert "from 93.9% in VGS to 81.1%, where the limit is 30.0%" in told
    assert "about 8 such steps" in told
    assert told in sections(event)[0].lead
    assert any(told in answer.lead for answer in tell(event).answers)


def test_with_a_budget_of_nothing_all_stays_as_it_is_though_a_pod_holds_nothing() -> None:
    event = large(max_turnover=0.0)
    assert event.trading is not None
    assert event.trading.step is not None

    assert event.trading.orders == ()
    assert event.trading.units == {"VGS": 2_000}
    assert event.trading.cash_left_aud == CASH
    assert event.weights == pytest.approx({"VGS": 308_240 / CAPITAL})
    assert {pod: sum(held.values()) for pod, held in event.trading.pods.items()} == {"alpha": 0, "gamma": 308_240.0}
    for rule in event.trading.step.rules:
        assert rule.suggested == pytest.approx(rule.today)
    assert event.trading.step.steps is None
    (told,) = said_of_step(event)
    assert "no step comes nearer" in told


def test_a_budget_that_does_not_stand_in_the_way_changes_nothing() -> None:
    free, limited = large(), large(max_tax_aud=1e6, max_turnover=1.0)
    assert free.trading is not None
    assert limited.trading is not None

    assert limited.trading.step is None
    # Rows that do not bind move the solver by its last digits, and no order.
    assert limited.trading.orders == free.trading.orders
    assert limited.weights == pytest.approx(free.weights, abs=1e-4)


def test_a_larger_budget_comes_nearer() -> None:
    # Of the turnover, half of purchases and sales: 10 % let 10 % of VGS be sold where as much is bought; with less
    # bought, more. 20 % let it be the double.
    before, after = distance(large(max_turnover=0.1), "max_weight")
    _, further = distance(large(max_turnover=0.2), "max_weight")

    assert before > after > further > 0


def test_a_withdrawal_is_paid_within_the_budget_and_the_rest_of_it_brings_the_holding_nearer() -> None:
    account = {"withdraw_aud": 20_000.0, "withdraw_by": "2025-12-01"}
    event = answered(ask(LARGE, 5_000.0, {"max_tax_aud": 5_000.0}, **account))
    assert event.trading is not None
    assert event.trading.step is not None

    # 5,000 AUD of tax pay for 273 units, as above, and 15,000 AUD of the 42,074.76 that they bring are paid out. The
    # capital is 308,240 - 15,000 AUD, so that today the holding is more than all of it.
    assert event.trading.units["VGS"] == 1_727
    rules = {rule.rule: rule for rule in event.trading.step.rules}
    assert "cash_floor" not in rules
    assert rules["max_weight"].today == pytest.approx(308_240 / 293_240 - 0.3)
    assert rules["max_weight"].suggested == pytest.approx(266_165.24 / 293_240 - 0.3)


@cache
def paid() -> MasterPortfolioOptimized:
    """Answer an owner who draws 15,000 AUD more than the cash, with a budget of 100 AUD for tax."""
    account = {"withdraw_aud": 20_000.0, "withdraw_by": "2025-12-01"}
    return answered(ask(LARGE, 5_000.0, {"max_tax_aud": 100.0}, **account))


def test_a_budget_gives_way_to_a_withdrawal_by_no_more_than_it_must() -> None:
    event = paid()
    assert event.trading is not None
    assert event.trading.step is not None
    # 15,000 AUD and 10 AUD of brokerage take 97.43 units at 154.058352, so 98, each with 18.249336 AUD of tax; of the
    # brokerage, 16 % is saved.
    (sale,) = event.trading.orders
    assert (sale.ticker, sale.units) == ("VGS", 98)
    assert event.trading.gains.tax_aud == pytest.approx(98 * 18.249336 - 1.6)
    (budget,) = event.trading.step.budgets
    capital = event.terms.total_capital_aud
    assert capital == pytest.approx(308_240 - 15_000)
    assert (budget.budget, budget.limit) == ("max_tax_aud", pytest.approx(100 / capital))
    assert budget.suggested == pytest.approx((98 * 18.249336 - 1.6) / capital)
    # In fractions, 15,010 AUD of proceeds are the least; at 32 %, brokerage saves up to 3.20 AUD more.
    assert budget.bound * capital == pytest.approx(15_010 / 154.058352 * 18.249336 - 3.2, abs=0.3)
    (first, *_) = said_of_step(event)
    assert first.startswith(
        "The payment cannot be made within the budget of 100.00 AUD of tax: the orders cause 1,786.83 AUD"
    )


@pytest.mark.parametrize("change", [("suggested", 0.9), ("bound", 1.05), ("bound", 0.5), ("held", 0.5), ("limit", 2)])
def test_what_is_told_of_a_budget_that_gives_way_is_protected(change: tuple[str, float]) -> None:
    name, factor = change
    forged = json.loads(encode(paid()))
    assert findings(forged, load(OUTLOOK)) == []
    forged["trading"]["step"]["budgets"][0][name] *= factor
    assert findings(forged, load(OUTLOOK)) != []


def test_no_budget_gives_way_without_a_payment_in_its_way() -> None:
    forged = json.loads(encode(large(max_tax_aud=5_000.0)))
    step = forged["trading"]["step"]
    assert step["budgets"] == []
    step["budgets"] = [{"budget": "max_tax_aud", "limit": 5_000 / CAPITAL, "suggested": 0.1, "bound": 0.1, "held": 0.1}]
    assert findings(forged, load(OUTLOOK)) != []


def test_a_budget_for_turnover_gives_way_to_a_withdrawal_too() -> None:
    account = {"withdraw_aud": 20_000.0, "withdraw_by": "2025-12-01"}
    event = answered(ask(LARGE, 5_000.0, {"max_turnover": 0.001}, **account))
    assert event.trading is not None
    assert event.trading.step is not None
    (budget,) = event.trading.step.budgets
    assert budget.budget == "max_turnover"
    assert event.trading.units["VGS"] == 1_902
    assert budget.suggested == pytest.approx(98 * 154.12 / 2 / event.terms.total_capital_aud)


def test_what_no_pod_may_hold_is_sold_first() -> None:
    # 1,000 VTS, which neither alpha nor delta may hold, with no other gain: 16 % of the gain per unit.
    price = next(etf.price_aud for etf in load(OUTLOOK).etfs if etf.ticker == "VTS") or 0.0
    held = [holding("VTS", 100, cost_base_aud=100.0), holding("VGB", 400), holding("BILL", 300)]
    event = answered(ask(held, 0.0, {"max_tax_aud": 1_000.0}, {"alpha": 1.0}))
    assert event.trading is not None
    assert event.trading.step is not None

    spread = next(etf.half_spread for etf in load(OUTLOOK).etfs if etf.ticker == "VTS")
    units = int(1_000 / (0.16 * (price * (1 - spread) - 1)))
    assert event.trading.units["VTS"] == 100 - units
    (rule,) = [each for each in event.trading.step.rules if each.rule == "outside"]
    assert rule.suggested == pytest.approx((100 - units) * price / event.terms.total_capital_aud)
    assert "VTS" in event.trading.pods["alpha"]


@pytest.mark.parametrize("factor", [1.01, 0.99])
def test_the_check_notices_every_other_figure_of_a_step(factor: float) -> None:
    true = json.loads(encode(large(max_tax_aud=5_000.0)))
    unnoticed = set()
    for number, rule in enumerate(true["trading"]["step"]["rules"]):
        for name in ("today", "suggested", "bound", "held", "steps"):
            event = copy.deepcopy(true)
            event["trading"]["step"]["rules"][number][name] *= factor
            unnoticed |= set() if findings(event, load(OUTLOOK)) else {(rule["rule"], name)}
        for name in ("limit", "today", "suggested"):
            event = copy.deepcopy(true)
            part = event["trading"]["step"]["rules"][number]["parts"][0]
            part[name] = 0.01 if not part[name] else part[name] * factor
            assert findings(event, load(OUTLOOK))
    # A lower bound claims less, and of rules after the first the budgets alone bound nothing. What the portfolio may
    # be away from a rule may be told larger, up to today.
    looser = {(rule, "held") for rule in ("max_weight", "capital_tolerance", "max_position")}
    bounds = {(rule, "bound") for rule in ("capital_tolerance", "max_position")}
    assert unnoticed == (looser if factor > 1 else bounds)


def test_the_check_notices_a_step_without_a_budget_and_orders_that_come_less_far() -> None:
    event = json.loads(encode(large(max_tax_aud=5_000.0)))
    event["terms"]["rules"]["max_tax_aud"] = None
    assert any("no budget" in words for words in findings(event, load(OUTLOOK)))

    event = json.loads(encode(large(max_tax_aud=5_000.0)))
    event["trading"]["step"] = None
    assert any("outside 0.02 to 0.3" in words for words in findings(event, load(OUTLOOK)))


def random_account(seed: int) -> dict[str, Any]:
    """Make a request of a random account with random budgets."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    etfs = [e for e in load(OUTLOOK).etfs if e.price_aud and not e.until and (not e.since or e.since.year < 2020)]
    size, number = draw.uniform(20_000, 600_000), draw.choice([1, 2, 3, 5, 8])
    holdings = []
    for etf in draw.sample(etfs, number):
        assert etf.price_aud is not None
        units = max(1, int(size * draw.uniform(0.2, 2) / number / etf.price_aud))
        cost = round(units * etf.price_aud * draw.uniform(0.3, 1.2), 2)
        day = draw.choice(["2020-02-03", "2025-06-02"])
        holdings.append(holding(etf.ticker, units, cost_base_aud=cost, acquired=day))
    cash_aud = draw.choice([0.0, draw.uniform(0, 5_000), draw.uniform(0, 0.3) * size])
    rules: dict[str, Any] = draw.choice(
        [
            {"max_tax_aud": round(draw.uniform(0, 5_000), 2)},
            {"max_turnover": round(draw.uniform(0, 0.2), 3)},
            {"max_tax_aud": round(draw.uniform(0, 5_000), 2), "max_turnover": round(draw.uniform(0, 0.2), 3)},
            {"never_sell": [held["ticker"] for held in draw.sample(holdings, draw.randint(1, number))]},
            {"buy_only": True},
            {"max_turnover": 0.0},
            {"max_tax_aud": 0.0},
        ]
    )
    rules |= draw.choice([{}, {}, {"min_correlation_distance": 0.1}, {"duplicates": "penalise"}])
    account = draw.choice([{}, {}, {}, {"cash_floor_aud": round(draw.uniform(0, 0.1) * size, 2)}])
    weights = draw.choice([HALVES, {"alpha": 0.15, "beta": 0.25, "gamma": 0.5, "delta": 0.1}, {"beta": 1.0}])
    return ask(holdings, cash_aud, rules, weights, **account)


@pytest.mark.parametrize("seed", some_of(range(40), every=10))
def test_no_random_account_is_refused_for_its_budgets_and_none_ends_further_from_a_rule(seed: int) -> None:
    request = random_account(seed)
    rules = request["rules"]
    event = answered(request)
    assert event.trading is not None

    turned_over = sum(order.value_aud for order in event.trading.orders) / 2
    assert turned_over <= rules.get("max_turnover", 1.0) * event.terms.total_capital_aud + 1e-6
    assert event.trading.gains.tax_aud <= rules.get("max_tax_aud", 1e9) + 1e-6
    sold = {order.ticker for order in event.trading.orders if order.side is Side.SELL}
    assert not sold & set(rules.get("never_sell", ()))
    assert not (sold and rules.get("buy_only"))
    if rules.get("max_turnover") == 0:
        assert event.trading.orders == ()
    for rule in event.trading.step.rules if event.trading.step else ():
        assert rule.suggested <= rule.today + 1e-7
        assert 0 <= rule.bound <= rule.today


def test_budgets_that_grow_never_come_less_near() -> None:
    taxes = [0.0, 2_000.0, 5_000.0, 10_000.0]
    reached = [distance(large(max_tax_aud=tax), "max_weight")[1] for tax in taxes]
    assert all(before > after for before, after in pairwise(reached))


@pytest.mark.parametrize("rules", [{"max_turnover": 0.0}, {"max_tax_aud": 0.0}, {"max_tax_aud": 5_000.0}])
def test_time_that_ends_the_last_search_at_once_leaves_a_portfolio_as_near_as_the_budgets_allow(
    rules: dict[str, float],
) -> None:
    data = json.dumps(ask(LARGE, CASH, rules)).encode()
    asked, market = parse_request(data, "test"), load(OUTLOOK)
    sleeves = [as_sleeve(market, result) for result in pod_results(data).values()]
    terms, plans = asked.terms(), asked.plans(market)
    settled = settle_shares(market, sleeves, terms, plans)
    case = within_budgets(Case(market, settled.sleeves, settled.terms))
    assert case.targets is not None

    found = optimise_all_pods(case, stop=lambda: True)

    assert found.certificate.certified is False
    far = distances(case, found.X, money_left(case, found.X))
    assert all(far[rule] <= case.targets.allowed[rule] + 1e-7 for rule in far)
