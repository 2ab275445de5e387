"""The examples of customers with money in and out, with amounts computed by hand; and impossible withdrawals."""

from __future__ import annotations

import copy
import io
import json
from datetime import date
from functools import cache
from typing import Any

import pytest
from support.builders import final_event, pod_results
from support.depth import much
from support.requests_made import ROOT
from support.unspaced import unspaced

from bus.language.messages import (
    BadMessageError,
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    Reason,
    parse_request,
)
from cli.pages.final_event import make_console, show
from coordinator.budget import Budget
from coordinator.consolidation import consolidate
from portfolio.check import findings
from portfolio.market import snapshot as markets
from portfolio.published.order import Side
from report.story.compose import tell

# What sums of a few hundred products lose to rounding, AUD.
ROUNDING = 1e-6

# Last prices of the market: etfs.csv.
PRICES = {
    "BILL": 100.51,
    "VAF": 46.49,
    "VGB": 47.10,
    "VAS": 108.83,
    "VHY": 78.77,
    "VAP": 100.25,
    "GOLD": 56.61,
    "VGS": 154.12,
}


def example(name: str, account: dict[str, Any] | None = None, **changes: object) -> bytes:
    body = json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    body["account"] |= account or {}
    return json.dumps(body | {"request_id": "test"} | changes).encode()


@cache
def answered(name: str) -> MasterPortfolioOptimized:
    event = final_event(example(name))
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


def asked(sent: bytes, seconds: float = 600.0) -> FinalEvent:
    return consolidate(parse_request(sent, "test"), pod_results(sent), budget=Budget(seconds))


@pytest.mark.parametrize("name", ["pensioner", "young-saver"])
def test_an_example_passes_the_check(name: str) -> None:
    event = answered(name)
    assert findings(json.loads(event.model_dump_json()), markets.load(event.market.id)) == []


def test_the_pensioner_raises_what_is_still_to_draw_of_the_minimum() -> None:
    event = answered("pensioner")
    paid, trading = event.payments, event.trading
    assert paid is not None and trading is not None and paid.pension is not None  # noqa: PT018

    # At 72: 5 % of 523,450 are 26,172.50, to the nearest ten 26,170; of these 8,000 are paid.
    assert (paid.pension.factor, paid.pension.minimum_aud, paid.pension.to_draw_aud) == (0.05, 26_170, 18_170)
    # The cash of 9,000 pays first. 10 November 2025 is a Monday; two trading days later is the Wednesday. The payment
    # is due on Monday 1 December: two trading days before that is Thursday 27 November.
    assert (paid.withdrawal_aud, paid.from_cash_aud, paid.from_sales_aud) == (18_170, 9_000, 9_170)
    assert paid.settles_on == date(2025, 11, 12)
    assert (paid.paid_by, paid.last_sale_day) == (date(2025, 12, 1), date(2025, 11, 27))
    assert paid.pension_to_draw_aud == 0
    # 115,586.50 BILL + 74,418.00 VGB + 46,490.00 VAF + 86,647.00 VHY + 64,160.00 VAP + 50,949.00 GOLD + 37,002.20 VAS
    # + 40,071.20 VGS = 515,323.90; with 9,000 of cash and without the payment, 506,153.90 stay.
    assert event.terms.total_capital_aud == pytest.approx(506_153.90, abs=ROUNDING)


def test_what_the_pensioner_s_orders_leave_is_the_payment_the_floor_and_less_than_a_unit() -> None:
    event = answered("pensioner")
    trading = event.trading
    assert trading is not None
    # From the orders alone: each at the last price, with 10 AUD of brokerage and half the spread.
    left = 9_000.0 - 18_170.0
    for order in trading.orders:
        assert order.price_aud == PRICES[order.ticker]
        value = order.units * PRICES[order.ticker]
        left += value if order.side is Side.SELL else -value
        left -= 10.0 + order.spread_aud

    assert trading.cash_left_aud == pytest.approx(left, abs=ROUNDING)
    # 12,000 AUD are to stay; more than that would be a unit of VGS at most.
    assert 12_000 <= left < 12_000 + 154.12
    assert trading.gains.tax_aud == 0


