"""The switch from today to the suggestion: the judgement in words, and the rules that force the dearest sales."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import OUTLOOK, final_event, request
from support.depth import some_of
from support.requests_made import ROOT
from support.trade_cases import case as made
from support.trade_cases import optimise

from bus.language.messages import MasterPortfolioOptimized
from portfolio.account.standing import Standings
from portfolio.account.switch import judge
from portfolio.case.case import Case
from portfolio.conic.solution import Status
from portfolio.master.coordinated_portfolio import GAP
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.orders.forced import forced_sales

if TYPE_CHECKING:
    from portfolio.conic.solution import Solution
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.published.standing import Standing
    from portfolio.published.trading import Trading

# Three ETFs with large gains, owned for long, and hardly any money.
HOLDINGS = [("VAS", 800, "2014-03-15", 44_000.0), ("VGS", 500, "2016-08-14", 31_000.0), ("NDQ", 600, "2018-06-17", 9e3)]
OWNER = {
    "as_of": "2025-11-10",
    "cash_aud": 2_000.0,
    "holdings": [
        {
            "ticker": ticker,
            "units": units,
            "parcels": [{"acquired": acquired, "units": units, "cost_base_aud": cost}],
        }
        for ticker, units, acquired, cost in HOLDINGS
    ],
}


@cache
def owner() -> MasterPortfolioOptimized:
    event = final_event(request(market_id=OUTLOOK, account=OWNER, tax=0.39))
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


def stand(of: Standing, *, volatility: float, more_aud: float, income_aud: float = 0.0) -> Standing:
    """Change a portfolio's figures."""
    income = replace(of.income, after_tax_aud=of.income.after_tax_aud + income_aud)
    after_tax = of.return_after_tax_aud + more_aud
    return replace(of, volatility=volatility, return_after_tax_aud=after_tax, income=income)


def cost(of: Trading, aud: float) -> Trading:
    gains = replace(of.gains, tax_aud=aud - 120.0)
    return replace(of, brokerage_aud=100.0, spread_aud=20.0, gains=gains)


NOT = "does not pay for itself in return: you pay 10,574 AUD"
RISK = ", with a volatility of 13.0 % instead of 12.1 %"
ONCE = "you pay 10,574 AUD once for {} AUD more return per year after fees and tax on income"


@pytest.mark.parametrize(
    ("volatility", "more_aud", "income_aud", "words"),
    [
        (0.079, -289.0, -1_401.0, f"{NOT} to lower volatility from 12.1 % to 7.9 %"),
        (0.079, 0.0, 0.0, f"{NOT} to lower volatility from 12.1 % to 7.9 %"),
        (0.1212, -10.0, 250.4, f"{NOT} to raise income after tax by 250 AUD per year"),
        (0.1209, -10.0, 0.0, f"{NOT} and volatility stays at 12.1 %"),
        (0.13, -10.0, -5.0, f"{NOT} and volatility rises from 12.1 % to 13.0 %"),
        (0.1213, 4_000.0, -5.0, f"pays for itself in 2.6 years: {ONCE.format('4,000')}"),
        (0.13, 4e6, -5.0, f"pays for itself in less than 0.1 years: {ONCE.format('4,000,000')}{RISK}"),
    ],
)
def test_the_judgement_is_one_sentence(volatility: float, more_aud: float, income_aud: float, words: str) -> None:
    event = owner()
    assert event.today and event.separate and event.trading  # noqa: PT018 - the account has them
    today = stand(event.today, volatility=0.121, more_aud=0.0)
    suggested = stand(today, volatility=volatility, more_aud=more_aud, income_aud=income_aud)
    judged = judge(Standings(today, event.separate, suggested), cost(event.trading, 10_574.0))
    assert judged is not None
    assert judged.words == words
    assert judged.years_to_pay == (pytest.approx(10_574.0 / more_aud) if more_aud > 0 else None)
    assert judged.cost_aud == pytest.approx(10_574.0)


def test_an_owner_of_three_etfs_is_told_what_the_switch_takes_and_what_forces_it() -> None:
    event = owner()
    today, suggested, switch, trading = event.today, event.suggested, event.switch, event.trading
    assert today and suggested and switch and trading  # noqa: PT018 - the account has them
    assert switch.tax_aud == trading.gains.tax_aud > 10_000
    assert switch.cost_aud == switch.brokerage_aud + switch.spread_aud + switch.tax_aud
    assert switch.return_aud_per_year == suggested.return_after_tax_aud - today.return_after_tax_aud < 0
    assert switch.years_to_pay is None
    assert switch.words.startswith(
        "does not pay for itself in return: you pay 16,410 AUD to lower volatility from 13.0 %"
    )
    assert not switch.cut_short
    assert switch.forced
    for one in switch.forced:
        assert 0 < one.saves_aud <= switch.cost_aud
        assert f"without that, the switch could cost {one.saves_aud:,.0f} AUD less, with no lower score" in one.words
        # Each pod holds something, and in shares of the capital all of it together is no more than the capital.
        assert set(one.weights) == set(event.pods)
        assert 0.9 < sum(sum(weights.values()) for weights in one.weights.values()) <= 1


