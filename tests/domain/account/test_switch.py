"""The switch from today to the suggestion: the judgement in words, and the rules that force the dearest sales."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.builders import OUTLOOK, final_event, request
from support.requests_made import ROOT
from support.trade_cases import case as made
from support.trade_cases import optimise

from bus.language.messages import MasterPortfolioOptimized
from portfolio.account.standing import Standings
from portfolio.account.switch import judge
from portfolio.case.case import Case
from portfolio.market.measure import Measure
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.orders.forced import forced_sales

if TYPE_CHECKING:
    from portfolio.published.standing import Standing
    from portfolio.published.trading import Trading
    from portfolio.terms.mandate import Mandate

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
        "does not pay for itself in return: you pay 16,416 AUD to lower volatility from 13.0 %"
    )
    assert not switch.cut_short
    assert [one.name for one in switch.forced][:1] == ["capital_tolerance"]
    assert all(0 < one.saves_aud <= switch.cost_aud and one.gap <= 1e-4 for one in switch.forced)


def eased(terms: Mandate, name: str) -> Mandate:
    """Leave out the largest position of a mandate, or one of its goals."""
    if name.endswith(".max_position"):
        return replace(terms, max_position=1.0)
    return replace(terms, goals={m: asked for m, asked in terms.goals.items() if m is not Measure(name.split(".")[1])})


def test_what_a_rule_saves_is_what_the_portfolio_without_it_costs_less() -> None:
    tried = set()
    for seed in (6, 8):
        asked = made(seed)
        terms, master, trading = optimise(asked)
        case = Case(asked.market, asked.sleeves, terms)
        # A goal that gives way would be served anew without the rule; here all others are held where they are.
        if not master.certificate.certified or any(master.held.get(goal.name) != goal.asked for goal in master.goals):
            continue
        forced, cut_short = forced_sales(case, master, trading)
        assert not cut_short
        for one in forced:
            pod = one.name.partition(".")[0]
            if pod not in {sleeve.mandate.pod for sleeve in case.sleeves}:
                continue
            changed = [
                replace(s, mandate=eased(s.mandate, one.name)) if s.mandate.pod == pod else s for s in case.sleeves
            ]
            free = case.under(sleeves=changed)
            now, then = case.move_to(master.X), free.move_to(optimise_all_pods(free).X)
            assert now is not None and then is not None  # noqa: PT018 - something is owned
            # Two proofs of one optimum leave it open by their gap.
            orders = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
            saved = min(now.cost_aud, orders) - then.cost_aud
            assert saved == pytest.approx(one.saves_aud, rel=0.05, abs=1.0), one
            tried.add((seed, one.name))
    assert len(tried) > 1


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