def test_the_pensioner_s_figures_today_and_suggested_add_up_with_the_payment_between_them() -> None:
    event = answered("pensioner")
    today, suggested, switch = event.today, event.suggested, event.switch
    assert today is not None and suggested is not None and switch is not None  # noqa: PT018

    # Today: 515,323.90 of ETFs and 9,000 of cash. Suggested: the same with the payment, less brokerage and spread.
    assert today.value_aud == pytest.approx(524_323.90, abs=ROUNDING)
    assert (today.withdrawal_aud, suggested.withdrawal_aud) == (0, 18_170)
    assert suggested.value_aud == pytest.approx(524_323.90 - switch.cost_aud, abs=ROUNDING)
    # Today's shares are of the account before the payment, the suggestion's of the rest.
    assert today.weights["BILL"] == pytest.approx(1_150 * 100.51 / 524_323.90)
    assert suggested.weights["BILL"] == pytest.approx(1_150 * 100.51 / 506_153.90)
    # The switch is judged for as much money as stays.
    as_much = 506_153.90 / 524_323.90
    more = suggested.return_after_tax_aud - as_much * today.return_after_tax_aud
    assert switch.return_aud_per_year == pytest.approx(more, abs=1e-4)


def test_the_pensioner_reads_the_same_amounts_in_the_reasons_as_in_the_table_of_the_holdings() -> None:
    # 1,000 x 46.49 = 46,490 of VAF. As a share that would be 8.87 % of the account, and 9.18 % of the money that stays.
    event = answered("pensioner")
    assert event.trading is not None and event.today is not None  # noqa: PT018 - it has an account
    (order,) = (one for one in event.trading.orders if one.ticker == "VAF")
    left = (1_000 - order.units) * 46.49

    # 12,000 AUD of 506,153.90 stay as cash, 2.37 %; the pods share 97.63 % as 40, 40 and 20.
    assert "506,153.90 AUD over alpha 39%, beta 39%, gamma 20%, cash that stays 2%" in read(event)
    assert order.why == f"gamma needs {left:,.2f} AUD of it, 46,490.00 AUD is owned"
    assert "46,490.00" in read(event)


def test_the_saver_is_told_why_two_holdings_count_for_no_goal() -> None:
    # 100 x 14.62 ASIA and 60 x 23.22 SEMI.
    told = (
        "ASIA and SEMI (2,855.20 AUD) count for no goal: the money of a goal is in the ETFs of the goal's pod, and no"
        " pod that takes part may hold ASIA and SEMI (delta might)."
    )
    event = answered("young-saver")
    story = tell(event)

    assert told in read(event)
    assert [one.name for one in (*story.answers, *story.appendix) if told in one.points] == ["reach", "money-goals"]


def read(event: MasterPortfolioOptimized) -> str:
    console = make_console(file=io.StringIO())
    show(console, event)
    return unspaced(" ".join(console.file.getvalue().split()))  # type: ignore[attr-defined]


def test_the_saver_only_buys_and_keeps_what_is_above_a_limit() -> None:
    event = answered("young-saver")
    trading, today = event.trading, event.today
    assert trading and today and event.terms.owned  # noqa: PT018 - it has an account

    # 1,507.65 BILL + 1,413.00 VGB + 7,397.76 VGS + 3,047.24 VAS + 1,718.40 NDQ + 1,462.00 ASIA + 1,393.20 SEMI =
    # 17,939.25, with 310 AUD of cash and 1,000 AUD that come in: 19,249.25. The deposit takes all that is left, so that
    # delta takes no part: ASIA and SEMI, which no other pod may hold and which are never sold, are kept beside it.
    assert {one.ticker: one.value_aud for one in event.terms.owned.kept} == pytest.approx(
        {"ASIA": 1_462.0, "SEMI": 1_393.2}
    )
    assert event.terms.total_capital_aud == pytest.approx(19_249.25 - 1_462.0 - 1_393.2, abs=ROUNDING)
    assert today.cash_aud == 310
    assert today.contribution_aud == 1_000
    assert {order.side for order in trading.orders} == {Side.BUY}
    # The money is spent but for less than a unit of VGS.
    assert 0 <= trading.cash_left_aud < 154.12
    # VGS is 7,397.76 / 16,394.05 = 45.12 % of the capital, above 30 %, and stays as it is.
    assert trading.units["VGS"] == 48
    above = {(one.ticker, one.pod): one.position for one in trading.tolerated}
    assert above["VGS", None] == pytest.approx(7_397.76 / 16_394.05)


