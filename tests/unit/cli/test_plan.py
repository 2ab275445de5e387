"""``podfolio plan``: the account after each step is that of the next, to the parcel and the cent."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.commands import here
from support.requests_made import OUTLOOK, body, holding

from agents.mandate_files import bundled, load
from bus.language.messages import MasterPortfolioOptimized, OptimizationRequest, encode, parse_request
from cli.pages.final_event import make_console
from cli.what_if.plan import Year, a_year_later, next_request, plan_years
from cli.what_if.plan_page import show_plan

if TYPE_CHECKING:
    from pathlib import Path

# 2,000 VGS at 154.12, bought for 40 each, and 20,000 AUD of cash.
LARGE = {
    "as_of": "2025-11-10",
    "cash_aud": 20_000.0,
    "holdings": [holding("VGS", 2_000, cost_base_aud=80_000.0)],
}


def request(**changes: object) -> bytes:
    made = body("large", customer={"customer_id": "c"}, account=LARGE, market=OUTLOOK, explain="unmet")
    made |= {"pod_weights": {"alpha": 0.5, "gamma": 0.5}, "rules": {"max_tax_aud": 5_000.0}}
    return json.dumps(made | changes).encode()


@cache
def planned() -> tuple[Year, ...]:
    mandates = {mandate.pod: mandate for mandate in map(load, bundled())}
    return tuple(plan_years(parse_request(request(), "large"), 2, mandates))


def event(number: int) -> MasterPortfolioOptimized:
    found = planned()[number].event
    assert isinstance(found, MasterPortfolioOptimized), found
    return found


def taxed(year: Year, aud: float) -> Year:
    """Change the tax of a step."""
    assert isinstance(year.event, MasterPortfolioOptimized)
    assert year.event.trading is not None
    gains = replace(year.event.trading.gains, tax_aud=aud)
    trading = replace(year.event.trading, gains=gains)
    return replace(year, event=year.event.model_copy(update={"trading": trading}))


def holdings(asked: OptimizationRequest) -> dict[str, list[tuple[date, int, float]]]:
    assert asked.account is not None
    return {
        held.ticker: [(parcel.acquired, parcel.units, parcel.cost_base_aud) for parcel in held.parcels]
        for held in asked.account.holdings
    }


def test_parcels_and_cash_are_carried_to_the_next_year() -> None:
    second = planned()[1].request
    assert second.account is not None

    bought = date(2025, 11, 10)
    found = holdings(second)
    # The budget pays for 273 units (tests/flow/test_step.py): 1,727 are left, at 40 AUD each.
    assert found["VGS"] == [(date(2020, 2, 3), 1_727, pytest.approx(69_080.0))]
    # 368 BILL at 100.51 and 230 VAS at 108.83, with half the spread of 0.01 % and 0.02 %, and 10 AUD of brokerage.
    assert found["BILL"] == [(bought, 368, pytest.approx(368 * 100.51 * 1.0001 + 10))]
    assert found["VAS"] == [(bought, 230, pytest.approx(230 * 108.83 * 1.0002 + 10))]
    # 20,000 + 273 x 154.12 x 0.9996 - 10 of the sale - 37,001.38 - 25,045.91
    assert second.account.cash_aud == pytest.approx(0.645148, abs=1e-6)
    assert second.account.as_of == date(2026, 11, 10)
    assert second.customer.carried_losses_aud == 0.0


def test_the_tax_of_the_second_step_is_that_of_the_parcels_carried() -> None:
    trading = event(1).trading
    assert trading is not None
    # Per unit of VGS 154.12 x 0.9996 - 40 = 114.058352 are gained, and the sale's brokerage is 10. The VAS of last year
    # cost 108.83 x 1.0002 + 10 / 230, and are sold for 108.83 x 0.9998: a loss of some cents, and 10 of brokerage.
    sold = {order.ticker: order.units for order in trading.orders if order.parcels}
    gain = sold["VGS"] * 114.058352 - 10
    loss = sum(units * (108.83 * 0.0004 + 10 / 230) + 10 for ticker, units in sold.items() if ticker == "VAS")

    assert set(sold) <= {"VGS", "VAS"}
    assert trading.gains.tax_aud == pytest.approx(0.16 * (gain - loss))
    assert trading.gains.tax_aud <= 5_000.0


def test_each_step_begins_where_the_last_one_ended() -> None:
    first, second = planned()

    # The same 266,165.24 AUD of VGS, of a capital that has paid three orders and half their spreads: 30 + 16.83 + 3.70
    # + 5.01 AUD.
    before, _ = second.distance("max_weight")
    assert before == pytest.approx(266_165.24 / (328_240 - 55.54) - 0.3, abs=1e-6)
    assert second.distance("max_weight")[1] < first.distance("max_weight")[1]
    assert (first.year, second.year) == (2026, 2027)
    assert (first.request.request_id, second.request.request_id) == ("large", "large-2027")


def test_facts_of_the_reform_are_those_of_today_where_the_request_has_none() -> None:
    third = next_request(planned()[1].request, event(1))
    assert third.account is not None

    assert third.request_id == "large-2028"
    assert third.account.as_of == date(2027, 11, 10)
    assert third.account.reform.values_aud["VGS"] == 154.12
    assert third.account.reform.cpi == {date(2027, 7, 1): 100.0, date(2027, 10, 1): 100.0}


@pytest.mark.parametrize(
    ("day", "later"),
    [
        # 7 November 2026 is a Saturday.
        (date(2025, 11, 7), date(2026, 11, 9)),
        (date(2025, 11, 10), date(2026, 11, 10)),
        (date(2028, 2, 29), date(2029, 3, 1)),
    ],
)
def test_the_next_step_is_on_the_same_day_or_the_trading_day_after_it(day: date, later: date) -> None:
    assert a_year_later(day) == later


def test_the_plan_fits_eighty_columns_and_says_what_it_assumes() -> None:
    page = io.StringIO()
    show_plan(make_console(file=page, width=80, force_terminal=True, color_system=None), planned())

    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("2025-26" in line and "63.9 %" in line and "51.1 %" in line and "████████" in line for line in lines)
    assert "assume today's prices" in " ".join(page.getvalue().split())


def test_the_tax_of_all_steps_is_the_sum_of_the_column_as_it_is_shown() -> None:
    # 0.004 AUD of each year are not shown: 100.00 + 200.00 + 300.00, and not 600.01.
    taxes = (100.004, 200.004, 300.004)
    page = io.StringIO()

    show_plan(make_console(file=page), [taxed(planned()[0], aud) for aud in taxes])

    shown = " ".join(page.getvalue().split())
    assert all(f"| {aud:.2f} |" in shown for aud in (100, 200, 300))
    assert "Tax on the gains of all steps: 600.00 AUD." in shown


def test_the_requests_of_the_years_are_written(tmp_path: Path) -> None:
    file, folder = tmp_path / "request.json", tmp_path / "steps"
    file.write_bytes(request())

    status, shown, _ = here("plan", str(file), "--years", "1", "-o", str(folder))

    assert status == 0
    assert "2025-26" in shown
    assert (folder / "2026.json").read_bytes() == encode(planned()[0].request)


def test_a_request_without_an_account_or_a_budget_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    for sent, said in (
        (request(rules={}), "give rules.max_tax_aud, or --max-tax"),
        (json.dumps(body("large")).encode(), "give account"),
    ):
        file.write_bytes(sent)
        status, _, errors = here("plan", str(file), "--years", "2")
        assert status == 1
        assert said in errors
