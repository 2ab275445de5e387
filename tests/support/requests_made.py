"""Requests for tests, each as a body that may go over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "examples" / "reference-customer.json"
TRAILING, OUTLOOK = "asx-trailing-104w-2025-11-07", "asx-outlook-2025-12"


def body(request_id: str = "r1", **changes: object) -> dict[str, Any]:
    """Make the reference customer's request, with *changes* to its fields."""
    made: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return {**made, "request_id": request_id, **changes}


def data(request_id: str = "r1", **changes: object) -> bytes:
    """Make the same as bytes."""
    return json.dumps(body(request_id, **changes)).encode()


def owning(*holdings: dict[str, Any], cash_aud: float = 5_000.0, **changes: object) -> bytes:
    """Make the request "bad" of who owns *holdings* and cash on 10 November 2025, with *changes* to its fields."""
    account = {"as_of": "2025-11-10", "cash_aud": cash_aud, "holdings": list(holdings)}
    return data("bad", **{"customer": {"customer_id": "c"}, "account": account} | changes)


def holding(ticker: str = "VAS", units: float = 100, **changes: object) -> dict[str, Any]:
    """State a holding of one parcel, with *changes* to the parcel; a currency is the holding's."""
    parcel = {"acquired": "2020-02-03", "units": units, "cost_base_aud": 8_800.0} | changes
    made = {"ticker": ticker, "units": units, "parcels": [parcel]}
    return made | ({"currency": parcel.pop("currency")} if "currency" in parcel else {})


def paying(**payments: object) -> dict[str, Any]:
    """Make the account of who owns VAS and 5,000 AUD on Monday 10 November 2025, with *payments* in and out."""
    return {"as_of": "2025-11-10", "cash_aud": 5_000.0, "holdings": [holding()], **payments}


def couple(*owners: dict[str, Any], **more: object) -> dict[str, Any]:
    """State a customer of two owners at 39 % and 18 %, each changed by a dictionary."""
    made = [{"owner_id": "a", "marginal_tax_rate": 0.39}, {"owner_id": "b", "marginal_tax_rate": 0.18}]
    changes = [*owners, {}, {}]
    return {"customer_id": "c", "owners": [one | changes[k] for k, one in enumerate(made)], **more}


def realising(**realised: float) -> dict[str, Any]:
    """State an account that has realised gains or losses this year."""
    return {"as_of": "2025-11-10", "cash_aud": 5_000, "holdings": [holding()], "realised": realised}


def reformed(facts: dict[str, Any] | None, *, as_of: str = "2028-02-10") -> bytes:
    """Make the request "bad" of an individual who owns VAS on a day under the reform of capital gains."""
    account = {"as_of": as_of, "cash_aud": 5_000, "holdings": [holding()]}
    return owning(account=account | ({} if facts is None else {"reform": facts}), stale_prices="allow")


