"""A walk that begins with holdings, with money that comes and goes: every strategy has the same, and sells in time."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from support.histories import TICKERS, history, walk

from agents.mandate_files import load
from backtest.account import Costs, Ledger, Pocket, Trades
from backtest.beginning import divided
from backtest.customer import taxpayer_on
from backtest.history import History
from backtest.path import CASH
from backtest.payments import CustomerPayment, read_payments, refuse_payments, to_raise_aud
from backtest.strategies import raising
from bus.language.messages import parse_request
from cli.what_if.backtest import prepare
from portfolio.errors import DataError
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel

if TYPE_CHECKING:
    from backtest.path import Walk
    from bus.language.messages import OptimizationRequest

LIKE = "asx-outlook-2025-12"
FIRST, SECOND = date(2024, 12, 27), date(2025, 6, 27)
OWNERS = [
    {"owner_id": "a", "share": 0.7, "marginal_tax_rate": 0.47, "carried_losses_aud": 100.0},
    {"owner_id": "b", "share": 0.3, "marginal_tax_rate": 0.18},
]
VAS = {"ticker": "VAS", "units": 200, "parcels": [{"acquired": "2021-02-03", "units": 200, "cost_base_aud": 9_000.0}]}
GOLD = {
    "ticker": "GOLD",
    "units": 90,
    "parcels": [
        {"acquired": "2022-02-03", "units": 50, "cost_base_aud": 4_000.0},
        {"acquired": "2024-12-02", "units": 40, "cost_base_aud": 5_000.0},
    ],
}
# In, out before the second date of orders, and out before a sale of that date would settle.
PAYMENTS = (
    CustomerPayment(date(2025, 1, 15), 3_000.0),
    CustomerPayment(date(2025, 4, 2), -12_000.0),
    CustomerPayment(date(2025, 6, 30), -4_000.0),
    CustomerPayment(date(2025, 9, 1), -5_000.0),
)


def asked(**customer: object) -> OptimizationRequest:
    body = {
        "request_id": "past",
        "customer": {"customer_id": "past", **(customer or {"marginal_tax_rate": 0.39})},
        "market": LIKE,
        "pod_weights": {"alpha": 0.5, "gamma": 0.5},
        "pod_targets": {"gamma.sharpe_ratio": 0.1},
        "rules": {"max_weight": 0.6},
        "account": {"as_of": "2025-11-07", "cash_aud": 8_000.0, "holdings": [VAS, GOLD]},
    }
    return parse_request(json.dumps(body).encode(), "past")


def past() -> History:
    return History(history(walk(3, 520), TICKERS), {}, like=LIKE)


@cache
def walked() -> Walk:
    folder = Path(mkdtemp(prefix="podfolio-account-"))
    mandates = {pod: load(pod) for pod in ("alpha", "gamma")}
    return prepare(past(), asked(owners=OWNERS), mandates, 52, "half-year", "VGS", 150, folder, PAYMENTS).walk()


def test_every_strategy_begins_with_the_same_holdings_and_has_the_same_payments() -> None:
    made, prices = walked(), past().until(FIRST).prices.last()
    begins = 8_000 + 200 * prices["VAS"] + 90 * prices["GOLD"]
    for path in made.paths:
        assert [each.date for each in path.decisions] == [FIRST, SECOND]
        assert path.flows_aud[0] == pytest.approx(begins, abs=0.01)
        there = {day: aud for day, aud in zip(path.dates[1:], path.flows_aud[1:], strict=True) if aud}
        # The end of the week of each payment.
        assert there == {
            date(2025, 1, 17): 3_000.0,
            date(2025, 4, 4): -12_000.0,
            date(2025, 7, 4): -4_000.0,
            date(2025, 9, 5): -5_000.0,
        }
        assert [each.refused for each in path.decisions] == [None, None], path.strategy


def test_the_money_of_a_withdrawal_is_there_after_the_last_orders_that_settle_before_it() -> None:
    """Sales of 27 June settle on 1 July: the 4,000 AUD of 30 June are raised in December already."""
    for path in walked().paths:
        first, second = path.decisions
        left = path.flows_aud[0] - first.brokerage_aud - first.spread_aud
        assert first.weights[CASH] * left >= 16_000 - 1, path.strategy
        # Wealth is less the tax that is owed on the sales of the year.
        assert second.weights[CASH] * path.wealth_aud[path.dates.index(SECOND)] >= 0.85 * 9_000, path.strategy
        # No strategy keeps what leaves beyond what its rules leave uninvested: most of the rest is invested.
        assert path.decisions[0].weights[CASH] <= 0.75
    held = walked().paths[-1]
    assert held.decisions[0] == walked().paths[0].decisions[0]
    assert held.strategy == "first purchase held"


def test_sales_for_a_payment_begin_with_the_largest_holding_and_pay_for_themselves() -> None:
    parcels = (Parcel("VAS", 10, date(2020, 1, 2), 900.0), Parcel("GOLD", 5, date(2020, 1, 2), 500.0))
    ledger = Ledger(taxpayer_on(asked(), FIRST), {"whole": Pocket(100.0, parcels)}, {"whole": 1.0}, 2025)
    prices, costs = {"VAS": 100.0, "GOLD": 50.0}, Costs(10.0, 0.0, {"VAS": 0.01, "GOLD": 0.01})
    # A unit of VAS brings 99 AUD: four, less 10 of brokerage, are the least for 380 AUD beside 100 of cash.
    assert raising(ledger, 480.0, FIRST, prices, costs) == {"whole": Trades({}, (4.0, 0.0))}
    assert raising(ledger, 100.0, FIRST, prices, costs) == {}
    # All of VAS brings 980, and GOLD, at 49.50, the last 120 and its own brokerage.
    assert raising(ledger, 1_200.0, FIRST, prices, costs) == {"whole": Trades({}, (10.0, 3.0))}


def test_wealth_falls_by_what_is_paid_out() -> None:
    for path in walked().paths:
        at = path.dates.index(date(2025, 4, 4))
        change = path.wealth_aud[at] - path.wealth_aud[at - 1]
        # A week moves these prices by a few per cent of what is invested, some 30,000 AUD.
        assert change == pytest.approx(-12_000, abs=3_000), path.strategy


def test_a_withdrawal_is_raised_once_and_no_earlier_than_it_must_be() -> None:
    assert to_raise_aud(PAYMENTS, FIRST, SECOND) == 16_000
    assert to_raise_aud(PAYMENTS, SECOND, None) == 9_000
    # A date of orders in between whose sales settle by 2 April raises the 12,000 itself.
    assert to_raise_aud(PAYMENTS, FIRST, date(2025, 3, 31)) == 0
    assert to_raise_aud(PAYMENTS, FIRST, date(2025, 4, 1)) == 12_000


def test_parcels_go_to_the_pods_that_may_hold_them_and_cash_fills_up_the_shares() -> None:
    prices = {"VAS": 100.0, "BILL": 50.0}
    both = (Parcel("VAS", 31, date(2020, 1, 2), 2_480.0), Parcel("BILL", 20, date(2023, 1, 2), 1_000.0))
    universes = {"a": ("BILL",), "b": ("VAS",), "c": ("VAS",)}
    pods = divided(Pocket(5_900.0, both), {"a": 0.4, "b": 0.4, "c": 0.2}, universes, prices)
    # The shares of 10,000 are 4,000, 4,000 and 2,000: VAS is divided 2 to 1, BILL belongs to a.
    assert {pod: pocket.units() for pod, pocket in pods.items()} == {
        "a": {"BILL": 20},
        "b": {"VAS": 21},
        "c": {"VAS": 10},
    }
    assert [pocket.value_aud(prices) for pocket in pods.values()] == pytest.approx([4_000, 4_000, 2_000])
    assert [p.cost_base_aud for pod in "bc" for p in pods[pod].parcels] == pytest.approx([1_680, 800])
    assert [p.acquired for p in pods["c"].parcels] == [date(2020, 1, 2)]


def test_a_pod_with_more_than_its_share_gets_no_cash() -> None:
    prices = {"VAS": 100.0}
    parcels = (Parcel("VAS", 80, date(2020, 1, 2), 2_480.0),)
    pods = divided(Pocket(2_000.0, parcels), {"a": 0.5, "b": 0.5}, {"a": ("BILL",), "b": ("VAS",)}, prices)
    assert [pocket.value_aud(prices) for pocket in pods.values()] == [2_000, 8_000]


def test_each_owner_pays_on_a_share_with_own_losses() -> None:
    taxpayer = taxpayer_on(asked(owners=OWNERS), FIRST)
    gains = dict.fromkeys(Kind, 0.0) | {Kind.DISCOUNTABLE: 1_000.0}
    ledger = Ledger(taxpayer, {"whole": Pocket(0.0)}, {"whole": 1.0}, 2025, gains)
    # 47 % of half of (700 - 100), and 18 % of half of 300.
    assert ledger.owed_aud() == pytest.approx(0.47 * 300 + 0.18 * 150)
    assert [each.discountable_aud for each in ledger.year_so_far()] == pytest.approx([700, 300])
    after = ledger.until(date(2025, 7, 1), {}, days=4, cash_rate=0.0)
    assert [owner.carried_losses_aud for owner in after.taxpayer.owners] == [0, 0]
    assert after.bills == ((date(2025, 11, 21), pytest.approx(168)),)


def test_brackets_are_those_of_each_year() -> None:
    """15 % from 1 July 2026 on 18,200 to 45,000 AUD, 16 % before, and 2 % of levy; 30 % above 45,000."""
    taxpayer = taxpayer_on(asked(taxable_income_aud=40_000.0), date(2026, 3, 27))
    gains = dict.fromkeys(Kind, 0.0) | {Kind.UNDISCOUNTED: 6_000.0}
    ledger = Ledger(taxpayer, {"whole": Pocket(0.0)}, {"whole": 1.0}, 2026, gains)
    assert ledger.owed_aud() == pytest.approx(0.18 * 5_000 + 0.32 * 1_000)
    after = ledger.until(date(2026, 7, 1), {}, days=4, cash_rate=0.0)
    assert (after.taxpayer.rate, after.taxpayer.income_year) == (pytest.approx(0.17), 2027)
    with pytest.raises(DataError, match="brackets of the financial year that ends in 2020 are not known"):
        taxpayer_on(asked(taxable_income_aud=40_000.0), date(2020, 3, 27))


def test_payments_are_read_in_order_and_each_fault_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "payments.csv"
    file.write_text("date,amount_aud\n2025-04-02,-500\n2025-01-15,100.5\n", encoding="utf-8")
    assert read_payments(file) == (CustomerPayment(date(2025, 1, 15), 100.5), CustomerPayment(date(2025, 4, 2), -500.0))
    file.write_text("date,amount_aud\n2025-04-02,5\n2025-04-02,6\n2025-05-02,much\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 3: a payment on 2025-04-02 stands in line 2 too: add them up; line 4"):
        read_payments(file)


@pytest.mark.parametrize(
    ("day", "aud", "told"),
    [
        (FIRST, 5.0, "the first date of orders is 2024-12-27: put earlier payments into the capital of the request"),
        (date(2026, 1, 1), 5.0, "the prices end on 2025-11-07: leave later payments out"),
        (date(2024, 12, 30), -5.0, "the first sales settle on 2024-12-31: give that day or a later one"),
    ],
)
def test_a_payment_that_no_walk_can_make_is_refused(day: date, aud: float, told: str) -> None:
    with pytest.raises(DataError, match=told):
        refuse_payments((CustomerPayment(day, aud),), (FIRST, SECOND), date(2025, 11, 7))
