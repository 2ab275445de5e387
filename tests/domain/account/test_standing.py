"""Today, the separate pods and the suggestion: figures on paper, and what must hold of any customer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.builders import OUTLOOK, TRAILING, final_event, market, request, sleeve
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized
from portfolio.account.standing import standings
from portfolio.case.case import Case
from portfolio.case.inventory import settle
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.orders.plan import plan
from portfolio.tax.parcels import Parcel
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.owned import Owned
from portfolio.terms.rules import Rules, Terms

if TYPE_CHECKING:
    from portfolio.published.money_goals import MoneyGoal

ACCOUNT = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))["account"]
GOALS = [
    {"goal_id": "house", "name": "A house", "pod": "gamma", "target_amount_aud": 60_000.0, "years": 6.0},
    {"goal_id": "boat", "name": "A boat", "pod": "alpha", "target_amount_aud": 12_000.0, "years": 3.0},
]


def three_etfs() -> Case:
    """100 A at 50 AUD and 200 B at 20 AUD are owned, with 1,000 AUD at 3 % interest; the pod alone wants C as well."""
    bare = market(
        [0.10, 0.20, 0.15],
        [0.06, 0.08, 0.07],
        yields=[0.04, 0.02, 0.0],
        franked=[0.7, 0.0, 0.0],
        half_spreads=[0.001, 0.002, 0.003],
    )
    facts = ((50.0, 0.001, "bonds"), (20.0, 0.002, "equities"), (10.0, 0.003, "cash"))
    etfs = tuple(
        replace(etf, price_aud=price, management_fee=fee, asset_class=asset_class)
        for etf, (price, fee, asset_class) in zip(bare.etfs, facts, strict=True)
    )
    prices = replace(bare, etfs=etfs)
    taxpayer = Taxpayer(Entity.INDIVIDUAL, 0.32)
    owned = Owned(
        as_of=date(2025, 11, 10),
        cash_aud=1_000.0,
        parcels=(
            Parcel("A", 100, date(2020, 1, 6), 1_800.0 / 40 * 100),
            Parcel("B", 200, date(2020, 1, 6), 3_000.0),
        ),
        taxpayer=taxpayer,
        cash_rate=0.03,
    )
    sleeves = [sleeve(prices, [0.3, 0.3, 0.4])]
    asked = Terms(0.0, marginal_tax_rate=0.32, rules=Rules(max_weight=1.0, capital_tolerance=0.2), owned=owned)
    return Case(prices, sleeves, settle(prices, sleeves, asked))


def test_a_small_account_by_hand() -> None:
    case = three_etfs()
    master = optimise_all_pods(case)
    stand = standings(case, master.X, plan(case, master))

    # Today: 5,000 of A, 4,000 of B and 1,000 of money, of 10,000 AUD.
    today = stand.today
    assert today is not None
    assert (today.etfs_aud, today.cash_aud, today.kept_aud, today.tax_due_aud) == (9_000.0, 1_000.0, 0.0, 0.0)
    assert today.value_aud == 10_000.0
    # 300 + 320 AUD, and 30 of interest.
    assert today.expected_return_aud == pytest.approx(650.0)
    # 200 of A, of which 140 are franked: 140 x 3 / 7 = 60 of credits; 80 of B; 30 of interest.
    assert today.income.distributions_aud == pytest.approx(310.0)
    assert today.income.franking_credits_aud == pytest.approx(60.0)
    # 0.32 x 370 - 60
    assert today.income.net_tax_aud == pytest.approx(58.40)
    assert today.income.after_tax_aud == pytest.approx(251.60)
    assert today.return_after_tax_aud == pytest.approx(591.60)
    assert today.tax_efficiency == pytest.approx(10 * 591.6 / 650)
    # The square root of 0.05^2 + 0.08^2
    assert today.volatility == pytest.approx(0.0943398113)
    assert today.sharpe_ratio == pytest.approx((0.065 - 0.04) / 0.0943398113)
    assert today.fees_aud == pytest.approx(5.0 + 8.0)
    # 0.9^2 / (0.5^2 + 0.4^2)
    assert today.effective_holdings == pytest.approx(0.81 / 0.41)
    assert (today.etfs, today.largest_position, today.duplicated_etfs, today.economic_duplicates) == (2, 0.5, 0, 0)
    assert today.asset_classes == {"bonds": 0.5, "equities": 0.4, "cash": 0.1}
    assert today.weights == {"A": 0.5, "B": 0.4}

    # The pod alone: sells 2,000 of A and 1,000 of B, buys 4,000 of C: three orders, and 2 + 2 + 12 AUD of spread.
    separate = stand.separate
    assert separate.etfs_aud == pytest.approx(10_000.0 - 30.0 - 16.0)
    assert separate.cash_aud == pytest.approx(0.0)
    # Half of (1,998 - 1,800) + (998 - 750) is taxed.
    assert separate.tax_due_aud == pytest.approx(0.32 * 0.5 * (198.0 + 248.0))
    assert separate.value_aud == pytest.approx(10_000.0 - 46.0 - 71.36)
    assert separate.expected_return_aud == pytest.approx(9_954.0 * (0.3 * 0.06 + 0.3 * 0.08 + 0.4 * 0.07))
    assert separate.asset_classes["cash"] == pytest.approx(0.9954 * 0.4)


def investor(market_id: str = TRAILING, **changes: object) -> MasterPortfolioOptimized:
    body = json.loads(request(market_id=market_id, account=ACCOUNT, tax=0.39)) | {"goals": GOALS} | changes
    return answered(json.dumps(body))


@cache
def answered(body: str) -> MasterPortfolioOptimized:
    event = final_event(body.encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


@pytest.mark.parametrize("market_id", [TRAILING, OUTLOOK])
def test_the_value_of_each_is_todays_less_its_costs_and_adds_up(market_id: str) -> None:
    event = investor(market_id)
    today, separate, suggested, trading = event.today, event.separate, event.suggested, event.trading
    assert today and separate and suggested and trading  # noqa: PT018 - the account has them
    for stand in (today, separate, suggested):
        assert stand.value_aud == pytest.approx(stand.etfs_aud + stand.cash_aud + stand.kept_aud - stand.tax_due_aud)
        assert sum(stand.asset_classes.values()) * today.value_aud == pytest.approx(stand.etfs_aud + stand.cash_aud)
        left = stand.expected_return_aud - stand.income.net_tax_aud
        assert stand.return_after_tax_aud == pytest.approx(left)
    costs = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    assert suggested.value_aud == pytest.approx(today.value_aud - costs)
    assert separate.value_aud == pytest.approx(today.value_aud - trading.naive.cost_aud)
    assert suggested.cash_aud == trading.cash_left_aud


def test_the_chances_are_those_of_the_money_goals() -> None:
    event = investor()
    assert event.today and event.separate and event.suggested  # noqa: PT018 - the account has them
    for goal in event.money_goals:
        assert event.today.money_goals[goal.goal_id] == goal.probability_today
        assert event.suggested.money_goals[goal.goal_id] == goal.probability
        # Without the floor on the cash, the separate pods' chance of a goal is that of stage 1, after their costs.
        reached = event.separate.money_goals[goal.goal_id] >= goal.wanted_probability
        assert event.trading is not None
        left = 1 - event.trading.naive.cost_aud / event.terms.total_capital_aud
        assert reached == (goal.capital_aud * left >= goal.needed_aud)


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": {"capital_tolerance": 0.2}},
        {"rules": {"max_weight": 0.5, "duplicates": "penalise"}},
        {"preferences": {"trading_cost": 5.0}},
        {"rules": {"never_buy": ["GOLD"]}},
        {"brokerage_aud": 30.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("weights", ["given", pytest.param("of the goals", marks=pytest.mark.deep)])
def test_today_does_not_depend_on_anything_that_is_suggested(changes: dict[str, object], weights: str) -> None:
    asked: dict[str, object] = {} if weights == "given" else {"pod_weights": None, "surplus_pod": "beta"}
    other, usual = investor(**changes, **asked), investor(**asked)
    assert other.suggested != usual.suggested
    assert other.today == usual.today
    assert [_of_today(goal) for goal in other.money_goals] == [_of_today(goal) for goal in usual.money_goals]


def _of_today(goal: MoneyGoal) -> tuple[float | None, ...]:
    return goal.needed_today_aud, goal.capital_today_aud, goal.probability_today


def test_without_pods_in_common_today_is_the_same() -> None:
    other = final_event(request({"alpha": 0.4, "beta": 0.6}, account=ACCOUNT, tax=0.39))
    assert isinstance(other, MasterPortfolioOptimized), other
    # Of the seven ETFs, these pods may hold some: all are owned today, and counted.
    assert other.today is not None
    assert replace(other.today, money_goals={}) == replace(investor().today, money_goals={})  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("cash_aud", "goals"),
    [
        (0.0, {}),
        (1_234.56, {}),
        # The goals need less than there is; the shares follow from them.
        (
            1_234.56,
            {"pod_weights": None, "goals": [GOALS[0], {**GOALS[0], "goal_id": "gift", "target_amount_aud": 1.0}]},
        ),
    ],
)
def test_with_nothing_to_do_today_is_the_suggestion_to_the_cent(cash_aud: float, goals: dict[str, object]) -> None:
    account = {**ACCOUNT, "cash_aud": cash_aud, "cash_rate": 0.03}
    body = json.loads(request({"gamma": 1.0}, market_id=OUTLOOK, account=account, brokerage=500.0, tax=0.39))
    idle = {"max_turnover": 0.0, "max_weight": 1.0, "max_etfs": 20, "capital_tolerance": 0.5}
    kept = {**account, "outside": "keep", "min_cash_share": 0.0}
    event = final_event(json.dumps(body | {"rules": idle, "account": kept} | goals).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    assert event.trading.orders == ()
    assert event.switch is None
    assert event.today and event.suggested  # noqa: PT018 - the account has them
    assert event.suggested == event.today
    assert all(goal.capital_aud == goal.capital_today_aud for goal in event.money_goals)


def test_an_account_of_money_alone_has_no_risk_today() -> None:
    event = final_event(request(account={"as_of": "2025-11-10", "cash_aud": 30_000.0, "cash_rate": 0.03}))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.today and event.switch  # noqa: PT018 - the account has them
    assert (event.today.volatility, event.today.sharpe_ratio, event.today.effective_holdings) == (0.0, None, 0.0)
    assert event.today.asset_classes == {"cash": 1.0}
    assert event.today.return_after_tax_aud == pytest.approx(30_000.0 * 0.03 * 0.68)
    # Nothing is sold, so that no rule forces a sale.
    assert event.switch.forced == ()
    assert "instead of 0.0 %" in event.switch.words


def test_without_an_account_there_is_no_today_and_the_suggestion_is_the_portfolio() -> None:
    event = final_event(request())
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.today is None
    assert event.switch is None
    assert event.suggested and event.separate  # noqa: PT018 - there always are
    assert event.suggested.weights == event.weights
    rows = {row.metric: row for row in event.comparison}
    for metric in ("sharpe_ratio", "volatility", "expected_return", "etfs", "duplicated_etfs", "effective_holdings"):
        assert getattr(event.suggested, metric) == pytest.approx(rows[metric].master)
        assert getattr(event.separate, metric) == pytest.approx(rows[metric].naive)
    assert event.suggested.value_aud == pytest.approx(100_000.0)