def test_the_saver_s_first_goal_gets_what_it_needs_as_ordered_and_the_second_all_that_is_left() -> None:
    event = answered("young-saver")
    emergencies, deposit = event.money_goals
    assert event.funding is not None

    # A hundred-thousandth of the capital, 0.16 AUD, counts as settled.
    assert event.funding.tolerance_aud == pytest.approx(0.1639405)
    assert emergencies.needed_as_ordered_aud == pytest.approx(emergencies.capital_aud, abs=0.1639405)
    assert emergencies.probability == pytest.approx(0.75, abs=1e-3)
    # What gamma owns is never sold, so that the deposit needs more than gamma alone would need, and more than is left.
    assert deposit.capital_aud == pytest.approx(16_394.05 - emergencies.capital_aud, abs=1e-4)
    assert deposit.needed_aud < deposit.capital_aud < deposit.needed_as_ordered_aud
    assert event.funding.surplus_aud == {}


def forged(name: str, *path: str | int, to: object) -> list[str]:
    event = json.loads(answered(name).model_dump_json())
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    assert inner[path[-1]] != to
    inner[path[-1]] = copy.deepcopy(to)
    return findings(event, markets.load(event["market"]["id"]))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("payments", "withdrawal_aud"), 18_000.0),
        (("payments", "from_cash_aud"), 9_170.0),
        (("payments", "from_sales_aud"), 0.0),
        (("payments", "settles_on"), "2025-11-11"),
        (("payments", "last_sale_day"), "2025-11-28"),
        (("payments", "paid_by"), "2025-12-02"),
        (("payments", "tax_aside_aud"), 1.0),
        (("payments", "pension_to_draw_aud"), 10.0),
        (("payments", "pension", "factor"), 0.06),
        (("payments", "pension", "minimum_aud"), 26_180.0),
        (("payments", "pension", "days"), 364),
        (("payments", "pension", "year_ends"), "2026-07-01"),
        (("payments", "pension"), None),
        (("payments",), None),
        (("terms", "owned", "payments", "pension", "age"), 75),
        (("terms", "owned", "payments", "pension", "drawn_aud"), 7_000.0),
        (("terms", "owned", "payments", "withdraw_by"), "2025-11-11"),
        (("terms", "owned", "cash_floor_aud"), 12_100.0),
        (("terms", "rules", "buy_only"), True),
        (("terms", "share_excess"), 0.1),
        (("suggested", "withdrawal_aud"), 0.0),
        (("today", "withdrawal_aud"), 18_170.0),
    ],
)
def test_the_check_finds_every_forged_payment(path: tuple[str | int, ...], to: object) -> None:
    assert forged("pensioner", *path, to=to)


def test_a_payment_before_the_sales_settle_and_one_of_more_than_there_is_are_refused_with_the_most() -> None:
    # Tuesday 11 November is a day before the sales of Monday settle.
    with pytest.raises(BadMessageError, match=r"sales of 2025-11-10 settle on 2025-11-12: .* at most 9,000\.00"):
        parse_request(example("pensioner", {"withdraw_by": "2025-11-11"}), "test")
    # The cash alone may be paid on any day.
    parse_request(example("pensioner", {"withdraw_by": "2025-11-11", "withdraw_aud": 9_000, "pension": None}), "test")


