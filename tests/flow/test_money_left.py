"""Money that stays uninvested: as little as can be, told with its reason, and never made by a sale."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import final_event, request

from bus.language.messages import MasterPortfolioOptimized

NEW_MONEY: dict[str, Any] = {"as_of": "2025-11-10", "cash_aud": 100_000}
ALPHA = {"alpha": 1.0}


def answered(account: dict[str, Any], **rules: object) -> MasterPortfolioOptimized:
    event = final_event(request(ALPHA, rules={"max_weight": 0.6, **rules}, account=account))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None
    assert event.cash is not None
    held = sum(holding.amount_aud for holding in event.holdings)
    assert held + event.cash.amount_aud == pytest.approx(event.terms.total_capital_aud, abs=1e-6)
    return event


def test_new_money_is_invested_but_for_less_than_a_unit_and_within_the_pod_s_limit() -> None:
    # 4,939 AUD stayed uninvested, since a pod that holds less of all else could hold more of the safest ETF.
    event = answered(NEW_MONEY)

    assert event.trading is not None
    assert event.trading.cash_left_aud < 110
    for held in (event.pods["alpha"].weights, event.trading.pods["alpha"]):
        assert max(held.values()) <= 0.6 * sum(held.values()) * (1 + 1e-6)
    assert event.trading.idle is None


@pytest.mark.parametrize("floor", [{"cash_floor_aud": 20_000}, {"min_cash_share": 0.2}])
def test_money_is_kept_back_where_that_is_asked(floor: dict[str, float]) -> None:
    event = answered({**NEW_MONEY, "cash_rate": 0.03, **floor})

    assert event.trading is not None
    assert 20_000 <= event.trading.cash_left_aud < 20_110
    assert event.pods["alpha"].capital_share == pytest.approx(0.8)
    assert event.cash is not None
    # Interest on the money counts as a distribution, and in the return of the whole.
    figures = event.pods["alpha"].figures
    invested = sum(h.weight for h in event.holdings)
    (row,) = (row for row in event.comparison if row.metric == "expected_return")
    assert row.master == pytest.approx(invested * figures.expected_return + 0.03 * event.cash.weight)


def test_nothing_is_sold_to_hold_cash() -> None:
    # A pod of shares only would be less volatile with money beside it; the tolerance would let it hold half of that.
    parcels = [{"acquired": "2020-01-10", "units": 700, "cost_base_aud": 40_000}]
    account = {
        "as_of": "2025-11-10",
        "cash_aud": 500,
        "holdings": [{"ticker": "VAS", "units": 700, "parcels": parcels}],
    }
    event = answered(account, capital_tolerance=0.5)

    assert event.trading is not None
    assert event.trading.cash_left_aud <= 500 + 108.83
    assert event.trading.master.sold_aud <= event.trading.master.bought_aud + 500


def test_too_much_money_to_keep_is_refused_with_the_mend() -> None:
    event = final_event(request(ALPHA, account={**NEW_MONEY, "cash_floor_aud": 99_500}))
    assert "less than 1,000 AUD are left to invest: lower cash_floor_aud or min_cash_share" in event.message  # type: ignore[union-attr]
