"""The check of the rules that force sales: what is told must be what the portfolio without the rule proves."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import OUTLOOK, final_event, request
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = dict[str, Any]


@cache
def text() -> bytes:
    account = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))["account"]
    event = final_event(request(market_id=OUTLOOK, account=account, tax=0.39))
    assert isinstance(event, MasterPortfolioOptimized), event
    return encode(event)


def saying(one: Told, saves_aud: float) -> None:
    """Tell another saving, in the words too."""
    before, one["saves_aud"] = one["saves_aud"], saves_aud
    one["words"] = one["words"].replace(f"{before:,.0f} AUD", f"{saves_aud:,.0f} AUD")


def save_more(one: Told) -> None:
    saying(one, one["saves_aud"] + 25.0)


def blame_another_rule(one: Told) -> None:
    """Without max_etfs, the portfolio would still break the rule that it does without."""
    one["name"] = "max_etfs"


def hold_half(one: Told) -> None:
    for weights in one["weights"].values():
        weights |= {ticker: weight / 2 for ticker, weight in weights.items()}


def sell_half_of_each_parcel(one: Told) -> None:
    one["sales"] = [units / 2 for units in one["sales"]]


def leave_a_pod_empty(one: Told) -> None:
    one["weights"]["alpha"] = {}


def tell_no_portfolio(one: Told) -> None:
    one["weights"], one["sales"] = {}, []


def keep_what_is_sold(one: Told) -> None:
    one["words"] += ", GOLD"


def call_it_a_sale_of_what_no_pod_may_hold(one: Told) -> None:
    one["name"] = "outside.VAS"


def test_what_is_told_of_forced_sales_is_believed() -> None:
    event = json.loads(text())
    assert event["switch"]["forced"]
    assert findings(event, load(OUTLOOK)) == []


@pytest.mark.parametrize(
    "forge",
    [
        save_more,
        blame_another_rule,
        hold_half,
        sell_half_of_each_parcel,
        leave_a_pod_empty,
        tell_no_portfolio,
        keep_what_is_sold,
        call_it_a_sale_of_what_no_pod_may_hold,
    ],
)
def test_a_claim_that_its_portfolio_does_not_prove_is_found(forge: Callable[[Told], None]) -> None:
    event = copy.deepcopy(json.loads(text()))
    one = event["switch"]["forced"][0]
    forge(one)
    found = findings(event, load(OUTLOOK))
    assert any(fault.startswith(f"of the switch, of {one['name']}, which forces sales, ") for fault in found), found


def test_no_more_than_three_rules_are_told_and_each_is_worth_telling() -> None:
    event = json.loads(text())
    forced = event["switch"]["forced"]
    forced.append(forced[-1] | {"name": "max_etfs", "saves_aud": 0.5})
    assert any("no such list" in fault or "not worth telling" in fault for fault in findings(event, load(OUTLOOK)))