@pytest.mark.more_examples
def test_too_large_a_withdrawal_is_told_the_most_that_can_be_withdrawn() -> None:
    out = {"withdraw_by": "2025-12-01"}
    failed = asked(example("existing-investor", out | {"withdraw_aud": 138_000}))
    assert isinstance(failed, MasterPortfolioFailed)

    # 93,029.90 of ETFs: 180 x 108.83 + 100 x 154.12 + 25 x 509.14 + 350 x 46.49 + 180 x 47.10 + 180 x 57.28
    # + 130 x 78.77; with 8,000 of cash 101,029.90, of which 1,000 stay.
    assert (
        "worth 101,029.90 AUD, of which at least 1,000 AUD stay to invest: less than 100,029.90 AUD" in failed.message
    )
    (most,) = (repair for repair in failed.repairs if repair.rule == "account.withdraw_aud")
    assert isinstance(most.to, float)
    works = final_event(example("existing-investor", out | {"withdraw_aud": most.to}))
    assert isinstance(works, MasterPortfolioOptimized), works
    stays = works.terms.total_capital_aud
    below = asked(
        example("existing-investor", out | {"withdraw_aud": round(most.to + 0.01 * stays, 2)}), seconds=much(5, quick=2)
    )
    assert isinstance(below, MasterPortfolioFailed)
    assert below.reason is Reason.RULES_CONFLICT


def test_tax_by_brackets_that_is_set_aside_stays_as_cash() -> None:
    # 350 VTS cost 53 AUD each, 150 cost 139 and 100 cost 213, at net proceeds near 509 AUD: half of the gains, above an
    # income of 110,000 AUD, reaches the brackets of 37 % and 45 %, with the levy 39 % and 47 %.
    event = final_event(example("one-large-holding", {"keep_tax_aside": True}, rules={"max_turnover": 0.35}))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None and event.payments is not None  # noqa: PT018
    net = event.trading.gains.net_capital_gain_aud
    # 25,000 AUD at 30 %, 55,000 AUD at 37 %, the rest at 45 %, and 2 % of levy on all.
    parts = ((0.0, 0.30), (25_000.0, 0.07), (80_000.0, 0.08))
    due = 0.02 * net + sum(rate * max(net - start, 0.0) for start, rate in parts)
    assert net > 25_000
    assert event.trading.gains.tax_aud == pytest.approx(due)
    assert event.payments.tax_aside_aud == pytest.approx(due)
    assert event.trading.cash_left_aud >= due - 1e-6
    # What a unit would cost does not lie idle beside it, unless that is told.
    assert event.trading.cash_left_aud < due + 509.14 or event.trading.idle is not None
    forged = json.loads(event.model_dump_json())
    forged["payments"]["tax_aside_aud"] = 0.0
    assert findings(json.loads(event.model_dump_json()), markets.load(event.market.id)) == []
    assert findings(forged, markets.load(event.market.id)) != []


def test_sales_that_save_tax_set_nothing_aside() -> None:
    # The gain of 20,000 AUD this year is taxed at 39 %; losses of the sales save some of that.
    sold = {
        "ticker": "VGB",
        "units": 400,
        "parcels": [{"acquired": "2024-02-14", "units": 400, "cost_base_aud": 26_000}],
    }
    account = {"holdings": [sold], "cash_aud": 20_000, "keep_tax_aside": True, "realised": {"undiscounted_aud": 20_000}}
    event = final_event(example("existing-investor", account))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None and event.payments is not None  # noqa: PT018
    assert event.trading.gains.tax_aud < 0
    assert event.payments.tax_aside_aud == 0
    assert event.trading.cash_left_aud < 509.14 or event.trading.idle is not None


def test_tax_that_is_set_aside_stays_as_cash() -> None:
    event = final_event(example("existing-investor", {"keep_tax_aside": True}))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.trading is not None and event.payments is not None  # noqa: PT018

    tax = event.trading.gains.tax_aud
    assert tax > 100
    assert event.payments.tax_aside_aud == tax
    # The dearest unit is one of VTS, 509.14 AUD.
    assert tax <= event.trading.cash_left_aud < tax + 509.14
    assert event.trading.idle is None
