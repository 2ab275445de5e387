"""Fills of a broker become the next account: partial fills, other prices, rejections; figures worked out by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.advised import HEAD, advised, asked, fills, holding, line, order
from support.commands import here

from book.export import order_id, orders_of
from book.fills import contracts, read
from book.next_book import Next, next_book
from bus.language.messages import encode, parse_request
from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

# 100 VAS of 2016 for 65.10 each, 80 of 2025 for 97.125 each, and 1,000 AUD, with 500 AUD that come in. All 80 VAS of
# 2025 and 20 of 2016 are to be sold, 200 VAF to be bought.
VAS = holding("VAS", ("2016-03-15", 100, 6_510.0), ("2025-03-20", 80, 7_770.0))
REQUEST = asked(contribution_aud=500.0, holdings=[VAS])
SALE = order("sell", "VAS", 100, 108.83, ("2025-03-20", 80), ("2016-03-15", 20))
PURCHASE = order("buy", "VAF", 200, 46.55)
EVENT = advised(REQUEST, SALE, PURCHASE)
SELL, BUY = (order_id(EVENT, one) for one in EVENT.trading.orders)


def after(*rows: str, request: dict[str, Any] = REQUEST, head: str = HEAD) -> Next:
    event = advised(request, SALE, PURCHASE)
    ordered = {key: round(one.units) for key, one in orders_of(event).items()}
    done = contracts(read(fills(*rows, head=head)), {}, ordered)
    (made,) = next_book([line(request)], {"c-1": event}, done)
    return made


def account(*rows: str, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
    made = after(*rows, request=request)
    assert parse_request(made.line, request["request_id"]), "the next book can be asked"
    assert made.person == ()
    found: dict[str, Any] = json.loads(made.line)["account"]
    return found


def test_orders_that_are_filled_wholly_become_parcels_cash_and_gains_of_the_year() -> None:
    rows = f"{SELL},2025-11-10,100,108.80,9.50", f"{BUY},2025-11-12,200,46.55,9.50"
    told = account(*rows)

    assert after(*rows).unfilled == ()
    assert told["as_of"] == "2025-11-12"
    # 1,000 + 500 + 10,880 - 9.50 - 9,310 - 9.50
    assert told["cash_aud"] == 3_051.0
    assert "contribution_aud" not in told, "it has come in"
    assert told["holdings"] == [
        # 80 of 100 are left of 2016, at 65.10 each.
        {"ticker": "VAS", "units": 80, "parcels": [{"acquired": "2016-03-15", "units": 80, "cost_base_aud": 5_208.0}]},
        # 200 x 46.55 and the brokerage.
        {
            "ticker": "VAF",
            "units": 200,
            "parcels": [{"acquired": "2025-11-12", "units": 200, "cost_base_aud": 9_319.5}],
        },
    ]
    # 10,870.50 for 100 units: 108.705 each. 80 x 108.705 - 7,770 = 926.40, held since March; 20 x 108.705 - 1,302 =
    # 872.10, held for nine years.
    assert told["realised"] == {"undiscounted_aud": 926.4, "discountable_aud": 872.1}


def test_partial_fills_at_several_prices_and_days_are_parcels_and_the_rest_is_told() -> None:
    rows = (
        f"{SELL},2025-11-10,30,108.80,9.50",
        f"{SELL},2025-11-11,10,108.00,0",
        f"{BUY},2025-11-12,50,46.50,9.50",
        f"{BUY},2025-11-12,10,46.60,0",
        f"{BUY},2025-11-13,20,46.70,5.00",
    )
    told = account(*rows)

    # 1,500 + 3,264 - 9.50 + 1,080 - 2,325 - 9.50 - 466 - 934 - 5
    assert told["cash_aud"] == 2_095.0
    vas, vaf = told["holdings"]
    # The 40 that were sold are of the parcel that the order names first: 40 of 80 are left, 97.125 each.
    assert vas["parcels"] == [
        {"acquired": "2016-03-15", "units": 100, "cost_base_aud": 6_510.0},
        {"acquired": "2025-03-20", "units": 40, "cost_base_aud": 3_885.0},
    ]
    assert vaf["parcels"] == [
        {"acquired": "2025-11-12", "units": 60, "cost_base_aud": 2_800.5},  # 2,325 + 9.50 + 466
        {"acquired": "2025-11-13", "units": 20, "cost_base_aud": 939.0},
    ]
    # 30 of the 80 cost 2,913.75 (2,913.75 = 7,770 - 4,856.25), 10 of the rest 971.25: 3,264 - 9.50 - 2,913.75 = 340.75
    # and 1,080 - 971.25 = 108.75.
    assert told["realised"] == {"undiscounted_aud": 449.5}
    assert [one.words for one in after(*rows).unfilled] == [
        f"c-1: 60 of 100 VAS are not sold ({SELL})",
        f"c-1: 120 of 200 VAF are not bought ({BUY})",
    ]


def test_rejections_leave_the_account_as_it_is() -> None:
    told = account(f"{SELL},2025-11-10,0,0,0")

    assert told["holdings"] == REQUEST["account"]["holdings"]
    assert told["cash_aud"] == 1_500.0
    assert "realised" not in told
    assert [one.units for one in after(f"{SELL},2025-11-10,0,0,0").unfilled] == [100, 200], "rejected, not heard of"


def test_a_gain_is_of_the_kind_of_its_own_contract_day() -> None:
    # Bought on 11 November 2024: 12 months are over from 12 November 2025 on (s 115-25).
    vas = holding("VAS", ("2016-03-15", 100, 6_510.0), ("2024-11-11", 80, 7_770.0))
    request = asked(holdings=[vas], realised={"undiscounted_aud": 50.0, "losses_aud": 100.0})
    event = advised(request, order("sell", "VAS", 80, 108.83, ("2024-11-11", 80)))
    rows = read(fills(f"{SELL},2025-11-11,40,100,10", f"{SELL},2025-11-12,40,90,10"))
    (made,) = next_book([line(request)], {"c-1": event}, contracts(rows, {}, {SELL: 80}))

    # 4,000 - 10 - 3,885 = 105, in full, beside the 50 so far; 3,600 - 10 - 3,885 = -295, beside the loss of 100.
    assert json.loads(made.line)["account"]["realised"] == {"undiscounted_aud": 155.0, "losses_aud": 395.0}
    (made,) = next_book(
        [line(request)],
        {"c-1": event},
        contracts(read(fills(f"{SELL},2025-11-12,80,100,20")), {}, {SELL: 80}),
    )
    # 8,000 - 20 - 7,770 = 210
    assert json.loads(made.line)["account"]["realised"] == {
        "undiscounted_aud": 50.0,
        "losses_aud": 100.0,
        "discountable_aud": 210.0,
    }


def test_each_owner_has_a_share_of_the_gains_and_a_company_no_discount() -> None:
    sold = f"{SELL},2025-11-10,100,108.80,9.50"
    owners = [{"owner_id": "a", "marginal_tax_rate": 0.39, "share": 0.6}]
    owners.append({"owner_id": "b", "marginal_tax_rate": 0.18, "share": 0.4, "realised": {"undiscounted_aud": 1.0}})
    joint = asked(customer={"owners": owners}, holdings=[VAS])
    company = asked(customer={"entity": "company"}, holdings=[VAS])
    pension = asked(customer={"entity": "super_pension"}, holdings=[VAS])

    told = json.loads(after(sold, request=joint).line)
    # Of 926.40 and 872.10: 0.6 and 0.4 of each.
    assert [one["realised"] for one in told["customer"]["owners"]] == [
        {"undiscounted_aud": 555.84, "discountable_aud": 523.26},
        {"undiscounted_aud": 371.56, "discountable_aud": 348.84},
    ]
    assert "realised" not in told["account"]
    assert account(sold, request=company)["realised"] == {"undiscounted_aud": 1_798.5}
    assert "realised" not in account(sold, request=pension), "no gain of a pension is taxed (s 118-320)"


def test_a_financial_year_that_ends_between_the_contracts_leaves_its_losses() -> None:
    told = {"losses_aud": 1_500.0, "undiscounted_aud": 200.0}
    request = asked(as_of="2026-06-29", customer={"carried_losses_aud": 70.0}, holdings=[VAS], realised=told)
    event = advised(request, SALE)
    rows = read(fills(f"{SELL},2026-06-30,30,108.80,9.50", f"{SELL},2026-07-01,10,108.00,0"))
    (made,) = next_book([line(request)], {"c-1": event}, contracts(rows, {}, {SELL: 100}))
    after_all = json.loads(made.line)

    # 340.75 of gain by 30 June, as above: 70 + 1,500 - 200 - 340.75. The 108.75 of 1 July are of the new year, and of
    # units held for 12 months since 21 March 2026.
    assert after_all["customer"]["carried_losses_aud"] == 1_029.25
    assert after_all["account"]["realised"] == {"discountable_aud": 108.75}
    assert "the financial year of 2026-06-29 has ended" in made.person[0]


def test_a_withdrawal_whose_day_is_over_counts_as_paid() -> None:
    request = asked(withdraw_aud=800.0, withdraw_by="2025-11-12", holdings=[VAS])
    early, late = (after(f"{SELL},{day},10,100,0", request=request) for day in ("2025-11-12", "2025-11-13"))

    assert json.loads(early.line)["account"]["withdraw_aud"] == 800.0
    told = json.loads(late.line)["account"]
    assert (told["cash_aud"], "withdraw_aud" in told) == (1_200.0, False)  # 1,000 + 1,000 - 800
    assert late.person == ("c-1: the withdrawal of 800.0 AUD counts as paid, since withdraw_by is before 2025-11-13",)


def test_an_account_that_is_overdrawn_is_told_and_the_others_go_on() -> None:
    made = after(f"{BUY},2025-11-12,100,46.50,9.50")

    assert json.loads(made.line)["account"]["cash_aud"] == -3_159.5  # 1,500 - 4,650 - 9.50
    assert "c-1: the next request cannot be asked: account.cash_aud is -3159.5" in made.person[0]


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        ("night_1_c-1.S.VAX,2025-11-10,1,1,0", "line 2: order_id night_1_c-1.S.VAX"),
        ("B.S.VAS.0123,2025-11-10,1,1,0", "by --orders"),
        (f"{SELL},2025-11-10,101,108.80,0", f"line 2: units of {SELL} add up to 101, and 100 were ordered"),
        (f"{SELL},2025-11-10,1.5,108.80,0", "line 2: units is '1.5': give whole units"),
        (f"{SELL},2025-11-10,1e9,108.80,0", "line 2: units is '1e9': give a number, 0 or more"),
        (f"{SELL},2025-11-10,{'9' * 5_000},108.80,0", "line 2: units is '999"),
        (f"{SELL},10/11/2025,1,108.80,0", "line 2: day is '10/11/2025': give a day"),
        (f"{SELL},2025-11-07,1,108.80,0", "line 2: day is 2025-11-07, and the trades are those of 2025-11-10"),
        (f"{SELL},2025-11-10,1,nan,0", "line 2: price_aud is 'nan': give a number, 0 or more"),
        (f"{SELL},2025-11-10,1,0,0", "line 2: price_aud is '0': give the price of the contract"),
        (f"{SELL},2025-11-10,1,108.80,-5", "line 2: brokerage_aud is '-5': give a number, 0 or more"),
        (f"{SELL},2025-11-10,1,108.80,0.005", "line 2: brokerage_aud is '0.005': give whole cents"),
        (f"{SELL},2025-11-10,1,108.80", "line 2 has 4 cells, and the header 5"),
        (f'"{SELL}"x,2025-11-10,1,108.80,0', "line 2 is no CSV"),
        ("=cmd|x,2025-11-10,1,108.80,0", "line 2: order_id is '=cmd|x': give the order_id as it was written"),
        (f"{SELL},2025-11-10,1e999999,108.80,0", "line 2: units is '1e999999': give a number, 0 or more"),
        (f"{SELL},9999-12-31,1,108.80,0", "line 2: day is '9999-12-31': give a day"),
        (f"{'x' * 200_000},2025-11-10,1,108.80,0", "line 2 is no CSV (field larger than field limit"),
    ],
)
def test_a_fill_that_cannot_be_is_an_error_with_line_and_mend(fill: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        after(fill)
    assert told in str(error.value)


def test_a_contract_counts_once_and_a_doubtful_one_is_refused() -> None:
    numbered, sold = f"{HEAD},fill_id", f"{SELL},2025-11-10,30,108.80,9.50"

    once, twice = (after(*[f"{sold},7"] * times, head=numbered) for times in (1, 2))
    assert once == twice, "the same file given twice changes nothing"
    two = after(f"{sold},7", f"{sold},8", head=numbered)
    assert [one.units for one in two.unfilled] == [40, 200], "two contracts alike"
    with pytest.raises(DataError, match=r"line 3: the fills: line 2 states the same contract: if there were two, give"):
        after(sold, sold)
    with pytest.raises(DataError, match=r"line 3: fill_id 7 is the fills: line 2, too, with other figures: correct"):
        after(f"{sold},7", f"{SELL},2025-11-10,31,108.80,9.50,7", head=numbered)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cash_aud": 2_000.0}, "account.cash_aud is 2000.0, and 1000.0 was asked"),
        ({"as_of": "2025-11-11"}, "account.as_of is 2025-11-11, and 2025-11-10 was asked"),
        ({"holdings": [holding("VAS", ("2025-03-20", 9, 900.0))]}, "no parcel of 100 VAS of 2016-03-15"),
        ({"holdings": 5}, "account.holdings"),
    ],
)
def test_a_book_that_is_not_the_one_that_was_asked_is_an_error(changes: dict[str, Any], told: str) -> None:
    other = {**REQUEST, "account": {**REQUEST["account"], **changes}}
    with pytest.raises(DataError, match="line 1: ") as error:
        list(next_book([line(other)], {"c-1": EVENT}, []))
    assert told in str(error.value)


def test_the_command_writes_a_book_tells_the_rest_and_refuses_a_book_that_has_the_fills(tmp_path: Path) -> None:
    names = {name: tmp_path / name for name in ("fills.csv", "book.jsonl", "events.jsonl", "next.jsonl")}
    names["fills.csv"].write_text(f"{HEAD}\n{SELL},2025-11-10,100,108.80,9.50\n")
    other = json.dumps({**REQUEST, "customer": {"customer_id": "c-2"}}).encode()
    names["book.jsonl"].write_bytes(line(REQUEST).body + b"\n" + other + b"\n{bad\n")
    names["events.jsonl"].write_bytes(encode(EVENT) + b"\n")

    def imported(book: str, *further: str) -> tuple[int, str, str]:
        options = ("--book", str(names[book]), "--events", str(names["events.jsonl"]))
        return here("fills", "import", str(names["fills.csv"]), *further, *options, "-o", str(names["next.jsonl"]))

    status, out, _ = imported("book.jsonl")

    assert status == 0
    assert f"c-1: 200 of 200 VAF are not bought ({BUY})" in out
    first, second, bad = names["next.jsonl"].read_bytes().splitlines()
    assert json.loads(first)["account"]["cash_aud"] == 12_370.5  # 1,500 + 10,880 - 9.50
    assert (second, bad) == (other, b"{bad"), "without orders"
    status, _, errors = imported("next.jsonl")
    assert status == 1
    assert "give the book that was asked, and all fills so far" in " ".join(errors.split())
    later = tmp_path / "later.csv"
    later.write_text(f"{HEAD}\n{BUY},2025-11-13,200,46.55,9.50\n")
    status, out, _ = imported("book.jsonl", str(later))
    assert (status, "not bought" in out) == (0, False)
    # 12,370.50 - 9,310 - 9.50
    assert json.loads(names["next.jsonl"].read_bytes().splitlines()[0])["account"]["cash_aud"] == 3_051.0


def test_a_book_without_a_valid_request_makes_no_next_book(tmp_path: Path) -> None:
    files = {"book": b'{bad\n{"request_id": "r1"}\n', "events": encode(EVENT) + b"\n", "fills": fills().encode()}
    book, events, filled = (tmp_path / f"{name}.{'csv' if name == 'fills' else 'jsonl'}" for name in files)
    for file, data in zip((book, events, filled), files.values(), strict=True):
        file.write_bytes(data)
    out = tmp_path / "next.jsonl"

    status, _, errors = here(
        "fills", "import", str(filled), "--book", str(book), "--events", str(events), "-o", str(out)
    )

    assert status == 1
    told = " ".join(errors.split())
    assert "the book has no valid request, so there is no next one: correct it; line 1: the body is not JSON" in told
    assert not out.exists()
