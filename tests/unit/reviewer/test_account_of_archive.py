"""The account of a customer from the archive alone: the fills, the unknown, and the reasons to skip a customer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.advised import advised, asked, holding, order
from support.reported import optimised
from support.requests_made import ROOT

from book.due import Thresholds
from book.look import Events, Look
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, OrderFilled, PortfolioDeclined, Reason, encode
from bus.port import Message
from reviewer.account import Known, Skip, SkippedError, account_today
from reviewer.latest import Latest
from reviewer.review import Market, family

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order

VAS = holding("VAS", ("2016-03-15", 500, 30_000.0))
REQUEST = asked(holdings=[VAS])
SALE = order("sell", "VAS", 100, 100.0, ("2016-03-15", 100))
PURCHASE = order("buy", "VAF", 50, 40.0)
EVENT = advised(REQUEST, SALE, PURCHASE)
LATER = date(2025, 12, 1)


def fill(event: MasterPortfolioOptimized, wanted: Order, units: int, *, day: str = "2025-11-11") -> bytes:
    key = f"{event.request_id}.{wanted.side.value[0].upper()}.{wanted.ticker}"
    made = OrderFilled(
        request_id=event.request_id,
        fill_id=f"{wanted.ticker}-{units}",
        order_id=key,
        customer_id=event.customer_id,
        side=wanted.side,
        ticker=wanted.ticker,
        ordered_units=round(wanted.units),
        day=date.fromisoformat(day),
        units=units,
        price_aud=wanted.price_aud,
        brokerage_aud=10.0,
    )
    return encode(made)


def known(*fills: bytes, decision: bytes | None = None, body: dict[str, Any] = REQUEST) -> Known:
    return Known(json.dumps(body).encode(), encode(EVENT), fills, decision)


def account(given: Known, on: date = LATER) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(account_today(given, EVENT, on).body)["account"]
    return made


def test_fills_make_the_account_of_the_day() -> None:
    made = account(known(fill(EVENT, SALE, 100), fill(EVENT, PURCHASE, 50)))

    assert (made["as_of"], made["cash_aud"]) == ("2025-12-01", 1_000 + 10_000 - 10 - 2_000 - 10)
    assert {one["ticker"]: one["units"] for one in made["holdings"]} == {"VAS": 400, "VAF": 50}


def test_a_declined_suggestion_leaves_the_account_as_it_was() -> None:
    decision = encode(
        PortfolioDeclined(request_id=EVENT.request_id, final_sha256="00", decided_at=datetime(2025, 11, 11, tzinfo=UTC))
    )
    made = account(known(decision=decision))
    assert (made["as_of"], made["cash_aud"], made["holdings"]) == ("2025-12-01", 1_000.0, [VAS])


def test_a_year_that_ended_without_gains_needs_no_person() -> None:
    made = account(known(decision=b'{"type": "PortfolioDeclined"}'), date(2026, 7, 2))
    assert (made["as_of"], "realised" in made) == ("2026-07-02", False)


def test_a_rest_counts_as_not_filled_when_it_can_be_filled_no_more() -> None:
    part = fill(EVENT, SALE, 40)
    assert account(known(part))["holdings"][0]["units"] == 460
    rejected = account(known(fill(EVENT, SALE, 100), fill(EVENT, PURCHASE, 0)), date(2025, 11, 12))
    assert rejected["cash_aud"] == 1_000 + 10_000 - 10


@pytest.mark.parametrize(
    ("given", "on", "reason", "words"),
    [
        (known(), LATER, Skip.FILLS_UNKNOWN, "have no fills: podfolio fills import --publish"),
        (known(fill(EVENT, SALE, 40)), date(2025, 11, 12), Skip.FILLS_OPEN, "may still be filled"),
        (known(fill(EVENT, SALE, 101)), LATER, Skip.FAULT, "more units than were ordered"),
        (known(b"{}"), LATER, Skip.FAULT, "cannot be read"),
        (known(fill(EVENT, order("buy", "VGS", 1, 1.0), 1)), LATER, Skip.FAULT, "of no order"),
        (
            known(fill(EVENT, SALE, 100), fill(EVENT, PURCHASE, 50)),
            date(2026, 7, 1),
            Skip.PERSON,
            "the financial year of 2025-11-10 has ended",
        ),
        (known(fill(EVENT, SALE, 40), body=asked(cash_aud=7.0)), LATER, Skip.FAULT, "account.cash_aud is 7"),
    ],
)
def test_an_account_that_is_not_known_is_skipped_for_a_reason(given: Known, on: date, reason: Skip, words: str) -> None:
    with pytest.raises(SkippedError, match=words) as skipped:
        account_today(given, EVENT, on)
    assert skipped.value.reason is reason


def test_who_traded_as_suggested_is_not_due_and_who_did_not_is() -> None:
    event = optimised("existing-investor")
    assert event.trading is not None
    assert event.terms.owned is not None
    on = event.terms.owned.as_of
    fills = tuple(fill(event, one, round(one.units), day=on.isoformat()) for one in event.trading.orders)
    asked_then = (ROOT / "examples" / "existing-investor.json").read_bytes()
    look = Look(event.market.id, Events(encode(event)), Thresholds())

    filled = look.at(account_today(Known(asked_then, encode(event), fills), event, on))
    declined = Known(asked_then, encode(event), (), b'{"type": "PortfolioDeclined"}')
    not_filled = look.at(account_today(declined, event, on))

    assert filled.why == ()
    assert "drift" in {one.cause.value for one in not_filled.why}


def final(sequence: int, request_id: str, body: bytes) -> Message:
    return Message(subjects.final(request_id), body, sequence=sequence)


def failed(sequence: int, reason: Reason) -> Message:
    told = MasterPortfolioFailed(request_id="later", customer_id="c-1", reason=reason, message="no")
    return final(sequence, "later", encode(told))


def test_the_last_suggestion_counts_and_a_later_refusal_of_the_account_is_known() -> None:
    latest = Latest()
    other = EVENT.model_copy(update={"customer_id": "c-2", "request_id": "r-2"})
    latest.add(final(1, "first", encode(EVENT)))
    latest.add(final(2, "r-2", encode(other)))
    latest.add(final(3, "second", encode(EVENT)))
    latest.add(final(4, "nobody", b"{}"))
    latest.add(failed(5, Reason.OVERLOADED))
    assert [(one.customer_id, one.request_id, one.refused) for one in latest] == [
        ("c-2", "r-2", ""),
        ("c-1", "second", ""),
    ]
    latest.add(failed(6, Reason.RULES_CONFLICT))
    last = latest.of("c-1")
    assert last is not None
    assert (last.refused, last.request_id, latest.sequence) == ("rules_conflict", "second", 6)


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        ("house-2025-11", "house"),
        ("house-2025-11-07", "house"),
        ("house-2026", "house"),
        ("house", "house"),
        ("house-104w-2025-11-07", "house-104w"),
        ("house-1", "house-1"),
    ],
)
def test_a_date_at_the_end_of_a_name_is_no_part_of_the_family(market: str, expected: str) -> None:
    assert family(market) == expected


def test_an_id_is_made_of_market_and_customer() -> None:
    run = Market("house-2026", "ab" * 32).run
    assert run.request_id("c-1") == "review-abababababab_1_c-1"
    assert run.request_id("Jane Doe") != run.request_id("Jane Roe")
