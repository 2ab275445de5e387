"""Holdings that the market does not know: kept at the value that the request gives, named, and in the totals alone."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from support.builders import TRAILING, final_event, request
from support.requests_made import ROOT

from bus.language import subjects
from bus.language.messages import MasterPortfolioOptimized, Reason, encode, parse_request
from bus.port import Message
from coordinator.decisions import Fail, SetDeadline, admit
from portfolio.check import findings
from portfolio.market.snapshot import load

EXAMPLE = ROOT / "examples" / "existing-investor.json"
PODS = ("alpha", "beta", "gamma", "delta")
ACCOUNT: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))["account"]
IVV = {
    "ticker": "IVV",
    "units": 31,
    "value_aud": 1_980.55,
    "parcels": [{"acquired": "2020-02-03", "units": 31, "cost_base_aud": 1_000.0}],
}


def asked(*more: dict[str, object], outside: str = "keep") -> bytes:
    return request(account={**ACCOUNT, "outside": outside, "holdings": [*ACCOUNT["holdings"], *more]}, tax=0.39)


@cache
def found(*, ivv: bool) -> MasterPortfolioOptimized:
    event = final_event(asked(*([IVV] if ivv else [])))
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


def test_it_is_kept_at_its_value_named_and_in_the_totals_of_today_and_of_the_suggestion() -> None:
    event, without = found(ivv=True), found(ivv=False)
    assert event.terms.owned is not None
    (kept,) = event.terms.owned.kept
    assert (kept.ticker, kept.units, kept.value_aud) == ("IVV", 31, 1_980.55)
    assert event.trading is not None
    assert "IVV" not in {order.ticker for order in event.trading.orders}
    for which in ("today", "separate", "suggested"):
        now, then = getattr(event, which), getattr(without, which)
        assert now.kept_aud == 1_980.55
        assert now.value_aud == pytest.approx(then.value_aud + 1_980.55)
        # And in nothing else: neither return nor risk of it is known.
        for name in ("expected_return", "volatility", "weights", "etfs", "income", "cash_aud"):
            assert getattr(now, name) == getattr(then, name), name


def test_what_the_market_prices_is_kept_at_that_price() -> None:
    pods = {"alpha": 0.4, "beta": 0.6}
    event = final_event(request(pods, account={**ACCOUNT, "outside": "keep"}, tax=0.39))
    assert isinstance(event, MasterPortfolioOptimized), event
    assert event.terms.owned is not None and event.today is not None  # noqa: PT018 - the account has them
    prices = {etf.ticker: etf.price_aud or 0.0 for etf in load(TRAILING).etfs}
    kept = {one.ticker: one for one in event.terms.owned.kept}
    assert {"NDQ", "VTS"} <= set(kept)
    assert all(one.value_aud == one.units * prices[one.ticker] for one in kept.values())
    everything = sum(holding["units"] * prices[holding["ticker"]] for holding in ACCOUNT["holdings"])
    assert event.today.value_aud == pytest.approx(everything + ACCOUNT["cash_aud"])
    assert not set(event.today.weights) & set(kept)


def decided(body: bytes) -> SetDeadline | Fail:
    stored = datetime(2025, 11, 10, 9, tzinfo=UTC)
    return admit(Message(subjects.request("test"), body, sequence=1, stored_at=stored), PODS)


def without_value(holding: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in holding.items() if name != "value_aud"}


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (
            asked(IVV, outside="sell"),
            Reason.UNKNOWN_ETF,
            "names IVV, unknown in market .* outside: keep and a value_aud",
        ),
        (
            asked(without_value(IVV)),
            Reason.UNKNOWN_ETF,
            "names IVV, unknown in market .* outside: keep and a value_aud",
        ),
        (
            request(account={**ACCOUNT, "holdings": [{**ACCOUNT["holdings"][0], "value_aud": 17_000.0}]}),
            Reason.INVALID_REQUEST,
            "value_aud of VAS is 17,000.00, and market .* has a price for it, .*: leave value_aud out",
        ),
    ],
    ids=["to be sold", "no value", "a value beside a price"],
)
def test_a_value_is_asked_for_just_where_it_is_needed(body: bytes, reason: Reason, words: str) -> None:
    parse_request(body, "test")
    refused = decided(body)
    assert isinstance(refused, Fail)
    assert refused.event.reason is reason
    assert re.search(words, refused.event.message)


def test_a_request_that_keeps_what_the_market_does_not_know_is_admitted() -> None:
    assert isinstance(decided(asked(IVV)), SetDeadline)


@pytest.mark.parametrize("change", ["value", "outside", "unstated", "dropped", "price"])
def test_the_check_finds_a_false_value(change: str) -> None:
    event = json.loads(encode(found(ivv=True)))
    assert findings(event, load(TRAILING)) == []
    forged = deepcopy(event)
    owned = forged["terms"]["owned"]
    if change == "value":
        owned["kept"][0]["value_aud"] += 1.0
    elif change == "outside":
        owned["outside"] = "sell"
    elif change == "unstated":
        owned["values_aud"] = {}
    elif change == "dropped":
        owned["kept"] = []
    else:
        owned["values_aud"]["VAS"] = 17_000.0
    assert findings(forged, load(TRAILING)) != []