def optimum_without(case: Case, master: CoordinatedPortfolio, name: str) -> Solution:
    """Solve stage 2 again without one rule or goal, to the end."""
    levels = {other: level for other, level in master.levels.items() if other != name}
    form = Formulation(case, levels=levels, without=() if name in master.levels else (name,))
    solution = SearchSession(partial(Formulation, case), lambda: False).solve(form, GAP)
    assert solution.status is Status.OPTIMAL
    return solution


@pytest.mark.parametrize("seed", some_of([6, 8], every=2))
def test_what_is_said_of_a_rule_agrees_with_a_full_search_without_the_rule(seed: int) -> None:
    asked = made(seed)
    terms, master, trading = optimise(asked)
    case = Case(asked.market, asked.sleeves, terms)
    forced, cut_short = forced_sales(case, master, trading)
    assert forced and not cut_short  # noqa: PT018 - each of these customers sells because of a rule
    now, pods = case.move_to(master.X), [sleeve.mandate.pod for sleeve in case.sleeves]
    assert now is not None
    orders_aud = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    for one in (one for one in forced if not one.name.startswith("outside.")):
        X = np.zeros_like(master.X)
        for pod, weights in one.weights.items():
            X[pods.index(pod), asked.market.positions(weights)] = list(weights.values())
        move = case.move_to(X)
        assert move is not None
        score = objective(terms, objective_terms(case, X))
        assert one.saves_aud == pytest.approx(min(now.cost_aud, orders_aud) - move.cost_aud)
        assert score >= max(master.certificate.objective, trading.objective) - 1e-9
        full = optimum_without(case, master, one.name)
        # The portfolio keeps all that the full search keeps: no better than the proven bound. And the search's own
        # bound holds for the best portfolio there is.
        assert score <= -full.bound + 1e-7
        assert -full.value <= score + one.gap * max(abs(score), 0.01) + 1e-7


@pytest.mark.deep
def test_a_rule_without_which_nothing_better_exists_is_not_named() -> None:
    asked = made(1)
    terms, master, trading = optimise(asked)
    case = Case(asked.market, asked.sleeves, terms)
    full = {name: optimum_without(case, master, name) for name in ("max_etfs", "min_weight")}
    idle = {name for name, solution in full.items() if -solution.bound <= master.certificate.objective + 1e-6}
    assert idle
    assert not idle & {one.name for one in forced_sales(case, master, trading)[0]}


def test_a_rule_that_is_tried_last_is_named_all_the_same() -> None:
    """Rules come before goals; the full searches of ten rules used up the steps before the Sharpe ratio's turn."""
    account = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))["account"]
    event = final_event(request(market_id=OUTLOOK, account=account, tax=0.39, brokerage=10))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.switch is not None
    assert not event.switch.cut_short
    assert "gamma.sharpe_ratio" in [one.name for one in event.switch.forced]


def test_without_time_no_rule_is_tried_and_that_is_told() -> None:
    asked = made(8)
    terms, master, trading = optimise(asked)
    case = Case(asked.market, asked.sleeves, terms)
    assert any(order.side == "sell" for order in trading.orders)
    assert forced_sales(case, master, trading, left_s=lambda: 0.0) == ((), True)


def test_where_nothing_is_sold_nothing_forces_a_sale() -> None:
    asked = made(6)
    terms, master, trading = optimise(asked)
    bought = replace(trading, orders=tuple(order for order in trading.orders if order.side == "buy"))
    assert forced_sales(Case(asked.market, asked.sleeves, terms), master, bought) == ((), False)


def test_a_sale_of_what_no_pod_may_hold_is_named_with_what_it_would_save_to_keep_it() -> None:
    account = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))["account"]
    event = final_event(request({"alpha": 0.4, "beta": 0.6}, account=account, tax=0.39))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.switch is not None and event.trading is not None  # noqa: PT018 - the account has them
    sales = {order.ticker: order for order in event.trading.orders if order.side == "sell"}
    outside = [one for one in event.switch.forced if one.name.startswith("outside.")]
    assert outside
    for one in outside:
        sale = sales[one.name.removeprefix("outside.")]
        assert one.saves_aud == sale.brokerage_aud + sale.spread_aud + sale.tax_aud
