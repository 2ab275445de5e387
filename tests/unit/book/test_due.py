"""The accounts that need a look: every figure below is worked out by hand from the prices of the bundled outlook.

Prices of 7 November 2025, AUD: BILL 100.51, VAF 46.49, VAS 108.83.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.requests_made import OUTLOOK

from book.due import Cause, Prices, Thresholds, differs_in_more_than_prices
from book.lines import Line
from book.look import Look, Looked, opened
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def parcel(units: float, acquired: str = "2020-02-03", cost_base_aud: float = 1.0) -> dict[str, Any]:
    return {"acquired": acquired, "units": units, "cost_base_aud": cost_base_aud}


def owns(*parcels: tuple[str, dict[str, Any]], cash_aud: float, **account: object) -> dict[str, Any]:
    holdings = [{"ticker": ticker, "units": one["units"], "parcels": [one]} for ticker, one in parcels]
    return {
        "customer": {"customer_id": "c-1", "marginal_tax_rate": 0.39},
        "market": OUTLOOK,
        "account": {"as_of": "2025-11-10", "cash_aud": cash_aud, "holdings": holdings, **account},
    }


# 100 VAF and 50 BILL, 4,649.00 and 5,025.50 AUD, with 325.50 AUD of cash: 10,000 AUD, and the weights below.
AS_SUGGESTED = owns(("VAF", parcel(100)), ("BILL", parcel(50)), cash_aud=325.50)


def suggested(**changes: object) -> dict[str, Any]:
    """Make what a look reads of an event: one pod holds VAF and BILL, with a cap on volatility that was met."""
    return {
        "type": "MasterPortfolioOptimized",
        "customer_id": "c-1",
        "market": {"id": OUTLOOK, "sha256": load(OUTLOOK).sha256},
        "terms": {"owned": {"as_of": "2025-11-03", "kept": []}},
        "suggested": {
            "weights": {"VAF": 0.4649, "BILL": 0.50255},
            "asset_classes": {"fixed income": 0.4649, "cash": 0.5351},
            "cash_aud": 325.50,
        },
        "trading": {"pods": {"alpha": {"VAF": 4_649.0, "BILL": 5_025.5}}},
        "pods": {"alpha": {"mandate": {"max_position": 0.6}, "capital_share": 1.0}},
        "goals": [],
        **changes,
    }


WIDE = {"rules": {"max_weight": 1.0}}


def look(tmp_path: Path, *events: dict[str, Any], request: dict[str, Any], **thresholds: float) -> Looked:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"".join(json.dumps(event).encode() + b"\n" for event in events))
    with opened(file) as there:
        made = Look(None, there, Thresholds(**thresholds))
        (found,) = made.through([Line(1, "line 1", json.dumps(WIDE | request).encode())])
    return found


def told(found: Looked) -> dict[Cause, str]:
    assert len({one.cause for one in found.why}) == len(found.why), "one reason of each kind"
    return {one.cause: one.words for one in found.why}


def test_an_account_that_is_as_suggested_needs_no_look(tmp_path: Path) -> None:
    assert look(tmp_path, suggested(), request=AS_SUGGESTED).why == ()


def test_drift_is_half_the_sum_of_deviations_by_etf_and_by_class(tmp_path: Path) -> None:
    # 20 VAF were sold for 929.80, and 8 VAS (870.64) bought: 80 VAF 3,719.20, BILL 5,025.50, VAS 870.64, cash 384.66.
    # Still 10,000 AUD. Deviations: VAF -0.09298, VAS +0.087064, cash +0.005916; half of their sum is 0.09298.
    drifted = owns(("VAF", parcel(80)), ("BILL", parcel(50)), ("VAS", parcel(8)), cash_aud=384.66)

    found = told(look(tmp_path, suggested(), request=drifted, drift=0.092))

    # By class: fixed income -0.09298, Australian equities +0.087064, cash +0.005916.
    assert found == {
        Cause.DRIFT: "the holdings are 9.3% of the account away from the last suggestion",
        Cause.CLASS_DRIFT: "the asset classes are 9.3% of the account away from it",
    }
    assert look(tmp_path, suggested(), request=drifted, drift=0.093).why == ()


def test_a_pod_in_cash_is_told_that_could_come_back(tmp_path: Path) -> None:
    # VGS and VAS are expected to return more than cash; half of each is the only mix of two effective holdings.
    def in_cash(*universe: str, sha256: str = "of another day") -> dict[str, Any]:
        mandate = {"pod": "gamma", "universe": universe, "max_position": 0.6, "min_effective_holdings": 2.0}
        return suggested(
            market={"id": OUTLOOK, "sha256": sha256}, in_cash={"gamma": {"mandate": mandate, "left_out": ["GOLD"]}}
        )

    market = load(OUTLOOK)
    mean = market.expected_returns[market.positions(["VGS", "VAS"])].mean()

    def back(event: dict[str, Any]) -> str | None:
        return told(look(tmp_path, event, request=AS_SUGGESTED)).get(Cause.IN_CASH)

    expected = f"a mix of its ETFs is expected to return {mean:.2%} by now, cash {market.risk_free:.2%}"
    assert back(in_cash("VGS", "VAS")) == f"gamma took no part, and {expected}"
    # GOLD was not considered; BILL alone returns no more than cash; and in the same market nothing is new.
    assert back(in_cash("GOLD")) is None
    assert back(in_cash("BILL")) is None
    assert back(in_cash("VGS", "VAS", sha256=market.sha256)) is None


def test_within_a_class_only_the_etfs_drift(tmp_path: Path) -> None:
    # 20 VAF are replaced by VGB, bonds too, for the same money: 20 x 46.49 / 47.10 = 19.74 units, so 19, and 34.90 of
    # cash. 19 x 47.10 = 894.90. Deviations: VAF -0.09298, VGB +0.08949, cash +0.00349; by class 0.00349 twice.
    drifted = owns(("VAF", parcel(80)), ("VGB", parcel(19)), ("BILL", parcel(50)), cash_aud=360.40)

    assert list(told(look(tmp_path, suggested(), request=drifted))) == [Cause.DRIFT]


def test_money_in_or_out_is_told_and_so_is_money_that_came_unasked(tmp_path: Path) -> None:
    comes = AS_SUGGESTED | {"account": {**AS_SUGGESTED["account"], "contribution_aud": 500.0}}
    leaves = AS_SUGGESTED | {"account": {**AS_SUGGESTED["account"], "withdraw_aud": 90.0, "withdraw_by": "2025-12-01"}}
    # 425.50 is 100.00 more, of 10,100: 0.99 %; 427.50 is 102.00 more, of 10,102: 1.01 %.
    under, over = (AS_SUGGESTED | {"account": {**AS_SUGGESTED["account"], "cash_aud": aud}} for aud in (425.50, 427.50))

    assert told(look(tmp_path, suggested(), request=comes)) == {Cause.CASH: "500.00 AUD come in"}
    assert told(look(tmp_path, suggested(), request=leaves)) == {Cause.CASH: "90.00 AUD are to be paid out"}
    assert look(tmp_path, suggested(), request=under).why == ()
    assert told(look(tmp_path, suggested(), request=over)) == {
        Cause.CASH: "cash is 102.00 AUD above the last suggestion's"
    }


def test_a_rule_is_told_that_drift_broke_and_not_one_that_was_broken_before(tmp_path: Path) -> None:
    # BILL is 50.255 %: above 50 %, but so it was suggested. VAF rises to 46.5 % only with the cash spent.
    before = look(tmp_path, suggested(), request=AS_SUGGESTED | {"rules": {"max_weight": 0.5}})
    # 104 VAF: 4,834.96 of 9,999.86 is 48.35 %, above 48 %; it was 46.49 %.
    more = owns(("VAF", parcel(104)), ("BILL", parcel(50)), cash_aud=139.40)
    narrow = more | {"rules": {"max_weight": 0.48}}
    now = look(tmp_path, suggested(), request=narrow, drift=1.0, cash=1.0, rule=0.0)
    # 0.35 points are 0.73 % of the limit.
    inside, beyond = (look(tmp_path, suggested(), request=narrow, drift=1.0, cash=1.0, rule=r) for r in (0.008, 0.007))

    assert before.why == ()
    assert inside.why == ()
    assert beyond.why == now.why
    assert told(now) == {Cause.RULE: "max_weight: VAF is 48.35%, at most 48.00% are allowed"}


def test_a_target_is_told_that_drift_broke(tmp_path: Path) -> None:
    market = load(OUTLOOK)
    bill, vaf = market.positions(["BILL", "VAF"])
    # Of the invested 9,674.50: VAF 0.480542, BILL 0.519458. With 30 BILL and 140 VAF, 3,015.30 and 6,508.60 of
    # 9,523.90: VAF 0.683397, BILL 0.316603. The yield is between those of the two ETFs.
    yields = [
        one.distribution_yield * (1 + one.franked_share * 0.3 / 0.7) for one in (market.etfs[bill], market.etfs[vaf])
    ]
    then, now = (yields[0] + share * (yields[1] - yields[0]) for share in (0.480542, 0.683397))
    asked = (then + now) / 2
    assert then > now, "BILL pays more than VAF"
    goal = {"name": "alpha.grossed_up_yield", "pods": ["alpha"], "figure": "grossed_up_yield", "asked": asked}
    sold = owns(("VAF", parcel(140)), ("BILL", parcel(30)), cash_aud=476.10)
    wide = {"alpha": {"mandate": {"max_position": 1.0}, "capital_share": 1.0}}

    met = suggested(goals=[{**goal, "met": True}], pods=wide)
    missed = suggested(goals=[{**goal, "met": False}], pods=wide)

    assert look(tmp_path, met, request=AS_SUGGESTED).why == ()
    assert told(look(tmp_path, met, request=sold, drift=1.0, cash=1.0, rule=0.0)) == {
        Cause.TARGET: f"alpha.grossed_up_yield is {now:.2%}: grossed-up yield at least {asked:.2%} was met"
    }
    short = (asked - now) / asked
    assert look(tmp_path, met, request=sold, drift=1.0, cash=1.0, rule=short * 0.99).why
    assert look(tmp_path, met, request=sold, drift=1.0, cash=1.0, rule=short * 1.01).why == ()
    assert look(tmp_path, missed, request=sold, drift=1.0, cash=1.0, rule=0.0).why == (), (
        "it gave way in the suggestion already"
    )


def test_a_pods_share_and_position_are_rules_too(tmp_path: Path) -> None:
    # Two pods of one ETF each: VAF 4,649.00 of 9,674.50 is 48.05 %, asked 48 %; tolerated are 5 % of it, 2.4 points.
    pods = {
        "alpha": {"mandate": {"max_position": 1.0}, "capital_share": 0.52},
        "beta": {"mandate": {"max_position": 1.0}, "capital_share": 0.48},
    }
    parts = {"pods": {"alpha": {"BILL": 5_025.5}, "beta": {"VAF": 4_649.0}}}
    # 90 VAF, 4,184.10, with 53 BILL, 5,327.03, of 9,511.13: 43.99 % and 56.01 %, both 4.01 points away.
    drifted = owns(("VAF", parcel(90)), ("BILL", parcel(53)), cash_aud=488.87)

    found = look(tmp_path, suggested(pods=pods, trading=parts), request=drifted, drift=1.0, cash=1.0, rule=0.0)
    # 4.01 points are 2.7 % of 52 % beyond the tolerance, and 3.4 % of 48 %.
    (beta,) = look(tmp_path, suggested(pods=pods, trading=parts), request=drifted, drift=1.0, cash=1.0, rule=0.03).why
    assert beta == found.why[1]
    # With half of the capital in cash the shares of the capital are half as large, those of what is invested the same.
    halves = {pod: {**terms, "capital_share": terms["capital_share"] / 2} for pod, terms in pods.items()}
    beside_cash = look(tmp_path, suggested(pods=halves, trading=parts), request=drifted, drift=1.0, cash=1.0, rule=0.0)
    assert beside_cash.why == found.why
    # In one pod of both: BILL is 56.01 % of it, 51.95 % before.
    narrow = {"alpha": {"mandate": {"max_position": 0.55}, "capital_share": 1.0}}
    position = look(tmp_path, suggested(pods=narrow), request=drifted, drift=1.0, cash=1.0, rule=0.0)
    # 1.01 points are 1.8 % of the limit.
    assert look(tmp_path, suggested(pods=narrow), request=drifted, drift=1.0, cash=1.0, rule=0.019).why == ()

    assert [one.words for one in found.why] == [
        "capital_tolerance: alpha is 56.01% of what is invested, 52.00% were asked",
        "capital_tolerance: beta is 43.99% of what is invested, 48.00% were asked",
    ]
    assert told(position) == {Cause.RULE: "max_position: BILL is 56.01% of alpha, at most 55.00% are allowed"}


@pytest.mark.parametrize(
    ("acquired", "cost_base_aud", "entity", "is_due"),
    [
        # A year lies between purchase and sale, without these two days (s 115-25): bought on 9 November 2024, sold on
        # 10 November 2025, the day of the trades.
        ("2024-11-09", 4_000.0, "individual", True),
        ("2024-11-10", 4_000.0, "individual", False),  # from 11 November 2025 on
        ("2024-11-02", 4_000.0, "individual", False),  # on 3 November 2025, the day of the last suggestion, already
        ("2024-11-03", 4_000.0, "individual", True),
        ("2024-11-07", 5_000.0, "individual", False),  # 4,649 AUD now: a loss
        ("2024-11-07", 4_000.0, "company", False),  # no discount
    ],
)
def test_a_parcel_with_a_gain_that_reached_12_months_is_told(
    tmp_path: Path, acquired: str, cost_base_aud: float, entity: str, *, is_due: bool
) -> None:
    request = owns(("VAF", parcel(100, acquired, cost_base_aud)), ("BILL", parcel(50)), cash_aud=325.50)
    request["customer"] = {"customer_id": "c-1", "entity": entity}

    found = look(tmp_path, suggested(), request=request)

    words = f"100 VAF of {acquired} have been held for 12 months: the gain is discounted now"
    assert told(found) == ({Cause.PARCEL: words} if is_due else {})


def test_a_pension_is_told_that_is_behind_the_year(tmp_path: Path) -> None:
    # At 72 the factor is 5 %: 26,000 of 520,000. 1 July to 10 November are 133 of 365 days, 36.4 %: 9,474 AUD.
    pension = {"age": 72, "balance_aud": 520_000.0}
    behind, on_time = (
        AS_SUGGESTED | {"account": {**AS_SUGGESTED["account"], "pension": {**pension, "drawn_aud": aud}}}
        for aud in (9_400.0, 9_500.0)
    )

    assert told(look(tmp_path, suggested(), request=behind)) == {
        Cause.PENSION: "16,600.00 AUD of the pension's minimum are still to draw by 2026-06-30, and 36% of the year is"
        " over"
    }
    assert look(tmp_path, suggested(), request=on_time).why == ()


def test_another_market_is_told_unless_only_prices_moved(tmp_path: Path) -> None:
    now = load(OUTLOOK)
    dearer = replace(now, sha256="x", etfs=tuple(replace(etf, price_aud=99.0) for etf in now.etfs))
    riskier = replace(now, sha256="x", Sigma=now.Sigma * 1.01)

    assert not differs_in_more_than_prices(dearer, now)
    assert differs_in_more_than_prices(riskier, now)
    assert told(look(tmp_path, suggested(market={"id": "gone", "sha256": "x"}), request=AS_SUGGESTED)) == {
        Cause.MARKET: f"{OUTLOOK} differs from gone in more than prices"
    }


def test_the_last_suggestion_counts_whatever_failed_since(tmp_path: Path) -> None:
    failed = {"type": "MasterPortfolioFailed", "customer_id": "c-1"}
    old = suggested(suggested={"weights": {"VAS": 1.0}, "asset_classes": {}, "cash_aud": 0.0}, trading=None)

    assert look(tmp_path, old, suggested(), failed, request=AS_SUGGESTED).why == ()
    assert Cause.DRIFT in told(look(tmp_path, suggested(), old, request=AS_SUGGESTED))
    assert told(look(tmp_path, failed, request=AS_SUGGESTED)) == {
        Cause.FIRST: "there is no suggestion for this customer yet"
    }


def test_without_events_only_the_book_speaks_and_a_fault_is_told() -> None:
    def through() -> Iterator[Looked]:
        bad = {**AS_SUGGESTED, "account": {**AS_SUGGESTED["account"], "cash_aud": "much"}}
        lines = [AS_SUGGESTED, bad, {**AS_SUGGESTED, "market": "nowhere"}]
        written = [Line(n, f"line {n}", json.dumps(one).encode()) for n, one in enumerate(lines, start=1)]
        yield from Look(None, None, Thresholds()).through(written)

    as_it_is, bad, nowhere = through()

    assert as_it_is.why == ()
    assert told(bad) == {Cause.FAULT: 'account.cash_aud is "much": give a number'}
    assert told(nowhere)[Cause.FAULT].startswith("unknown market nowhere")
    assert bad.line.startswith("no customer (line 2): account.cash_aud")


def test_prices_of_a_market_are_those_of_its_etfs() -> None:
    prices = Prices.of(load(OUTLOOK))

    assert (prices.aud["VAF"], prices.classes["VAF"]) == (46.49, "fixed income")
    assert "TECH" not in prices.aud, "without a price"


@pytest.mark.parametrize(
    ("account", "told"),
    [
        ({"cash_aud": -5.0}, "account.cash_aud is -5.0: give at least 0"),
        ({"holdings": 5}, "account.holdings is 5: give a list, [...]"),
        ({"holdings": owns(("VAF", parcel(-7)), cash_aud=1.0)["account"]["holdings"]}, "units is -7: give more than 0"),
        (
            {"holdings": owns(("VAF", parcel(100, "2199-12-31")), cash_aud=1.0)["account"]["holdings"]},
            "account.holdings has 100 VAF of 2199-12-31, after as_of, 2025-11-10: correct one of the two",
        ),
    ],
)
def test_figures_that_no_account_has_are_a_fault_with_its_field(
    tmp_path: Path, account: dict[str, Any], told: str
) -> None:
    request = {**AS_SUGGESTED, "account": {**AS_SUGGESTED["account"], **account}}
    found = look(tmp_path, suggested(), request=request)

    (words,) = [one.words for one in found.why if one.cause is Cause.FAULT]
    assert told in words


def test_an_event_whose_pods_hold_nothing_is_a_fault(tmp_path: Path) -> None:
    (why,) = look(tmp_path, suggested(trading={"pods": {"alpha": {"VAF": 0.0}}}), request=AS_SUGGESTED).why
    assert (why.cause, why.words) == (Cause.FAULT, "trading.pods.alpha.VAF is 0.0: give more than 0")
