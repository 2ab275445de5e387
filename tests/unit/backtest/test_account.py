"""The ledger of a backtest, by hand: buy, distribution, sale, tax, loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from backtest.account import Costs, Ledger, Pocket, Trades
from backtest.walk import within_years
from portfolio.market.history.distributions import Payment
from portfolio.tax.taxpayer import Entity, Taxpayer

# 10 AUD and 0.1 % of the value per order.
COSTS = Costs(10.0, 0.0, {"VAS": 0.001})


def opened(cash_aud: float = 10_000.0, entity: Entity = Entity.INDIVIDUAL) -> Ledger:
    rate = 0.39 if entity is Entity.INDIVIDUAL else None
    return Ledger(Taxpayer(entity, rate), {"whole": Pocket(cash_aud)}, {"whole": 1.0}, 2024)


def bought() -> Ledger:
    """Return the ledger after the purchase of 100 VAS at 90: 9,000 of value, 9 of spread and 10 of brokerage."""
    buy = {"whole": Trades({"VAS": 100})}
    return opened().trade(buy, date(2024, 1, 5), {"VAS": 90.0}, COSTS).ledger


def paid(amount_aud: float = 0.80, franked: float = 0.5) -> dict[str, list[Payment]]:
    return {"VAS": [Payment(date(2024, 3, 15), amount_aud, franked)]}


def with_income() -> Ledger:
    return bought().until(date(2024, 3, 15), paid(), days=70, cash_rate=0.0)


def sold() -> Ledger:
    """Return the ledger after the sale of 40 VAS at 95, on 28 March 2024."""
    sell = {"whole": Trades(sold=(40.0,))}
    return with_income().trade(sell, date(2024, 3, 28), {"VAS": 95.0}, COSTS).ledger


def test_a_purchase_costs_brokerage_and_half_the_spread_and_both_are_in_the_cost_base() -> None:
    pocket = bought().pockets["whole"]
    assert pocket.cash_aud == pytest.approx(10_000 - 9_000 - 9 - 10)
    (parcel,) = pocket.parcels
    assert (parcel.units, parcel.acquired, parcel.cost_base_aud) == (100, date(2024, 1, 5), 9_019.0)


def test_a_distribution_is_cash_and_owes_tax_less_its_franking_credits() -> None:
    # 100 units get 80.00, of which 40.00 are franked: credits of 40 * 30/70 = 17.142857.
    # 39 % of 97.142857 are 37.885714, less the credits 20.742857.
    ledger = with_income()
    assert ledger.pockets["whole"].cash_aud == pytest.approx(981 + 80)
    assert ledger.owed_aud() == pytest.approx(20.742857, abs=1e-6)


def test_a_quarter_ends_at_the_wealth_that_follows_to_the_cent() -> None:
    # 40 at 95 are 3,800.00, less 3.80 of spread and 10.00 of brokerage: 3,786.20. Their cost is 40 * 90.19 = 3,607.60,
    # so the gain is 178.60, held for less than 12 months: 39 % of it are 69.654.
    # Cash 1,061.00 + 3,786.20 = 4,847.20; 60 VAS are 5,700.00; tax owed 20.742857 + 69.654 = 90.396857.
    ledger = sold()
    assert ledger.pockets["whole"].cash_aud == pytest.approx(4_847.20)
    assert ledger.wealth_aud({"VAS": 95.0}) == pytest.approx(4_847.20 + 5_700 - 90.396857, abs=1e-6)
    (kept,) = ledger.pockets["whole"].parcels
    assert (kept.units, kept.cost_base_aud) == (60, pytest.approx(60 * 90.19))


def test_the_tax_of_a_year_is_paid_out_of_cash_on_the_day_it_is_due() -> None:
    closed = sold().until(date(2024, 7, 5), {}, days=99, cash_rate=0.0)
    assert closed.bills == ((date(2024, 11, 21), pytest.approx(90.396857, abs=1e-6)),)
    before = closed.until(date(2024, 11, 20), {}, days=138, cash_rate=0.0)
    assert before.pockets["whole"].cash_aud == pytest.approx(4_847.20)
    after = before.until(date(2024, 11, 21), {}, days=1, cash_rate=0.0)
    assert after.pockets["whole"].cash_aud == pytest.approx(4_847.20 - 90.396857, abs=1e-6)
    assert (after.tax_paid_aud, after.owed_aud()) == (pytest.approx(90.396857, abs=1e-6), 0.0)


def test_a_loss_saves_no_tax_of_income_and_is_carried_to_later_gains() -> None:
    # 60 at 80 in the next financial year: 4,800 - 4.80 - 10 = 4,785.20, of a cost of 5,411.40: a loss of 626.20.
    next_year = sold().until(date(2024, 11, 21), {}, days=238, cash_rate=0.0)
    lost = next_year.trade({"whole": Trades(sold=(60.0,))}, date(2024, 12, 6), {"VAS": 80.0}, COSTS).ledger
    assert lost.owed_aud() == 0.0
    later = lost.until(date(2025, 7, 4), {}, days=210, cash_rate=0.0)
    assert (later.taxpayer.carried_losses_aud, later.bills) == (pytest.approx(626.20), ())


def test_spare_franking_credits_are_refunded_to_a_fund_in_the_pension_phase_and_not_to_a_company() -> None:
    # 100 units of 0.70 fully franked: 70.00 of cash with credits of 30.00; a pension pays no tax on either. A company
    # owes 30 % of 100.00, and the credits pay it.
    for entity, owed in ((Entity.SUPER_PENSION, -30.0), (Entity.COMPANY, 0.0)):
        ledger = opened(entity=entity).trade({"whole": Trades({"VAS": 100})}, date(2024, 1, 5), {"VAS": 90.0}, COSTS)
        income = ledger.ledger.until(date(2024, 3, 15), paid(0.70, 1.0), days=70, cash_rate=0.0)
        assert income.owed_aud() == pytest.approx(owed)


def test_interest_on_cash_is_income() -> None:
    # 10,000 at 3.65 % for 100 days: 100.00, of which 39 % are owed.
    ledger = opened().until(date(2024, 3, 15), {}, days=100, cash_rate=0.0365)
    assert ledger.pockets["whole"].cash_aud == pytest.approx(10_100.0)
    assert ledger.owed_aud() == pytest.approx(39.0)


def test_two_pockets_trade_apart_and_their_owner_is_taxed_once() -> None:
    # One pocket sells 10 VAS that the other buys: two orders, two times brokerage and spread.
    pockets = {"a": bought().pockets["whole"], "b": Pocket(2_000.0)}
    both = replace(bought(), pockets=pockets, shares={"a": 0.5, "b": 0.5})
    made = {"a": Trades(sold=(10.0,), money_in_aud=-100.0), "b": Trades({"VAS": 10}, money_in_aud=100.0)}
    traded = both.trade(made, date(2024, 3, 28), {"VAS": 95.0}, COSTS)
    assert (traded.paid.orders, traded.paid.brokerage_aud, traded.paid.spread_aud) == (2, 20.0, pytest.approx(1.90))
    # 950 - 0.95 - 10 of proceeds, 10 * 90.19 of cost: a gain of 37.15.
    assert traded.ledger.owed_aud() == pytest.approx(0.39 * 37.15)
    assert traded.ledger.pockets["a"].cash_aud == pytest.approx(981 + 939.05 - 100)
    assert traded.ledger.pockets["b"].cash_aud == pytest.approx(2_000 + 100 - 950 - 0.95 - 10)


def test_a_distribution_of_the_last_day_of_june_is_income_of_the_year_that_ends() -> None:
    # The week from 28 June to 5 July 2024: 100 units get 1.00 on 30 June, and 39.00 are due on 21 November 2024.
    ledger = bought()
    payments = {"VAS": [Payment(date(2024, 6, 30), 1.0, 0.0)]}
    assert within_years(date(2024, 6, 21), date(2024, 6, 28)) == [(date(2024, 6, 21), date(2024, 6, 28))]
    for begins, ends in within_years(date(2024, 6, 28), date(2024, 7, 5)):
        got = {"VAS": [each for each in payments["VAS"] if begins < each.date <= ends]}
        ledger = ledger.until(ends, got, days=0, cash_rate=0.0)
    assert ledger.bills == ((date(2024, 11, 21), pytest.approx(39.0)),)