# What people send by mistake, with a part of the sentence they get back. The id of each is "bad".
BAD: dict[str, tuple[bytes, str, str]] = {
    "not_json": (b"{not json", "invalid_request", "JSON"),
    "not_an_object": (b"[1, 2]", "invalid_request", "object"),
    "empty": (b"", "invalid_request", "empty"),
    "not_utf8": (b'{"request_id": "\xff"}', "invalid_request", "JSON"),
    "deeply_nested": (b"[" * 50_000, "invalid_request", "column 201 is nested more than 200 deep"),
    "unknown_field": (data("bad", max_eft=9), "invalid_request", "max_eft is not known: write max_etfs"),
    "unknown_rule": (
        data("bad", rules={"max_eft": 9}),
        "invalid_request",
        "rules.max_eft is not known: write max_etfs",
    ),
    "stale_prices": (
        owning(account={"as_of": "2025-12-08", "cash_aud": 5_000, "holdings": [holding()]}),
        "invalid_request",
        "account.as_of is 2025-12-08, 31 days after 2025-11-07, the day of the prices of market asx-trailing-104w-",
    ),
    "day_of_no_calendar": (
        owning(account={"as_of": "9999-12-31", "cash_aud": 5_000, "holdings": [holding()]}),
        "invalid_request",
        'account.as_of is "9999-12-31": give a day that there is, from 1900 to 2199, such as 2025-11-07',
    ),
    "prices_of_the_future": (
        owning(account={"as_of": "2025-10-07", "cash_aud": 5_000, "holdings": [holding()]}),
        "invalid_request",
        "account.as_of is 2025-10-07, 31 days before 2025-11-07",
    ),
    "stale_prices_that_are_maybe_allowed": (
        data("bad", stale_prices="maybe"),
        "invalid_request",
        'stale_prices is "maybe": give refuse or allow',
    ),
    "wrong_type": (data("bad", deadline_s="soon"), "invalid_request", 'deadline_s is "soon": give a number'),
    "number_as_text": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": "100000"}),
        "invalid_request",
        "total_capital_aud",
    ),
    "field_missing": (data("bad", customer={}), "invalid_request", "customer.customer_id is missing: give it"),
    "null_for_an_object": (data("bad", customer=None), "invalid_request", "customer is null: give an object"),
    "one_for_a_list": (data("bad", rules={"never_buy": "VAS"}), "invalid_request", 'never_buy is "VAS": give a list'),
    "pod_in_capitals": (data("bad", pod_weights={"Alpha": 1}), "invalid_request", 'pod_weights has the name "Alpha"'),
    "no_customer_id": (
        data("bad", customer={"customer_id": ""}),
        "invalid_request",
        'customer.customer_id is "": give 1 or more characters',
    ),
    "customer_id_too_long": (
        data("bad", customer={"customer_id": "c" * 65}),
        "invalid_request",
        "give at most 64 characters",
    ),
    "weights_sum": (data("bad", pod_weights={"alpha": 0.5, "beta": 0.4}), "invalid_request", "sum to 0.9"),
    "weight_negative": (data("bad", pod_weights={"alpha": 1.5, "beta": -0.5}), "invalid_request", "pod_weights"),
    "neither_weights_nor_goals": (data("bad", pod_weights=None), "invalid_request", "pod_weights or goals"),
    "unknown_pod": (data("bad", pod_weights={"omega": 1.0}), "unknown_pod", "alpha"),
    "unknown_market": (data("bad", market="nasdaq"), "unknown_market", TRAILING),
    "unknown_etf": (data("bad", rules={"never_buy": ["DOGE"]}), "unknown_etf", "DOGE"),
    "capital_negative": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": -1}),
        "invalid_request",
        "total_capital_aud",
    ),
    "capital_absurd": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": 1e300}),
        "invalid_request",
        "give at most 10,000,000,000",
    ),
    "capital_nan": (
        data("bad").replace(b"100000", b"NaN"),
        "invalid_request",
        "total_capital_aud",
    ),
    "huge_number": (
        data("bad").replace(b"100000", b"9" * 5_000),
        "invalid_request",
        "has a number of 5,000 characters",
    ),
    "field_twice": (
        data("bad")[:-1] + b',"deadline_s":5,"deadline_s":500}',
        "invalid_request",
        "deadline_s is given twice",
    ),
    "field_twice_below": (
        data("bad").replace(b'"total_capital_aud"', b'"total_capital_aud": 5000, "total_capital_aud"'),
        "invalid_request",
        "total_capital_aud is given twice",
    ),
    "infinite": (data("bad").replace(b"100000", b"1e999"), "invalid_request", "finite"),
    "half_a_letter": (data("bad").replace(b'"bad"', b'"\\ud800"'), "invalid_request", "JSON"),
    "id_differs": (data("another"), "invalid_request", "another"),
    "min_above_max": (
        data("bad", rules={"min_weight": 0.4, "max_weight": 0.3}),
        "invalid_request",
        "min_weight",
    ),
    "priority_below_one": (data("bad", priorities={"gamma.sharpe_ratio": 0}), "invalid_request", "gamma.sharpe_ratio"),
    "priority_above_nine": (data("bad", priorities={"gamma.sharpe_ratio": 10}), "invalid_request", "9"),
    "priority_of_a_half": (
        data("bad", priorities={"gamma.sharpe_ratio": 1.5}),
        "invalid_request",
        "give a whole number",
    ),
    "priority_as_text": (data("bad", priorities={"gamma.sharpe_ratio": "1"}), "invalid_request", "give a whole number"),
    "priority_of_no_goal_s_name": (
        data("bad", priorities={"sharpe_ratio": 1}),
        "invalid_request",
        "give the name of a goal",
    ),
    "unknown_way_out": (data("bad", on_unreachable="shrug"), "invalid_request", "give relax or fail"),
    "unknown_explanation": (data("bad", explain="nothing"), "invalid_request", "explain"),
    "unknown_use_of_limits": (data("bad", correlations="enforce"), "invalid_request", "correlations"),
    "limit_above_one": (data("bad", correlation_limits={"alpha-beta": 1.1}), "invalid_request", "alpha-beta"),
    "limit_below_minus_one": (data("bad", correlation_limits={"alpha-beta": -1.1}), "invalid_request", "alpha-beta"),
    "limit_of_no_pair_s_name": (
        data("bad", correlation_limits={"Alpha/Beta": 0.5}),
        "invalid_request",
        "give a pair of pods, such as alpha-beta",
    ),
    "etf_lower_case": (
        data("bad", rules={"never_buy": ["vas"]}),
        "invalid_request",
        "give a ticker, 1 to 12 of A-Z 0-9",
    ),
    "version_of_the_future": (data("bad", version=2), "invalid_request", "version"),
    "parcel_of_the_future": (
        owning(holding(acquired="2025-11-11")),
        "invalid_request",
        "acquired after the day of the trades, 2025-11-10: VAS on 2025-11-11",
    ),
    "parcel_before_there_was_the_etf": (
        owning(holding(acquired="2009-05-01")),
        "invalid_request",
        "VAS was acquired on 2009-05-01, before there was any: since 2009-05-04",
    ),
    "parcel_before_there_was_the_tax": (
        owning(holding("EINC", acquired="1985-09-19")),
        "invalid_request",
        "EINC bought on 1985-09-19",
    ),
    "reform_without_a_value": (
        reformed(None),
        "invalid_request",
        "of VAS (the price of a unit just before 2027-07-01) and cpi of the quarters from 2027-07-01, 2028-01-01",
    ),
    "reform_without_an_index": (
        reformed({"values_aud": {"VAS": 99.0}, "cpi": {"2027-07-01": 104.6}}),
        "invalid_request",
        "give account.reform cpi of the quarters from 2028-01-01",
    ),
    "reform_on_its_first_day": (
        reformed(None, as_of="2027-07-01"),
        "invalid_request",
        "taxed by the law from 1 July 2027, which needs facts: give account.reform values_aud of VAS (the price",
    ),
    "index_of_a_day_in_a_quarter": (
        reformed({"cpi": {"2027-09-30": 104.6}}),
        "invalid_request",
        "account.reform: the CPI is given for 2027-09-30; name quarters by their first day, this one 2027-07-01",
    ),
    "index_of_a_day_that_is_none": (
        reformed({"cpi": {"2027-07-32": 104.6}}),
        "invalid_request",
        'account.reform.cpi has the name "2027-07-32": give a day that there is',
    ),
    "inflation_for_an_index": (
        reformed({"cpi": {"2027-07-01": 2.5}}),
        "invalid_request",
        "account.reform.cpi.2027-07-01 is 2.5: give at least 10",
    ),
    "index_with_a_wrong_point": (
        reformed({"cpi": {"2027-07-01": 104.6, "2027-10-01": 1_054.0}}),
        "invalid_request",
        "account.reform: the CPI goes from 104.6 in the quarter from 2027-07-01 to 1054.0 in that from 2027-10-01",
    ),
    "value_negative": (
        reformed({"values_aud": {"VAS": -99.0}}),
        "invalid_request",
        "account.reform.values_aud.VAS is -99.0: give more than 0",
    ),
    "value_as_text": (
        reformed({"values_aud": {"VAS": "99"}}),
        "invalid_request",
        'account.reform.values_aud.VAS is "99": give a number',
    ),
    "value_of_an_unknown_etf": (
        reformed({"values_aud": {"DOGE": 99.0}}),
        "unknown_etf",
        "account.reform.values_aud names DOGE",
    ),
    "unknown_fact": (reformed({"value_aud": {"VAS": 99.0}}), "invalid_request", "account.reform.value_aud"),
    "date_that_is_none": (
        owning(holding(acquired="2025-02-30")),
        "invalid_request",
        "account.holdings.0.parcels.0.acquired",
    ),
    "units_negative": (owning(holding(units=-5)), "invalid_request", "parcels.0.units is -5: give at least 1"),
    "units_fractional": (owning(holding(units=12.5)), "invalid_request", "0.units is 12.5: give a whole number"),
    "units_more_than_the_parcels_have": (
        owning(holding() | {"units": 101}),
        "invalid_request",
        "VAS has 101 units, its parcels have 100",
    ),
    "no_parcels": (
        owning(holding() | {"parcels": []}),
        "invalid_request",
        "holdings.0.parcels is a list of 0: give 1 or more entries",
    ),
    "cost_base_below_zero": (
        owning(holding(cost_base_aud=-1)),
        "invalid_request",
        "parcels.0.cost_base_aud is -1: give at least 0",
    ),
    "currencies_mixed": (
        owning(holding(), holding("VGS", currency="USD")),
        "invalid_request",
        "account.holdings.1.currency",
    ),
    "holding_named_twice": (owning(holding(), holding()), "invalid_request", "names VAS twice"),
    "holding_unknown": (owning(holding("DOGE")), "unknown_etf", "account.holdings names DOGE"),
    "never_sell_unknown": (
        owning(holding(), rules={"never_sell": ["DOGE"]}),
        "unknown_etf",
        "rules.never_sell names DOGE",
    ),
    "capital_and_account": (
        owning(holding(), customer={"customer_id": "c", "total_capital_aud": 100_000}),
        "invalid_request",
        "customer.total_capital_aud and an account are both given",
    ),
    "neither_capital_nor_account": (
        data("bad", customer={"customer_id": "c"}),
        "invalid_request",
        "neither customer.total_capital_aud nor an account is given",
    ),
    "fund_with_a_person_s_rate": (
        owning(
            holding(),
            customer={"customer_id": "c", "entity": "super_accumulation", "marginal_tax_rate": 0.32},
        ),
        "invalid_request",
        "the marginal rate is 0.32; that of the entity super_accumulation is 0.15",
    ),
    "rate_in_percent": (
        owning(holding(), customer={"customer_id": "c", "marginal_tax_rate": 32}),
        "invalid_request",
        "customer.marginal_tax_rate",
    ),
    "tolerance_negative": (
        owning(holding(), rules={"position_tolerance": -0.01}),
        "invalid_request",
        "rules.position_tolerance",
    ),
    "withdrawal_without_a_day": (
        owning(holding(), account=paying(withdraw_aud=900.0)),
        "invalid_request",
        "withdraw_aud is 900.00 and withdraw_by is missing: give the day",
    ),
    "day_without_a_withdrawal": (
        owning(holding(), account=paying(withdraw_by="2025-12-01")),
        "invalid_request",
        "withdraw_by is given without an amount: give withdraw_aud",
    ),
    "withdrawal_in_the_past": (
        owning(holding(), account=paying(withdraw_aud=900.0, withdraw_by="2025-11-07")),
        "invalid_request",
        "withdraw_by is 2025-11-07, before as_of, 2025-11-10: correct",
    ),
    "withdrawal_before_the_sales_settle": (
        owning(holding(), account=paying(withdraw_aud=6_000.0, withdraw_by="2025-11-11")),
        "invalid_request",
        "sales of 2025-11-10 settle on 2025-11-12: give that day or a later one, or withdraw at most 5,000.00",
    ),
    "withdrawal_without_sales": (
        owning(
            holding(),
            account=paying(withdraw_aud=6_000.0, withdraw_by="2025-12-01"),
            rules={"buy_only": True},
        ),
        "invalid_request",
        "rules.buy_only sells nothing, and 6,000.00 AUD are to be paid out: withdraw at most 5,000.00",
    ),
    "contribution_negative": (
        owning(holding(), account=paying(contribution_aud=-1)),
        "invalid_request",
        "account.contribution_aud is -1: give at least 0",
    ),
    "pension_of_a_person": (
        owning(holding(), account=paying(pension={"age": 70, "balance_aud": 90_000})),
        "invalid_request",
        "account.pension is for super funds, and customer.entity is individual: leave pension out",
    ),
    "pension_of_the_future": (
        owning(
            holding(),
            customer={"customer_id": "c", "entity": "super_pension"},
            account=paying(pension={"age": 70, "balance_aud": 90_000, "started": "2025-11-11"}),
        ),
        "invalid_request",
        "account.pension.started is 2025-11-11, after as_of, 2025-11-10: correct",
    ),
    "pension_in_a_year_of_halved_factors": (
        owning(
            holding(),
            customer={"customer_id": "c", "entity": "super_pension"},
            account=paying(pension={"age": 70, "balance_aud": 90_000}) | {"as_of": "2023-06-30"},
            stale_prices="allow",
        ),
        "invalid_request",
        "account.pension is known from the financial year of 2023-07-01 on, and as_of is 2023-06-30: leave pension out",
    ),
    "pension_without_an_age": (
        owning(
            holding(),
            customer={"customer_id": "c", "entity": "super_pension"},
            account=paying(pension={"balance_aud": 90_000}),
        ),
        "invalid_request",
        "account.pension.age",
    ),
    "losses_negative": (
        owning(holding(), customer={"customer_id": "c", "carried_losses_aud": -500}),
        "invalid_request",
        "customer.carried_losses_aud",
    ),
    "income_and_rate": (
        owning(holding(), customer={"customer_id": "c", "taxable_income_aud": 40_000, "marginal_tax_rate": 0.18}),
        "invalid_request",
        "taxable_income_aud and marginal_tax_rate both give a rate: leave marginal_tax_rate out",
    ),
    "income_of_a_fund": (
        owning(holding(), customer={"customer_id": "c", "entity": "super_accumulation", "taxable_income_aud": 40_000}),
        "invalid_request",
        "taxable_income_aud is for individuals; the entity super_accumulation has one rate: leave it out",
    ),
    "income_without_a_year": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": 50_000, "taxable_income_aud": 40_000}),
        "invalid_request",
        "customer.taxable_income_aud needs an account, whose as_of says the financial year",
    ),
    "losses_worth_too_much": (
        owning(holding(), customer={"customer_id": "c", "marginal_tax_rate": 0.32, "loss_value": 0.2}),
        "invalid_request",
        "customer.loss_value is 0.2: a dollar of losses saves 0.16 AUD of tax on a gain after the discount",
    ),
    "indexed_before_the_reform": (
        owning(account=realising(indexed_aud=100)),
        "invalid_request",
        "account.realised.indexed_aud is of an individual's sales from 2027-07-01",
    ),
    "a_company_with_a_discount": (
        owning(account=realising(discountable_aud=100), customer={"customer_id": "c", "entity": "company"}),
        "invalid_request",
        "the entity company has no discount: put the gain into undiscounted_aud",
    ),
    "a_trust": (
        owning(holding(), customer={"customer_id": "c", "entity": "trust"}),
        "invalid_request",
        "a trust is not modelled: who is taxed depends on the trustee's resolution of the year",
    ),
    "an_exempt_company": (
        owning(holding(), customer={"customer_id": "c", "entity": "company", "exempt_share": 0.4}),
        "invalid_request",
        "the exempt share is 0.4, of the entity company; only super_accumulation has one, from 0 to below 1",
    ),
    "a_company_with_super": (
        owning(holding(), customer={"customer_id": "c", "entity": "company", "total_super_balance_aud": 4e6}),
        "invalid_request",
        "total_super_balance_aud is a person's; the entity company has none: leave it out",
    ),
    "adjusted_too_early": (
        owning(account=paying(cost_base_adjustments=[{"ticker": "VAS", "year": 2026, "change_aud": -10}])),
        "invalid_request",
        "cost_base_adjustments has the year to 2026-06-30, which has not ended on 2025-11-10: leave it out",
    ),
    "adjusted_before_the_purchase": (
        owning(account=paying(cost_base_adjustments=[{"ticker": "VAS", "year": 2019, "change_aud": -10}])),
        "invalid_request",
        "cost_base_adjustments: no unit of VAS that is owned was acquired by 2019-06-30: leave its adjustment out",
    ),
    "adjusted_twice": (
        owning(account=paying(cost_base_adjustments=2 * [{"ticker": "VAS", "year": 2024, "change_aud": -10}])),
        "invalid_request",
        "cost_base_adjustments: VAS is adjusted twice for the year to 30 June 2024: give one amount",
    ),
    "owners_of_three_quarters": (
        owning(holding(), customer=couple({"share": 0.25})),
        "invalid_request",
        "the shares of the owners add up to 0.75: give shares that add up to 1",
    ),
    "owners_alike": (
        owning(holding(), customer=couple({"owner_id": "b"})),
        "invalid_request",
        "owners names b twice: give each owner a key",
    ),
    "owners_with_one_rate": (
        owning(holding(), customer=couple(marginal_tax_rate=0.3)),
        "invalid_request",
        "marginal_tax_rate is each owner's own: put it into owners, and leave it out here",
    ),
    "an_owner_without_a_rate": (
        owning(holding(), customer=couple({"marginal_tax_rate": None})),
        "invalid_request",
        "marginal_tax_rate and taxable_income_aud: neither is given; give one of them for each owner",
    ),
    "owners_without_an_account": (
        data("bad", customer=couple(total_capital_aud=50_000)),
        "invalid_request",
        "customer.owners needs an account: give customer.marginal_tax_rate instead, the mean of the owners' rates",
    ),
    "owners_of_a_company": (
        owning(holding(), customer=couple(entity="company")),
        "invalid_request",
        "owners are individuals, and the entity is company: leave owners out",
    ),
    "gains_of_no_owner": (
        owning(account=realising(undiscounted_aud=100), customer=couple()),
        "invalid_request",
        "account.realised is each owner's own with customer.owners: put it into owners",
    ),
    "owners_losses_worth_too_much": (
        owning(holding(), customer=couple(loss_value=0.1)),
        "invalid_request",
        "customer.loss_value is 0.1: a dollar of losses saves 0.09 AUD of tax on a gain after the discount",
    ),
    "a_pension_with_gains": (
        owning(account=realising(losses_aud=100), customer={"customer_id": "c", "entity": "super_pension"}),
        "invalid_request",
        "account.realised is of gains that do not count for the entity super_pension: leave realised out",
    ),
}

# Accounts that are too small for their pods: only the pods' answers tell how much would be enough.
TOO_LITTLE: dict[str, tuple[bytes, str]] = {
    "worth_too_little": (
        owning(holding(units=9), cash_aud=20.52),  # 9 x 108.83 + 20.52 = 999.99
        "worth 999.99 AUD, less than 1,000",
    ),
    "nothing_owned": (owning(cash_aud=0), "worth 0.00 AUD, less than 1,000"),
}
